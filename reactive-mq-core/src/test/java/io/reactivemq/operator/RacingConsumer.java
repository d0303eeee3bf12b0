package io.reactivemq.operator;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * The consumer in tests of races: requests and cancels through {@link #subscription}. It keeps what it gets in plain collections: signals that come one at a
 * time are ordered. {@link RecordingConsumer}'s are safe to look at meanwhile, and orders what it should not.
 */
class RacingConsumer implements CoreSubscriber<Integer> {

    final List<Integer> received = new ArrayList<>();

    /** How many those are, for who looks while signals come. */
    final AtomicInteger receivedCount = new AtomicInteger();

    final Queue<Integer> discarded = new ConcurrentLinkedQueue<>();

    /** Breaches of the rule that signals come one at a time and none after the end. */
    final Queue<String> breaches = new ConcurrentLinkedQueue<>();

    /** Written last, so what is plain can be read behind it. */
    volatile @Nullable String end;

    @SuppressWarnings("NullAway.Init") // by onSubscribe
    Subscription subscription;

    /** Run inside onNext. */
    volatile IntConsumer onElement = element -> {};

    private final AtomicInteger inside = new AtomicInteger();

    @Override
    public final Context currentContext() {
        return Operators.enableOnDiscard(Context.empty(), element -> discarded.add((Integer) element));
    }

    @Override
    public final void onSubscribe(Subscription s) {
        subscription = s;
    }

    @Override
    public final void onNext(Integer element) {
        enter("onNext(" + element + ")");
        received.add(element);
        receivedCount.incrementAndGet();
        onElement.accept(element);
        inside.decrementAndGet();
    }

    @Override
    public final void onError(Throwable failure) {
        enter("onError");
        inside.decrementAndGet();
        end = Exceptions.isOverflow(failure) ? "overflow" : failure.toString();
    }

    @Override
    public final void onComplete() {
        enter("onComplete");
        inside.decrementAndGet();
        end = "complete";
    }

    private void enter(String signal) {
        if (inside.getAndIncrement() != 0) {
            breaches.add(signal + " inside another signal");
        }
        if (end != null) {
            breaches.add(signal + " after the end");
        }
    }

    /** Takes so long over each element. */
    final void pause(int rounds) {
        onElement = element -> Duel.busy(rounds);
    }
}
