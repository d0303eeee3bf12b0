package io.reactivemq.test.contract;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;

/** Requests nothing by itself; the test does. Keeps the end for it to look at. */
final class PullSubscriber<T> extends BaseSubscriber<T> {

    private final Consumer<T> onElement;
    private volatile @Nullable Throwable error;
    private volatile boolean completed;

    PullSubscriber(Consumer<T> onElement) {
        this.onElement = onElement;
    }

    @Nullable Throwable error() {
        return error;
    }

    boolean isCompleted() {
        return completed;
    }

    @Override
    protected void hookOnSubscribe(Subscription subscription) {}

    @Override
    protected void hookOnNext(T element) {
        onElement.accept(element);
    }

    @Override
    protected void hookOnError(Throwable e) {
        error = e;
    }

    @Override
    protected void hookOnComplete() {
        completed = true;
    }
}
