package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.operator.OverflowTest.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.reactivestreams.Subscription;
import reactor.core.Scannable;
import reactor.test.util.RaceTestUtils;

/**
 * The source on one thread, demand on others, cancellation on another, all at once, many times. A seed fixes the shape of a round; how the
 * threads meet it cannot fix.
 */
@DisplayName("Overflow under race:")
class OverflowRaceTest {

    private static final int ROUNDS = Integer.getInteger("reactivemq.rounds", 1_500);

    /** As many as a second allows: a meeting takes a fraction of a microsecond, or some milliseconds on a busy machine. */
    private static final int DUELS_MAX = Integer.getInteger("reactivemq.duels", 20_000);

    private static final int DUELS_AT_ONCE = 500;

    @ParameterizedTest
    @EnumSource
    @AllowDropped(
            value = Dropped.OPERATOR_ERROR,
            because = "the overflow of error is reported as Reactor reports its own")
    @DisplayName("M11 each element is emitted or let go, once, in order, one at a time; the end comes last:")
    void everyElementIsAccountedFor(Kind kind) {
        for (int seed = 1; seed <= ROUNDS; seed++) {
            Round round = new Round(kind, seed);
            RaceTestUtils.race(round::produce, round::demand, round::demand);
            round.checkNoMoreThanAskedFor();
            round.checkNothingIsStuck();
            round.finish();
            round.checkAccounts();
            round.checkEnd();
        }
    }

    @ParameterizedTest
    @EnumSource
    @AllowDropped(
            value = Dropped.OPERATOR_ERROR,
            because = "the overflow of error is reported as Reactor reports its own")
    @DisplayName("M11 each element is emitted or let go, once, with a cancellation at any moment:")
    void cancellationAtAnyMoment(Kind kind) {
        for (int seed = 1; seed <= ROUNDS; seed++) {
            Round round = new Round(kind, seed);
            RaceTestUtils.race(round::produce, round::demand, round::cancel);
            round.checkNoMoreThanAskedFor();
            round.checkAccounts();
        }
    }

