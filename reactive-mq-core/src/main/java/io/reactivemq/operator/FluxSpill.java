package io.reactivemq.operator;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.Serde;
import io.reactivemq.metrics.BufferMeters;
import io.reactivemq.metrics.Metering;
import io.reactivemq.operator.spill.SpillBuffer;
import io.reactivemq.operator.spill.SpillQueue;
import io.reactivemq.storage.FileStore;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxOperator;
import reactor.core.publisher.Operators;
import reactor.core.scheduler.Scheduler;
import reactor.util.context.Context;

/** The operator behind {@link Overflow#spillToDisk}. */
final class FluxSpill<T> extends FluxOperator<T, T> {

    /** Between these the demand is bounded that is open with the source: enough to keep it busy, whatever the capacity. */
    private static final int PREFETCH_MIN = 256;

    private static final int PREFETCH_MAX = 1 << 16;

    private final Spec<T> spec;

    /**
     * What is said about a spill; checked.
     *
     * @param prefetch how many elements are requested ahead, at most; only with BLOCK
     */
    record Spec<T>(
            Path directory,
            Serde<T> serde,
            int capacity,
            int prefetch,
            SpillQueue.Config files,
            long maxBytes,
            int bufferBytes,
            OverflowStrategy whenFull,
            Duration retryTimeout,
            @Nullable String name,
            Consumer<? super T> onDropped,
            Consumer<? super T> onSpilled,
            FileStore store,
            MqRuntime runtime,
            Metering metering) {

        static <T> Spec<T> of(Path directory, Serde<T> serde, int capacity, SpillOptions<T> options) {
            boolean forced = options.durability() == Durability.FSYNC;
            return new Spec<>(
                    directory,
                    serde,
                    capacity,
                    Math.max(PREFETCH_MIN, Math.min(capacity, PREFETCH_MAX)),
                    new SpillQueue.Config(options.recovers(), forced, options.segmentBytes()),
                    options.maxBytes(),
                    options.bufferBytes(),
                    options.whenFull(),
                    options.retryTimeout(),
                    options.name(),
                    options.onDropped(),
                    options.onSpilled(),
                    options.store(),
                    options.runtime(),
                    options.metering("spillToDisk"));
        }

        /** The largest element that fits in a segment. */
        int elementBytesMax() {
            return files.segmentBytes() - SpillQueue.OVERHEAD_BYTES;
        }

        String describe() {
            return (name == null ? "the spill" : "the spill '" + name + "'") + " in " + directory;
        }

        boolean blocks() {
            return whenFull == OverflowStrategy.BLOCK;
        }
    }

    FluxSpill(Flux<? extends T> source, Spec<T> spec) {
        super(source);
        this.spec = spec;
    }

    @Override
    public void subscribe(CoreSubscriber<? super T> actual) {
        SpillSubscriber<T> subscriber;
        try {
            subscriber = new SpillSubscriber<>(actual, spec);
        } catch (Throwable failure) {
            // the registry refuses the meters
            Operators.error(actual, Operators.onOperatorError(failure, actual.currentContext()));
            return;
        }
        source.subscribe(subscriber);
    }

