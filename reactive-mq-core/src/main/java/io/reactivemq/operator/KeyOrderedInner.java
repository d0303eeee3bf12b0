package io.reactivemq.operator;

import io.reactivemq.operator.FluxKeyOrdered.KeyOrderedSubscriber;
import io.reactivemq.operator.FluxKeyOrdered.Settings;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;
import org.jctools.queues.varhandle.unpadded.SpscVarHandleUnpaddedArrayQueue;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;
import reactor.util.retry.Retry;

/**
 * The publisher of one element. Its thread puts results in, the turn takes them out. Most publishers have one result: the first needs
 * no queue.
 */
final class KeyOrderedInner<T, R> implements CoreSubscriber<R>, Scannable {

    /** An answer of a retry policy. */
    static final Object AGAIN = new Object();

    /** An answer of a retry policy. */
    static final Object ENOUGH = new Object();

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicIntegerFieldUpdater<KeyOrderedInner> SIGNALLED =
            AtomicIntegerFieldUpdater.newUpdater(KeyOrderedInner.class, "signalled");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicReferenceFieldUpdater<KeyOrderedInner, Subscription> SUBSCRIPTION =
            AtomicReferenceFieldUpdater.newUpdater(KeyOrderedInner.class, Subscription.class, "subscription");

    private static final VarHandle ANSWER;

    static {
        try {
            ANSWER = MethodHandles.lookup().findVarHandle(KeyOrderedInner.class, "answer", Object.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    final KeyOrderedSubscriber<T, R> parent;
    final KeyQueue<T, R> queue;
    private final Publisher<? extends R> publisher;
    private final Settings settings;

    private volatile @Nullable Subscription subscription;

    /** On the stack of signals: 1. */
    private volatile int signalled;

    @Nullable KeyOrderedInner<T, R> nextSignalled;

    /** Results that were put in. Written by the publisher's thread. */
    private volatile long held;

    private @Nullable R first;
    private @Nullable Queue<R> others;

    /** Written by the publisher's thread, after {@code error}. */
    volatile boolean done;

    @Nullable Throwable error;

    // by the turn

    /** Results that were taken out. */
    private long taken;

    /** Results emitted. */
    long emitted;

    /** Results emitted since the last request. */
    private int sinceRequest;

    /** Among the emitters. */
    boolean listed;

    /** Has given up its place. */
    boolean left;

    boolean backingOff;
    private @Nullable KeyOrderedRetry<T, R> policy;

    /** What the retry policy says. Written by its thread. */
    volatile @Nullable Object answer;

    KeyOrderedInner(KeyOrderedSubscriber<T, R> parent, KeyQueue<T, R> queue, Publisher<? extends R> publisher) {
        this.parent = parent;
        this.queue = queue;
        this.publisher = publisher;
        this.settings = parent.settings;
    }

    /** By the turn; again after a failure. */
    void subscribeTo() {
        done = false;
        left = false;
        sinceRequest = 0;
        try {
            publisher.subscribe(this);
        } catch (Throwable failure) {
            Exceptions.throwIfFatal(failure);
            Operators.reportThrowInSubscribe(this, failure);
        }
    }

    @Override
    public void onSubscribe(Subscription s) {
        if (Operators.replace(SUBSCRIPTION, this, s)) {
            s.request(settings.prefetch());
        }
    }

    @Override
    public void onNext(R result) {
        if (done) {
            Operators.onNextDropped(result, parent.context);
        } else {
            parent.innerNext(this, result);
        }
    }

    @Override
    public void onError(Throwable failure) {
        if (done) {
            Operators.onErrorDropped(failure, parent.context);
        } else {
            error = failure;
            done = true;
            parent.signal(this);
        }
    }

    @Override
    public void onComplete() {
        if (!done) {
            done = true;
            parent.signal(this);
        }
    }

    boolean markSignalled() {
        return signalled == 0 && SIGNALLED.compareAndSet(this, 0, 1);
    }

    void clearSignalled() {
        signalled = 0;
    }

    /** Puts a result in; one too many is the end of the publisher, and false. */
    boolean hold(R result) {
        long count = held;
        if (count == 0) {
            first = result;
        } else {
            if (others == null) {
                others = new SpscVarHandleUnpaddedArrayQueue<>(settings.prefetch());
            }
            if (!others.offer(result)) {
                Operators.onDiscard(result, parent.context);
                Subscription s = subscription;
                if (s != null) {
                    s.cancel();
                }
                onError(Exceptions.failWithOverflow(settings.describe() + " holds " + settings.prefetch()
                        + " results of a publisher: it sends more than is requested"));
                return false;
            }
        }
        held = count + 1;
        return true;
    }

    boolean isEmpty() {
        return held == taken;
    }

    /** By the turn. */
    boolean isExhausted() {
        // in this order: behind the end nothing is put in
        return done && held == taken;
    }

    @Nullable R poll() {
        if (held == taken) {
            return null;
        }
        if (taken++ == 0) {
            R result = first;
            first = null;
            return result;
        }
        return others == null ? null : others.poll();
    }

    /** A result was emitted: asks for more when three quarters are. */
    void consumed() {
        int prefetch = settings.prefetch();
        int batch = prefetch - (prefetch >> 2);
        emitted++;
        if (++sinceRequest == batch) {
            sinceRequest = 0;
            Subscription s = subscription;
            if (s != null) {
                s.request(batch);
            }
        }
    }

    void cancel() {
        Operators.terminate(SUBSCRIPTION, this);
        forgetPolicy();
    }

    void backOff(Retry retry, Throwable failure) {
        backingOff = true;
        if (policy == null) {
            policy = new KeyOrderedRetry<>(this);
            policy.start(retry);
        }
        policy.failed(failure);
        if (answer != null) {
            // the policy had come to its end before
            parent.signal(this);
        }
    }

    void forgetPolicy() {
        if (policy != null) {
            policy.cancel();
            policy = null;
        }
    }

    /** By the policy's thread. */
    void answered(Object what) {
        answer = what;
        parent.signal(this);
    }

    @Nullable Object takeAnswer() {
        return answer == null ? null : ANSWER.getAndSet(this, null);
    }

    @Override
    public Context currentContext() {
        return parent.context;
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.PARENT) {
            return subscription;
        }
        if (key == Attr.ACTUAL) {
            return parent;
        }
        if (key == Attr.PREFETCH) {
            return settings.prefetch();
        }
        if (key == Attr.BUFFERED) {
            return (int) (held - taken);
        }
        if (key == Attr.TERMINATED) {
            return done;
        }
        if (key == Attr.CANCELLED) {
            return subscription == Operators.cancelledSubscription();
        }
        return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
    }
}
