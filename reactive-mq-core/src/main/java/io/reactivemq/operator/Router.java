package io.reactivemq.operator;

import io.micrometer.core.instrument.MeterRegistry;
import io.reactivemq.Headers;
import io.reactivemq.MqRuntime;
import io.reactivemq.metrics.BufferMeter;
import io.reactivemq.metrics.Metering;
import io.reactivemq.metrics.RouterMeter;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;

/**
 * Sends each element to the queues that are bound for it, as an exchange of AMQP does; bindings come and go while it runs:
 *
 * <pre>{@code
 * Router<Order, String> router = Router.topic(Order::routingKey);
 * Flux<Order> eu = router.bind("orders.eu.#");                       // bound while it is subscribed
 *
 * RouterQueue<Order> audit = router.queue("audit", Overflow.dropOldest(4096));
 * Disposable binding = router.bind(audit, "orders.*.paid");           // dispose() unbinds
 * router.bind(audit, "refunds.#");
 *
 * orders.transform(router::route)                                     // an outcome for each
 *         .filter(Routed::isUnroutable)
 *         .subscribe(this::returned);
 * }</pre>
 *
 * <p><img src="doc-files/router.svg" alt="elements go to the queues whose binding matches">
 *
 * <p><b>Kinds.</b> {@link #direct}: the routing key equals the binding's. {@link #topic}: the binding is a pattern of words with dots between
 * them, {@code *} for one word, {@code #} for none or more. {@link #fanout}: every queue. {@link #headers}: the binding is a predicate
 * over headers, see {@link Filters} ({@code and} is AMQP's x-match all, {@code or} its any).
 *
 * <p><b>Delivery.</b> A queue gets an element once, however many of its bindings match. Each queue gets the elements of one source in the
 * source's order. An element that no queue takes goes to the alternate router, if there is one; what finds no queue there either is
 * returned in its outcome ({@link Routed#isUnroutable}), so every element is published as AMQP's mandatory ones are.
 *
 * <p><b>Overflow.</b> A queue has a policy: any {@code Function<Flux<T>, Flux<T>>}, {@link Overflow} foremost. With one that
 * withholds demand, such as {@code Overflow.block}, a queue without room holds up the sources that have an element for it;
 * other sources go on. With one that drops, nobody waits. If nothing is said it is {@code Overflow.block} with {@link
 * #QUEUE_CAPACITY} elements. A queue takes nothing before its policy has subscribed to it, which {@link Overflow}'s do at once: until then its
 * bindings are as if they were not there, so one that never subscribes holds up nobody, and what only it would have got is returned as
 * unroutable.
 *
 * <p><b>Demand.</b> The source is asked for no more elements than outcomes are requested, and for no more than 256 ahead.
 *
 * <p><b>Discard.</b> An element belongs to each of the queues that took it; one that was returned, to the receiver of its outcome. What a
 * cancellation finds between source and queues goes to the discard hook.
 *
 * <p><b>Threads.</b> Safe for use by many. Elements are handed to a queue's policy on the thread that brings them, or on another
 * that is just delivering to the same queue, one at a time.
 *
 * @param <T> the elements
 * @param <B> what a queue is bound by
 */
public final class Router<T, B> {

    /** The capacity of a queue whose policy nobody has chosen. */
    public static final int QUEUE_CAPACITY = 1024;

    /** The longest routing key, and the longest pattern of a topic binding, in characters. */
    public static final int KEY_LENGTH_MAX = TopicTrie.KEY_LENGTH_MAX;

    private final RouteTable<T, B> table;
    private final @Nullable String name;
    private final @Nullable MeterRegistry meterRegistry;
    private final @Nullable Router<T, ?> alternate;
    private final Set<RouteFeed<T>> queues = ConcurrentHashMap.newKeySet();
    private final AtomicInteger bindings = new AtomicInteger();
    private volatile boolean closed;

    private Router(RouteTable<T, B> table, Consumer<Options<T>> configure) {
        Options<T> options = new Options<>();
        configure.accept(options);
        this.table = table;
        this.name = options.name;
        this.meterRegistry = options.meterRegistry;
        this.alternate = options.alternate;
    }

