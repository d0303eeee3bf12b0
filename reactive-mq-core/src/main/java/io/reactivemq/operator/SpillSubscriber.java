package io.reactivemq.operator;

import io.reactivemq.metrics.BufferMeters;
import io.reactivemq.operator.spill.SpillBuffer;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Scannable;
import reactor.core.publisher.Operators;
import reactor.core.scheduler.Scheduler;
import reactor.util.context.Context;

/**
 * Two ends and what is between them:
 *
 * <pre>
 *                     +-- while all is in memory -------------------------+
 *                     |                                                   v
 *   source --onNext---+--bytes--&gt; SpillBuffer --+--&gt; SpillQueue (files) --+--&gt; SpillHead --onNext--&gt; consumer
 *                                               +-- while no files --------+
 *   source's thread               |  io: SpillMover                       |  consumer's threads: drain
 * </pre>
 *
 * <p><b>Order.</b> An element takes the direct way only if nothing is between the ends: the mover has said that it has put
 * into the head all that the source's thread gave to it ({@link SpillMover#isClear}). Only the source's thread can end
 * that state, by giving it another. So the two never add to the head at once, and none overtakes.
 *
 * <p><b>Who emits.</b> {@link #drain}, one at a time, guarded by {@code wip}: on the source's thread, on the thread that
 * requests, or, what comes from the mover, on a worker of the runtime. The mover's own thread emits nothing.
 *
 * <p><b>The end</b> is reached when no more can come and the head is empty. Then the mover gives up the directory, and only
 * then downstream hears of the end, so that it can subscribe again at once.
 *
 * <p><b>A cancellation</b> is complete when whoever emits has left the consumer's onNext and let the head's elements go: then
 * it is known what was delivered, and the mover may record it.
 */
final class SpillSubscriber<T> implements CoreSubscriber<T>, Subscription, Scannable {

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicIntegerFieldUpdater<SpillSubscriber> WIP =
            AtomicIntegerFieldUpdater.newUpdater(SpillSubscriber.class, "wip");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicIntegerFieldUpdater<SpillSubscriber> DRAIN_TASKS =
            AtomicIntegerFieldUpdater.newUpdater(SpillSubscriber.class, "drainTasks");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicLongFieldUpdater<SpillSubscriber> REQUESTED =
            AtomicLongFieldUpdater.newUpdater(SpillSubscriber.class, "requested");

    private static final VarHandle EMITTED = field("emitted");
    private static final VarHandle TAKEN = field("taken");

    private final CoreSubscriber<? super T> actual;
    private final Context context;
    private final SpillSpec<T> spec;
    private final BufferMeters meters;
    private final Scheduler.Worker worker;
    private final SpillHead<T> head;
    private final SpillBuffer buffer;
    private final SpillMover<T> mover;
    private final SpillIntake<T> intake;
    private final SpillDemand demand;
    private final SpillWait wait;
    private final Runnable drainTask = this::drainOnWorker;

    @SuppressWarnings("NullAway.Init") // set by onSubscribe, before any other signal
    private Subscription upstream;

    // the source's

    /** All is in memory, and the source's thread adds to the head. */
    private boolean inMemory;

    /** The end was brought about here, by an overflow or a failed callback. Written by the source's thread. */
    private boolean stopped;

    private @Nullable Throwable error;

    /** No more elements will come. Written by the source's thread, once, after {@code error}. */
    private volatile boolean done;

    // the consumer's

    /** Demand since the subscription, up to {@code Long.MAX_VALUE}: unbounded. Written by the consumer's threads. */
    private volatile long requested;

    /** Written by the consumer's threads, once. */
    private volatile boolean cancelled;

    // who drains

    @SuppressWarnings("unused") // through WIP
    private volatile int wip;

    /** A drain is scheduled on the worker. */
    @SuppressWarnings("unused") // through DRAIN_TASKS
    private volatile int drainTasks;

    /** How many have been handed to the consumer. Invariant: taken <= emitted <= requested. */
    private long emitted;

    /** How many it has come back from. */
    @SuppressWarnings("unused") // through TAKEN
    private long taken;

    /** The end is reached, and the mover gives up the directory. */
    private volatile boolean finishing;

    /** After a cancellation: the head is empty, and nothing more is handed to the consumer. */
    private volatile boolean left;

    /** Downstream has the end. */
    private boolean ended;

    // the mover's

    /** The mover has failed: the source is cancelled, and what it still sends is let go. */
    private volatile boolean refusing;

