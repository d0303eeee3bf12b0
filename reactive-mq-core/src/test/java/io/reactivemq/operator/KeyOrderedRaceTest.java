package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.test.util.RaceTestUtils;

/** The source on one thread, the publishers on another, demand and cancellation on a third, all at once, many times. */
@DisplayName("KeyOrdered under race:")
class KeyOrderedRaceTest {

    private static final int ROUNDS = Integer.getInteger("reactivemq.rounds", 1_500);
    private static final int DUELS = Integer.getInteger("reactivemq.duels", 20_000);
    private static final int DUELS_AT_ONCE = 500;
    private static final int KEYS = 5;
    private static final int FIRST_RESULT = 1_000_000;

    @Test
    @DisplayName("M08 each result arrives, once, in order of its key, and the end last")
    void everyResultArrives() {
        for (int seed = 1; seed <= ROUNDS; seed++) {
            Round round = new Round(seed, false);
            RaceTestUtils.race(round::produce, round::work, round::demand);
            round.finish();
            round.checkAll();
        }
    }

    @Test
    @DisplayName(
            "with a cancellation at any moment each element is handled or let go, and each result received or let go, once")
    void cancellation() {
        for (int seed = 1; seed <= ROUNDS; seed++) {
            Round round = new Round(seed, false);
            RaceTestUtils.race(round::produce, round::work, round::demandAndCancel);
            round.work();
            round.checkAccounts();
        }
    }

    @Test
    @AllowDropped(value = Dropped.ERROR, because = "a second failure has nobody to go to")
    @DisplayName(
            "with a failure at any moment each element is handled or let go, and each result received or let go, once")
    void failure() {
        for (int seed = 1; seed <= ROUNDS; seed++) {
            Round round = new Round(seed, true);
            RaceTestUtils.race(round::produce, round::work, round::demand);
            round.finish();
            round.checkAccounts();
        }
    }

    @Test
    @DisplayName("M08 Q04 an element that comes as the one before it of its key ends is not forgotten")
    void elementAgainstEnd() {
        duel(1, round -> round.send(), round -> round.publishers.remove().end(), round -> {
            assertThat(round.publishers).hasSize(1);
        });
    }

    @Test
    @DisplayName("a result that comes as it is asked for is not forgotten")
    void resultAgainstDemand() {
        duel(1, round -> round.publishers.element().emit(), round -> round.subscription.request(1), round -> {
            assertThat(round.received).hasSize(1);
        });
    }

    @Test
    @DisplayName("the source's end as the last publisher ends is not forgotten")
    void endAgainstEnd() {
        duel(
                1,
                round -> round.source.complete(),
                round -> round.publishers.remove().end(),
                round -> {
                    assertThat(round.end).isEqualTo("complete");
                });
    }

    @Test
    @DisplayName("the last element is not overtaken by the end, while another thread has the turn")
    void lastElementAgainstTurn() {
        SplittableRandom random = new SplittableRandom(1);
        duel(
                10 * DUELS,
                0,
                round -> {
                    Duel.lateByChance(random);
                    round.send();
                    round.source.complete();
                },
                Round::takeTurns,
                round -> {
                    assertThat(round.publishers).hasSize(1);
                    assertThat(round.end).isNull();
                });
    }

    private static void duel(int sent, Consumer<Round> one, Consumer<Round> other, Consumer<Round> check) {
        duel(DUELS, sent, one, other, check);
    }

    private static void duel(int duels, int sent, Consumer<Round> one, Consumer<Round> other, Consumer<Round> check) {
        long began = System.nanoTime();
        for (int i = 0; i < duels && System.nanoTime() - began < DUELS * 150_000L; i += DUELS_AT_ONCE) {
            List<Round> rounds = IntStream.range(0, DUELS_AT_ONCE)
                    .mapToObj(ignored -> {
                        Round round = new Round(1, false);
                        IntStream.range(0, sent).forEach(n -> round.send());
                        return round;
                    })
                    .toList();
            Duel.fight(rounds, one, other);
            for (Round round : rounds) {
                check.accept(round);
                assertThat(round.breaches).isEmpty();
            }
        }
    }

    private static final class Round extends RacingConsumer {

        final ManualSource source = new ManualSource();
        final Queue<Handling> publishers = new ConcurrentLinkedQueue<>();
        private final Queue<Handling> handled = new ConcurrentLinkedQueue<>();
        private final int seed;
        private final int elements;
        private final int demand;
        private final int failAt;
        private final boolean oneKey;
        private volatile boolean sourceDone;
        private volatile int sent;

        Round(int seed, boolean fails) {
            this.seed = seed;
            SplittableRandom random = new SplittableRandom(seed);
            elements = random.nextInt(1, 60);
            demand = random.nextInt(0, 60);
            failAt = fails ? random.nextInt(elements) : -1;
            oneKey = random.nextInt(5) == 0;
            int concurrency = random.nextInt(1, 4);
            int maxWaiting = random.nextInt(1, 10);
            source.transform(KeyOrdered.<Integer, Integer>flatMap(
                            n -> oneKey ? 0 : n % KEYS,
                            this::handle,
                            concurrency,
                            o -> o.maxWaiting(maxWaiting).prefetch(random.nextInt(1, 4))))
                    .subscribe(this);
        }

