package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.operator.Routed.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.reactivestreams.Subscription;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;
import reactor.test.publisher.TestPublisher;
import reactor.util.context.Context;

/** Elements are routing keys unless a test says otherwise. */
@DisplayName("Router:")
class RouterTest {

    private final Router<String, String> topic = Router.topic(key -> key);

    /** Collects what a binding brings, with unbounded demand. */
    private static <T> List<T> collect(Flux<T> queue) {
        List<T> received = new ArrayList<>();
        queue.subscribe(received::add);
        return received;
    }

    private static List<String> route(Router<String, ?> router, String... keys) {
        List<String> outcomes = new ArrayList<>();
        Flux.just(keys)
                .transform(router::route)
                .subscribe(routed -> outcomes.add(routed.element() + " " + routed.outcome() + " " + routed.queues()));
        return outcomes;
    }

    @Test
    @DisplayName("R01 direct: a queue gets the elements of the equal key")
    void direct() {
        Router<String, String> router = Router.direct(key -> key);
        List<String> eu = collect(router.bind("eu"));
        List<String> us = collect(router.bind("us"));
        List<String> alsoEu = collect(router.bind("eu"));
        assertThat(route(router, "eu", "us", "asia", "e*"))
                .containsExactly("eu ROUTED 2", "us ROUTED 1", "asia UNROUTABLE 0", "e* UNROUTABLE 0");
        assertThat(eu).containsExactly("eu").isEqualTo(alsoEu);
        assertThat(us).containsExactly("us");
    }

    @Test
    @DisplayName("R01 topic: * is one word, # none or more")
    void topic() {
        List<String> eu = collect(topic.bind("orders.eu.#"));
        List<String> paid = collect(topic.bind("orders.*.paid"));
        List<String> all = collect(topic.bind("#"));
        route(topic, "orders.eu", "orders.eu.paid", "orders.us.paid", "orders.us.new.paid");
        assertThat(eu).containsExactly("orders.eu", "orders.eu.paid");
        assertThat(paid).containsExactly("orders.eu.paid", "orders.us.paid");
        assertThat(all).hasSize(4);
    }

    @Test
    @DisplayName("R01 fanout: every queue gets every element")
    void fanout() {
        Router<String, String> router = Router.fanout();
        List<String> one = collect(router.bind(""));
        List<String> other = collect(router.bind("whatever"));
        assertThat(route(router, "a", "b")).containsExactly("a ROUTED 2", "b ROUTED 2");
        assertThat(one).containsExactly("a", "b").isEqualTo(other);
    }

    @Test
    @DisplayName("R01 headers: any and all of them")
    void headers() {
        Router<Headers, Predicate<Headers>> router = Router.headers(headers -> headers);
        Predicate<Headers> pdf = headers -> "pdf".equals(headers.lastAsString("format"));
        Predicate<Headers> report = headers -> "report".equals(headers.lastAsString("type"));
        List<Headers> all = collect(router.bind(pdf.and(report)));
        List<Headers> any = collect(router.bind(pdf.or(report)));
        Headers both = Headers.of(Header.of("format", "pdf"), Header.of("type", "report"));
        Headers one = Headers.of(Header.of("format", "pdf"), Header.of("type", "log"));
        Flux.just(both, one, Headers.empty()).transform(router::route).subscribe();
        assertThat(all).containsExactly(both);
        assertThat(any).containsExactly(both, one);
    }

    @Test
    @DisplayName("R01 several bindings of one queue that match deliver once")
    void once() {
        RouterQueue<String> queue = topic.queue("all");
        topic.bind(queue, "orders.#");
        topic.bind(queue, "#.paid");
        topic.bind(queue, "orders.*.*");
        topic.bind(queue, "orders.#");
        assertThat(topic.bindings()).isEqualTo(4);
        assertThat(route(topic, "orders.eu.paid")).containsExactly("orders.eu.paid ROUTED 1");
        assertThat(collect(queue.asFlux())).containsExactly("orders.eu.paid");
        // with more queues than are looked through one by one
        IntStream.range(0, 50).forEach(i -> {
            RouterQueue<String> many = topic.queue("queue " + i);
            topic.bind(many, "many.#");
            topic.bind(many, "many.*");
        });
        assertThat(route(topic, "many.a")).containsExactly("many.a ROUTED 50");
    }