    SpillSubscriber(CoreSubscriber<? super T> actual, SpillSpec<T> spec) {
        this.actual = actual;
        this.context = actual.currentContext();
        this.spec = spec;
        this.head = new SpillHead<>(spec.capacity());
        this.buffer = new SpillBuffer(spec.bufferBytes());
        this.worker = spec.runtime().workers().createWorker();
        this.demand = new SpillDemand(spec.prefetch());
        SpillCodec<T> codec = new SpillCodec<>(spec);
        this.mover = new SpillMover<>(this, spec, codec, head, buffer, demand);
        try {
            this.meters = spec.metering()
                    .openSpilling(
                            spec.capacity(), () -> head.ring.size() + buffer.size() + mover.unread(), mover::diskBytes);
        } catch (Throwable refused) {
            worker.dispose();
            throw refused;
        }
        this.wait = new SpillWait(meters);
        this.intake = new SpillIntake<>(this, spec, codec, buffer, demand, wait);
    }

    private static VarHandle field(String name) {
        try {
            return MethodHandles.lookup().findVarHandle(SpillSubscriber.class, name, long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    // --- the source's side -----------------------------------------------------------------------------------

    @Override
    public void onSubscribe(Subscription subscription) {
        if (Operators.validate(upstream, subscription)) {
            upstream = subscription;
            actual.onSubscribe(this);
            mover.wake();
            if (!spec.blocks()) {
                subscription.request(Long.MAX_VALUE);
            }
        }
    }

    @Override
    public void onNext(T element) {
        if (done) {
            tooLate(element);
            return;
        }
        if (cancelled || refusing) {
            discard(element);
            return;
        }
        demand.received();
        if (inMemory || mover.isClear(buffer.accepted())) {
            inMemory = head.free() > 0;
            if (inMemory) {
                addToHead(element);
                askForMore();
                return;
            }
        }
        if (intake.take(element)) {
            mover.wake();
        }
    }

    private void addToHead(T element) {
        long place = head.tail();
        head.add(element);
        drain();
        if (wait.isFree() && handedOn() <= place) {
            wait.waitsInHead(place);
            // it may have left meanwhile
            wait.handedOn(handedOn());
        }
    }

    private void tooLate(T element) {
        if (stopped) {
            // the source could not know yet
            discard(element);
        } else {
            Operators.onNextDropped(element, context);
        }
    }

    /** While all is in memory. */
    private void askForMore() {
        if (spec.blocks() && demand.isLow()) {
            upstream.request(demand.ask());
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
        error = failure;
        done = true;
        drain();
    }

    /** Ends the source from its own thread. */
    void stop(Throwable failure, T element) {
        Throwable reported = Operators.onOperatorError(upstream, failure, element, context);
        if (done) {
            Operators.onErrorDropped(reported, context);
            return;
        }
        stopped = true;
        end(reported);
    }

    boolean isDone() {
        return done;
    }

    void countDropped() {
        meters.dropped();
    }

    // --- for the mover ---------------------------------------------------------------------------------------

    void tellDropped(T element) {
        meters.dropped();
        spec.onDropped().accept(element);
    }

    void discard(T element) {
        Operators.onDiscard(element, context);
    }

    void spilled(long elements, long bytes) {
        meters.spilled(elements, bytes);
    }

    void deleted(long elements) {
        meters.deleted(elements);
    }

    /** The element that is timed, and comes by. */
    SpillWait timed() {
        return wait;
    }

    /** No more is taken from the source; what was taken is still delivered. */
    void refuse() {
        refusing = true;
        upstream.cancel();
    }

    boolean isCancelled() {
        return cancelled;
    }

    /** Nothing is handed to the consumer any more. */
    boolean isOver() {
        return left || finishing;
    }

    /** How many elements of the head the consumer has had. */
    long taken() {
        return (long) TAKEN.getAcquire(this);
    }

    void requestOnWorker(long n) {
        onWorker(() -> upstream.request(n));
    }

    /** Something has come into the head, or the end. */
    void signal() {
        if (cancelled) {
            drain();
            return;
        }
        VarHandle.fullFence();
        boolean mayEmit = handedOn() != requested;
        if ((mayEmit || done || mover.isDone()) && DRAIN_TASKS.compareAndSet(this, 0, 1)) {
            onWorker(drainTask);
        }
    }

    private void drainOnWorker() {
        DRAIN_TASKS.set(this, 0);
        drain();
    }

    /** A runtime that is stopped takes no tasks: then on this thread, so that the consumer hears of it. */
    private void onWorker(Runnable task) {
        try {
            worker.schedule(task);
        } catch (RejectedExecutionException e) {
            task.run();
        }
    }

    /** The directory has been given up. */
    void closed() {
        if (cancelled) {
            disposeWorker();
        } else {
            DRAIN_TASKS.set(this, 1);
            onWorker(drainTask);
        }
    }

    /** From itself, since disposing of it from elsewhere interrupts what runs on it. */
    private void disposeWorker() {
        onWorker(worker::dispose);
    }

    // --- the consumer's side ---------------------------------------------------------------------------------

    @Override
    public void request(long n) {
        if (Operators.validate(n)) {
            Operators.addCap(REQUESTED, this, n);
            if (!head.ring.isEmpty()) {
                drain();
            }
        }
    }

    @Override
    public void cancel() {
        if (!cancelled) {
            cancelled = true;
            upstream.cancel();
            drain();
        }
    }

    void drain() {
        if (WIP.getAndIncrement(this) != 0) {
            return;
        }
        int missed = 1;
        do {
            drainOnce();
            missed = WIP.addAndGet(this, -missed);
        } while (missed != 0);
        // behind a full fence: either this sees what others wait for, or they see what was taken
        wait.handedOn(handedOn());
        if (taken() >= mover.wakeAt()) {
            mover.wake();
        }
    }

    private long handedOn() {
        return (long) EMITTED.getOpaque(this);
    }

    /** Holds {@code wip}. */
    private void drainOnce() {
        long wokenAt = -1;
        for (; ; ) {
            if (cancelled) {
                leave();
                return;
            }
            if (finishing) {
                discardHead();
                endDownstream();
                return;
            }
            // in this order: behind the end nothing is added
            boolean last = isLast();
            boolean empty = head.ring.isEmpty();
            if (empty && last) {
                finishing = true;
                mover.wake();
                continue;
            }
            if (empty || emitted == requested) {
                return;
            }
            T element = head.ring.poll();
            if (element == null) {
                continue;
            }
            long count = emitted + 1;
            EMITTED.setOpaque(this, count);
            wait.handedOn(count);
            actual.onNext(element);
            TAKEN.setRelease(this, count);
            long wakeAt = mover.wakeAt();
            if (count >= wakeAt && wakeAt != wokenAt) {
                wokenAt = wakeAt;
                mover.wake();
            }
        }
    }

    private boolean isLast() {
        return mover.isDone() || (done && mover.isClear(buffer.accepted()));
    }

    private void leave() {
        discardHead();
        if (!left) {
            left = true;
            meters.close();
            mover.wake();
            if (mover.isClosed()) {
                disposeWorker();
            }
        }
    }

    private void discardHead() {
        for (T element = head.ring.poll(); element != null; element = head.ring.poll()) {
            discard(element);
        }
    }

    private void endDownstream() {
        if (ended || !mover.isClosed()) {
            return;
        }
        ended = true;
        meters.close();
        Throwable failure = mover.failure();
        if (failure != null && error != null && failure != error) {
            failure.addSuppressed(error);
        }
        Throwable end = failure == null ? error : failure;
        if (end != null) {
            actual.onError(end);
        } else {
            actual.onComplete();
        }
        disposeWorker();
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
        if (key == Attr.ACTUAL) {
            return actual;
        }
        if (key == Attr.NAME) {
            return spec.name();
        }
        if (key == Attr.LARGE_BUFFERED) {
            return head.ring.size() + buffer.size() + mover.unread();
        }
        if (key == Attr.BUFFERED) {
            return (int) Math.min(Integer.MAX_VALUE, head.ring.size() + buffer.size() + mover.unread());
        }
        if (key == Attr.CAPACITY) {
            return spec.capacity();
        }
        if (key == Attr.PREFETCH) {
            return spec.blocks() ? spec.prefetch() : Integer.MAX_VALUE;
        }
        if (key == Attr.REQUESTED_FROM_DOWNSTREAM) {
            long demand = requested;
            return demand == Long.MAX_VALUE ? demand : demand - handedOn();
        }
        if (key == Attr.CANCELLED) {
            return cancelled;
        }
        if (key == Attr.TERMINATED) {
            return finishing;
        }
        if (key == Attr.ERROR) {
            Throwable failure = mover.failure();
            return failure != null ? failure : done ? error : null;
        }
        return key == Attr.RUN_STYLE ? Attr.RunStyle.ASYNC : null;
    }
}