        private Flux<Integer> handle(int element) {
            Handling publisher = new Handling(this, element);
            handled.add(publisher);
            publishers.add(publisher);
            return publisher;
        }

        void send() {
            int element = sent;
            sent = element + 1; // one sender at a time
            source.next(element);
        }

        void produce() {
            int patience = 3_000;
            while (sent < elements && !source.cancelled && patience > 0) {
                if (sent < source.requested.get()) {
                    send();
                } else {
                    patience--;
                    Thread.onSpinWait();
                }
            }
            if (sent == elements && !source.cancelled) {
                sourceDone = true;
                source.complete();
            }
        }

        /** Emits two results of each publisher and ends it; those that cannot go on are put back. */
        void work() {
            int patience = 3_000;
            while (patience > 0) {
                Handling publisher = publishers.poll();
                if (publisher == null || !publisher.goOn()) {
                    patience--;
                    Thread.onSpinWait();
                    if (publisher != null && !publisher.cancelled) {
                        publishers.add(publisher);
                    }
                }
            }
        }

        void demand() {
            for (int i = 0; i < demand; i++) {
                subscription.request(1);
            }
        }

        void takeTurns() {
            for (int i = 0; i < Duel.TURNS; i++) {
                subscription.request(1);
            }
        }

        void demandAndCancel() {
            demand();
            subscription.cancel();
        }

        void finish() {
            subscription.request(1_000);
            for (int i = 0; i < 1_000 && end == null; i++) {
                if (sent < elements && !source.cancelled && sent < source.requested.get()) {
                    send();
                } else if (sent == elements && !sourceDone) {
                    sourceDone = true;
                    source.complete();
                }
                Handling publisher = publishers.poll();
                if (publisher != null && !publisher.goOn() && !publisher.cancelled) {
                    publishers.add(publisher);
                }
            }
        }

        void checkAll() {
            assertThat(breaches).as(this::toString).isEmpty();
            assertThat(end).as(this::toString).isEqualTo("complete");
            assertThat(sent).as(this::toString).isEqualTo(elements);
            assertThat(received).as(this::toString).hasSize(2 * elements).doesNotHaveDuplicates();
            int[] last = new int[KEYS];
            for (int result : received) {
                int key = oneKey ? 0 : (result - FIRST_RESULT) / 10 % KEYS;
                assertThat(result).as(this::toString).isGreaterThan(last[key]);
                last[key] = result;
            }
            assertThat(discarded).as(this::toString).isEmpty();
        }

        void checkAccounts() {
            assertThat(breaches).as(this::toString).isEmpty();
            List<Integer> expected = new ArrayList<>();
            IntStream.range(0, sent).forEach(expected::add);
            List<Integer> found = new ArrayList<>(received);
            found.addAll(discarded);
            for (Handling publisher : handled) {
                found.add(publisher.element);
                IntStream.range(0, publisher.sent).forEach(i -> expected.add(publisher.result(i)));
            }
            assertThat(found).as(this::toString).containsExactlyInAnyOrderElementsOf(expected);
        }

        @Override
        public String toString() {
            return "seed " + seed + ", sent " + sent + " of " + elements;
        }
    }

    /** The publisher of an element: two results. By one thread at a time. */
    private static final class Handling extends Flux<Integer> implements Subscription {

        final int element;
        volatile boolean cancelled;
        volatile int sent;

        private final Round round;
        private final AtomicLong requested = new AtomicLong();

        @SuppressWarnings("NullAway.Init") // by subscribe
        private volatile CoreSubscriber<? super Integer> subscriber;

        Handling(Round round, int element) {
            this.round = round;
            this.element = element;
        }

        int result(int index) {
            return FIRST_RESULT + element * 10 + index;
        }

        @Override
        public void subscribe(CoreSubscriber<? super Integer> actual) {
            actual.onSubscribe(this);
            subscriber = actual;
        }

        /** False if it has to be called again. */
        boolean goOn() {
            if (subscriber == null) {
                return false;
            }
            while (sent < 2) {
                if (cancelled) {
                    return true;
                }
                if (sent >= requested.get()) {
                    return false;
                }
                emit();
            }
            end();
            return true;
        }

        void emit() {
            int index = sent;
            sent = index + 1; // one emitter at a time
            subscriber.onNext(result(index));
        }

        void end() {
            if (element == round.failAt) {
                subscriber.onError(new IllegalStateException("failure of " + element));
            } else {
                subscriber.onComplete();
            }
        }

        @Override
        public void request(long n) {
            requested.addAndGet(n);
        }

        @Override
        public void cancel() {
            cancelled = true;
        }
    }
}