    @Test
    @DisplayName("R01 bindings come and go while elements are routed")
    void bindingsChange() {
        RouterQueue<String> queue = topic.queue("q");
        List<String> received = collect(queue.asFlux());
        Sinks.Many<String> source = Sinks.many().unicast().onBackpressureBuffer();
        List<Outcome> outcomes = new ArrayList<>();
        source.asFlux().transform(topic::route).subscribe(routed -> outcomes.add(routed.outcome()));
        source.tryEmitNext("a.1").orThrow();
        Disposable binding = topic.bind(queue, "a.*");
        source.tryEmitNext("a.2").orThrow();
        Disposable equal = topic.bind(queue, "a.*");
        binding.dispose();
        binding.dispose();
        assertThat(binding.isDisposed()).isTrue();
        source.tryEmitNext("a.3").orThrow();
        equal.dispose();
        source.tryEmitNext("a.4").orThrow();
        assertThat(received).containsExactly("a.2", "a.3");
        assertThat(outcomes).containsExactly(Outcome.UNROUTABLE, Outcome.ROUTED, Outcome.ROUTED, Outcome.UNROUTABLE);
        assertThat(topic.bindings()).isZero();
    }

    @Test
    @DisplayName("R01 a subscription of a binding is bound until it is cancelled")
    void boundWhileSubscribed() {
        Flux<String> binding = topic.bind("a");
        assertThat(topic.bindings()).isZero();
        List<String> received = new ArrayList<>();
        Disposable one = binding.subscribe(received::add);
        Disposable other = binding.subscribe(received::add);
        assertThat(topic.bindings()).isEqualTo(2);
        route(topic, "a");
        one.dispose();
        route(topic, "a");
        other.dispose();
        assertThat(route(topic, "a")).containsExactly("a UNROUTABLE 0");
        assertThat(received).hasSize(3);
        assertThat(topic.bindings()).isZero();
    }

    @Test
    @DisplayName("R02 what no queue is bound for is returned, and can be told from the rest")
    void mandatory() {
        collect(topic.bind("a"));
        List<String> returned = new ArrayList<>();
        Flux.just("a", "b", "c")
                .transform(topic::route)
                .filter(Routed::isUnroutable)
                .subscribe(routed -> returned.add(routed.element()));
        assertThat(returned).containsExactly("b", "c");
    }

    @Test
    @DisplayName("R02 an alternate router catches it first, and its alternate what it has no queue for")
    void alternate() {
        Router<String, String> last = Router.direct(key -> key);
        Router<String, String> second = Router.direct(key -> key, o -> o.alternate(last));
        Router<String, String> first =
                Router.topic(key -> key, o -> o.alternate(second).name("first"));
        List<String> a = collect(first.bind("a"));
        List<String> b = collect(second.bind("b"));
        List<String> alsoA = collect(second.bind("a"));
        List<String> c = collect(last.bind("c"));
        assertThat(route(first, "a", "b", "c", "d"))
                .containsExactly("a ROUTED 1", "b ALTERNATE 1", "c ALTERNATE 1", "d UNROUTABLE 0");
        assertThat(a).containsExactly("a");
        assertThat(b).containsExactly("b");
        assertThat(c).containsExactly("c");
        assertThat(alsoA).isEmpty();
    }

    @Test
    @DisplayName("a queue holds what comes before its consumer, under its policy")
    void queueHolds() {
        RouterQueue<String> latest = topic.queue("latest", Overflow.dropOldest(2));
        RouterQueue<String> first = topic.queue("first", Overflow.dropNewest(2));
        topic.bind(latest, "#");
        topic.bind(first, "#");
        assertThat(route(topic, "1", "2", "3")).allMatch(outcome -> outcome.endsWith("ROUTED 2"));
        assertThat(collect(latest.asFlux())).containsExactly("2", "3");
        List<String> received = collect(first.asFlux());
        route(topic, "4");
        assertThat(received).containsExactly("1", "2", "4");
        StepVerifier.create(first.asFlux()).verifyErrorMessage("the queue 'first' has a consumer already");
    }

