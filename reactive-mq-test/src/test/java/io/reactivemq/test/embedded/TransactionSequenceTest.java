package io.reactivemq.test.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.ForwardingBroker;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionalAppend;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.TransactionalSender;
import io.reactivemq.test.SimulatedRuntime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** Transactions one after the other, of which each takes its first records while the one before is being committed. */
@Tag("memory")
class TransactionSequenceTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final int SEEDS = 300;

    private SimulatedRuntime runtime = SimulatedRuntime.inOrder();
    private @Nullable Between between;

    private TransactionalSender<String, String> sender(SplittableRandom random, int failing) {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(64 << 20, o -> o.runtime(runtime));
        runtime.await(broker.createTopic(CALLER, NewTopic.of("t", 1)));
        between = new Between(broker, runtime, random, failing);
        int batchBytes = random.nextInt(3) == 0 ? 100 : 64 << 10;
        return Sender.on(
                        between,
                        SenderOptions.of(
                                Serdes.string(),
                                Serdes.string(),
                                o -> o.batchSizeBytes(batchBytes).deliveryTimeout(Duration.ofSeconds(5))))
                .transactional("tx");
    }

    private static Flux<SenderRecord<String, String>> records(int transaction, int count) {
        return Flux.range(0, count).map(i -> SenderRecord.of("t", transaction + ":" + i));
    }

    @Test
    @DisplayName(
            "K12 K13 of transactions in a row those before the first that fails are visible, whole and in order, and nothing is appended while one is ending")
    void random() {
        for (long seed = 1; seed <= SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            runtime = SimulatedRuntime.seeded(seed);
            int count = 1 + random.nextInt(5);
            int failing = random.nextInt(3) == 0 ? random.nextInt(count) : -1;
            int[] sizes = IntStream.range(0, count)
                    .map(i -> i == failing ? 3 : random.nextInt(4) * random.nextInt(4))
                    .toArray();
            // one without records has no end
            int failingEnd = (int) Arrays.stream(sizes, 0, Math.max(0, failing))
                    .filter(size -> size > 0)
                    .count();
            TransactionalSender<String, String> sender = sender(random, failing < 0 ? -1 : failingEnd);
            List<String> results = new ArrayList<>();
            List<Throwable> errors = new ArrayList<>();
            boolean[] completed = new boolean[1];
            int pause = random.nextInt(3);
            sender.sendTransactionally(Flux.range(0, count)
                            .concatMap(i -> Mono.delay(Duration.ofMillis(pause), runtime.timers())
                                    .thenReturn(records(i, sizes[i]))))
                    .subscribe(
                            result -> results.add(String.valueOf(result.record().value())),
                            errors::add,
                            () -> completed[0] = true);
            runtime.advance(Duration.ofSeconds(20));

            List<String> expected = new ArrayList<>();
            for (int i = 0; i < (failing < 0 ? count : failing); i++) {
                records(i, sizes[i]).subscribe(r -> expected.add(String.valueOf(r.value())));
            }
            assertThat(visible()).as("seed %d", seed).isEqualTo(expected);
            assertThat(completed[0]).as("completed, seed %d", seed).isEqualTo(failing < 0);
            if (failing < 0) {
                assertThat(results).as("seed %d", seed).isEqualTo(expected);
            } else {
                assertThat(errors).as("seed %d", seed).hasSize(1);
                assertThat(errors.get(0))
                        .as("seed %d", seed)
                        .isInstanceOfSatisfying(
                                MqException.class,
                                e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.INVALID_TXN_STATE));
            }
            // it is not in the way of the next
            runtime.await(sender.send(records(99, 1)).then());
            expected.add("99:0");
            assertThat(visible()).as("seed %d", seed).isEqualTo(expected);
        }
    }

    @Test
    @DisplayName(
            "K12 a commit that fails ends the sequence, also while the next transaction has nothing to send, and its publishers are cancelled")
    void toldWhileIdle() {
        for (boolean isBegun : new boolean[] {false, true}) {
            runtime = SimulatedRuntime.inOrder();
            TransactionalSender<String, String> sender = sender(new SplittableRandom(1), 0);
            List<Throwable> errors = new ArrayList<>();
            int[] cancelled = new int[2];
            Flux<SenderRecord<String, String>> idle =
                    Flux.<SenderRecord<String, String>>never().doOnCancel(() -> cancelled[0]++);
            Flux<Flux<SenderRecord<String, String>>> transactions = Flux.just(records(0, 2));
            sender.sendTransactionally((isBegun ? transactions.concatWithValues(idle) : transactions)
                            .concatWith(Flux.never())
                            .doOnCancel(() -> cancelled[1]++))
                    .subscribe(result -> {}, errors::add);
            runtime.advance(Duration.ofSeconds(1));

            assertThat(errors).hasSize(1);
            assertThat(cancelled).containsExactly(isBegun ? 1 : 0, 1);
            assertThat(visible()).isEmpty();
        }
    }

    @Test
    @DisplayName("K12 publishers without records do not pile up behind a commit, however many there are")
    void withoutRecords() {
        TransactionalSender<String, String> sender = sender(new SplittableRandom(2), -1);
        Between broker = between();
        broker.hold = Sinks.empty();
        int[] taken = new int[1];
        boolean[] completed = new boolean[1];
        Flux<Flux<SenderRecord<String, String>>> empty = Flux.range(0, 100_000)
                .map(i -> Flux.defer(() -> {
                    taken[0]++;
                    return Flux.empty();
                }));
        Disposable unused = sender.sendTransactionally(
                        Flux.concat(Flux.just(records(0, 2)), empty, Flux.just(records(1, 1))))
                .doOnComplete(() -> completed[0] = true)
                .subscribe();
        runtime.advance(Duration.ofMillis(50));
        assertThat(taken[0]).isBetween(1, 2);
        broker.hold.tryEmitEmpty();
        broker.hold = null;
        runtime.advance(Duration.ofSeconds(1));

        assertThat(completed[0]).isTrue();
        assertThat(taken[0]).isEqualTo(100_000);
        assertThat(visible()).containsExactly("0:0", "0:1", "1:0");
    }

    @Test
    @DisplayName(
            "K12 where a commit and the next transaction fail together, the commit's error is emitted, and none is dropped")
    void failTogether() {
        TransactionalSender<String, String> sender = sender(new SplittableRandom(2), 0);
        Between broker = between();
        broker.hold = Sinks.empty();
        List<Throwable> errors = new ArrayList<>();
        sender.sendTransactionally(Flux.just(
                        records(0, 2),
                        Flux.<SenderRecord<String, String>>error(new IllegalStateException("it is to fail"))))
                .subscribe(result -> {}, errors::add);
        runtime.advance(Duration.ofMillis(50));
        assertThat(errors).isEmpty();
        broker.hold.tryEmitEmpty();
        runtime.advance(Duration.ofSeconds(1));

        assertThat(errors)
                .singleElement()
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.INVALID_TXN_STATE));
        assertThat(visible()).isEmpty();
    }

    @Test
    @DisplayName(
            "K12 a commit that is never answered ends the sequence at the delivery timeout, once, with records waiting behind it")
    void notAnswered() {
        for (long seed = 1; seed <= 20; seed++) {
            runtime = SimulatedRuntime.seeded(seed);
            TransactionalSender<String, String> sender = sender(new SplittableRandom(seed), -1);
            between().hold = Sinks.empty();
            List<Throwable> errors = new ArrayList<>();
            sender.sendTransactionally(Flux.just(records(0, 2), records(1, 2))).subscribe(result -> {}, errors::add);
            runtime.advance(Duration.ofSeconds(20));

            assertThat(errors)
                    .as("seed %d", seed)
                    .singleElement()
                    .isInstanceOfSatisfying(
                            MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.REQUEST_TIMED_OUT));
        }
    }

    @Test
    @DisplayName(
            "K13 a sender whose transaction is cancelled before it is told its producer id is that producer all the same: who has taken the id meanwhile keeps it")
    void lateProducerId() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(64 << 20, o -> o.runtime(runtime));
        runtime.await(broker.createTopic(CALLER, NewTopic.of("t", 1)));
        Sinks.Empty<Void> gate = Sinks.empty();
        Broker slow = new ForwardingBroker(broker) {
            @Override
            protected <T> Mono<T> forward(Mono<T> request) {
                return request;
            }

            @Override
            public Mono<ProducerIdAndEpoch> initProducerId(Caller caller, InitProducerId request) {
                return super.initProducerId(caller, request).delayUntil(got -> gate.asMono());
            }
        };
        SenderOptions<String, String> options = SenderOptions.of(Serdes.string(), Serdes.string());
        TransactionalSender<String, String> older = Sender.on(slow, options).transactional("tx");
        TransactionalSender<String, String> newer = Sender.on(broker, options).transactional("tx");
        Disposable cancelled = older.send(records(0, 1)).subscribe();
        runtime.advance(Duration.ofMillis(10));
        cancelled.dispose();
        runtime.await(newer.send(records(1, 1)).then());
        gate.tryEmitEmpty();
        runtime.advance(Duration.ofMillis(10));

        List<Throwable> errors = new ArrayList<>();
        older.send(records(2, 1)).subscribe(result -> {}, errors::add);
        runtime.advance(Duration.ofSeconds(5));
        assertThat(errors)
                .singleElement()
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.PRODUCER_FENCED));
        runtime.await(newer.send(records(3, 1)).then());
    }

    @Test
    @DisplayName(
            "K13 a producer id that comes when its transaction is cancelled and the next has got a newer one does not replace that")
    void lateProducerIdBehindANewerOne() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(64 << 20, o -> o.runtime(runtime));
        runtime.await(broker.createTopic(CALLER, NewTopic.of("t", 1)));
        Sinks.Empty<Void> gate = Sinks.empty();
        List<ProducerIdAndEpoch> told = new ArrayList<>();
        Broker slow = new ForwardingBroker(broker) {
            @Override
            protected <T> Mono<T> forward(Mono<T> request) {
                return request;
            }

            @Override
            public Mono<ProducerIdAndEpoch> initProducerId(Caller caller, InitProducerId request) {
                return super.initProducerId(caller, request).delayUntil(got -> {
                    told.add(got);
                    return told.size() == 1 ? gate.asMono() : Mono.empty();
                });
            }
        };
        TransactionalSender<String, String> sender = Sender.on(slow, SenderOptions.of(Serdes.string(), Serdes.string()))
                .transactional("tx");
        Disposable cancelled = sender.send(records(0, 1)).subscribe();
        runtime.advance(Duration.ofMillis(10));
        cancelled.dispose();
        runtime.await(sender.send(records(1, 1)).then());
        gate.tryEmitEmpty();
        runtime.advance(Duration.ofMillis(10));

        runtime.await(sender.send(records(2, 1)).then());
        assertThat(told).as("it knew what it was").hasSize(2);
        assertThat(told.get(1).epoch()).isGreaterThan(told.get(0).epoch());
    }

    @Test
    @DisplayName("K12 who subscribes again after a commit has failed begins anew, not behind the one that failed")
    void again() {
        for (long seed = 1; seed <= 20; seed++) {
            runtime = SimulatedRuntime.seeded(seed);
            TransactionalSender<String, String> sender = sender(new SplittableRandom(seed), 0);
            boolean[] completed = new boolean[1];
            List<Throwable> errors = new ArrayList<>();
            sender.sendTransactionally(Flux.just(records(0, 2), records(1, 2)))
                    .retry(1)
                    .subscribe(result -> {}, errors::add, () -> completed[0] = true);
            runtime.advance(Duration.ofSeconds(20));

            assertThat(errors).as("seed %d", seed).isEmpty();
            assertThat(completed[0]).as("seed %d", seed).isTrue();
            assertThat(visible()).as("seed %d", seed).containsExactly("0:0", "0:1", "1:0", "1:1");
        }
    }

    @Test
    @DisplayName(
            "K12 cancelled while the next one waits for the commit: what was committed stays, the rest is never visible")
    void cancelled() {
        TransactionalSender<String, String> sender = sender(new SplittableRandom(2), -1);
        Between broker = between();
        broker.hold = Sinks.empty();
        Disposable sending = sender.sendTransactionally(Flux.just(records(0, 2), records(1, 2)))
                .subscribe();
        runtime.advance(Duration.ofMillis(50));
        assertThat(broker.appended).as("while the first is being committed").isEqualTo(1);
        sending.dispose();
        broker.hold.tryEmitEmpty();
        runtime.advance(Duration.ofSeconds(1));

        assertThat(visible()).containsExactly("0:0", "0:1");
        runtime.await(sender.send(records(2, 1)).then());
        assertThat(visible()).containsExactly("0:0", "0:1", "2:0");
    }

    private Between between() {
        return Objects.requireNonNull(between);
    }

    private List<String> visible() {
        List<String> values = new ArrayList<>();
        Receiver<String, String> receiver = Receiver.on(
                between().broker,
                ReceiverOptions.of(
                        Serdes.string(), Serdes.string(), o -> o.topics("t").isolation(IsolationLevel.READ_COMMITTED)));
        Disposable reading = receiver.receiveAutoAck().subscribe(record -> values.add(String.valueOf(record.value())));
        runtime.advance(Duration.ofMillis(50));
        reading.dispose();
        return values;
    }

    /** Between the sender and the broker: answers are late, or lost and asked for again; one commit is refused. */
    private static final class Between extends ForwardingBroker {

        private final Broker broker;
        private final SimulatedRuntime runtime;
        private final SplittableRandom random;
        private final int failing;
        private int isEnding;
        private int ended;
        private int appended;
        private Sinks.@Nullable Empty<Void> hold;
        private @Nullable ProducerIdAndEpoch last;

        Between(Broker broker, SimulatedRuntime runtime, SplittableRandom random, int failing) {
            super(broker);
            this.broker = broker;
            this.runtime = runtime;
            this.random = random;
            this.failing = failing;
        }

        @Override
        protected <T> Mono<T> forward(Mono<T> request) {
            return request;
        }

        private Mono<Long> late() {
            return Mono.delay(Duration.ofMillis(random.nextInt(3)), runtime.timers());
        }

        @Override
        public Mono<AppendResult> append(Caller caller, TransactionalAppend append) {
            return Mono.defer(() -> {
                assertThat(isEnding).as("an append while a transaction ends").isZero();
                appended++;
                return broker.append(caller, append);
            });
        }

        @Override
        public Mono<ProducerIdAndEpoch> endTransaction(Caller caller, EndTransaction end) {
            return Mono.defer(() -> {
                if (!end.producer().equals(last)) {
                    last = end.producer();
                    isEnding++;
                    ended++;
                }
                Sinks.Empty<Void> held = hold;
                Mono<?> first = held == null ? late() : held.asMono();
                if (end.result() == TransactionResult.COMMIT && ended - 1 == failing) {
                    return first.then(Mono.<ProducerIdAndEpoch>create(sink -> {
                        isEnding--;
                        sink.error(new MqException(ErrorCode.INVALID_TXN_STATE, "it is to fail"));
                    }));
                }
                return first.then(broker.endTransaction(caller, end))
                        .flatMap(next -> late().thenReturn(next))
                        .flatMap(next -> {
                            if (random.nextInt(4) == 0) {
                                return Mono.create(sink -> sink.error(
                                        new MqException(ErrorCode.COORDINATOR_NOT_AVAILABLE, "the answer is lost")));
                            }
                            isEnding--;
                            return Mono.just(next);
                        });
            });
        }
    }
}
