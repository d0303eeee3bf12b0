package io.reactivemq.test;

import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.publisher.Operators;

/** Keeps how a Mono ended. Used on the simulated runtime's thread. */
final class Awaited<T> implements CoreSubscriber<T> {

    private @Nullable Subscription subscription;
    private @Nullable T value;
    private @Nullable Throwable error;
    private boolean ended;

    boolean isEnded() {
        return ended;
    }

    void cancel() {
        Subscription current = subscription;
        if (current != null) {
            current.cancel();
        }
    }

    /** The value, null where there was none; throws the error. */
    @NullUnmarked
    T result() {
        if (error == null) {
            return value;
        }
        RuntimeException propagated = Exceptions.propagate(error);
        propagated.addSuppressed(new Exception("the Mono was awaited here"));
        throw propagated;
    }

    @Override
    public void onSubscribe(Subscription s) {
        if (Operators.validate(subscription, s)) {
            subscription = s;
            s.request(Long.MAX_VALUE);
        }
    }

    @Override
    public void onNext(T element) {
        value = element;
    }

    @Override
    public void onError(Throwable e) {
        error = e;
        ended = true;
    }

    @Override
    public void onComplete() {
        ended = true;
    }
}
