package io.reactivemq.operator;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/** A consumer that requests only what a test tells it to and remembers what it got, also by way of the discard hook. */
final class RecordingConsumer implements CoreSubscriber<Integer> {

    final List<Integer> received = new CopyOnWriteArrayList<>();
    final List<Integer> discarded = new CopyOnWriteArrayList<>();
    final AtomicInteger completions = new AtomicInteger();
    final List<Throwable> errors = new CopyOnWriteArrayList<>();

    /** Breaches of the rule that signals come one at a time and none after the end. */
    final List<String> breaches = new CopyOnWriteArrayList<>();

    /** Run inside onNext. */
    IntConsumer onElement = element -> {};

    private final AtomicInteger inside = new AtomicInteger();

    @SuppressWarnings("NullAway.Init") // by onSubscribe, first of all
    private Subscription subscription;

    @Override
    public Context currentContext() {
        return Operators.enableOnDiscard(Context.of("key", "value"), element -> discarded.add((Integer) element));
    }

    @Override
    public void onSubscribe(Subscription s) {
        subscription = s;
    }

    @Override
    public void onNext(Integer element) {
        enter("onNext(" + element + ")");
        received.add(element);
        onElement.accept(element);
        inside.decrementAndGet();
    }

    @Override
    public void onError(Throwable failure) {
        enter("onError");
        errors.add(failure);
        inside.decrementAndGet();
    }

    @Override
    public void onComplete() {
        enter("onComplete");
        completions.incrementAndGet();
        inside.decrementAndGet();
    }

    private void enter(String signal) {
        if (inside.getAndIncrement() != 0) {
            breaches.add(signal + " inside another signal");
        }
        if (completions.get() + errors.size() > 0) {
            breaches.add(signal + " after the end");
        }
    }

    void request(long n) {
        subscription.request(n);
    }

    void cancel() {
        subscription.cancel();
    }

    Subscription subscription() {
        return subscription;
    }

    @Nullable Throwable error() {
        return errors.isEmpty() ? null : errors.get(0);
    }
}
