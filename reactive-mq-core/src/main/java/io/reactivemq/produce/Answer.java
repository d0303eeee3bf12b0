package io.reactivemq.produce;

import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * The subscriber of one request to the broker: whatever thread the answer comes on, it is handled on the worker.
 *
 * @param <T> the type of the answer
 */
final class Answer<T> implements CoreSubscriber<T>, Disposable, Runnable {

    @SuppressWarnings("rawtypes") // an updater knows no type arguments
    private static final AtomicReferenceFieldUpdater<Answer, @Nullable Subscription> SUBSCRIPTION =
            AtomicReferenceFieldUpdater.newUpdater(Answer.class, Subscription.class, "subscription");

    private final Outbox.Host host;
    private final BiConsumer<@Nullable T, @Nullable Throwable> handler;
    private volatile @Nullable Subscription subscription;

    // written by the thread of the answer, read by the worker after the event was queued
    private @Nullable T value;
    private @Nullable Throwable failure;

    Answer(Outbox.Host host, BiConsumer<@Nullable T, @Nullable Throwable> handler) {
        this.host = host;
        this.handler = handler;
    }

    @Override
    public void onSubscribe(Subscription s) {
        if (Operators.setOnce(SUBSCRIPTION, this, s)) {
            s.request(Long.MAX_VALUE);
        }
    }

    @Override
    public void onNext(T answer) {
        value = answer;
    }

    @Override
    public void onError(Throwable error) {
        failure = error;
        host.execute(this);
    }

    @Override
    public void onComplete() {
        host.execute(this);
    }

    @Override
    public void run() {
        handler.accept(value, failure);
    }

    @Override
    public void dispose() {
        Operators.terminate(SUBSCRIPTION, this);
    }

    @Override
    public boolean isDisposed() {
        return subscription == Operators.cancelledSubscription();
    }

    @Override
    public Context currentContext() {
        return host.currentContext();
    }
}
