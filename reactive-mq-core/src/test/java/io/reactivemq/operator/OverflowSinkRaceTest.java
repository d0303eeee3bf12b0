package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.operator.OverflowSinkTest.Kind;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.reactivestreams.Subscription;
import reactor.core.scheduler.Schedulers;
import reactor.test.util.RaceTestUtils;

/**
 * Emitters on several threads, demand on another, cancellation or the end on another, all at once, many times. A seed fixes the shape of a
 * round; how the threads meet it cannot fix. What is checked is the account: of each element, what its emitter was told, and
 * whether it was received, discarded or neither.
 */
@DisplayName("Overflow.sink under race:")
class OverflowSinkRaceTest {

    private static final int ROUNDS = Integer.getInteger("reactivemq.rounds", 400);

    /** As many as half a second allows: a meeting takes a fraction of a microsecond, or some milliseconds on a busy machine. */
    private static final int DUELS_MAX = Integer.getInteger("reactivemq.duels", 20_000);

    private static final int DUELS_AT_ONCE = 500;
    private static final Duration LONG = Duration.ofSeconds(60);

    /** Where elements are handed on. */
    enum Where {
        IN_PLACE,
        ON_A_WORKER
    }

    static Stream<Arguments> kinds() {
        return Stream.of(Kind.values())
                .flatMap(kind -> Stream.of(Where.values()).map(where -> Arguments.of(kind, where)));
    }

