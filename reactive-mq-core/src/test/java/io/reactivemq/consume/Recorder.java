package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;

/** Keeps what it gets and asks for no more than it is told to. */
final class Recorder<T> extends BaseSubscriber<T> {

    private final List<T> items = new ArrayList<>();
    private final long initialDemand;
    private Consumer<T> onItem = item -> {};
    private @Nullable Throwable error;
    private boolean completed;

    Recorder(long initialDemand) {
        this.initialDemand = initialDemand;
    }

    static <T> Recorder<T> unbounded() {
        return new Recorder<>(Long.MAX_VALUE);
    }

    Recorder<T> onItem(Consumer<T> action) {
        onItem = action;
        return this;
    }

    @Override
    protected void hookOnSubscribe(Subscription subscription) {
        if (initialDemand > 0) {
            request(initialDemand);
        }
    }

    @Override
    protected synchronized void hookOnNext(T item) {
        assertThat(isEnded()).as("ended before %s", item).isFalse();
        items.add(item);
        onItem.accept(item);
    }

    @Override
    protected synchronized void hookOnError(Throwable e) {
        assertThat(isEnded()).as("ended before %s", e).isFalse();
        error = e;
    }

    @Override
    protected synchronized void hookOnComplete() {
        assertThat(isEnded()).as("ended before its end").isFalse();
        completed = true;
    }

    synchronized List<T> items() {
        return List.copyOf(items);
    }

    synchronized T last() {
        return items.get(items.size() - 1);
    }

    synchronized int count() {
        return items.size();
    }

    synchronized @Nullable Throwable error() {
        return error;
    }

    synchronized boolean isCompleted() {
        return completed;
    }

    synchronized boolean isEnded() {
        return completed || error != null;
    }
}
