package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.reactivemq.assign.Assignors;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.TestFactory;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Every operator, while its source emits on one thread, and the consumer requests, cancels, or both on another, and the source ends
 * well or badly: each element is emitted, discarded or dropped, exactly once. A new operator gets a row. What elements become that
 * are written to files, and those given to a sink, which is no operator, their own tests account for.
 */
class NothingLeaksTest {

    private static final long SEED = Long.getLong("reactivemq.seed", 20_261_122);
    private static final int ROUNDS = 400;
    private static final int ELEMENTS = 64;

    /**
     * An operator.
     *
     * @param operator applied to a source; what it hands to a user's function, whose it is from then on, goes to the account
     */
    private record Row(String name, BiFunction<Flux<Integer>, Account, Flux<?>> operator) {}

    private static Stream<Row> rows() {
        return Stream.of(
                new Row("Overflow.dropOldest", (source, a) -> source.transform(Overflow.dropOldest(4))),
                new Row("Overflow.dropNewest", (source, a) -> source.transform(Overflow.dropNewest(4))),
                new Row("Overflow.error", (source, a) -> source.transform(Overflow.error(4))),
                new Row("Overflow.block", (source, a) -> source.transform(Overflow.block(4))),
                new Row("Overflow.conflate", (source, a) -> source.transform(Overflow.conflate(e -> e % 3, 2))),
                new Row("Overflow.sink", (source, a) -> emitted(source, a, Overflow.sink(4))),
                new Row(
                        "Overflow.sink, oldest dropped",
                        (source, a) ->
                                emitted(source, a, Overflow.sink(4, o -> o.strategy(OverflowStrategy.DROP_OLDEST)))),
                new Row(
                        "Overflow.sink that blocks",
                        (source, a) -> emitted(source, a, Overflow.sink(4, o -> o.strategy(OverflowStrategy.BLOCK)))),
                new Row(
                        "Overflow.sink that fails",
                        (source, a) -> emitted(source, a, Overflow.sink(4, o -> o.strategy(OverflowStrategy.ERROR)))),
                new Row(
                        "Overflow.sink that conflates",
                        (source, a) -> emitted(source, a, Overflow.sink(2, o -> o.conflate(e -> e % 3)))),
                new Row("Batch", (source, a) -> source.transform(Batch.bySizeOrTime(5, Duration.ofDays(1)))),
                new Row(
                        "Batch by weight, several ahead",
                        (source, a) -> source.transform(
                                Batch.bySizeOrTime(5, 20, e -> e % 9, Duration.ofDays(1), o -> o.prefetch(16)))),
                new Row(
                        "KeyOrdered",
                        (source, a) -> source.transform(KeyOrdered.flatMap(
                                e -> e % 3,
                                e -> {
                                    a.accept(e);
                                    return Mono.<Integer>empty();
                                },
                                2))),
                new Row(
                        "KeyOrdered with results",
                        (source, a) -> source.transform(KeyOrdered.<Integer, Integer>flatMap(
                                e -> e % 3,
                                e -> e % 2 == 0 ? Mono.just(e) : Flux.just(e).hide(),
                                2))),
                new Row(
                        "KeyOrdered with results, a few waiting, errors delayed",
                        (source, a) -> source.transform(KeyOrdered.<Integer, Integer>flatMap(
                                e -> e % 3,
                                e -> Flux.just(e).hide(),
                                2,
                                o -> o.maxWaiting(4).prefetch(1).delayErrors()))),
                new Row("Idempotent", (source, a) -> source.transform(Idempotent.by(e -> e % 7, 3))),
                new Row(
                        "Idempotent with a store",
                        (source, a) ->
                                source.transform(Idempotent.by(e -> e % 7, IdempotentStore.<Integer>inMemory(3)))),
                new Row(
                        "Idempotent.apply",
                        (source, a) -> source.transform(Idempotent.<Integer, Integer, Integer>apply(
                                e -> e % 7,
                                IdempotentStore.inMemory(3),
                                e -> e % 2 == 0 ? Mono.just(e) : Mono.just(e).hide(),
                                2))),
                new Row("Router", (source, a) -> Router.<Integer>fanout().route(source)),
                new Row("Router.queue that holds up", (source, a) -> queued(source, a, Overflow.block(4))),
                new Row("Router.queue, oldest dropped", (source, a) -> queued(source, a, Overflow.dropOldest(4))),
                new Row("Router.queue without a policy", (source, a) -> queued(source, a, Function.identity())),
                new Row("Router.bind", (source, a) -> {
                    Router<Integer, String> router = Router.fanout();
                    route(source, a, router, router::close);
                    return router.bind("", Overflow.block(4));
                }),
                new Row(
                        "Router.bind, what finds it gone comes back",
                        (source, a) -> routed(Router.fanout(), source, a)),
                new Row("PartitionedFlux", (source, a) -> ofOneLane(source, lanes -> lanes.lane(0))),
                new Row(
                        "ConsumerGroup",
                        (source, a) -> ofOneLane(
                                source, lanes -> lanes.group(Assignors.range()).join("a", lane -> lane))));
    }