    @Test
    @DisplayName("M11 drop-oldest lets go just the one that is one too many, so the latest arrives")
    void dropOldestLetsGoNoOtherThanTheOldest() {
        for (int seed = 1; seed <= ROUNDS; seed++) {
            Round round = new Round(Kind.DROP_OLDEST, seed);
            RaceTestUtils.race(round::produce, round::demand);
            round.finish();
            round.checkAccounts();
            round.checkEvictions();
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("an element that arrives as it is asked for is not forgotten:")
    void elementAgainstDemand(Kind kind) {
        duel(kind, 2, 0, source -> source.next(0), consumer -> consumer.request(1), meeting -> {
            assertThat(meeting.consumer.received).containsExactly(0);
        });
        duel(kind, 2, 1, source -> source.next(1), consumer -> consumer.request(2), meeting -> {
            assertThat(meeting.consumer.received).containsExactly(0, 1);
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("an element that arrives with the cancellation is discarded:")
    void elementAgainstCancellation(Kind kind) {
        duel(kind, 2, 1, source -> source.next(1), Subscription::cancel, meeting -> {
            assertThat(meeting.consumer.received).isEmpty();
            assertThat(meeting.consumer.discarded).containsExactlyInAnyOrder(0, 1);
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("the last element is not overtaken by the end:")
    void lastElementAgainstDemand(Kind kind) {
        duel(
                kind,
                3,
                1,
                source -> {
                    source.next(1);
                    source.complete();
                },
                consumer -> consumer.request(2),
                meeting -> {
                    assertThat(meeting.consumer.received).containsExactly(0, 1);
                    assertThat(meeting.consumer.end).isEqualTo("complete");
                });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "what the source sends from within onNext waits for its return, and for demand, whoever asks for more:")
    void elementFromWithinOnNextAgainstDemand(Kind kind) {
        fight(kind, 2 * Duel.TURNS, 0, OverflowRaceTest::sendFromWithin, OverflowRaceTest::askInTurns, meeting -> {
            assertThat(meeting.consumer.received).hasSizeLessThanOrEqualTo(Duel.TURNS);
        });
    }

    /** Each second element comes while the one before it is handed on, if that is on this thread: the source is its. */
    private static void sendFromWithin(Meeting meeting) {
        Thread mine = Thread.currentThread();
        meeting.consumer.onElement = element -> {
            if (element % 2 == 0 && Thread.currentThread() == mine) {
                meeting.source.next(element + 1);
            }
        };
        for (int i = 0; i < Duel.TURNS; i++) {
            meeting.source.next(2 * i);
        }
    }

    private static void askInTurns(Meeting meeting) {
        for (int i = 0; i < Duel.TURNS; i++) {
            meeting.consumer.subscription.request(1);
        }
    }

    @Test
    @DisplayName("M11 drop-oldest spares an element for which there is room just then, and the latest always")
    void evictionAgainstDemand() {
        for (int capacity = 1; capacity <= 3; capacity++) {
            int full = capacity;
            duel(
                    Kind.DROP_OLDEST,
                    full,
                    full,
                    source -> source.next(full),
                    consumer -> consumer.request(1),
                    meeting -> {
                        meeting.consumer.subscription.request(Long.MAX_VALUE);
                        List<Integer> received = meeting.consumer.received;
                        // either the consumer took the oldest in time, or it was let go
                        assertThat(received).endsWith(full).hasSize(full + 1 - meeting.consumer.discarded.size());
                        assertThat(meeting.consumer.discarded).isSubsetOf(0);
                    });
        }
    }

    private static void duel(
            Kind kind,
            int capacity,
            int waiting,
            Consumer<ManualSource> sends,
            Consumer<Subscription> asks,
            Consumer<Meeting> check) {
        fight(
                kind,
                capacity,
                waiting,
                meeting -> sends.accept(meeting.source),
                meeting -> asks.accept(meeting.consumer.subscription),
                check);
    }

    private static void fight(
            Kind kind,
            int capacity,
            int waiting,
            Consumer<Meeting> one,
            Consumer<Meeting> other,
            Consumer<Meeting> check) {
        long began = System.nanoTime();
        for (int i = 0; i < DUELS_MAX && System.nanoTime() - began < 1_000_000_000L; i += DUELS_AT_ONCE) {
            List<Meeting> meetings = IntStream.range(0, DUELS_AT_ONCE)
                    .mapToObj(ignored -> new Meeting(kind, capacity, waiting))
                    .toList();
            Duel.fight(meetings, one, other);
            for (Meeting meeting : meetings) {
                check.accept(meeting);
                assertThat(meeting.consumer.breaches).isEmpty();
            }
        }
    }

    /** A source and a consumer about to act at the same time, with some elements waiting. */
    private static final class Meeting {

        final ManualSource source = new ManualSource();
        final RacingConsumer consumer = new RacingConsumer();

        Meeting(Kind kind, int capacity, int waiting) {
            source.transform(kind.of(capacity)).subscribe(consumer);
            IntStream.range(0, waiting).forEach(source::next);
        }
    }

    private static final class Round {

        private final Kind kind;
        private final int seed;
        private final int elements;
        private final int capacity;
        private final int demand;
        private final int step;
        private final int pause;
        private final ManualSource source = new ManualSource();
        private final RacingConsumer consumer = new RacingConsumer();
        private final Queue<Integer> dropped = new ConcurrentLinkedQueue<>();
        private final List<Integer> wronglyEvicted = new ArrayList<>();
        private final AtomicInteger asked = new AtomicInteger();

        /** By the source's thread. */
        private int sent;

        Round(Kind kind, int seed) {
            this.kind = kind;
            this.seed = seed;
            SplittableRandom random = new SplittableRandom(seed);
            elements = random.nextInt(1, 300);
            capacity = random.nextInt(3) == 0 ? 1 : random.nextInt(1, 20);
            demand = random.nextInt(0, 150);
            step = random.nextInt(1, 6);
            pause = random.nextInt(40);
            consumer.pause(random.nextInt(40));
            source.transform(kind.of(capacity, o -> o.onDropped(this::onDropped)))
                    .subscribe(consumer);
        }

        private void onDropped(int element) {
            dropped.add(element);
            // element n finds the buffer full only if the oldest in it is that many before
            if (kind == Kind.DROP_OLDEST && sent - element != capacity) {
                wronglyEvicted.add(element);
            }
        }

        void produce() {
            int patience = 1000;
            while (sent < elements && !source.cancelled && patience > 0) {
                if (sent < source.requested.get()) {
                    source.next(sent);
                    sent++;
                } else {
                    patience--;
                }
                Duel.busy(pause);
            }
            if (sent == elements && !source.cancelled) {
                source.complete();
            }
        }

        void demand() {
            for (int sum = 0; sum < demand; sum += step) {
                asked.addAndGet(step);
                consumer.subscription.request(step);
                Duel.busy(pause);
            }
        }

        void cancel() {
            Duel.busy(pause * 20);
            consumer.subscription.cancel();
        }

        void finish() {
            consumer.subscription.request(Long.MAX_VALUE);
            if (sent < elements) {
                produce();
            }
        }

        void checkNoMoreThanAskedFor() {
            assertThat(consumer.received).as(this::toString).hasSizeLessThanOrEqualTo(asked.get());
        }

        void checkNothingIsStuck() {
            Scannable scannable = Scannable.from(consumer.subscription);
            assertThat(Math.min(
                            scannable.scanOrDefault(Scannable.Attr.BUFFERED, 0),
                            scannable.scanOrDefault(Scannable.Attr.REQUESTED_FROM_DOWNSTREAM, 0L)))
                    .as(this::toString)
                    .isZero();
        }

        void checkAccounts() {
            assertThat(consumer.breaches).as(this::toString).isEmpty();
            assertThat(consumer.received).as(this::toString).isSorted();
            List<Integer> all = new ArrayList<>(consumer.received);
            all.addAll(consumer.discarded);
            all.sort(null);
            assertThat(all)
                    .as(this::toString)
                    .isEqualTo(IntStream.range(0, sent).boxed().toList());
            assertThat(consumer.discarded).as(this::toString).containsAll(dropped);
            if (kind == Kind.BLOCK) {
                assertThat(dropped).as(this::toString).isEmpty();
                assertThat(source.requested.get() - consumer.received.size())
                        .as(this::toString)
                        .isLessThanOrEqualTo(capacity);
            }
        }

        void checkEnd() {
            assertThat(consumer.end)
                    .as(this::toString)
                    .isEqualTo(kind == Kind.ERROR && !dropped.isEmpty() ? "overflow" : "complete");
            if (kind != Kind.ERROR) {
                assertThat(sent).as(this::toString).isEqualTo(elements);
            }
        }

        void checkEvictions() {
            assertThat(consumer.received).as(this::toString).last().isEqualTo(elements - 1);
            assertThat(wronglyEvicted).as(this::toString).isEmpty();
        }

        @Override
        public String toString() {
            return kind + " with seed " + seed + ": capacity " + capacity + ", sent " + sent + " of " + elements;
        }
    }
}
