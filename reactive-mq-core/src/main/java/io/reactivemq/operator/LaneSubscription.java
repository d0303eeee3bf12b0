package io.reactivemq.operator;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Scannable;
import reactor.core.publisher.Operators;

/**
 * A subscriber of a lane, as its {@link LaneOutlet} sees it.
 *
 * <p>An element and the end of the subscription may meet: the subscriber cancels, or its lane is taken away, on another thread. So there is one word
 * that says where the subscription stands; each element is either handed over, wholly, or remains the outlet's.
 *
 * <pre>
 * state      -> by                    to
 * IDLE          tryNext               EMITTING, and back after onNext
 * IDLE          finish                OVER, with onComplete or onError
 * IDLE          cancel                OVER
 * EMITTING      finish                FINISHING; after onNext OVER, with onComplete or onError
 * EMITTING      cancel                LEFT; after onNext OVER
 * FINISHING     cancel                LEFT
 * </pre>
 */
class LaneSubscription<T> implements Subscription, Scannable {

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicLongFieldUpdater<LaneSubscription> REQUESTED =
            AtomicLongFieldUpdater.newUpdater(LaneSubscription.class, "requested");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicIntegerFieldUpdater<LaneSubscription> STATE =
            AtomicIntegerFieldUpdater.newUpdater(LaneSubscription.class, "state");

    private static final VarHandle EMITTED;

    static {
        try {
            EMITTED = MethodHandles.lookup().findVarHandle(LaneSubscription.class, "emitted", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static final int IDLE = 0;
    private static final int EMITTING = 1;
    private static final int FINISHING = 2;
    private static final int LEFT = 3;
    private static final int OVER = 4;

    private final CoreSubscriber<? super T> actual;
    private final LaneOutlet<T> outlet;

    private volatile int state;

    /** Why it ends; null for a completion. Written before the state that says that it ends. */
    private volatile @Nullable Throwable failure;

    /** Demand since the subscription, up to {@code Long.MAX_VALUE}: unbounded. Written by the subscriber's threads. */
    private volatile long requested;

    /** Invariant: emitted <= requested. Written by who emits: the outlet, one thread at a time. */
    private long emitted;

    LaneSubscription(CoreSubscriber<? super T> actual, LaneOutlet<T> outlet) {
        this.actual = actual;
        this.outlet = outlet;
    }

    /** Called once, when no more signals will come. */
    void closed() {}

    final CoreSubscriber<? super T> actual() {
        return actual;
    }

    /** By the outlet, one thread at a time. False if the element is not asked for or the subscription is over. */
    final boolean tryNext(T element) {
        long count = emitted;
        if (count == requested || !STATE.compareAndSet(this, IDLE, EMITTING)) {
            return false;
        }
        // in this order: what the outlet takes for passed is not taken for demand
        EMITTED.setOpaque(this, count + 1);
        outlet.passes();
        actual.onNext(element);
        if (!STATE.compareAndSet(this, EMITTING, IDLE)) {
            close(STATE.getAndSet(this, OVER) == FINISHING);
        }
        return true;
    }

    /** Completes or fails, after the onNext that is under way. The lane goes to somebody else, or has ended. */
    final void finish(@Nullable Throwable error) {
        if (error != null) {
            failure = error;
        }
        for (; ; ) {
            int now = state;
            if (now != IDLE && now != EMITTING) {
                return;
            }
            if (STATE.compareAndSet(this, now, now == IDLE ? OVER : FINISHING)) {
                if (now == IDLE) {
                    close(true);
                }
                return;
            }
        }
    }

    @Override
    public final void cancel() {
        for (; ; ) {
            int now = state;
            if (now == LEFT || now == OVER) {
                return;
            }
            if (STATE.compareAndSet(this, now, now == IDLE ? OVER : LEFT)) {
                outlet.leave(this);
                if (now == IDLE) {
                    closed();
                }
                return;
            }
        }
    }

    private void close(boolean signal) {
        outlet.leave(this);
        if (signal) {
            Throwable error = failure;
            if (error == null) {
                actual.onComplete();
            } else {
                actual.onError(error);
            }
        }
        closed();
    }

    final boolean isOver() {
        return state >= LEFT;
    }

    /** What is asked for and not yet handed over. From any thread; it may be more than is true, by what is being emitted. */
    final long demand() {
        long asked = requested;
        return asked == Long.MAX_VALUE ? asked : asked - (long) EMITTED.getOpaque(this);
    }

    @Override
    public final void request(long n) {
        if (Operators.validate(n)) {
            Operators.addCap(REQUESTED, this, n);
            outlet.drain();
        }
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public final @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.PARENT) {
            return outlet;
        }
        if (key == Attr.ACTUAL) {
            return actual;
        }
        if (key == Attr.REQUESTED_FROM_DOWNSTREAM) {
            return demand();
        }
        if (key == Attr.CANCELLED) {
            return state == LEFT;
        }
        if (key == Attr.TERMINATED) {
            return state == OVER;
        }
        if (key == Attr.NAME) {
            return outlet.toString();
        }
        return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
    }
}