    /** What comes out of a queue; what finds it gone comes back to who published it. */
    private static Flux<Integer> routed(Router<Integer, String> router, Flux<Integer> source, Account account) {
        Flux<Integer> queue = router.bind("", Overflow.block(4));
        return Flux.from(consumer -> {
            queue.subscribe(consumer);
            source.transform(router::route)
                    .filter(Routed::isUnroutable)
                    .subscribe(returned -> account.accept(returned.element()), failure -> {});
        });
    }

    /** What a lane holds is for the next who joins; so it is let go only with the connection. */
    private static Flux<Integer> ofOneLane(
            Flux<Integer> source, Function<PartitionedFlux<Integer>, Flux<Integer>> join) {
        PartitionedFlux<Integer> lanes = PartitionedFlux.by(source, e -> e, 1).autoConnect(1);
        return join.apply(lanes).doFinally(end -> lanes.connect().dispose());
    }

    private static Flux<Integer> queued(
            Flux<Integer> source, Account account, Function<Flux<Integer>, Flux<Integer>> policy) {
        Router<Integer, String> router = Router.fanout();
        RouterQueue<Integer> queue = router.queue("q", policy);
        router.bind(queue, "");
        route(source, account, router, queue::dispose);
        return queue.asFlux();
    }

    /** What no queue takes any more goes to the account. */
    private static void route(Flux<Integer> source, Account account, Router<Integer, String> router, Runnable end) {
        router.route(source)
                .subscribe(
                        routed -> {
                            if (routed.isUnroutable()) {
                                account.accept(routed);
                            }
                        },
                        failure -> end.run(),
                        end);
    }

    /** What the sink gives back goes to the account, too. */
    private static Flux<Integer> emitted(Flux<Integer> source, Account account, OverflowSink<Integer> sink) {
        source.subscribe(
                element -> {
                    if (sink.emit(element).isReturned()) {
                        account.accept(element);
                    }
                },
                sink::tryError,
                sink::tryComplete);
        return sink.asFlux();
    }

    /** What the consumer does while the source emits. */
    private enum Race {
        CANCEL,
        REQUEST,
        REQUEST_AND_CANCEL
    }

    /** How the source ends. */
    private enum End {
        COMPLETE,
        ERROR,
        NONE
    }

    @TestFactory
    @AllowDropped(
            value = {Dropped.OPERATOR_ERROR, Dropped.ERROR},
            because = "buffers overflow, and sources fail behind a cancellation")
    Stream<DynamicContainer> everyElementIsAccountedFor() {
        return rows().map(row -> dynamicContainer(
                row.name(),
                Stream.of(Race.values())
                        .flatMap(race -> Stream.of(End.values())
                                .map(end -> dynamicTest(race + " while the source emits, end: " + end, () -> {
                                    race(row, race, end);
                                })))));
    }

