package io.reactivemq.operator;

import java.util.concurrent.atomic.AtomicInteger;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/** The consumer in jcstress tests: counts what becomes of the elements. Requests and cancels through {@link #subscription}. */
class StressConsumer implements CoreSubscriber<Integer> {

    final AtomicInteger received = new AtomicInteger();
    final AtomicInteger discarded = new AtomicInteger();

    /** 1 for each completion, 10 for each error. */
    final AtomicInteger ends = new AtomicInteger();

    @SuppressWarnings("NullAway.Init") // by onSubscribe, first of all
    Subscription subscription;

    @Override
    public final Context currentContext() {
        return Operators.enableOnDiscard(Context.empty(), element -> discarded.incrementAndGet());
    }

    @Override
    public final void onSubscribe(Subscription s) {
        subscription = s;
    }

    @Override
    public final void onNext(Integer element) {
        received.incrementAndGet();
    }

    @Override
    public final void onError(Throwable failure) {
        ends.addAndGet(10);
    }

    @Override
    public final void onComplete() {
        ends.incrementAndGet();
    }
}
