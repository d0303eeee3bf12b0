package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.assign.Assignors;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.reactivestreams.Subscription;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.test.util.RaceTestUtils;
import reactor.util.context.Context;

/** The source on one thread, subscribers that come, ask, and go on others, all at once, many times. */
@DisplayName("PartitionedFlux and ConsumerGroup under race:")
class PartitionedFluxRaceTest {

    private static final int ROUNDS = Integer.getInteger("reactivemq.rounds", 1_000);
    private static final int DUELS = Integer.getInteger("reactivemq.duels", 10_000);
    private static final int LANES = 2;

    @ParameterizedTest
    @EnumSource(names = {"BLOCK", "DROP_OLDEST", "DROP_NEWEST", "ERROR"})
    @AllowDropped(
            value = Dropped.OPERATOR_ERROR,
            because = "the overflow of error is reported as Reactor reports its own")
    @DisplayName("M11 each element is emitted or let go, once, in order, whoever comes and goes:")
    void everyElementIsAccountedFor(OverflowStrategy strategy) {
        for (int seed = 1; seed <= ROUNDS; seed++) {
            Round round = new Round(strategy, seed);
            RaceTestUtils.race(round::produce, () -> round.comeAndGo(0), () -> round.comeAndGo(1));
            round.finish();
            round.check(true);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"BLOCK", "DROP_OLDEST", "DROP_NEWEST", "ERROR"})
    @AllowDropped(
            value = Dropped.OPERATOR_ERROR,
            because = "the overflow of error is reported as Reactor reports its own")
    @DisplayName("M11 each element is emitted or let go, once, when the lanes are disconnected at any moment:")
    void disposed(OverflowStrategy strategy) {
        for (int seed = 1; seed <= ROUNDS; seed++) {
            Round round = new Round(strategy, seed);
            RaceTestUtils.race(round::produce, () -> round.comeAndGo(0), round.connection::dispose);
            round.check(false);
        }
    }

    @Test
    @DisplayName("an element that arrives as its lane changes hands is the old subscriber's or the new one's")
    void elementAgainstHandOver() {
        for (int i = 0; i < DUELS; i += 500) {
            List<HandOver> rounds =
                    IntStream.range(0, 500).mapToObj(j -> new HandOver()).toList();
            Duel.fight(rounds, round -> round.source.next(0), HandOver::change);
            for (HandOver round : rounds) {
                List<Integer> all = new ArrayList<>(round.first.received);
                all.addAll(round.second.received);
                assertThat(all).containsExactly(0);
                assertThat(round.first.discarded).isEmpty();
                assertThat(round.second.discarded).isEmpty();
                round.source.next(2);
                assertThat(round.second.received).endsWith(2);
            }
        }
    }

    private static final class HandOver {
        final ManualSource source = new ManualSource();
        final RecordingConsumer first = new RecordingConsumer();
        final RecordingConsumer second = new RecordingConsumer();
        final PartitionedFlux<Integer> lanes =
                PartitionedFlux.by(source, i -> i, LANES, o -> o.partitioner((key, count) -> key % count));

        HandOver() {
            lanes.lane(0).subscribe(first);
            first.request(Long.MAX_VALUE);
            lanes.connect();
        }

        void change() {
            first.cancel();
            lanes.lane(0).subscribe(second);
            second.request(Long.MAX_VALUE);
        }
    }

    @Test
    @DisplayName("an element that arrives as its lane is disconnected is emitted or discarded, and the end comes last")
    void elementAgainstDispose() {
        for (int i = 0; i < DUELS; i += 500) {
            List<HandOver> rounds =
                    IntStream.range(0, 500).mapToObj(j -> new HandOver()).toList();
            Duel.fight(
                    rounds,
                    round -> round.source.next(0),
                    round -> round.lanes.connect().dispose());
            for (HandOver round : rounds) {
                assertThat(round.first.received.size() + round.first.discarded.size())
                        .isOne();
                assertThat(round.first.errors).hasSize(1);
                assertThat(round.first.breaches).isEmpty();
            }
        }
    }

    @Test
    @DisplayName("demand that comes as the last element passes is not forgotten")
    void demandAgainstElement() {
        for (int i = 0; i < DUELS; i += 500) {
            List<HandOver> rounds = IntStream.range(0, 500)
                    .mapToObj(j -> {
                        HandOver round = new HandOver();
                        round.first.cancel();
                        round.lanes.lane(0).subscribe(round.second);
                        round.second.request(1);
                        return round;
                    })
                    .toList();
            Duel.fight(rounds, round -> round.source.next(0), round -> round.second.request(1));
            rounds.forEach(round -> {
                round.source.next(2);
                assertThat(round.second.received).containsExactly(0, 2);
            });
        }
    }