    private static void race(Row row, Race race, End end) {
        List<Round> rounds = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(SEED);
        for (int i = 0; i < ROUNDS; i++) {
            rounds.add(new Round(row, random.split()));
        }
        Duel.fight(rounds, round -> round.emit(end), round -> round.consume(race));
        for (int i = 0; i < ROUNDS; i++) {
            rounds.get(i).settle();
            rounds.get(i).assertAccounted(i);
        }
    }

    /** How often each element was seen to leave. */
    private static final class Account implements Consumer<Object> {

        private final AtomicIntegerArray left = new AtomicIntegerArray(ELEMENTS);

        @Override
        public void accept(Object value) {
            if (value instanceof Collection<?> several) {
                several.forEach(this);
            } else if (value instanceof Routed<?> routed) {
                accept(routed.element());
            } else {
                left.incrementAndGet((Integer) value);
            }
        }
    }

    private static final class Round implements CoreSubscriber<Object> {

        private final Account account = new Account();
        private final Source source = new Source();
        private final SplittableRandom random;
        private volatile boolean cancelled;

        @SuppressWarnings("NullAway.Init") // by onSubscribe, first of all
        private Subscription subscription;

        Round(Row row, SplittableRandom random) {
            this.random = random;
            row.operator().apply(source, account).subscribe(this);
        }

        void emit(End end) {
            source.emit(end);
        }

        void consume(Race race) {
            int requests = race == Race.CANCEL ? 0 : 1 + random.nextInt(20);
            for (int i = 0; i < requests; i++) {
                subscription.request(1 + random.nextInt(8));
            }
            if (race != Race.REQUEST) {
                cancel();
            }
        }

        private void cancel() {
            cancelled = true;
            subscription.cancel();
        }

        /** What waits for demand or for the end is let go. */
        void settle() {
            if (!cancelled) {
                cancel();
            }
        }

        void assertAccounted(int round) {
            for (int element = 0; element < source.produced; element++) {
                assertThat(account.left.get(element))
                        .as("element %d of %d, round %d, seed %d", element, source.produced, round, SEED)
                        .isEqualTo(1);
            }
        }

        @Override
        public Context currentContext() {
            // as Reactor's own operators look for it: hooks of one subscription
            return Operators.enableOnDiscard(Context.of("reactor.onNextDropped.local", account), account);
        }

        @Override
        public void onSubscribe(Subscription s) {
            subscription = s;
        }

        @Override
        public void onNext(Object value) {
            account.accept(value);
        }

        @Override
        public void onError(Throwable failure) {}

        @Override
        public void onComplete() {}
    }

    /** Emits as much as is asked for, as a well-behaved source. */
    private static final class Source extends Flux<Integer> implements Subscription {

        private final AtomicLong requested = new AtomicLong();
        private volatile boolean cancelled;
        private int produced;

        @SuppressWarnings("NullAway.Init") // by subscribe, first of all
        private CoreSubscriber<? super Integer> subscriber;

        @Override
        public void subscribe(CoreSubscriber<? super Integer> actual) {
            subscriber = actual;
            actual.onSubscribe(this);
        }

        void emit(End end) {
            int idle = 0;
            while (produced < ELEMENTS && !cancelled && idle < 1_000) {
                if (produced < requested.get()) {
                    idle = 0;
                    int element = produced;
                    produced++;
                    subscriber.onNext(element);
                } else {
                    idle++;
                    Thread.onSpinWait();
                }
            }
            switch (end) {
                case COMPLETE -> subscriber.onComplete();
                case ERROR -> subscriber.onError(new IllegalStateException("as the test says"));
                case NONE -> {}
            }
        }

        @Override
        public void request(long n) {
            requested.accumulateAndGet(n, Operators::addCap);
        }

        @Override
        public void cancel() {
            cancelled = true;
        }
    }
}