    /** A queue is bound by a routing key, and gets the elements of that key. */
    public static <T> Router<T, String> direct(Function<? super T, String> routingKey) {
        return direct(routingKey, options -> {});
    }

    /** {@link #direct(Function)} with options. */
    public static <T> Router<T, String> direct(Function<? super T, String> routingKey, Consumer<Options<T>> options) {
        return new Router<>(new RouteTable.Direct<>(Objects.requireNonNull(routingKey, "routingKey")), options);
    }

    /**
     * A queue is bound by a pattern: {@code orders.*.paid}, {@code orders.eu.#}. Matching takes time by the words of a key, not by
     * the number of bindings. A key of more than {@link #KEY_LENGTH_MAX} characters is an error of the source.
     */
    public static <T> Router<T, String> topic(Function<? super T, String> routingKey) {
        return topic(routingKey, options -> {});
    }

    /** {@link #topic(Function)} with options. */
    public static <T> Router<T, String> topic(Function<? super T, String> routingKey, Consumer<Options<T>> options) {
        return new Router<>(new RouteTable.Topic<>(Objects.requireNonNull(routingKey, "routingKey")), options);
    }

    /** Every queue that is bound gets every element; what it is bound by does not matter, and is {@code ""} by custom. */
    public static <T> Router<T, String> fanout() {
        return fanout(options -> {});
    }

    /** {@link #fanout()} with options. */
    public static <T> Router<T, String> fanout(Consumer<Options<T>> options) {
        return new Router<>(new RouteTable.Fanout<>(), options);
    }

    /** A queue is bound by a predicate over headers. Each binding is tried. */
    public static <T> Router<T, Predicate<Headers>> headers(Function<? super T, Headers> headers) {
        return headers(headers, options -> {});
    }

    /** {@link #headers(Function)} with options. */
    public static <T> Router<T, Predicate<Headers>> headers(
            Function<? super T, Headers> headers, Consumer<Options<T>> options) {
        return new Router<>(new RouteTable.ByHeaders<>(Objects.requireNonNull(headers, "headers")), options);
    }

    /** A queue that is bound to nothing yet, with the default policy. */
    public RouterQueue<T> queue(String name) {
        return queue(name, defaultPolicy(Objects.requireNonNull(name, "name")));
    }

    private Function<Flux<T>, Flux<T>> defaultPolicy(@Nullable String queue) {
        return Overflow.block(QUEUE_CAPACITY, options -> {
            if (queue != null) {
                options.name(queue);
            }
            if (meterRegistry != null) {
                options.meterRegistry(meterRegistry);
            }
        });
    }

    /**
     * A queue that is bound to nothing yet.
     *
     * @param name for messages
     * @param policy what becomes of elements that its consumer has not requested
     */
    public RouterQueue<T> queue(String name, Function<Flux<T>, Flux<T>> policy) {
        requireOpen();
        RouterQueue<T> queue =
                new RouterQueue<>(Objects.requireNonNull(name, "name"), Objects.requireNonNull(policy, "policy"));
        own(queue.feed());
        return queue;
    }

    /**
     * Binds a queue, of this router or another. Bindings count: after two equal ones, both have to go for the queue to be unbound.
     *
     * @return unbinds when disposed of; does so by itself when the queue is gone
     */
    public Disposable bind(RouterQueue<T> queue, B binding) {
        requireOpen();
        return new Binding(queue.feed(), binding);
    }

    /** What comes under a binding, with the default policy: see {@link #bind(Object, Function)}. */
    public Flux<T> bind(B binding) {
        return bind(binding, defaultPolicy(name));
    }

