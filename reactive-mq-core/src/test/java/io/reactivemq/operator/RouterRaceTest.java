package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Subscription;
import reactor.core.Disposable;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.test.util.RaceTestUtils;
import reactor.util.context.Context;

/** Several sources, queues that are slow or go away, and bindings that change, all at once, many times. */
@DisplayName("Router under race:")
class RouterRaceTest {

    private static final int ROUNDS = Integer.getInteger("reactivemq.rounds", 1_000);
    private static final int PER_SOURCE = 40;

    @Test
    @DisplayName("R01 a queue gets each element once, in the order of each source, whoever else routes, binds or waits")
    void everyElementOnce() {
        for (int seed = 1; seed <= ROUNDS; seed++) {
            Round round = new Round(seed);
            RaceTestUtils.race(() -> round.publish(0), () -> round.publish(1), round::demand, round::rebind);
            round.slow.request(Long.MAX_VALUE);
            round.check();
        }
    }

    @Test
    @DisplayName("R02 an element that finds the queue gone comes back; all others are delivered or let go, once")
    void queueGoes() {
        for (int seed = 1; seed <= ROUNDS; seed++) {
            Router<Integer, String> router = Router.topic(n -> "a." + n);
            RouterQueue<Integer> queue = router.queue("q", Overflow.block(2));
            router.bind(queue, "#");
            List<Object> discarded = new ArrayList<>();
            Consumer consumer = new Consumer(discarded);
            queue.asFlux().subscribe(consumer);
            Queue<Integer> returned = new ConcurrentLinkedQueue<>();
            AtomicInteger outcomes = new AtomicInteger();
            int asked = new SplittableRandom(seed).nextInt(PER_SOURCE);
            RaceTestUtils.race(
                    () -> Flux.range(0, PER_SOURCE).transform(router::route).subscribe(routed -> {
                        outcomes.incrementAndGet();
                        if (routed.isUnroutable()) {
                            returned.add(routed.element());
                        }
                    }),
                    () -> {
                        IntStream.range(0, asked).forEach(i -> consumer.request(1));
                        consumer.cancel();
                    });
            List<Object> all = new ArrayList<>(consumer.received);
            all.addAll(discarded);
            all.addAll(returned);
            assertThat(all).as("seed %s", seed).containsExactlyInAnyOrderElementsOf(range(0));
            assertThat(outcomes).as("seed %s", seed).hasValue(PER_SOURCE);
            assertThat(router.bindings()).isZero();
        }
    }

    @Test
    @DisplayName("an element that finds no room just as some is made is not forgotten")
    void offerAgainstDemand() {
        long began = System.nanoTime();
        for (int i = 0; i < 20 && System.nanoTime() - began < 1_000_000_000L; i++) {
            List<Meeting> meetings =
                    IntStream.range(0, 500).mapToObj(ignored -> new Meeting()).toList();
            Duel.fight(meetings, meeting -> meeting.source.next(2), meeting -> meeting.consumer.request(1));
            for (Meeting meeting : meetings) {
                assertThat(meeting.outcomes).hasValue(2);
                assertThat(meeting.consumer.received).containsExactly(1);
            }
        }
    }

    /** A queue with room for one, which is taken. */
    private static final class Meeting {

        final ManualSource source = new ManualSource();
        final Consumer consumer = new Consumer(new ArrayList<>());
        final AtomicInteger outcomes = new AtomicInteger();

        Meeting() {
            Router<Integer, String> router = Router.fanout();
            router.bind("", Overflow.block(1)).subscribe(consumer);
            source.transform(router::route).subscribe(routed -> outcomes.incrementAndGet());
            source.next(1);
        }
    }

    private static List<Integer> range(int source) {
        return IntStream.range(0, PER_SOURCE)
                .map(i -> source * 1000 + i)
                .boxed()
                .toList();
    }

    private static final class Round {

        final Consumer slow = new Consumer(new ArrayList<>());

        private final int seed;
        private final Router<Integer, String> router = Router.topic(n -> "a." + n / 1000);
        private final Consumer twice = new Consumer(new ArrayList<>());
        private final Consumer sometimes = new Consumer(new ArrayList<>());
        private final RouterQueue<Integer> changing = router.queue("changing", Function.identity());
        private final List<List<Integer>> outcomes = List.of(new ArrayList<>(), new ArrayList<>());

        Round(int seed) {
            this.seed = seed;
            int capacity = new SplittableRandom(seed).nextInt(1, 5);
            router.bind("#", Overflow.block(capacity)).subscribe(slow);
            RouterQueue<Integer> bound = router.queue("twice", Overflow.dropNewest(1000));
            router.bind(bound, "a.*");
            router.bind(bound, "a.#");
            bound.asFlux().subscribe(twice);
            twice.request(Long.MAX_VALUE);
            changing.asFlux().subscribe(sometimes);
            sometimes.request(Long.MAX_VALUE);
        }

        void publish(int source) {
            Flux.range(source * 1000, PER_SOURCE)
                    .transform(router::route)
                    .subscribe(routed -> outcomes.get(source).add(routed.element()));
        }

        void demand() {
            IntStream.range(0, PER_SOURCE).forEach(i -> slow.request(1));
        }

        void rebind() {
            for (int i = 0; i < 10; i++) {
                Disposable binding = router.bind(changing, i % 2 == 0 ? "a.0" : "#.1");
                binding.dispose();
            }
        }

        void check() {
            for (Consumer consumer : List.of(slow, twice)) {
                assertThat(consumer.breaches).as("seed %s", seed).isEmpty();
                for (int source = 0; source < 2; source++) {
                    int from = source * 1000;
                    assertThat(consumer.received.stream()
                                    .filter(n -> n / 1000 * 1000 == from)
                                    .toList())
                            .as("seed %s", seed)
                            .isEqualTo(range(source));
                }
                assertThat(consumer.received).hasSize(2 * PER_SOURCE);
            }
            assertThat(sometimes.breaches).as("seed %s", seed).isEmpty();
            assertThat(sometimes.received).as("seed %s", seed).doesNotHaveDuplicates();
            for (int source = 0; source < 2; source++) {
                int from = source * 1000;
                assertThat(sometimes.received.stream()
                                .filter(n -> n / 1000 * 1000 == from)
                                .toList())
                        .as("seed %s", seed)
                        .isSorted();
                assertThat(outcomes.get(source)).as("seed %s", seed).isEqualTo(range(source));
            }
            assertThat(router.bindings()).isEqualTo(3);
        }
    }

    private static final class Consumer extends BaseSubscriber<Integer> {

        final List<Integer> received = new ArrayList<>();
        final Queue<String> breaches = new ConcurrentLinkedQueue<>();

        private final List<Object> discarded;
        private final AtomicInteger inside = new AtomicInteger();

        Consumer(List<Object> discarded) {
            this.discarded = discarded;
        }

        @Override
        public Context currentContext() {
            return Operators.enableOnDiscard(Context.empty(), element -> {
                synchronized (discarded) {
                    discarded.add(element);
                }
            });
        }

        @Override
        protected void hookOnSubscribe(Subscription subscription) {
            // as the test asks
        }

        @Override
        protected void hookOnNext(Integer element) {
            if (inside.getAndIncrement() != 0) {
                breaches.add("two at a time: " + element);
            }
            received.add(element);
            inside.decrementAndGet();
        }
    }
}
