package io.reactivemq.operator;

import java.util.concurrent.atomic.AtomicLong;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;

/** A source for one subscriber that sends what a test tells it to, and remembers what was asked of it. */
final class ManualSource extends Flux<Integer> implements Subscription {

    /** The sum of all requests; {@code Long.MAX_VALUE} once unbounded. */
    final AtomicLong requested = new AtomicLong();

    volatile boolean cancelled;

    @SuppressWarnings("NullAway.Init") // by subscribe, first of all
    private CoreSubscriber<? super Integer> subscriber;

    @Override
    public void subscribe(CoreSubscriber<? super Integer> actual) {
        subscriber = actual;
        actual.onSubscribe(this);
    }

    @Override
    public void request(long n) {
        requested.accumulateAndGet(n, (sum, more) -> more >= Long.MAX_VALUE - sum ? Long.MAX_VALUE : sum + more);
    }

    @Override
    public void cancel() {
        cancelled = true;
    }

    void next(int element) {
        subscriber.onNext(element);
    }

    void complete() {
        subscriber.onComplete();
    }

    void fail(Throwable failure) {
        subscriber.onError(failure);
    }

    CoreSubscriber<? super Integer> subscriber() {
        return subscriber;
    }
}
