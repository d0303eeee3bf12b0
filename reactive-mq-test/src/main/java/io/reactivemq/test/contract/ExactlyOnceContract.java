package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.ForwardingBroker;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.consume.DrainReport;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.SenderResult;
import io.reactivemq.produce.TransactionInput;
import io.reactivemq.produce.TransactionalSender;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.Disposable;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** The transactional sender, alone and together with a receiver. */
@DisplayName("exactly once")
public abstract class ExactlyOnceContract extends EngineContract {

    private static final int RECORDS = 60;

    private static Sender<String, String> sender(Broker on) {
        return Sender.on(
                on,
                SenderOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.batchSizeBytes(200).retryBackoff(Duration.ofMillis(1))));
    }

    private static Receiver<String, String> receiver(Broker on, String group, int batch, String... topics) {
        return Receiver.on(
                on,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.group(group)
                                .topics(topics)
                                .maxPollRecords(batch)
                                .isolation(IsolationLevel.READ_COMMITTED)));
    }

    private static Flux<SenderRecord<String, String>> records(String topic, int from, int count) {
        return Flux.range(from, count).map(i -> SenderRecord.of(topic, "k" + i % 7, "v" + i));
    }

    /** All that a receiver of committed records gets, and that is as many as expected. */
    private List<String> committed(String topic, int expected) {
        Receiver<String, String> reader = Receiver.on(
                broker(),
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.topics(topic).isolation(IsolationLevel.READ_COMMITTED)));
        List<String> values = new CopyOnWriteArrayList<>();
        Disposable reading = reader.receiveAutoAck().subscribe(record -> values.add(String.valueOf(record.value())));
        disposeAtEnd(reading);
        engine().eventually(() -> values.size() >= expected);
        engine().elapse(Duration.ofMillis(100));
        reading.dispose();
        return values;
    }

    private static List<String> values(String prefix, int count) {
        List<String> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            all.add(prefix + i);
        }
        return all;
    }

    @RepeatedTest(3)
    @DisplayName("K12 K06 transactions on a broker whose answers are lost: each is there whole and once, or not at all")
    void transactions_with_lost_answers(RepetitionInfo repetition) {
        useSeed(repetition.getCurrentRepetition());
        topic("t", 3);
        ForgetfulBroker forgetful = new ForgetfulBroker(broker(), repetition.getCurrentRepetition(), 15);
        TransactionalSender<String, String> sender = sender(forgetful).transactional("tx");
        for (int i = 0; i < 5; i++) {
            List<SenderResult<String, String>> results =
                    await(sender.send(records("t", 20 * i, 20)).collectList());
            assertThat(results).hasSize(20);
            assertFails(
                    sender.send(records("t", 1_000, 10)
                                    .concatWith(Mono.create(
                                            sink -> sink.error(new MqException(ErrorCode.INVALID_RECORD, "planned")))))
                            .collectList(),
                    ErrorCode.INVALID_RECORD);
        }
        assertThat(forgetful.lostAnswers()).isPositive();
        assertThat(committed("t", 100)).containsExactlyInAnyOrderElementsOf(values("v", 100));
        restartIfDurable();
        assertThat(committed("t", 100)).containsExactlyInAnyOrderElementsOf(values("v", 100));
    }

    @Test
    @DisplayName("K12 what was read of partitions assigned by hand is committed in the group's name with what was sent")
    void assigned_by_hand() {
        topic("in", 1);
        topic("out", 1);
        await(sender(broker()).send(records("in", 0, 12)).then());
        Receiver<String, String> receiver = Receiver.on(
                broker(),
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.group("enrichers")
                                .partitions(new TopicPartition("in", 0))
                                .maxPollRecords(5)));
        disposeAtEnd(sender(broker())
                .transactional("enricher")
                .process(receiver, ExactlyOnceContract::enriched)
                .subscribe());
        assertThat(committed("out", 12)).hasSize(12);
        engine().eventually(() -> consumed() == 12);
    }

    @Test
    @DisplayName("10 K12 a transaction that is cancelled is aborted, and the next one begins")
    void cancelled() {
        topic("t", 2);
        TransactionalSender<String, String> sender = sender(broker()).transactional("tx");
        List<String> results = new CopyOnWriteArrayList<>();
        Disposable sending = sender.send(records("t", 500, 10).concatWith(Flux.never()))
                .subscribe(result -> results.add(String.valueOf(result.record().value())));
        engine().eventually(() -> results.size() == 10);
        assertFailsAsBusy(sender);
        sending.dispose();

        await(sender.send(records("t", 0, 10)).collectList());
        assertThat(committed("t", 10)).containsExactlyInAnyOrderElementsOf(values("v", 10));
    }

    private void assertFailsAsBusy(TransactionalSender<String, String> sender) {
        Throwable failure = org.assertj.core.api.Assertions.catchThrowable(
                () -> await(sender.send(records("t", 0, 1)).collectList()));
        assertThat(failure).isInstanceOf(IllegalStateException.class).hasMessageContaining("one at a time");
    }

    @Test
    @DisplayName("10 K05 a sender whose transactional id another has begun with fails at once, and ever after")
    void fenced() {
        topic("t", 2);
        TransactionalSender<String, String> older = sender(broker()).transactional("tx");
        await(older.send(records("t", 0, 10)).collectList());
        TransactionalSender<String, String> newer = sender(broker()).transactional("tx");
        await(newer.send(records("t", 10, 10)).collectList());

        for (int i = 0; i < 3; i++) {
            assertFails(
                    older.send(records("t", 500, 10)).collectList(),
                    ErrorCode.INVALID_PRODUCER_EPOCH,
                    ErrorCode.PRODUCER_FENCED);
        }
        await(newer.send(records("t", 20, 10)).collectList());
        assertThat(committed("t", 30)).containsExactlyInAnyOrderElementsOf(values("v", 30));
    }

    private static Flux<SenderRecord<String, String>> enriched(Flux<ReceiverRecord<String, String>> batch) {
        return batch.map(record -> SenderRecord.of("out", record.key(), "out-" + record.value()));
    }

    private long consumed() {
        return await(broker().fetchOffsets(CALLER, OffsetFetch.all("enrichers"))).values().stream()
                .mapToLong(CommittedOffset::offset)
                .sum();
    }

    @Test
    @DisplayName(
            "M07 K12 read, process, write: a handler that fails aborts, and who subscribes again loses nothing and repeats nothing")
    void failing_handler() {
        topic("in", 2);
        topic("out", 2);
        await(sender(broker()).send(records("in", 0, RECORDS)).collectList());
        AtomicInteger handled = new AtomicInteger();
        Receiver<String, String> receiver = receiver(broker(), "enrichers", 7, "in");
        Flux<SenderResult<String, String>> enriching = sender(broker())
                .transactional("enricher")
                .process(
                        receiver,
                        batch -> enriched(batch)
                                .concatMap(out -> handled.incrementAndGet() % 17 == 0
                                        ? Mono.create(sink ->
                                                sink.error(new MqException(ErrorCode.INVALID_RECORD, "planned")))
                                        : Mono.just(out)));
        List<SenderResult<String, String>> results = new CopyOnWriteArrayList<>();
        disposeAtEnd(enriching.retry().subscribe(results::add));

        engine().eventually(() -> results.size() >= RECORDS);
        assertThat(handled.get()).isGreaterThan(RECORDS);
        assertThat(committed("out", RECORDS)).containsExactlyInAnyOrderElementsOf(values("out-v", RECORDS));
        // each partition has its marker by itself, that of the offsets too
        engine().eventually(() -> consumed() == RECORDS);
    }

    @Test
    @DisplayName(
            "K05 K12 K13 who comes after a crash between a transaction's offsets and its end reads at once, and the crashed one ends nothing any more")
    void crashed_before_the_end() {
        topic("in", 1);
        topic("out", 1);
        TopicPartition in = new TopicPartition("in", 0);
        await(sender(broker()).send(records("in", 0, 12)).then());
        // a quarter of an hour is the longest that brokers allow, and longer than any test waits
        RawProducer crashed = new RawProducer(
                "enricher",
                TransactionVersion.V2,
                await(broker().initProducerId(
                                CALLER,
                                new InitProducerId("enricher", Duration.ofMinutes(15), ProducerIdAndEpoch.NONE))));
        await(crashed.append(broker(), new TopicPartition("out", 0), "of the crashed one"));
        await(crashed.commitOffset(broker(), "enrichers", in, 5));
        restartIfDurable();

        List<SenderResult<String, String>> results = new CopyOnWriteArrayList<>();
        disposeAtEnd(sender(broker())
                .transactional("enricher")
                .process(receiver(broker(), "enrichers", 5, "in"), ExactlyOnceContract::enriched)
                .subscribe(results::add));
        engine().eventually(() -> results.size() == 12);
        assertFails(
                crashed.end(broker(), TransactionResult.COMMIT),
                ErrorCode.INVALID_PRODUCER_EPOCH,
                ErrorCode.PRODUCER_FENCED);
        assertThat(committed("out", 12)).containsExactlyInAnyOrderElementsOf(values("out-v", 12));
    }

    @RepeatedTest(3)
    @DisplayName("M07 K12 read, process, write over a broker whose answers are lost: each record once")
    void processing_with_lost_answers(RepetitionInfo repetition) {
        useSeed(repetition.getCurrentRepetition());
        topic("in", 2);
        topic("out", 2);
        await(sender(broker()).send(records("in", 0, RECORDS)).collectList());
        ForgetfulBroker forgetful = new ForgetfulBroker(broker(), repetition.getCurrentRepetition(), 10);
        List<SenderResult<String, String>> results = new CopyOnWriteArrayList<>();
        disposeAtEnd(sender(forgetful)
                .transactional("enricher")
                .process(receiver(forgetful, "enrichers", 7, "in"), ExactlyOnceContract::enriched)
                .subscribe(results::add));

        engine().eventually(() -> results.size() >= RECORDS);
        assertThat(committed("out", RECORDS)).containsExactlyInAnyOrderElementsOf(values("out-v", RECORDS));
    }

    @Test
    @DisplayName(
            "M07 K12 who is cancelled while a commit is unanswered leaves the offset where that transaction has put it")
    void cancelled_while_its_commit_is_unanswered() {
        topic("in", 1);
        topic("out", 1);
        await(sender(broker()).send(records("in", 0, 10)).collectList());
        AtomicInteger ends = new AtomicInteger();
        Sinks.Empty<Void> answered = Sinks.empty();
        Broker silent = new ForwardingBroker(broker()) {
            @Override
            protected <T> Mono<T> forward(Mono<T> request) {
                return request;
            }

            @Override
            public Mono<ProducerIdAndEpoch> endTransaction(Caller caller, EndTransaction end) {
                Mono<ProducerIdAndEpoch> ending = super.endTransaction(caller, end);
                return ends.incrementAndGet() < 2
                        ? ending
                        : ending.flatMap(producer -> answered.asMono().thenReturn(producer));
            }
        };
        Disposable processing = sender(silent)
                .transactional("enricher")
                .process(receiver(silent, "enrichers", 5, "in"), ExactlyOnceContract::enriched)
                .subscribe();
        engine().eventually(() -> consumed() == 10);
        processing.dispose();
        engine().eventually(() ->
                await(broker().describeGroup(CALLER, "enrichers")).members().isEmpty());

        assertThat(consumed()).isEqualTo(10);
        assertThat(committed("out", 10)).containsExactlyInAnyOrderElementsOf(values("out-v", 10));
        // else its wait would end in another test
        answered.tryEmitEmpty().orThrow();
    }

    @Test
    @DisplayName("K12 K05 a commit that is refused is the error of the send, as the broker says it")
    void refused_commit() {
        topic("t", 1);
        TransactionalSender<String, String> sender = sender(refusing()).transactional("tx");
        assertFails(sender.send(records("t", 0, 3)).collectList(), ErrorCode.PRODUCER_FENCED);
        assertFails(
                sender.sendTransactionally(Flux.just(records("t", 0, 3), records("t", 3, 3)))
                        .collectList(),
                ErrorCode.PRODUCER_FENCED);
        engine().elapse(Duration.ofMillis(100));
        assertThat(committed("t", 0)).isEmpty();
    }

    /** A broker that refuses every commit. */
    private Broker refusing() {
        return new ForwardingBroker(broker()) {
            @Override
            protected <T> Mono<T> forward(Mono<T> request) {
                return request;
            }

            @Override
            public Mono<ProducerIdAndEpoch> endTransaction(Caller caller, EndTransaction end) {
                return end.result() == TransactionResult.ABORT
                        ? super.endTransaction(caller, end)
                        : Mono.create(
                                sink -> sink.error(new MqException(ErrorCode.PRODUCER_FENCED, "it is to be refused")));
            }
        };
    }

    @Test
    @DisplayName("K12 transactions in a row: each whole and in order; the first that fails ends them, and is aborted")
    void in_a_row() {
        topic("t", 1);
        TransactionalSender<String, String> sender = sender(broker()).transactional("tx");
        assertThat(await(sender.sendTransactionally(Flux.range(0, 20).map(i -> records("t", 5 * i, 5)))
                        .collectList()))
                .hasSize(100);
        assertFails(
                sender.sendTransactionally(Flux.just(
                                records("t", 100, 5),
                                records("t", 1_000, 5)
                                        .concatWith(Mono.create(sink ->
                                                sink.error(new MqException(ErrorCode.INVALID_RECORD, "planted")))),
                                records("t", 2_000, 5)))
                        .collectList(),
                ErrorCode.INVALID_RECORD);
        assertThat(committed("t", 105)).containsExactlyElementsOf(values("v", 105));
        restartIfDurable();
        assertThat(committed("t", 105)).containsExactlyElementsOf(values("v", 105));
    }

    @Test
    @DisplayName("10 K12 who cancels before anything was sent leaves the sender as it was")
    void cancelled_at_once() {
        topic("t", 1);
        TransactionalSender<String, String> sender = sender(broker()).transactional("tx");
        for (Flux<SenderResult<String, String>> sending : List.of(
                sender.send(records("t", 500, 3)),
                sender.sendTransactionally(Flux.just(records("t", 500, 3))),
                sender.process(new Batches(List.of("a"), -1), batch -> records("t", 500, 3)))) {
            sending.subscribe(new BaseSubscriber<>() {
                @Override
                protected void hookOnSubscribe(Subscription subscription) {
                    cancel();
                }
            });
            sending.takeUntilOther(Mono.empty()).subscribe();
        }
        await(sender.send(records("t", 0, 3)).collectList());
        assertThat(committed("t", 3)).containsExactlyElementsOf(values("v", 3));
    }

    @Test
    @DisplayName(
            "1 M07 K12 a drain whose timeout passes aborts the transaction under way; what was read in it is read again")
    void drained_beyond_the_timeout() {
        topic("in", 1);
        topic("out", 1);
        await(sender(broker()).send(records("in", 0, 9)).collectList());
        Receiver<String, String> receiver = receiver(broker(), "enrichers", 3, "in");
        AtomicInteger batches = new AtomicInteger();
        List<SenderResult<String, String>> results = new CopyOnWriteArrayList<>();
        List<String> sent = new CopyOnWriteArrayList<>();
        AtomicReference<String> end = new AtomicReference<>("none");
        disposeAtEnd(sender(broker())
                .transactional("enricher")
                .process(
                        receiver,
                        batch -> batches.incrementAndGet() == 1
                                ? enriched(batch)
                                : enriched(batch)
                                        .doOnNext(record -> sent.add(String.valueOf(record.value())))
                                        .concatWith(Mono.never()))
                .subscribe(results::add, error -> end.set(error.toString()), () -> end.set("completed")));
        engine().eventually(() -> sent.size() == 3);

        DrainReport report = await(receiver.drain(Duration.ofMillis(300)));
        assertThat(report.timedOut()).isTrue();
        assertThat(report.abandoned()).isEqualTo(3);
        engine().eventually(() -> "completed".equals(end.get()));
        assertThat(results).hasSize(3);
        assertThat(committed("out", 3)).as("nothing of the second").isEqualTo(values("out-v", 3));
        engine().eventually(() -> consumed() == 3);

        List<SenderResult<String, String>> others = new CopyOnWriteArrayList<>();
        disposeAtEnd(sender(broker())
                .transactional("enricher-2")
                .process(receiver(broker(), "enrichers", 3, "in"), ExactlyOnceContract::enriched)
                .subscribe(others::add));
        engine().eventually(() -> others.size() == 6);
        assertThat(committed("out", 9))
                .as("at once, not behind the transaction's timeout")
                .isEqualTo(values("out-v", 9));
    }

    @Test
    @DisplayName(
            "9 K08 M07 K12 a function that never ends is cancelled after the poll interval, and its batch processed anew")
    void function_that_never_ends() {
        topic("in", 1);
        topic("out", 1);
        await(sender(broker()).send(records("in", 0, 9)).collectList());
        Receiver<String, String> receiver = Receiver.on(
                broker(),
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.group("enrichers")
                                .topics("in")
                                .maxPollRecords(3)
                                .maxPollInterval(Duration.ofSeconds(2))
                                .isolation(IsolationLevel.READ_COMMITTED)));
        AtomicInteger batches = new AtomicInteger();
        AtomicInteger cancelled = new AtomicInteger();
        List<SenderResult<String, String>> results = new CopyOnWriteArrayList<>();
        disposeAtEnd(sender(broker())
                .transactional("enricher")
                .process(
                        receiver,
                        batch -> batches.incrementAndGet() == 2
                                ? enriched(batch).concatWith(Mono.never()).doOnCancel(cancelled::incrementAndGet)
                                : enriched(batch))
                .subscribe(results::add));

        engine().eventually(() -> results.size() >= 9);
        assertThat(cancelled).hasValue(1);
        assertThat(results).hasSize(9);
        assertThat(committed("out", 9)).isEqualTo(values("out-v", 9));
    }

    @Test
    @DisplayName("M07 K12 a batch that another member has got is aborted, and the next one is processed")
    void lost_batch() {
        topic("in", 1);
        topic("out", 1);
        List<SenderResult<String, String>> results = await(sender(broker())
                .transactional("enricher")
                .process(
                        new Batches(List.of("a", "b", "c"), 1),
                        batch -> batch.map(value -> SenderRecord.of("out", "k", value)))
                .collectList());

        assertThat(results).extracting(result -> result.record().value()).containsExactly("a", "c");
        assertThat(committed("out", 2)).containsExactly("a", "c");
    }

    /** Batches of one record, of which one is lost before its offset is committed. */
    private record Batches(List<String> values, int lost) implements TransactionInput<String> {

        @Override
        public Flux<Batch<String>> transactionBatches() {
            return Flux.range(0, values.size()).map(this::batch);
        }

        private Batch<String> batch(int index) {
            return new Batch<>() {
                @Override
                public List<String> records() {
                    return List.of(values.get(index));
                }

                @Override
                public Mono<Offsets> offsets() {
                    return index == lost
                            ? Mono.create(sink -> sink.error(new MqException(ErrorCode.FENCED_MEMBER_EPOCH, "lost")))
                            : Mono.just(new Offsets(
                                    "g", "", -1, Map.of(new TopicPartition("in", 0), CommittedOffset.of(index + 1))));
                }

                @Override
                public void committed() {
                    assertThat(index).isNotEqualTo(lost);
                }
            };
        }
    }

    @Test
    @DisplayName(
            "10 M07 K12 instances that come and go while they process: each record once, whoever has its partition")
    void instances_come_and_go() {
        topic("in", 4);
        topic("out", 2);
        await(sender(broker()).send(records("in", 0, 4 * RECORDS)).collectList());
        List<SenderResult<String, String>> results = new CopyOnWriteArrayList<>();
        for (int i = 0; i < 6; i++) {
            String name = "enricher-" + i;
            Flux<SenderResult<String, String>> instance = sender(broker())
                    .transactional(name)
                    .process(
                            receiver(broker(), "enrichers", 5, "in"),
                            batch -> enriched(batch)
                                    .delaySequence(
                                            Duration.ofMillis(30),
                                            broker().runtime().timers()));
            Publisher<?> until = i < 4
                    ? Mono.delay(Duration.ofMillis(300), broker().runtime().timers())
                    : Flux.never();
            disposeAtEnd(instance.takeUntilOther(until).subscribe(results::add));
            engine().elapse(Duration.ofMillis(150));
        }

        engine().eventually(() -> consumed() == 4 * RECORDS);
        assertThat(committed("out", 4 * RECORDS)).containsExactlyInAnyOrderElementsOf(values("out-v", 4 * RECORDS));
    }
}