    /**
     * What comes under a binding. Each subscriber has a queue of its own, bound from its subscription (and the policy's to the
     * queue) until it cancels.
     *
     * @param policy what becomes of elements that the subscriber has not requested; one that fails is an error of its subscriber
     */
    public Flux<T> bind(B binding, Function<Flux<T>, Flux<T>> policy) {
        Objects.requireNonNull(policy, "policy");
        table.check(binding);
        return new Flux<T>() {
            @Override
            public void subscribe(CoreSubscriber<? super T> actual) {
                if (closed) {
                    Operators.error(actual, closedException());
                    return;
                }
                // not before the policy subscribes: what is bound and asks for nothing holds up every source
                RouteFeed<T> feed = new RouteFeed<>(subscribed -> {
                    own(subscribed);
                    new Binding(subscribed, binding);
                });
                Flux<T> queue;
                try {
                    queue = Objects.requireNonNull(
                            policy.apply(feed), () -> "the policy of a binding of " + describe() + " returned null");
                } catch (Throwable failure) {
                    feed.cancel();
                    Operators.error(actual, Operators.onOperatorError(failure, actual.currentContext()));
                    return;
                }
                queue.subscribe(actual);
            }
        };
    }

    /**
     * Routes each element of a source, and tells of each where it went, in order. Any number of sources may be routed at a
     * time; each is subscribed when its outcomes are.
     */
    public Flux<Routed<T>> route(Publisher<? extends T> source) {
        return new FluxRoute<>(Flux.from(source), this);
    }

    /** How many bindings there are. */
    public int bindings() {
        return bindings.get();
    }

    /** Ends the queues that it has made: their consumers get what waits, then the end. From then on nothing is bound. */
    public void close() {
        closed = true;
        queues.forEach(RouteFeed::complete);
    }

    private void requireOpen() {
        if (closed) {
            throw closedException();
        }
    }

    private IllegalStateException closedException() {
        return new IllegalStateException(describe() + " is closed");
    }

    private void own(RouteFeed<T> feed) {
        queues.add(feed);
        feed.onGone(() -> queues.remove(feed));
        if (closed) {
            feed.complete();
        }
    }

    void match(T element, RouteMatches<T> matches) {
        table.match(element, matches);
    }

    @Nullable Router<T, ?> alternate() {
        return alternate;
    }

    Metering metering() {
        return new Metering("router", name, meterRegistry, null, MqRuntime.system());
    }

    @Nullable String name() {
        return name;
    }

    String describe() {
        return name == null ? "the router" : "the router '" + name + "'";
    }

    @Override
    public String toString() {
        return describe() + " with " + bindings + " bindings";
    }

    /** One binding of one queue, until it is disposed of or the queue is gone. */
    private final class Binding implements Disposable {

        private final RouteFeed<T> feed;
        private final B binding;
        private final AtomicBoolean removed = new AtomicBoolean();
        private final Runnable onGone = this::dispose;

        Binding(RouteFeed<T> feed, B binding) {
            this.feed = feed;
            this.binding = binding;
            table.add(binding, feed);
            bindings.incrementAndGet();
            feed.onGone(onGone);
        }

        @Override
        public void dispose() {
            if (removed.compareAndSet(false, true)) {
                table.remove(binding, feed);
                bindings.decrementAndGet();
                feed.notOnGone(onGone);
            }
        }

        @Override
        public boolean isDisposed() {
            return removed.get();
        }
    }

    /** What can be said about a router besides its kind. */
    public static final class Options<T> {

        private @Nullable String name;
        private @Nullable MeterRegistry meterRegistry;
        private @Nullable Router<T, ?> alternate;

        private Options() {}

        /** How the router is called in error messages, in {@code Scannable.name()} and in the tags of its meters. */
        public Options<T> name(String name) {
            this.name = Objects.requireNonNull(name, "name");
            return this;
        }

        /**
         * Where the meters of {@link RouterMeter} are registered while there are sources, and those of {@link BufferMeter} for queues of the default
         * policy: under the name of a queue that has one, else the router's. Without a registry there are none. A policy that is given has
         * meters as its own options say.
         */
        public Options<T> meterRegistry(MeterRegistry registry) {
            this.meterRegistry = Objects.requireNonNull(registry, "registry");
            return this;
        }

        /** Gets what finds no queue here, before it is returned as unroutable. It may have an alternate itself. */
        public Options<T> alternate(Router<T, ?> router) {
            this.alternate = Objects.requireNonNull(router, "router");
            return this;
        }
    }
}