    @Override
    public int getPrefetch() {
        return spec.blocks() ? spec.prefetch : Integer.MAX_VALUE;
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.RUN_STYLE) {
            return Attr.RunStyle.ASYNC;
        }
        return key == Attr.NAME ? spec.name : super.scanUnsafe(key);
    }

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
    static final class SpillSubscriber<T> implements CoreSubscriber<T>, Subscription, Scannable {

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
        private static final VarHandle RECEIVED = field("received");
        private static final VarHandle ASKED = field("asked");

        private final CoreSubscriber<? super T> actual;
        private final Context context;
        private final Spec<T> spec;
        private final BufferMeters meters;
        private final Scheduler.Worker worker;
        private final SpillHead<T> head;
        private final SpillBuffer buffer;
        private final SpillMover<T> mover;
        private final Runnable drainTask = this::drainOnWorker;

        @SuppressWarnings("NullAway.Init") // set by onSubscribe, before any other signal
        private Subscription upstream;

        // the source's

        /** All is in memory, and the source's thread adds to the head. */
        private boolean inMemory;

        /** How many elements have come. Written by the source's thread, read by the mover. */
        private long received;

        /** How many were asked for; only with BLOCK. Written by whose turn it is to add to the head. */
        private long asked;

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

        SpillSubscriber(CoreSubscriber<? super T> actual, Spec<T> spec) {
            this.actual = actual;
            this.context = actual.currentContext();
            this.spec = spec;
            this.head = new SpillHead<>(spec.capacity);
            this.buffer = new SpillBuffer(spec.bufferBytes);
            this.worker = spec.runtime.workers().createWorker();
            this.mover = new SpillMover<>(this, spec, head, buffer);
            try {
                this.meters = spec.metering.openSpilling(
                        spec.capacity, () -> head.ring.size() + buffer.size() + mover.unread(), mover::diskBytes);
            } catch (Throwable refused) {
                worker.dispose();
                throw refused;
            }
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
            RECEIVED.setOpaque(this, received + 1);
            if (inMemory || mover.isClear(buffer.accepted())) {
                inMemory = head.free() > 0;
                if (inMemory) {
                    head.add(element);
                    drain();
                    askForMore();
                    return;
                }
            }
            spill(element);
        }

        private void tooLate(T element) {
            if (stopped) {
                // the source could not know yet
                discard(element);
            } else {
                Operators.onNextDropped(element, context);
            }
        }

        private void spill(T element) {
            byte[] bytes;
            try {
                bytes = serialized(element);
            } catch (Throwable failure) {
                stop(failure, element);
                discard(element);
                return;
            }
            if (buffer.bytes() >= spec.bufferBytes && !makeRoom(element)) {
                return;
            }
            buffer.add(bytes);
            try {
                spec.onSpilled.accept(element);
            } catch (Throwable failure) {
                stop(failure, element);
            }
            mover.wake();
        }

        private byte[] serialized(T element) {
            byte[] bytes;
            try {
                bytes = spec.serde.serialize(element);
            } catch (RuntimeException e) {
                throw unserializable(element, "the serde failed: " + e, e);
            }
            if (bytes == null) {
                throw unserializable(element, "the serde returned null", null);
            }
            if (bytes.length > spec.elementBytesMax()) {
                throw unserializable(
                        element,
                        "it has " + bytes.length + " bytes, and segments of " + spec.files.segmentBytes()
                                + " hold elements of at most " + spec.elementBytesMax() + "; raise segmentBytes",
                        null);
            }
            return bytes;
        }

        private MqException unserializable(T element, String why, @Nullable Throwable cause) {
            return new MqException(
                    ErrorCode.INVALID_RECORD,
                    spec.describe() + " can't write the element " + element + ": " + why,
                    cause);
        }

        /** As many bytes wait to be written as may. False where the element is not taken: then it is let go. */
        private boolean makeRoom(T element) {
            switch (spec.whenFull) {
                case DROP_OLDEST -> {
                    boolean more = true;
                    while (more && buffer.bytes() >= spec.bufferBytes) {
                        more = buffer.evict(bytes -> evicted(bytes, element));
                    }
                    if (done) {
                        // one that went has brought about the end, and this one comes behind it
                        discard(element);
                        return false;
                    }
                    return true;
                }
                case BLOCK -> {
                    if (received <= (long) ASKED.getOpaque(this)) {
                        return true;
                    }
                    overflow(element, ": the source sends more than is requested");
                }
                case ERROR, DROP_NEWEST -> overflow(element, ": the disk is slower than the source");
            }
            return false;
        }

        /** Lets an element go that was to be written; one that can't be read ends the source, and the others go as well. */
        private void evicted(ByteBuffer bytes, T newest) {
            T oldest;
            try {
                oldest = mover.deserialized(bytes, "an element that waits to be written");
            } catch (Throwable failure) {
                meters.dropped();
                stop(failure, newest);
                return;
            }
            drop(oldest);
        }

        private void overflow(T element, String why) {
            stop(
                    Exceptions.failWithOverflow(spec.describe() + " is full, with " + buffer.bytes() + " of "
                            + spec.bufferBytes + " bytes waiting to be written" + why),
                    element);
            drop(element);
        }

        /** While all is in memory: half of what is asked for has come. */
        private void askForMore() {
            if (spec.blocks() && asked - received <= spec.prefetch >> 2) {
                upstream.request(ask());
            }
        }

        /** By whose turn it is: counts as asked what will be. */
        long ask() {
            long more = spec.prefetch - openDemand();
            ASKED.setOpaque(this, asked + more);
            return more;
        }

        /** How many the source may still send. */
        long openDemand() {
            return asked - (long) RECEIVED.getOpaque(this);
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
        private void stop(Throwable failure, T element) {
            Throwable reported = Operators.onOperatorError(upstream, failure, element, context);
            if (done) {
                Operators.onErrorDropped(reported, context);
                return;
            }
            stopped = true;
            end(reported);
        }

        /** Lets an element go for lack of room, on the source's thread. */
        private void drop(T element) {
            try {
                tellDropped(element);
            } catch (Throwable failure) {
                stop(failure, element);
            }
            discard(element);
        }

        // --- for the mover ---------------------------------------------------------------------------------------

        void tellDropped(T element) {
            meters.dropped();
            spec.onDropped.accept(element);
        }

        void discard(T element) {
            Operators.onDiscard(element, context);
        }

        void spilled(long elements, long bytes) {
            meters.spilled(elements, bytes);
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
            boolean mayEmit = (long) EMITTED.getOpaque(this) != requested;
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
            // behind a full fence: either this sees what the mover waits for, or the mover sees what was taken
            if (taken() >= mover.wakeAt()) {
                mover.wake();
            }
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
                return spec.name;
            }
            if (key == Attr.LARGE_BUFFERED) {
                return head.ring.size() + buffer.size() + mover.unread();
            }
            if (key == Attr.BUFFERED) {
                return (int) Math.min(Integer.MAX_VALUE, head.ring.size() + buffer.size() + mover.unread());
            }
            if (key == Attr.CAPACITY) {
                return spec.capacity;
            }
            if (key == Attr.PREFETCH) {
                return spec.blocks() ? spec.prefetch : Integer.MAX_VALUE;
            }
            if (key == Attr.REQUESTED_FROM_DOWNSTREAM) {
                long demand = requested;
                return demand == Long.MAX_VALUE ? demand : demand - (long) EMITTED.getOpaque(this);
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
}