    @Test
    @DisplayName("R01 a queue that withholds demand holds up the source, until there is room or the queue is gone")
    void blockHoldsUp() {
        RouterQueue<String> narrow = topic.queue("narrow", Overflow.block(2));
        topic.bind(narrow, "n.#");
        List<String> wide = collect(topic.bind("#"));
        TestPublisher<String> source = TestPublisher.create();
        List<String> routed = new ArrayList<>();
        source.flux().transform(topic::route).subscribe(r -> routed.add(r.element()));
        source.next("n.1", "n.2", "n.3", "w");
        assertThat(routed).containsExactly("n.1", "n.2");
        // another source is not held up, while it has nothing for that queue
        assertThat(route(topic, "other")).containsExactly("other ROUTED 1");

        List<String> received = new ArrayList<>();
        TestPublisher<Integer> gate = TestPublisher.create();
        narrow.asFlux().zipWith(gate.flux(), 1).subscribe(pair -> received.add(pair.getT1()));
        gate.next(1);
        source.next("n.4");
        assertThat(routed).startsWith("n.1", "n.2", "n.3", "w");
        gate.next(2, 3, 4);
        assertThat(received).containsExactly("n.1", "n.2", "n.3", "n.4");
        source.complete();
        assertThat(routed).containsExactly("n.1", "n.2", "n.3", "w", "n.4");
        assertThat(wide).containsExactly("n.1", "n.2", "n.3", "other", "w", "n.4");
    }

    @Test
    @DisplayName("R01 a queue that is gone holds nobody up, and what waits in it is let go")
    void goneQueue() {
        List<Object> discarded = new ArrayList<>();
        RouterQueue<String> narrow = topic.queue("narrow", Overflow.block(2));
        topic.bind(narrow, "#");
        Disposable consumer = narrow.asFlux()
                .concatMap(element -> Flux.<String>never(), 0)
                .contextWrite(context -> Operators.enableOnDiscard(context, discarded::add))
                .subscribe();
        List<String> outcomes = new ArrayList<>();
        Flux.just("1", "2", "3", "4", "5")
                .transform(topic::route)
                .subscribe(routed -> outcomes.add(routed.element() + " " + routed.outcome()));
        assertThat(outcomes).containsExactly("1 ROUTED", "2 ROUTED");
        consumer.dispose();
        assertThat(outcomes).containsExactly("1 ROUTED", "2 ROUTED", "3 UNROUTABLE", "4 UNROUTABLE", "5 UNROUTABLE");
        assertThat(narrow.isDisposed()).isTrue();
        assertThat(topic.bindings()).isZero();
        assertThat(discarded).containsExactly("2");
    }

    @Test
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    @DisplayName("R01 a queue that asks for a few lets its source go on by as many, and its consumer return")
    void heldUpAgain() {
        Router<Integer, String> router = Router.fanout();
        RouterQueue<Integer> queue = router.queue("q", Overflow.block(2));
        router.bind(queue, "");
        List<Integer> outcomes = new ArrayList<>();
        Flux.range(0, 100).transform(router::route).subscribe(routed -> outcomes.add(routed.element()));
        assertThat(outcomes).containsExactly(0, 1);
        List<Integer> received = new ArrayList<>();
        BaseSubscriber<Integer> consumer = new BaseSubscriber<>() {
            @Override
            protected void hookOnSubscribe(Subscription subscription) {}

            @Override
            protected void hookOnNext(Integer element) {
                received.add(element);
            }
        };
        queue.asFlux().subscribe(consumer);
        for (int asked = 2; asked <= 100; asked += 2) {
            consumer.request(2);
            assertThat(received).hasSize(asked);
            assertThat(outcomes).hasSize(Math.min(100, asked + 2));
        }
        assertThat(received).containsExactlyElementsOf(outcomes).isSorted();
    }

