package io.reactivemq.consume;

import io.reactivemq.broker.Broker;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Scannable;
import reactor.core.publisher.Operators;

/**
 * What the outputs have in common: demand from any thread, and the loop behind it.
 *
 * @param <T> what is emitted
 */
abstract class OutputSubscription<T> implements Subscription, Output, Scannable {

    @SuppressWarnings("rawtypes")
    private static final AtomicLongFieldUpdater<OutputSubscription> REQUESTED =
            AtomicLongFieldUpdater.newUpdater(OutputSubscription.class, "requested");

    final CoreSubscriber<? super T> actual;
    final ConsumeLoop loop;

    // raised by any thread, lowered by the worker
    private volatile long requested;

    OutputSubscription(
            CoreSubscriber<? super T> actual,
            Broker broker,
            ReceiverOptions<?, ?> options,
            Subscriptions subscriptions) {
        this(actual, broker, options, Set.of(), subscriptions);
    }

    /** @param furtherTopics what is read besides the topics of the options */
    @SuppressWarnings("this-escape") // the loop calls back only after it has been started
    OutputSubscription(
            CoreSubscriber<? super T> actual,
            Broker broker,
            ReceiverOptions<?, ?> options,
            Set<String> furtherTopics,
            Subscriptions subscriptions) {
        this.actual = actual;
        this.loop = new ConsumeLoop(broker, options, furtherTopics, subscriptions, this);
    }

    /** Starts, or turns the subscriber away where another one is active. */
    final void begin(ReceiverOptions<?, ?> options, Subscriptions subscriptions) {
        if (!subscriptions.begin(loop)) {
            loop.events().close();
            Operators.error(
                    actual,
                    new IllegalStateException(options + " has an active subscription, and a Receiver has one at a time:"
                            + " cancel or drain it first, or create a second Receiver with Receiver.on(..)"));
            return;
        }
        actual.onSubscribe(this);
        loop.start();
    }

    @Override
    public final void request(long n) {
        if (n <= 0) {
            loop.events().execute(() -> loop.fail(Requests.notPositive(n)));
            return;
        }
        Operators.addCap(REQUESTED, this, n);
        loop.asked();
    }

    @Override
    public final void cancel() {
        loop.cancel();
    }

    final long requested() {
        return requested;
    }

    /** Worker: that many were emitted. */
    final void produced(long n) {
        if (n > 0) {
            Operators.produced(REQUESTED, this, n);
        }
    }

    @Override
    public final void terminate(@Nullable Throwable error) {
        if (error == null) {
            actual.onComplete();
        } else {
            actual.onError(error);
        }
    }

    @Override
    @SuppressWarnings("rawtypes") // so is the method it overrides
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.ACTUAL) {
            return actual;
        }
        if (key == Attr.REQUESTED_FROM_DOWNSTREAM) {
            return requested;
        }
        if (key == Attr.CANCELLED) {
            return loop.isCancelled();
        }
        return key == Attr.RUN_STYLE ? Attr.RunStyle.ASYNC : null;
    }
}
