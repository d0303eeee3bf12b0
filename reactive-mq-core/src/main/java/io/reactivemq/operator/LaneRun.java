package io.reactivemq.operator;

import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Scannable;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/** The publisher that a {@link MemberSubscription} made of one lane. Its thread puts results in, the member's drain takes them out. */
final class LaneRun<T, R> implements CoreSubscriber<R>, Scannable {

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicReferenceFieldUpdater<LaneRun, @Nullable Subscription> UPSTREAM =
            AtomicReferenceFieldUpdater.newUpdater(LaneRun.class, Subscription.class, "upstream");

    private final MemberSubscription<T, R> member;
    final Grant<T> grant;
    private final int prefetch;
    final Ring.JcToolsRing<R> results;

    private volatile @Nullable Subscription upstream;

    /** The lane's grant knows that the publisher has ended. */
    private final AtomicBoolean ended = new AtomicBoolean();

    /** It was cancelled. Written before {@code done}. */
    volatile boolean abandoned;

    /** No more results will be kept. */
    volatile boolean done;

    /** It is not among the runs any more. Written by who holds the member's {@code wip}. */
    volatile boolean removed;

    /** How many results were consumed since more were asked for. Written by who holds the member's {@code wip}. */
    private int consumed;

    LaneRun(MemberSubscription<T, R> member, Grant<T> grant, int prefetch) {
        this.member = member;
        this.grant = grant;
        this.prefetch = prefetch;
        this.results = Ring.ofCapacity(prefetch);
    }

    @Override
    public void onSubscribe(Subscription subscription) {
        if (Operators.setOnce(UPSTREAM, this, subscription)) {
            subscription.request(prefetch);
        }
    }

    @Override
    public void onNext(R result) {
        if (abandoned) {
            Operators.onDiscard(result, currentContext());
        } else if (done) {
            Operators.onNextDropped(result, currentContext());
        } else {
            member.onNext(this, result);
        }
    }

    @Override
    public void onError(Throwable error) {
        if (done || abandoned) {
            Operators.onErrorDropped(error, currentContext());
            return;
        }
        UPSTREAM.lazySet(this, Operators.cancelledSubscription());
        done = true;
        member.fail(error);
        end();
    }

    @Override
    public void onComplete() {
        if (done) {
            return;
        }
        UPSTREAM.lazySet(this, Operators.cancelledSubscription());
        done = true;
        member.drain();
        end();
    }

    /** Tells the grant, once. */
    private void end() {
        if (ended.compareAndSet(false, true)) {
            grant.publisherEnded();
        }
    }

    void abandon() {
        abandoned = true;
        Operators.terminate(UPSTREAM, this);
        done = true;
        end();
    }

    void keep(R result) {
        if (!results.offer(result)) {
            Operators.onDiscard(result, currentContext());
            member.fail(new IllegalStateException(
                    "the publisher of lane " + grant + " at member " + member.id() + " sends more than is requested"));
            return;
        }
        // the result is there before this looks, and abandoned before the drain looks for results
        VarHandle.fullFence();
        if (abandoned) {
            member.abandonedLate(this);
        }
    }

    /** By who holds the member's {@code wip}. */
    boolean isExhausted() {
        // in this order: behind the end nothing is added
        return done && results.isEmpty();
    }

    /** By who holds the member's {@code wip}. */
    void consumed() {
        if (++consumed == prefetch - (prefetch >> 2)) {
            int more = consumed;
            consumed = 0;
            Subscription subscription = upstream;
            if (subscription != null) {
                subscription.request(more);
            }
        }
    }

    /** By who holds the member's {@code wip}. */
    void discard() {
        for (R result = results.poll(); result != null; result = results.poll()) {
            Operators.onDiscard(result, currentContext());
        }
    }

    @Override
    public Context currentContext() {
        return member.currentContext();
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.PARENT) {
            return upstream;
        }
        if (key == Attr.ACTUAL) {
            return member;
        }
        if (key == Attr.NAME) {
            return grant.toString();
        }
        if (key == Attr.BUFFERED) {
            return results.size();
        }
        if (key == Attr.PREFETCH) {
            return prefetch;
        }
        if (key == Attr.TERMINATED) {
            return isExhausted();
        }
        if (key == Attr.CANCELLED) {
            return abandoned;
        }
        return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
    }
}