    @Test
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    @DisplayName("R01 a source that sends more than a queue can keep while its consumer is busy waits for it")
    void inboxFull() {
        Router<Integer, String> router = Router.fanout();
        List<Integer> received = new ArrayList<>();
        List<Integer> outcomes = new ArrayList<>();
        router.bind("", Function.identity()).subscribe(element -> {
            received.add(element);
            if (element == -1) {
                Flux.range(0, 2_000).transform(router::route).subscribe(routed -> outcomes.add(routed.element()));
                assertThat(outcomes).hasSize(RouteFeed.INBOX_MAX);
            }
        });
        Flux.just(-1).transform(router::route).subscribe();
        assertThat(outcomes).hasSize(2_000).isSorted();
        assertThat(received).hasSize(2_001).isSorted();
    }

    @Test
    @DisplayName("R01 two sources that a queue holds up take turns, however little it asks for")
    void heldUpInTurns() {
        Router<Integer, String> router = Router.fanout();
        List<Integer> received = new ArrayList<>();
        BaseSubscriber<Integer> consumer = new BaseSubscriber<>() {
            @Override
            protected void hookOnSubscribe(Subscription subscription) {}

            @Override
            protected void hookOnNext(Integer element) {
                received.add(element);
            }
        };
        router.bind("", Function.identity()).subscribe(consumer);
        Flux.range(0, 1_000).transform(router::route).subscribe();
        Flux.range(10_000, 1_000).transform(router::route).subscribe();
        for (int i = 0; i < 6; i++) {
            consumer.request(1);
        }
        assertThat(received).containsExactly(0, 10_000, 1, 10_001, 2, 10_002);
    }

    @Test
    @DisplayName("R01 a source that is held up waits once, however often its consumer asks")
    void waitsOnce() {
        RouteFeed<Integer> feed = new RouteFeed<>();
        List<Integer> woken = new ArrayList<>();
        Runnable one = () -> woken.add(1);
        Runnable other = () -> woken.add(2);
        feed.await(one);
        feed.await(other);
        feed.await(one);
        feed.request(1);
        assertThat(woken).containsExactly(1, 2);
        feed.await(one);
        feed.request(1);
        assertThat(woken).containsExactly(1, 2, 1);
    }

    @Test
    @DisplayName("R01 a source that is cancelled while it is held up is not kept by the queue that holds it up")
    void heldUpAndCancelled() {
        RouterQueue<String> full = topic.queue("full", Overflow.block(1));
        topic.bind(full, "#");
        assertThat(route(topic, "a")).containsExactly("a ROUTED 1");
        List<Disposable> heldUp = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            heldUp.add(topic.route(Flux.just("b")).subscribe());
        }
        assertThat(full.feed().waiting()).isEqualTo(3);
        heldUp.get(1).dispose();
        assertThat(full.feed().waiting()).isEqualTo(2);
        List<String> received = collect(full.asFlux());
        assertThat(received).containsExactly("a", "b", "b");
        assertThat(full.feed().waiting()).isZero();
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the policy fails")
    @DisplayName("a policy that fails is an error of its subscriber; nothing is bound by it, and nobody held up")
    void failedPolicy() {
        Flux<String> failing = topic.bind("#", flux -> {
            throw new IllegalStateException("no policy today");
        });
        StepVerifier.create(failing).verifyErrorMessage("no policy today");
        StepVerifier.create(topic.bind("#", flux -> nothing()))
                .verifyErrorMessage("the policy of a binding of the router returned null");
        assertThat(topic.bindings()).isZero();
        assertThat(route(topic, "a", "b")).containsExactly("a UNROUTABLE 0", "b UNROUTABLE 0");

        assertThatIllegalStateException()
                .isThrownBy(() -> topic.queue("q", flux -> {
                    throw new IllegalStateException("no policy today");
                }))
                .withMessage("no policy today");
        assertThatNullPointerException()
                .isThrownBy(() -> topic.queue("q", flux -> nothing()))
                .withMessage("the policy of the queue 'q' returned null");
    }

    @Test
    @DisplayName(
            "R02 a queue whose policy does not subscribe to it holds nobody up, and what only it would get comes back")
    void policyThatNeverSubscribes() {
        RouterQueue<String> idle = topic.queue("idle", queue -> Flux.never());
        topic.bind(idle, "#");
        Disposable never = topic.bind("#", queue -> Flux.never()).subscribe();
        List<String> others = collect(topic.bind("a"));
        assertThat(route(topic, "a", "b")).containsExactly("a ROUTED 1", "b UNROUTABLE 0");
        assertThat(others).containsExactly("a");
        never.dispose();
        idle.dispose();
        assertThat(topic.bindings()).isEqualTo(1);
    }

