package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/** Two routes offer, of which the second's thread also asks for elements, and ends or cancels the queue: a thousand times a meeting within nanoseconds. */
@DisplayName("The beginning of a queue under race:")
class RouteFeedRaceTest {

    private static final long SEED = Long.getLong("reactivemq.seed", 20_261_122);
    private static final int ROUNDS = Integer.getInteger("reactivemq.rounds", 4_000);
    private static final int PER_ROUTE = 12;

    private enum End {
        NONE,
        COMPLETE,
        CANCEL
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "R01 what is taken is delivered or let go, once and one at a time; nobody waits for room that there is, or for a queue that is gone:")
    void offersAgainst(End end) {
        SplittableRandom random = new SplittableRandom(SEED);
        List<Round> rounds = Stream.generate(() -> new Round(random.split(), end))
                .limit(ROUNDS)
                .toList();
        Duel.fight(rounds, round -> round.one.go(), Round::askAndEnd);
        for (int i = 0; i < ROUNDS; i++) {
            rounds.get(i).settle("-Dreactivemq.seed=" + SEED + ", round " + i);
        }
    }

    /** As {@code FluxRoute} offers: one that finds no room waits to be woken, and goes on from there. */
    private static final class Route {

        final List<Integer> taken = new ArrayList<>();
        final List<Integer> refused = new ArrayList<>();

        private final RouteFeed<Integer> feed;
        private final Runnable wakeUp = this::go;
        private final AtomicInteger wip = new AtomicInteger();
        private final int from;
        private int next;

        Route(RouteFeed<Integer> feed, int from) {
            this.feed = feed;
            this.from = from;
        }

        void go() {
            if (wip.getAndIncrement() != 0) {
                return;
            }
            int missed = 1;
            do {
                while (next < PER_ROUTE && offer(from + next)) {
                    next++;
                }
                missed = wip.addAndGet(-missed);
            } while (missed != 0);
        }

        private boolean offer(int element) {
            RouteFeed.Offer offer = feed.offer(element);
            if (offer == RouteFeed.Offer.FULL) {
                feed.await(wakeUp);
                offer = feed.offer(element);
            }
            switch (offer) {
                case TAKEN -> taken.add(element);
                case REFUSED -> refused.add(element);
                case FULL -> {
                    return false;
                }
            }
            return true;
        }

        boolean isThrough() {
            return next == PER_ROUTE;
        }
    }

    private static final class Round implements CoreSubscriber<Integer> {

        final RouteFeed<Integer> feed = new RouteFeed<>();
        final Route one = new Route(feed, 0);
        final Route other = new Route(feed, 100);

        private final Queue<Integer> received = new ConcurrentLinkedQueue<>();
        private final Queue<Object> discarded = new ConcurrentLinkedQueue<>();
        private final Queue<String> breaches = new ConcurrentLinkedQueue<>();
        private final AtomicInteger inside = new AtomicInteger();
        private final AtomicInteger completions = new AtomicInteger();
        private final Context context = Operators.enableOnDiscard(Context.empty(), discarded::add);
        private final SplittableRandom random;
        private final End end;

        /** Written by one side, which is done before it is read. */
        private long asked;

        Round(SplittableRandom random, End end) {
            this.random = random;
            this.end = end;
            feed.subscribe(this);
        }

        void askAndEnd() {
            int requests = random.nextInt(1, 6);
            int offersBefore = random.nextInt(requests + 1);
            for (int i = 0; i < requests; i++) {
                if (i == offersBefore) {
                    other.go();
                }
                int n = random.nextInt(1, 5);
                asked += n;
                feed.request(n);
            }
            switch (end) {
                case NONE -> other.go();
                case COMPLETE -> feed.complete();
                case CANCEL -> feed.cancel();
            }
        }

        void settle(String replay) {
            assertThat(received).as(replay).hasSizeLessThanOrEqualTo((int) asked);
            if (end == End.NONE) {
                assertThat(received).as(replay).hasSize((int) Math.min(asked, 2 * PER_ROUTE));
            }
            other.go();
            feed.request(Long.MAX_VALUE);
            assertThat(breaches).as(replay).isEmpty();
            assertThat(one.isThrough() && other.isThrough())
                    .as("%s: nobody waits", replay)
                    .isTrue();
            assertThat(IntStream.concat(
                                    received.stream().mapToInt(n -> n),
                                    discarded.stream().mapToInt(n -> (Integer) n))
                            .boxed())
                    .as(replay)
                    .containsExactlyInAnyOrderElementsOf(Stream.concat(one.taken.stream(), other.taken.stream())
                            .toList());
            for (Route route : List.of(one, other)) {
                assertThat(received.stream().filter(n -> n / 100 * 100 == route.from))
                        .as(replay)
                        .isSorted();
            }
            assertThat(completions).as(replay).hasValue(end == End.COMPLETE ? 1 : 0);
            if (end != End.CANCEL) {
                assertThat(discarded).as(replay).isEmpty();
            }
        }

        @Override
        public Context currentContext() {
            return context;
        }

        @Override
        public void onSubscribe(Subscription subscription) {
            // asks as the test says
        }

        @Override
        public void onNext(Integer element) {
            if (inside.getAndIncrement() != 0) {
                breaches.add("two at a time: " + element);
            }
            if (completions.get() != 0) {
                breaches.add("behind the end: " + element);
            }
            received.add(element);
            inside.decrementAndGet();
        }

        @Override
        public void onError(Throwable failure) {
            breaches.add("failed: " + failure);
        }

        @Override
        public void onComplete() {
            completions.incrementAndGet();
        }
    }
}
