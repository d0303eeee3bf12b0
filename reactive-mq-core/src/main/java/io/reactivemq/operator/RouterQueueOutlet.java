package io.reactivemq.operator;

import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * The end of a queue: subscribes to its policy at once and requests nothing until there is a consumer, whose demand it hands on. So there
 * is nothing to hold here but an end that comes before the consumer.
 */
final class RouterQueueOutlet<T> extends Flux<T> implements CoreSubscriber<T>, Subscription, Scannable {

    private final String queue;
    private final Runnable onEnd;
    private final AtomicBoolean taken = new AtomicBoolean();
    private final AtomicBoolean endDelivered = new AtomicBoolean();
    private final Operators.DeferredSubscription upstream = new Operators.DeferredSubscription();

    private volatile @Nullable CoreSubscriber<? super T> consumer;

    /** The consumer's onSubscribe is over, so it may be told of the end. */
    private volatile boolean subscribed;

    private volatile boolean ended;

    /** Written before {@code ended}. */
    private @Nullable Throwable error;

    /** Runs the action when the policy has ended. */
    RouterQueueOutlet(String queue, Runnable onEnd) {
        this.queue = queue;
        this.onEnd = onEnd;
    }

    // the policy's side

    @Override
    public void onSubscribe(Subscription s) {
        upstream.set(s);
    }

    @Override
    public void onNext(T element) {
        CoreSubscriber<? super T> actual = consumer;
        if (actual == null) {
            // nothing was requested
            Operators.onNextDropped(element, currentContext());
        } else {
            actual.onNext(element);
        }
    }

    @Override
    public void onError(Throwable failure) {
        error = failure;
        ended = true;
        onEnd.run();
        deliverEnd();
    }

    @Override
    public void onComplete() {
        ended = true;
        onEnd.run();
        deliverEnd();
    }

    /** The context of a consumer that may come later: all it offers until then is a way to that one's discard hook. */
    @Override
    public Context currentContext() {
        CoreSubscriber<? super T> actual = consumer;
        return actual == null ? Operators.enableOnDiscard(Context.empty(), this::discard) : actual.currentContext();
    }

    private void discard(Object element) {
        CoreSubscriber<? super T> actual = consumer;
        if (actual != null) {
            Operators.onDiscard(element, actual.currentContext());
        }
    }

    // the consumer's side

    @Override
    public void subscribe(CoreSubscriber<? super T> actual) {
        if (!taken.compareAndSet(false, true)) {
            Operators.error(actual, new IllegalStateException("the queue '" + queue + "' has a consumer already"));
            return;
        }
        consumer = actual;
        actual.onSubscribe(this);
        subscribed = true;
        deliverEnd();
    }

    private void deliverEnd() {
        CoreSubscriber<? super T> actual = consumer;
        if (actual == null || !subscribed || !ended || !endDelivered.compareAndSet(false, true)) {
            return;
        }
        if (error != null) {
            actual.onError(error);
        } else {
            actual.onComplete();
        }
    }

    @Override
    public void request(long n) {
        if (Operators.validate(n)) {
            upstream.request(n);
        }
    }

    @Override
    public void cancel() {
        upstream.cancel();
        CoreSubscriber<? super T> actual = consumer;
        if (actual != null && !(actual instanceof Gone)) {
            // the queue may outlive it
            consumer = new Gone<>(actual.currentContext());
        }
    }

    /** In place of a consumer that has cancelled: all that is left of it is its discard hook. */
    private record Gone<T>(Context currentContext) implements CoreSubscriber<T> {

        @Override
        public void onSubscribe(Subscription s) {
            s.cancel();
        }

        @Override
        public void onNext(T element) {
            Operators.onDiscard(element, currentContext);
        }

        @Override
        public void onError(Throwable failure) {
            Operators.onErrorDropped(failure, currentContext);
        }

        @Override
        public void onComplete() {
            // it has cancelled
        }
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.PARENT) {
            return upstream.scanUnsafe(Attr.PARENT);
        }
        if (key == Attr.ACTUAL) {
            return consumer;
        }
        if (key == Attr.NAME) {
            return queue;
        }
        if (key == Attr.TERMINATED) {
            return endDelivered.get();
        }
        if (key == Attr.ERROR) {
            return ended ? error : null;
        }
        return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
    }
}