    @Test
    @DisplayName("R01 a queue takes elements from the subscription of its policy on, however late that comes")
    void policyThatSubscribesLate() {
        Sinks.Empty<String> gate = Sinks.empty();
        RouterQueue<String> late = topic.queue("late", queue -> queue.delaySubscription(gate.asMono()));
        topic.bind(late, "#");
        List<String> received = collect(late.asFlux());
        List<String> alsoReceived = collect(topic.bind("#", queue -> queue.delaySubscription(gate.asMono())));
        assertThat(route(topic, "1")).containsExactly("1 UNROUTABLE 0");
        assertThat(topic.bindings()).isEqualTo(1);
        gate.tryEmitEmpty().orThrow();
        assertThat(route(topic, "2")).containsExactly("2 ROUTED 2");
        assertThat(received).containsExactly("2").isEqualTo(alsoReceived);
        assertThat(topic.bindings()).isEqualTo(2);
    }

    @Test
    @DisplayName("a queue whose policy ends without having subscribed to it is gone, and its consumer is told")
    void policyThatEndsAtOnce() {
        RouterQueue<String> failed = topic.queue("q", queue -> Flux.error(new IllegalStateException("no disk")));
        assertThat(failed.isDisposed()).isTrue();
        topic.bind(failed, "#");
        assertThat(topic.bindings()).isZero();
        StepVerifier.create(failed.asFlux()).verifyErrorMessage("no disk");
        StepVerifier.create(topic.bind("#", queue -> Flux.empty())).verifyComplete();
        assertThat(topic.bindings()).isZero();
    }

    @Test
    @AllowDropped(
            value = Dropped.OPERATOR_ERROR,
            because = "the overflow of error is reported as Reactor reports its own")
    @DisplayName("a queue whose policy fails it is gone, and the others go on")
    void failedQueue() {
        RouterQueue<String> small = topic.queue("small", Overflow.error(1));
        topic.bind(small, "#");
        List<String> others = collect(topic.bind("#"));
        assertThat(route(topic, "1", "2", "3")).containsExactly("1 ROUTED 2", "2 ROUTED 2", "3 ROUTED 1");
        assertThat(others).containsExactly("1", "2", "3");
        StepVerifier.create(small.asFlux())
                .expectNext("1")
                .expectErrorMatches(Exceptions::isOverflow)
                .verify();
    }

    @Test
    @DisplayName("a queue that is disposed of delivers what waits, then ends")
    void disposedQueue() {
        RouterQueue<String> queue = topic.queue("q");
        topic.bind(queue, "#");
        route(topic, "1", "2");
        queue.dispose();
        assertThat(route(topic, "3")).containsExactly("3 UNROUTABLE 0");
        StepVerifier.create(queue.asFlux()).expectNext("1", "2").verifyComplete();
        RouterQueue<String> empty = topic.queue("empty");
        empty.dispose();
        StepVerifier.create(empty.asFlux(), 0).verifyComplete();
    }

    @Test
    @DisplayName("a closed router ends its queues, and takes no bindings")
    void close() {
        RouterQueue<String> queue = topic.queue("q");
        topic.bind(queue, "#");
        AtomicInteger ended = new AtomicInteger();
        topic.bind("a").doOnComplete(ended::incrementAndGet).subscribe();
        route(topic, "1");
        topic.close();
        StepVerifier.create(queue.asFlux()).expectNext("1").verifyComplete();
        assertThat(ended).hasValue(1);
        assertThat(topic.bindings()).isZero();
        assertThat(route(topic, "a")).containsExactly("a UNROUTABLE 0");
        assertThatIllegalStateException().isThrownBy(() -> topic.queue("x")).withMessage("the router is closed");
        assertThatIllegalStateException().isThrownBy(() -> topic.bind(queue, "x"));
        StepVerifier.create(topic.bind("a")).verifyErrorMessage("the router is closed");
    }

