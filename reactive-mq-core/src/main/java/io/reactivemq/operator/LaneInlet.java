package io.reactivemq.operator;

import io.reactivemq.TopicPartition;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;

/**
 * The beginning of a lane: what its overflow operator subscribes to, once. It passes on what the {@link LaneDispatcher} puts into the lane, and
 * counts, so that the dispatcher knows how much the lane can take.
 */
final class LaneInlet<T> extends Flux<T> implements Subscription, Scannable {

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicLongFieldUpdater<LaneInlet> REQUESTED =
            AtomicLongFieldUpdater.newUpdater(LaneInlet.class, "requested");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicReferenceFieldUpdater<LaneInlet, CoreSubscriber> OPERATOR =
            AtomicReferenceFieldUpdater.newUpdater(LaneInlet.class, CoreSubscriber.class, "operator");

    private static final VarHandle ENTERED;

    static {
        try {
            ENTERED = MethodHandles.lookup().findVarHandle(LaneInlet.class, "entered", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final TopicPartition partition;
    private final LaneDispatcher<T, ?> dispatcher;

    /** Demand since the subscription, up to {@code Long.MAX_VALUE}: unbounded. Written by the operator's threads. */
    private volatile long requested;

    /** Written once. */
    private volatile @Nullable CoreSubscriber<? super T> operator;

    /** The operator wants no more: it has failed, or the lanes are disconnected. Written by its threads. */
    private volatile boolean closed;

    /** How many elements were put into the lane. Written by the source's thread. */
    private long entered;

    LaneInlet(TopicPartition partition, LaneDispatcher<T, ?> dispatcher) {
        this.partition = partition;
        this.dispatcher = dispatcher;
    }

    @Override
    public void subscribe(CoreSubscriber<? super T> actual) {
        if (OPERATOR.compareAndSet(this, null, actual)) {
            actual.onSubscribe(this);
        } else {
            Operators.error(
                    actual,
                    new IllegalStateException("the overflow operator of lane " + partition
                            + " must subscribe once; this is the second time"));
        }
    }

    // the source's side

    /** To be called before {@link #pass}, and before the dispatcher counts the element. */
    void enter() {
        ENTERED.setRelease(this, entered + 1);
    }

    void pass(T element) {
        CoreSubscriber<? super T> next = operator;
        if (next == null || closed) {
            dispatcher.discard(partition.partition(), element);
        } else {
            next.onNext(element);
        }
    }

    void end(@Nullable Throwable error) {
        CoreSubscriber<? super T> next = operator;
        if (next == null || closed) {
            return;
        }
        if (error == null) {
            next.onComplete();
        } else {
            next.onError(error);
        }
    }

    boolean isClosed() {
        return closed;
    }

    /**
     * How many elements the source may have sent in all without overrunning this lane, if all further ones go here.
     *
     * @param arrived how many have arrived; read before this is called
     */
    long limit(long arrived) {
        long demand = requested;
        return closed || demand == Long.MAX_VALUE
                ? Long.MAX_VALUE
                : Operators.addCap(demand, arrived - (long) ENTERED.getAcquire(this));
    }

    // the operator's side

    @Override
    public void request(long n) {
        if (Operators.validate(n)) {
            Operators.addCap(REQUESTED, this, n);
            dispatcher.replenish();
        }
    }

    @Override
    public void cancel() {
        closed = true;
        dispatcher.replenish();
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.PARENT) {
            return dispatcher;
        }
        if (key == Attr.ACTUAL) {
            return operator;
        }
        if (key == Attr.REQUESTED_FROM_DOWNSTREAM) {
            long asked = requested;
            return asked == Long.MAX_VALUE ? asked : asked - (long) ENTERED.getAcquire(this);
        }
        if (key == Attr.CANCELLED) {
            return closed;
        }
        if (key == Attr.NAME) {
            return partition.toString();
        }
        return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
    }
}