    /** One set of lanes, and everything that came out of it. */
    private static final class Round {

        private static final int ELEMENTS = 60;

        private final int seed;
        private final OverflowStrategy strategy;
        private final ManualSource source = new ManualSource();
        private final List<Queue<Integer>> received =
                List.of(new ConcurrentLinkedQueue<>(), new ConcurrentLinkedQueue<>());
        private final Queue<Integer> discarded = new ConcurrentLinkedQueue<>();
        private final Queue<String> breaches = new ConcurrentLinkedQueue<>();
        private final PartitionedFlux<Integer> lanes;
        private final Disposable connection;
        private int sent;

        Round(OverflowStrategy strategy, int seed) {
            this.seed = seed;
            this.strategy = strategy;
            SplittableRandom random = new SplittableRandom(seed);
            Context hooks = Operators.enableOnDiscard(Context.empty(), e -> discarded.add((Integer) e));
            lanes = PartitionedFlux.by(
                    source,
                    i -> i,
                    LANES,
                    o -> o.partitioner((key, count) -> key % count)
                            .overflow(strategy, random.nextInt(1, 20))
                            .context(hooks));
            connection = lanes.connect();
        }

        @SuppressWarnings("ThreadPriorityCheck") // with fewer processors than threads the others have to get one
        void produce() {
            int idle = 0;
            while (sent < ELEMENTS && idle < 2_000 && !source.cancelled) {
                if (sent < source.requested.get()) {
                    source.next(sent++);
                    idle = 0;
                } else {
                    idle++;
                    Thread.yield();
                }
            }
        }

        void comeAndGo(int lane) {
            SplittableRandom random = new SplittableRandom(seed * 31L + lane);
            for (int visit = 0; visit < 6; visit++) {
                Visitor visitor = new Visitor(lane, random.nextInt(1, 12));
                lanes.lane(lane).subscribe(visitor);
                for (int i = random.nextInt(4); i > 0; i--) {
                    visitor.subscription().request(random.nextInt(1, 5));
                }
                if (random.nextBoolean()) {
                    visitor.subscription().request(Long.MAX_VALUE);
                }
                visitor.subscription().cancel();
            }
        }

        void finish() {
            for (int lane = 0; lane < LANES; lane++) {
                Visitor visitor = new Visitor(lane, Integer.MAX_VALUE);
                lanes.lane(lane).subscribe(visitor);
                visitor.subscription().request(Long.MAX_VALUE);
            }
            produce();
            if (strategy == OverflowStrategy.BLOCK) {
                assertThat(sent).as("sent, seed %s", seed).isEqualTo(ELEMENTS);
            }
            source.complete();
        }

        void check(boolean blockIsComplete) {
            assertThat(breaches).as("breaches, seed %s", seed).isEmpty();
            List<Integer> all = new ArrayList<>(discarded);
            received.forEach(ofLane -> {
                assertThat(List.copyOf(ofLane)).as("order, seed %s", seed).isSorted();
                all.addAll(ofLane);
            });
            assertThat(all)
                    .as("emitted and discarded, seed %s", seed)
                    .containsExactlyInAnyOrderElementsOf(
                            IntStream.range(0, sent).boxed().toList());
            if (blockIsComplete && strategy == OverflowStrategy.BLOCK) {
                assertThat(discarded).as("discarded, seed %s", seed).isEmpty();
            }
        }

        private final class Visitor extends reactor.core.publisher.BaseSubscriber<Integer> {

            private final int lane;
            private final int stay;
            private final AtomicBoolean over = new AtomicBoolean();
            private int seen;

            Visitor(int lane, int stay) {
                this.lane = lane;
                this.stay = stay;
            }

            @Override
            public Context currentContext() {
                return Operators.enableOnDiscard(Context.empty(), e -> discarded.add((Integer) e));
            }

            Subscription subscription() {
                return upstream();
            }

            @Override
            protected void hookOnSubscribe(Subscription subscription) {}

            @Override
            protected void hookOnNext(Integer element) {
                if (over.get()) {
                    breaches.add(element + " after the end");
                }
                received.get(lane).add(element);
                if (++seen == stay) {
                    upstream().cancel();
                }
            }