    @Test
    @DisplayName("no more is asked of the source than outcomes are requested, nor than 256 ahead")
    void demand() {
        collect(topic.bind("#"));
        List<Long> requests = new ArrayList<>();
        StepVerifier.create(
                        Flux.range(0, 2_000)
                                .map(String::valueOf)
                                .doOnRequest(requests::add)
                                .transform(topic::route),
                        0)
                .thenRequest(1)
                .expectNextCount(1)
                .thenRequest(3)
                .expectNextCount(3)
                .then(() -> assertThat(requests).containsExactly(1L, 3L))
                .thenRequest(Long.MAX_VALUE)
                .expectNextCount(1996)
                .verifyComplete();
        assertThat(requests).allMatch(n -> n <= 256);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the function of the routing key fails")
    @DisplayName("a routing key that is null or too long is an error of its source; others go on")
    void badKeys() {
        List<String> received = collect(topic.bind("#"));
        List<Object> discarded = new ArrayList<>();
        StepVerifier.create(Flux.just("a", "b".repeat(256), "c")
                        .transform(topic::route)
                        .map(Routed::element)
                        .contextWrite(Operators.enableOnDiscard(Context.empty(), discarded::add)))
                .expectNext("a")
                .verifyErrorSatisfies(error -> assertThat(error)
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageStartingWith("a routing key has at most 255 characters, but this has 256"));
        assertThat(discarded).containsExactly("b".repeat(256));
        Router<String, String> nulls = Router.topic(key -> nothing());
        StepVerifier.create(Flux.just("a").transform(nulls::route))
                .verifyErrorMessage("the routing key of an element is null");
        route(topic, "d");
        assertThat(received).containsExactly("a", "d");
    }

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // the point of the test
    private static <X> X nothing() {
        return null;
    }

    @Test
    @DisplayName("a consumer may route again into the router that it consumes from")
    void routeInsideConsumer() {
        List<String> received = new ArrayList<>();
        topic.bind("#").subscribe(key -> {
            received.add(key);
            if (key.length() < 5) {
                Flux.just(key + ".x").transform(topic::route).subscribe();
            }
        });
        route(topic, "a");
        assertThat(received).containsExactly("a", "a.x", "a.x.x");
    }

    @Test
    @DisplayName("an error of the source comes behind what it sent")
    void sourceFails() {
        RouterQueue<String> narrow = topic.queue("narrow", Overflow.block(1));
        topic.bind(narrow, "#");
        List<String> outcomes = new ArrayList<>();
        Flux.just("1", "2")
                .concatWith(Flux.error(new IllegalStateException("down")))
                .transform(topic::route)
                .subscribe(routed -> outcomes.add(routed.element()), error -> outcomes.add(error.getMessage()));
        assertThat(outcomes).containsExactly("1");
        collect(narrow.asFlux());
        assertThat(outcomes).containsExactly("1", "2", "down");
    }

    @Test
    @DisplayName("a cancelled source lets go what is held up")
    void cancelHeldUp() {
        List<Object> discarded = new ArrayList<>();
        topic.bind(topic.queue("narrow", Overflow.block(1)), "#");
        TestPublisher<String> source = TestPublisher.create();
        Disposable routing = source.flux()
                .transform(topic::route)
                .contextWrite(Operators.enableOnDiscard(Context.empty(), discarded::add))
                .subscribe();
        source.next("1", "2", "3");
        routing.dispose();
        source.assertCancelled();
        assertThat(discarded).containsExactly("2", "3");
    }

    @Test
    @DisplayName("scan tells the name; arguments are checked")
    void scanAndArguments() {
        Router<String, String> named = Router.topic(key -> key, o -> o.name("orders"));
        assertThat(Scannable.from(Flux.just("a").transform(named::route)).name())
                .isEqualTo("orders");
        assertThat(named).hasToString("the router 'orders' with 0 bindings");
        assertThat(named.queue("eu")).hasToString("queue 'eu'");
        assertThatIllegalArgumentException().isThrownBy(() -> named.bind("a.b*"));
        assertThatIllegalArgumentException().isThrownBy(() -> named.bind(named.queue("q"), "a.b*"));
        assertThat(named.bindings()).isZero();
        assertThatNullPointerException()
                .isThrownBy(() -> named.queue(nothing()))
                .withMessage("name");
    }
}
