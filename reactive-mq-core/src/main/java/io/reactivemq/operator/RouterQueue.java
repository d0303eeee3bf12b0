package io.reactivemq.operator;

import java.util.Objects;
import java.util.function.Function;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;

/**
 * A queue of a {@link Router}: takes the elements of all its bindings, each once, from its creation on, and holds them under its
 * overflow policy until its consumer comes. A policy that puts off its own subscription puts off this, too: until then the queue takes
 * nothing.
 *
 * <p>It has one consumer in its life. When that cancels, or the policy ends it, the queue is gone: its bindings are
 * removed and what waits is let go, by the consumer's discard hook. What is let go before there is a consumer has none to be
 * told.
 *
 * <p>Safe for use by many threads.
 */
public final class RouterQueue<T> implements Disposable {

    private final String name;
    private final RouteFeed<T> feed;
    private final RouterQueueOutlet<T> outlet;

    RouterQueue(String name, Function<Flux<T>, Flux<T>> policy) {
        this.name = name;
        this.feed = new RouteFeed<>();
        this.outlet = new RouterQueueOutlet<>(name, feed::policyEnded);
        Objects.requireNonNull(policy.apply(feed), () -> "the policy of the queue '" + name + "' returned null")
                .subscribe(outlet);
    }

    /** As given when it was made. */
    public String name() {
        return name;
    }

    /** What the queue takes, for one subscriber; a second one gets an {@link IllegalStateException}. */
    public Flux<T> asFlux() {
        return outlet;
    }

    /** Takes no more elements and loses its bindings; its consumer gets what waits, then the end. */
    @Override
    public void dispose() {
        feed.complete();
    }

    @Override
    public boolean isDisposed() {
        return feed.isGone();
    }

    RouteFeed<T> feed() {
        return feed;
    }

    @Override
    public String toString() {
        return "queue '" + name + "'";
    }
}