    @ParameterizedTest
    @MethodSource("kinds")
    @AllowDropped(
            value = Dropped.OPERATOR_ERROR,
            because = "the overflow of error is reported as Reactor reports its own")
    @DisplayName(
            "M11 each element is handed on, let go or given back, once, in each emitter's order; the end comes last:")
    void everyElementIsAccountedFor(Kind kind, Where where) {
        for (int seed = 1; seed <= ROUNDS; seed++) {
            Round round = new Round(kind, where, seed);
            RaceTestUtils.race(() -> round.emit(0), () -> round.emit(1), round::demand);
            round.sink.tryComplete();
            round.subscriber.subscription.request(Long.MAX_VALUE);
            round.await(() -> round.subscriber.end != null);
            round.checkAccounts();
            assertThat(round.subscriber.end)
                    .as(round::toString)
                    .isEqualTo(round.outcomes.contains(EmitOutcome.OVERFLOWED) ? "overflow" : "complete");
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    @AllowDropped(
            value = Dropped.OPERATOR_ERROR,
            because = "the overflow of error is reported as Reactor reports its own")
    @DisplayName("M11 with a completion at any moment, what was accepted before is handed on before it:")
    void completionAtAnyMoment(Kind kind, Where where) {
        for (int seed = 1; seed <= ROUNDS; seed++) {
            Round round = new Round(kind, where, seed);
            round.subscriber.subscription.request(Long.MAX_VALUE);
            RaceTestUtils.race(() -> round.emit(0), () -> round.emit(1), round::complete);
            round.await(() -> round.subscriber.end != null);
            round.checkAccounts();
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    @AllowDropped(
            value = Dropped.OPERATOR_ERROR,
            because = "the overflow of error is reported as Reactor reports its own")
    @DisplayName("M11 with a cancellation at any moment, what was accepted is handed on or discarded:")
    void cancellationAtAnyMoment(Kind kind, Where where) {
        for (int seed = 1; seed <= ROUNDS; seed++) {
            Round round = new Round(kind, where, seed);
            RaceTestUtils.race(() -> round.emit(0), () -> round.emit(1), round::demand, round::cancel);
            round.await(() ->
                    round.subscriber.receivedCount.get() + round.subscriber.discarded.size() >= round.taken.get());
            round.checkAccounts();
            assertThat(round.sink.emit(-1)).as(round::toString).isEqualTo(EmitOutcome.CANCELLED);
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("an element that is emitted as it is asked for is not forgotten:")
    void emissionAgainstDemand(Kind kind) {
        duel(
                kind,
                3,
                0,
                sink -> sink.emit(0),
                subscription -> subscription.request(1),
                meeting -> assertThat(meeting.received).containsExactly(0));
        duel(
                kind,
                3,
                1,
                sink -> sink.emit(1),
                subscription -> subscription.request(2),
                meeting -> assertThat(meeting.received).containsExactly(0, 1));
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("an element that is emitted with the cancellation is discarded or given back:")
    void emissionAgainstCancellation(Kind kind) {
        AtomicInteger given = new AtomicInteger();
        duel(kind, 3, 1, sink -> given.addAndGet(sink.emit(1).isAccepted() ? 1 : 0), Subscription::cancel, meeting -> {
            assertThat(meeting.received).isEmpty();
            assertThat(meeting.discarded).contains(0);
            assertThat(meeting.end).isNull();
            given.addAndGet(1 - meeting.discarded.size());
        });
        assertThat(given).hasValue(0);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("an element that is emitted with the completion comes before it, or is given back:")
    void emissionAgainstCompletion(Kind kind) {
        List<EmitOutcome> outcomes = new ArrayList<>();
        duel(kind, 3, 0, sink -> outcomes.add(sink.emit(0)), (sink, subscription) -> sink.tryComplete(), meeting -> {
            meeting.subscription.request(1);
            assertThat(meeting.end).isEqualTo("complete");
            assertThat(meeting.received.size()).isEqualTo(outcomes.remove(0).isAccepted() ? 1 : 0);
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("two that emit at once while there is demand are both handed on:")
    void emissionAgainstEmission(Kind kind) {
        duel(
                kind,
                3,
                0,
                5,
                sink -> {
                    sink.emit(0);
                    sink.emit(1);
                },
                (sink, subscription) -> {
                    sink.emit(10);
                    sink.emit(11);
                },
                meeting -> {
                    assertThat(meeting.received).containsExactlyInAnyOrder(0, 1, 10, 11);
                    assertThat(meeting.received.indexOf(0)).isLessThan(meeting.received.indexOf(1));
                    assertThat(meeting.received.indexOf(10)).isLessThan(meeting.received.indexOf(11));
                });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "demand that comes as the last of it is served is not forgotten, nor is a cancellation behind the end:")
    void demandAgainstDemand(Kind kind) {
        duelOfSubscribers(
                kind,
                subscriber -> subscriber.subscription.request(1),
                subscriber -> assertThat(subscriber.received).containsExactly(0, 1));
        duelOfSubscribers(
                kind,
                subscriber -> subscriber.subscription.cancel(),
                subscriber -> assertThat(subscriber.received.size() + subscriber.discarded.size())
                        .isEqualTo(3));
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a cancellation as the last that waits is handed on is no completion:")
    void cancellationAgainstDemand(Kind kind) {
        AtomicInteger later = new AtomicInteger();
        long began = System.nanoTime();
        for (int i = 0; i < DUELS_MAX && System.nanoTime() - began < 500_000_000L; i += DUELS_AT_ONCE) {
            List<Meeting> meetings = IntStream.range(0, DUELS_AT_ONCE)
                    .mapToObj(ignored -> new Meeting(kind, 3, 1, 0))
                    .toList();
            Duel.fight(meetings, meeting -> meeting.subscriber.subscription.request(2), meeting -> {
                Duel.busy(later.getAndIncrement() % 16);
                meeting.subscriber.subscription.cancel();
            });
            for (Meeting meeting : meetings) {
                assertThat(meeting.subscriber.end).isNull();
                assertThat(meeting.subscriber.received.size() + meeting.subscriber.discarded.size())
                        .isEqualTo(1);
            }
        }
    }

    /** Three wait, the end behind them; one is asked for while something else is done. */
    private static void duelOfSubscribers(Kind kind, Consumer<RacingConsumer> act, Consumer<RacingConsumer> check) {
        long began = System.nanoTime();
        for (int i = 0; i < DUELS_MAX && System.nanoTime() - began < 500_000_000L; i += DUELS_AT_ONCE) {
            List<Meeting> meetings = IntStream.range(0, DUELS_AT_ONCE)
                    .mapToObj(ignored -> new Meeting(kind, 3, 3, 0))
                    .toList();
            meetings.forEach(meeting -> meeting.sink.tryComplete());
            Duel.fight(
                    meetings,
                    meeting -> meeting.subscriber.subscription.request(1),
                    meeting -> act.accept(meeting.subscriber));
            for (Meeting meeting : meetings) {
                check.accept(meeting.subscriber);
                assertThat(meeting.subscriber.breaches).isEmpty();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"DROP_OLDEST", "CONFLATE"})
    @DisplayName("M11 two that emit into a full buffer each push out one, the oldest:")
    void evictionAgainstEviction(Kind kind) {
        duel(kind, 2, 2, sink -> sink.emit(2), (sink, subscription) -> sink.emit(3), meeting -> {
            assertThat(meeting.discarded).containsExactlyInAnyOrder(0, 1);
            meeting.subscription.request(5);
            assertThat(meeting.received).containsExactlyInAnyOrder(2, 3);
        });
        duel(kind, 1, 1, sink -> sink.emit(1), subscription -> subscription.request(1), meeting -> {
            meeting.subscription.request(5);
            assertThat(meeting.received).endsWith(1).hasSize(2 - meeting.discarded.size());
        });
    }

    private static void duel(
            Kind kind,
            int capacity,
            int waiting,
            Consumer<OverflowSink<Integer>> emits,
            Consumer<Subscription> asks,
            Consumer<RacingConsumer> check) {
        duel(kind, capacity, waiting, emits, (sink, subscription) -> asks.accept(subscription), check);
    }

    private static void duel(
            Kind kind,
            int capacity,
            int waiting,
            Consumer<OverflowSink<Integer>> emits,
            java.util.function.BiConsumer<OverflowSink<Integer>, Subscription> acts,
            Consumer<RacingConsumer> check) {
        duel(kind, capacity, waiting, 0, emits, acts, check);
    }

    private static void duel(
            Kind kind,
            int capacity,
            int waiting,
            int demand,
            Consumer<OverflowSink<Integer>> emits,
            java.util.function.BiConsumer<OverflowSink<Integer>, Subscription> acts,
            Consumer<RacingConsumer> check) {
        long began = System.nanoTime();
        for (int i = 0; i < DUELS_MAX && System.nanoTime() - began < 500_000_000L; i += DUELS_AT_ONCE) {
            List<Meeting> meetings = IntStream.range(0, DUELS_AT_ONCE)
                    .mapToObj(ignored -> new Meeting(kind, capacity, waiting, demand))
                    .toList();
            Duel.fight(
                    meetings,
                    meeting -> emits.accept(meeting.sink),
                    meeting -> acts.accept(meeting.sink, meeting.subscriber.subscription));
            for (Meeting meeting : meetings) {
                check.accept(meeting.subscriber);
                assertThat(meeting.subscriber.breaches).isEmpty();
            }
        }
    }

    /** A sink with its subscriber, some elements waiting. */
    private static final class Meeting {

        final OverflowSink<Integer> sink;
        final RacingConsumer subscriber = new RacingConsumer();

        Meeting(Kind kind, int capacity, int waiting, int demand) {
            sink = Overflow.sink(capacity, kind::applyTo);
            sink.asFlux().subscribe(subscriber);
            IntStream.range(0, waiting).forEach(sink::emit);
            if (demand > 0) {
                subscriber.subscription.request(demand);
            }
        }
    }

    private static final class Round {

        private static final int EMITTERS = 2;
        private static final int ELEMENTS_MAX = 1000;

        final OverflowSink<Integer> sink;
        final RacingConsumer subscriber = new RacingConsumer();
        final Queue<EmitOutcome> outcomes = new ConcurrentLinkedQueue<>();

        /** How many elements the sink has taken or let go. */
        final AtomicInteger taken = new AtomicInteger();

        private final Queue<Integer> dropped = new ConcurrentLinkedQueue<>();
        private final Queue<Integer> returned = new ConcurrentLinkedQueue<>();
        private final AtomicInteger produced = new AtomicInteger();
        private final Kind kind;
        private final Where where;
        private final int seed;
        private final int elements;
        private final int capacity;
        private final int demand;
        private final int step;
        private final int pause;

        Round(Kind kind, Where where, int seed) {
            this.kind = kind;
            this.where = where;
            this.seed = seed;
            SplittableRandom random = new SplittableRandom(seed);
            elements = random.nextInt(1, 300);
            capacity = random.nextInt(3) == 0 ? 1 : random.nextInt(1, 20);
            demand = random.nextInt(0, 300);
            step = random.nextInt(1, 6);
            pause = random.nextInt(40);
            subscriber.pause(random.nextInt(40));
            sink = Overflow.sink(capacity, o -> {
                kind.applyTo(o).onDropped(dropped::add);
                if (where == Where.ON_A_WORKER) {
                    o.emitOn(Schedulers.parallel());
                }
            });
            sink.asFlux().subscribe(subscriber);
        }

        void emit(int emitter) {
            for (int i = 0; i < elements; i++) {
                int element = emitter * ELEMENTS_MAX + i;
                EmitOutcome outcome = sink.emit(element);
                outcomes.add(outcome);
                produced.incrementAndGet();
                if (outcome.isReturned()) {
                    returned.add(element);
                } else {
                    taken.incrementAndGet();
                }
                Duel.busy(pause);
            }
        }

        void demand() {
            for (int asked = 0; asked < demand; asked += step) {
                subscriber.subscription.request(step);
                Duel.busy(pause);
            }
        }

        void complete() {
            Duel.busy(pause * 20);
            sink.tryComplete();
        }

        void cancel() {
            Duel.busy(pause * 20);
            subscriber.subscription.cancel();
        }

        void await(BooleanSupplier condition) {
            OverflowSinkRaceTest.await(condition, this::toString);
        }

        void checkAccounts() {
            assertThat(subscriber.breaches).as(this::toString).isEmpty();
            List<Integer> all = new ArrayList<>(subscriber.received);
            all.addAll(subscriber.discarded);
            all.addAll(returned);
            all.sort(null);
            assertThat(all)
                    .as(this::toString)
                    .isEqualTo(IntStream.range(0, EMITTERS)
                            .flatMap(emitter ->
                                    IntStream.range(emitter * ELEMENTS_MAX, emitter * ELEMENTS_MAX + elements))
                            .boxed()
                            .toList());
            assertThat(subscriber.discarded).as(this::toString).containsAll(dropped);
            for (int emitter = 0; emitter < EMITTERS; emitter++) {
                int number = emitter;
                assertThat(subscriber.received.stream().filter(element -> element / ELEMENTS_MAX == number))
                        .as(this::toString)
                        .isSorted();
            }
            long letGo = outcomes.stream()
                    .filter(outcome -> switch (outcome) {
                        case ACCEPTED_OLDEST_DROPPED, ACCEPTED_REPLACED, DROPPED, OVERFLOWED -> true;
                        case ACCEPTED, TIMED_OUT, INTERRUPTED, CANCELLED, TERMINATED -> false;
                    })
                    .count();
            assertThat(dropped).as(this::toString).hasSize((int) letGo);
        }

        @Override
        public String toString() {
            return kind + " " + where + " with seed " + seed + ": capacity " + capacity + ", " + elements
                    + " elements of each emitter, outcomes " + outcomes.size();
        }
    }

    @SuppressWarnings("ThreadPriorityCheck") // with fewer processors than threads the worker has to get one
    private static void await(BooleanSupplier condition, java.util.function.Supplier<String> what) {
        long deadline = System.nanoTime() + LONG.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadline > 0) {
                throw new AssertionError("waited in vain: " + what.get());
            }
            Thread.yield();
        }
    }
}