            @Override
            protected void hookOnComplete() {
                over.set(true);
            }

            @Override
            protected void hookOnError(Throwable failure) {
                over.set(true);
                if (!Exceptions.isOverflow(failure)
                        && !(failure instanceof java.util.concurrent.CancellationException)
                        && !failure.toString().contains("has a subscriber")) {
                    breaches.add(failure.toString());
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"range", "sticky", "cooperative-sticky"})
    @DisplayName(
            "M04 members that come and go while the source sends: each element is one member's, in order, none is lost:")
    void members(String assignor) {
        for (int seed = 1; seed <= ROUNDS / 2; seed++) {
            Group round = new Group(assignor, seed);
            RaceTestUtils.race(round::produce, () -> round.comeAndGo("a"), () -> round.comeAndGo("b"));
            round.finish();
        }
    }

    private static final class Group {

        private static final int ELEMENTS = 200;
        private static final int LANES = 5;

        private final int seed;
        private final ManualSource source = new ManualSource();
        private final List<Queue<Integer>> received = IntStream.range(0, LANES)
                .<Queue<Integer>>mapToObj(i -> new ConcurrentLinkedQueue<>())
                .toList();
        private final List<AtomicInteger> inside =
                IntStream.range(0, LANES).mapToObj(i -> new AtomicInteger()).toList();
        private final Queue<String> breaches = new ConcurrentLinkedQueue<>();
        private final PartitionedFlux<Integer> lanes = PartitionedFlux.by(
                source,
                i -> i,
                LANES,
                o -> o.partitioner((key, count) -> key % count).overflow(OverflowStrategy.BLOCK, 8));
        private final ConsumerGroup<Integer> group;
        private int sent;

        Group(String assignor, int seed) {
            this.seed = seed;
            this.group =
                    lanes.group(List.of(Assignors.range(), Assignors.sticky(), Assignors.cooperativeSticky()).stream()
                            .filter(each -> each.name().equals(assignor))
                            .findFirst()
                            .orElseThrow());
            lanes.connect();
        }

        @SuppressWarnings("ThreadPriorityCheck") // with fewer processors than threads the others have to get one
        void produce() {
            int idle = 0;
            while (sent < ELEMENTS && idle < 2_000) {
                if (sent < source.requested.get()) {
                    source.next(sent++);
                    idle = 0;
                } else {
                    idle++;
                    Thread.yield();
                }
            }
        }

        /** At most three members at a time, so that there are lanes to take over. */
        void comeAndGo(String prefix) {
            SplittableRandom random = new SplittableRandom(seed * 31L + prefix.hashCode());
            for (int visit = 0; visit < 4; visit++) {
                String id = prefix + visit;
                Disposable member = member(id);
                if (random.nextBoolean()) {
                    Disposable second = member(id + "'");
                    second.dispose();
                }
                if (random.nextBoolean()) {
                    group.leave(id);
                } else {
                    member.dispose();
                }
            }
        }

        private Disposable member(String id) {
            return group.join(id, this::recorded)
                    .subscribe(element -> {}, failure -> breaches.add(id + " failed: " + failure));
        }

        /** Records what the lane hands out, at the member that has it; so what a cancellation discards behind it counts, too. */
        private Flux<Integer> recorded(Lane<Integer> lane) {
            AtomicInteger here = inside.get(lane.number());
            return lane.doOnNext(element -> {
                if (here.getAndIncrement() != 0) {
                    breaches.add(element + " while another is handed out");
                }
                received.get(lane.number()).add(element);
                here.decrementAndGet();
            });
        }

        void finish() {
            AtomicBoolean completed = new AtomicBoolean();
            group.join("last", this::recorded)
                    .subscribe(
                            element -> {},
                            failure -> breaches.add("last failed: " + failure),
                            () -> completed.set(true));
            produce();
            assertThat(breaches).as("breaches, seed %s", seed).isEmpty();
            assertThat(sent).as("sent, seed %s", seed).isEqualTo(ELEMENTS);
            source.complete();
            assertThat(completed).as("completed, seed %s", seed).isTrue();
            for (int lane = 0; lane < LANES; lane++) {
                int mine = lane;
                assertThat(List.copyOf(received.get(lane)))
                        .as("lane %s, seed %s", lane, seed)
                        .isEqualTo(IntStream.range(0, ELEMENTS)
                                .filter(i -> i % LANES == mine)
                                .boxed()
                                .toList());
            }
        }
    }
}
