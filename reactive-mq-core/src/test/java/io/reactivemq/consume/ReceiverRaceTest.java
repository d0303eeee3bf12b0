package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.MqRuntime;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.testing.ScriptedBroker;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.util.RaceTestUtils;

@DisplayName("with real threads")
@AllowDropped(value = Dropped.NEXT, because = "the scripted broker answers fetches that are cancelled just then")
class ReceiverRaceTest {

    private static final TopicPartition TWO_0 = new TopicPartition("two", 0);
    private static final TopicPartition TWO_1 = new TopicPartition("two", 1);
    private static final Duration DEADLINE = Duration.ofMinutes(2);
    private static final long SEED = Long.getLong("receiverRace.seed", 20_260_101);

    private final ScriptedBroker broker = new ScriptedBroker(MqRuntime.system()).topic("two", 2);

    private Receiver<String, String> member(Consumer<? super ReceiverOptions.Builder> options) {
        return Receiver.on(broker, ReceiverOptions.of(Serdes.string(), Serdes.string(), o -> {
            o.group("g").topics("two");
            options.accept(o);
        }));
    }

    private void write(int perPartition) {
        for (int i = 0; i < perPartition; i += 100) {
            broker.write(TWO_0, Batches.numbered(i, 100));
            broker.write(TWO_1, Batches.numbered(i, 100));
        }
    }

