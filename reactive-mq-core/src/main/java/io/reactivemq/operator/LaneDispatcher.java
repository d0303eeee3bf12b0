package io.reactivemq.operator;

import io.reactivemq.TopicPartition;
import io.reactivemq.assign.KeyPartitioner;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * The source's subscriber: puts each element into its lane.
 *
 * <p><b>Demand.</b> The next element may go to any lane, so the source is asked for what the fullest lane can take: the smallest of the lanes' demands, less
 * what is on its way. A lane whose operator has unbounded demand never holds the source back; nor does one that has failed.
 *
 * <p>All counts run from the beginning. The source may send {@code asked} elements in all. {@code asked <= requested + (arrived - entered)} for each lane:
 * what it asked for, and what went elsewhere. Whoever computes this reads {@code arrived} first and {@code entered} then, and the source's thread
 * writes them in the opposite order, so a count that is on the move makes the limit smaller, never larger. Who moves one looks again: the
 * source's thread at {@code checkAt}, a lane with each request.
 */
final class LaneDispatcher<T, K> implements CoreSubscriber<T>, Disposable, Scannable {

    private static final VarHandle ARRIVED = field("arrived");
    private static final VarHandle CHECK_AT = field("checkAt");

    private final Function<? super T, ? extends K> keyFn;
    private final KeyPartitioner<? super K> partitioner;
    private final LaneInlet<T>[] inlets;
    private final List<LaneOutlet<T>> outlets;
    private final Context context;
    private final String name;

    private volatile @Nullable Subscription upstream;

    /** The computations that are asked for; whoever brings it from 0 to 1 does them. */
    private final AtomicInteger wip = new AtomicInteger();

    private volatile boolean disposed;

    /** How many elements have come. Written by the source's thread. */
    private long arrived;

    /** How many were asked for, up to {@code Long.MAX_VALUE}: all. Written by {@link #replenish}. */
    private long asked;

    /** The count of arrived elements at which the source's thread asks for more. Never beyond {@code asked}. Written by {@link #replenish}. */
    @SuppressWarnings("UnusedVariable") // read by its handle
    private long checkAt;

    /** Written by the source's thread. */
    private boolean done;

    /** The end was brought about here. Written by the source's thread. */
    private boolean stopped;

    @SuppressWarnings({"unchecked", "rawtypes"}) // an array of a generic type
    LaneDispatcher(
            String name,
            Function<? super T, ? extends K> keyFn,
            KeyPartitioner<? super K> partitioner,
            List<LaneOutlet<T>> outlets,
            Context context) {
        this.name = name;
        this.keyFn = keyFn;
        this.partitioner = partitioner;
        this.outlets = outlets;
        this.context = context;
        this.inlets = new LaneInlet[outlets.size()];
        for (int i = 0; i < inlets.length; i++) {
            inlets[i] = new LaneInlet<>(new TopicPartition(name, i), this);
        }
    }

    private static VarHandle field(String name) {
        try {
            return MethodHandles.lookup().findVarHandle(LaneDispatcher.class, name, long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** Subscribes the operators to the lanes, then this to the source. */
    void connect(Flux<? extends T> source, List<Function<Flux<T>, Flux<T>>> operators) {
        for (int i = 0; i < inlets.length; i++) {
            LaneOutlet<T> outlet = outlets.get(i);
            outlet.context(context);
            Flux<T> lane;
            try {
                lane = Objects.requireNonNull(operators.get(i).apply(inlets[i]), "the overflow operator returned null");
            } catch (Throwable failure) {
                lane = Flux.error(Operators.onOperatorError(failure, context));
            }
            lane.subscribe(outlet);
        }
        source.subscribe(this);
    }

    @Override
    public void onSubscribe(Subscription subscription) {
        if (Operators.validate(upstream, subscription)) {
            upstream = subscription;
            if (disposed) {
                subscription.cancel();
            } else {
                replenish();
            }
        }
    }

    @Override
    public void onNext(T element) {
        if (done) {
            if (stopped) {
                // the source could not know yet
                Operators.onDiscard(element, context);
            } else {
                Operators.onNextDropped(element, context);
            }
            return;
        }
        LaneInlet<T> inlet;
        try {
            K key = keyFn.apply(element);
            if (key == null) {
                throw new NullPointerException("the key function of " + name + " returned null for an element");
            }
            int index = partitioner.partition(key, inlets.length);
            if (index < 0 || index >= inlets.length) {
                throw new IllegalArgumentException("the partitioner of " + name + " must return an index from 0 to "
                        + (inlets.length - 1) + ", but returned " + index);
            }
            inlet = inlets[index];
        } catch (Throwable failure) {
            stopped = true;
            Throwable reported = Operators.onOperatorError(upstream, failure, element, context);
            Operators.onDiscard(element, context);
            end(reported);
            return;
        }
        inlet.enter();
        long count = arrived + 1;
        ARRIVED.setRelease(this, count);
        inlet.pass(element);
        if (count >= (long) CHECK_AT.getOpaque(this)) {
            replenish();
        }
    }

    @Override
    public void onError(Throwable failure) {
        if (done) {
            Operators.onErrorDropped(failure, context);
        } else {
            end(failure);
        }
    }

    @Override
    public void onComplete() {
        if (!done) {
            end(null);
        }
    }

    private void end(@Nullable Throwable failure) {
        done = true;
        for (LaneInlet<T> inlet : inlets) {
            inlet.end(failure);
        }
    }

    /** An element that its lane does not take any more. */
    void discard(int lane, T element) {
        outlets.get(lane).discard(element);
    }

    /** Asks the source for what all lanes can take. */
    void replenish() {
        if (wip.getAndIncrement() != 0) {
            return;
        }
        int missed = 1;
        do {
            Subscription subscription = upstream;
            if (subscription != null && asked != Long.MAX_VALUE) {
                ask(subscription);
            }
            missed = wip.addAndGet(-missed);
        } while (missed != 0);
    }

    private void ask(Subscription subscription) {
        long count = (long) ARRIVED.getAcquire(this);
        long limit = Long.MAX_VALUE;
        boolean open = false;
        for (LaneInlet<T> inlet : inlets) {
            limit = Math.min(limit, inlet.limit(count));
            open |= !inlet.isClosed();
        }
        if (!open) {
            // nobody is left to take anything
            subscription.cancel();
        } else if (limit == Long.MAX_VALUE) {
            asked = limit;
            CHECK_AT.setOpaque(this, limit);
            subscription.request(limit);
        } else {
            long more = limit - asked;
            if (more > 0) {
                asked = limit;
                // a little before all has come, so that a source on another thread is not kept waiting
                CHECK_AT.setOpaque(this, limit - ((limit - count) >> 2));
                subscription.request(more);
            } else {
                CHECK_AT.setOpaque(this, asked);
            }
        }
    }

    @Override
    public void dispose() {
        disposed = true;
        Subscription subscription = upstream;
        if (subscription != null) {
            subscription.cancel();
        }
        outlets.forEach(LaneOutlet::dispose);
    }

    @Override
    public boolean isDisposed() {
        return disposed;
    }

    @Override
    public Context currentContext() {
        return context;
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.PARENT) {
            return upstream;
        }
        if (key == Attr.NAME) {
            return name;
        }
        if (key == Attr.CANCELLED) {
            return disposed;
        }
        if (key == Attr.TERMINATED) {
            return done;
        }
        return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
    }
}