    private static void await(CountDownLatch latch) throws InterruptedException {
        assertThat(latch.await(DEADLINE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    }

    private long committed(TopicPartition partition) {
        CommittedOffset committed = broker.committed("g").get(partition);
        return committed == null ? -1 : committed.offset();
    }

    @Test
    void demandFromManyThreadsIsMetExactly() throws InterruptedException {
        int total = 20_000;
        write(total);
        AtomicLong requested = new AtomicLong();
        AtomicLong received = new AtomicLong();
        AtomicInteger tooMany = new AtomicInteger();
        CountDownLatch all = new CountDownLatch(total);
        BaseSubscriber<ReceiverRecord<String, String>> subscriber = new BaseSubscriber<>() {
            @Override
            protected void hookOnSubscribe(Subscription subscription) {}

            @Override
            protected void hookOnNext(ReceiverRecord<String, String> item) {
                if (received.incrementAndGet() > requested.get()) {
                    tooMany.incrementAndGet();
                }
                all.countDown();
            }
        };
        member(o -> {}).receiveAutoAck().subscribe(subscriber);
        SplittableRandom random = new SplittableRandom(SEED);
        for (long left = total; left > 0; ) {
            int a = (int) Math.min(left, 1 + random.nextInt(200));
            left -= a;
            int b = (int) Math.min(left, random.nextInt(200));
            left -= b;
            requested.addAndGet(a + b);
            RaceTestUtils.race(() -> subscriber.request(a), () -> {
                if (b > 0) {
                    subscriber.request(b);
                }
            });
        }
        await(all);

        assertThat(tooMany).as("seed %d", SEED).hasValue(0);
        assertThat(received).hasValue(total);
        subscriber.cancel();
    }

    @ParameterizedTest(name = "[maxInFlight {0}]")
    @ValueSource(ints = {1, 64, 1000, 65_536})
    void acknowledgementsOutOfOrderFromManyThreadsLoseNothing(int maxInFlight) {
        int perPartition = 5_000;
        write(perPartition);
        Receiver<String, String> receiver =
                member(o -> o.maxInFlight(maxInFlight).commitInterval(Duration.ofMillis(1)));
        Set<String> seen = ConcurrentHashMap.newKeySet();
        List<Long> zero = new ArrayList<>();

        receiver.receive()
                .doOnNext(r -> {
                    if (r.partition() == 0) {
                        zero.add(r.offset());
                    }
                })
                .flatMap(
                        r -> Mono.fromRunnable(() -> {
                                    assertThat(r.acknowledge()).isTrue();
                                    assertThat(seen.add(r.toString())).isTrue();
                                })
                                .subscribeOn(Schedulers.parallel()),
                        128)
                .subscribe();
        waitFor(() -> seen.size() == 2 * perPartition);
        DrainReport report = Objects.requireNonNull(receiver.drain(DEADLINE).block(DEADLINE));

        assertThat(report.timedOut()).isFalse();
        assertThat(report.abandoned()).isZero();
        assertThat(committed(TWO_0)).isEqualTo(perPartition);
        assertThat(committed(TWO_1)).isEqualTo(perPartition);
        assertThat(zero).hasSize(perPartition).isSorted();
    }

    private static void waitFor(BooleanSupplier condition) {
        Flux.interval(Duration.ZERO, Duration.ofMillis(2))
                .filter(tick -> condition.getAsBoolean())
                .next()
                .block(DEADLINE);
    }

    @Test
    void whateverHappensFirstCancelOrDrainTheReceiverIsFreeAndNothingAcknowledgedIsLost() {
        for (int round = 0; round < 150; round++) {
            broker.write(TWO_0, Batches.numbered(0, 20));
            Receiver<String, String> receiver = member(o -> {});
            ConcurrentLinkedQueue<ReceiverRecord<String, String>> taken = new ConcurrentLinkedQueue<>();
            AtomicLong acknowledged = new AtomicLong(-1);
            BaseSubscriber<ReceiverRecord<String, String>> subscriber = new BaseSubscriber<>() {
                @Override
                protected void hookOnNext(ReceiverRecord<String, String> item) {
                    taken.add(item);
                }
            };
            receiver.receive().subscribe(subscriber);
            waitFor(() -> !taken.isEmpty());
            CountDownLatch reported = new CountDownLatch(1);

            RaceTestUtils.race(
                    subscriber::cancel,
                    () -> receiver.drain(Duration.ofMillis(1)).subscribe(report -> reported.countDown()),
                    () -> {
                        for (ReceiverRecord<String, String> item : taken) {
                            if (item.acknowledge()) {
                                acknowledged.set(item.offset());
                            }
                        }
                    });

            waitFor(() -> reported.getCount() == 0);
            long lastSaid = acknowledged.get();
            waitFor(() -> lastSaid < 0 || committed(TWO_0) > lastSaid);
            BaseSubscriber<ReceiverRecord<String, String>> next = new BaseSubscriber<>() {};
            CountDownLatch refused = new CountDownLatch(1);
            receiver.receive().doOnError(e -> refused.countDown()).subscribe(next);
            assertThat(refused.getCount()).isEqualTo(1);
            next.cancel();
        }
    }

    @Test
    void handlersThatEndOnOtherThreadsKeepTheOrderOfTheirPartition() throws InterruptedException {
        int perPartition = 3_000;
        write(perPartition);
        List<Long> zero = new ArrayList<>();
        List<Long> one = new ArrayList<>();
        CountDownLatch all = new CountDownLatch(2 * perPartition);
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        Receiver<String, String> receiver = member(o -> {});
        receiver.process(r -> {
                    (r.partition() == 0 ? zero : one).add(r.offset());
                    most.accumulateAndGet(running.incrementAndGet(), Math::max);
                    Mono<Object> work = Mono.fromRunnable(running::decrementAndGet);
                    return switch ((int) (r.offset() % 3)) {
                        case 0 -> work;
                        case 1 -> work.subscribeOn(Schedulers.parallel());
                        default -> Mono.delay(Duration.ZERO).then(work);
                    };
                })
                .subscribe(outcome -> all.countDown());
        await(all);
        DrainReport report = Objects.requireNonNull(receiver.drain(DEADLINE).block(DEADLINE));

        assertThat(report.committed()).containsEntry(TWO_0, 3_000L).containsEntry(TWO_1, 3_000L);
        assertThat(zero).hasSize(perPartition).isSorted();
        assertThat(one).hasSize(perPartition).isSorted();
        assertThat(most.get()).isBetween(1, 2);
    }
}
