package io.reactivemq.operator;

import io.reactivemq.metrics.BufferMeters;
import io.reactivemq.metrics.Metering;
import io.reactivemq.operator.Conflater.Place;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxOperator;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/** The operator behind {@link Overflow}. */
final class FluxOverflow<T> extends FluxOperator<T, T> {

    private final OverflowStrategy strategy;

    /** Of a buffer that conflates; it drops the oldest besides. */
    private final @Nullable Function<? super T, ?> keyFn;

    private final int capacity;
    private final @Nullable String name;
    private final Consumer<? super T> onDropped;
    private final Metering metering;

    FluxOverflow(Flux<? extends T> source, OverflowStrategy strategy, int capacity, OverflowOptions<T> options) {
        this(source, strategy, null, strategy.operatorName(), capacity, options);
    }

    /** With one place for each key. */
    static <T> FluxOverflow<T> conflating(
            Flux<? extends T> source, Function<? super T, ?> keyFn, int capacity, OverflowOptions<T> options) {
        return new FluxOverflow<>(source, OverflowStrategy.DROP_OLDEST, keyFn, "conflate", capacity, options);
    }

    private FluxOverflow(
            Flux<? extends T> source,
            OverflowStrategy strategy,
            @Nullable Function<? super T, ?> keyFn,
            String operatorName,
            int capacity,
            OverflowOptions<T> options) {
        super(source);
        this.strategy = strategy;
        this.keyFn = keyFn;
        this.capacity = capacity;
        this.name = options.name();
        this.onDropped = options.onDropped();
        this.metering = options.metering(operatorName);
    }

    @Override
    public void subscribe(CoreSubscriber<? super T> actual) {
        BufferSubscriber<T> subscriber;
        try {
            subscriber = subscriber(actual);
        } catch (Throwable failure) {
            // the registry refuses the meters
            Operators.error(actual, Operators.onOperatorError(failure, actual.currentContext()));
            return;
        }
        source.subscribe(subscriber);
    }

    private BufferSubscriber<T> subscriber(CoreSubscriber<? super T> actual) {
        if (keyFn != null) {
            return new ConflateSubscriber<>(actual, this, keyFn);
        }
        return switch (strategy) {
            case DROP_OLDEST -> new DropOldestSubscriber<>(actual, this);
            case DROP_NEWEST -> new DropNewestSubscriber<>(actual, this);
            case BLOCK, ERROR -> new ErrorSubscriber<>(actual, this);
        };
    }

    @Override
    public int getPrefetch() {
        return strategy == OverflowStrategy.BLOCK ? capacity : Integer.MAX_VALUE;
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.RUN_STYLE) {
            return Attr.RunStyle.SYNC;
        }
        return key == Attr.NAME ? name : super.scanUnsafe(key);
    }

    /**
     * The subscriber of all strategies. They differ in {@link #buffer}: what becomes of an element that cannot be handed on
     * at once.
     *
     * <p><b>Two ways out.</b> An element either passes directly, on the thread that brings it, or waits in the ring until {@link
     * #drain} emits it, on whichever thread brings the element, the demand or the end. Downstream must never see two at a
     * time, and the direct way is the hot one: it takes no lock and no atomic write, since it needs none:
     * <ol>
     * <li>Only the source's thread adds to the ring. While it is on the direct way, the ring stays empty, and a drain that
     *     starts meanwhile finds nothing to emit.
     * <li>A drain that has taken the last element may still be emitting it. It holds {@code wip} until it is back. So the direct way is
     *     open only if the ring is empty and then {@code wip} is zero, read in this order.
     * <li>The consumer may, inside its {@code onNext}, cause the source to emit again on the same thread. Such an element goes to
     *     the ring, behind {@code emitting}; whoever sees it there sees {@code emitting}, too, and leaves it to the direct emission
     *     to drain after its return.
     * </ol>
     *
     * <p><b>No element is forgotten.</b> The source's side adds to the ring, then looks for demand. The consumer's side adds demand,
     * then looks into the ring. With a full fence between the two steps on each side, at least one sees the other's.
     *
     * <p>{@code requested} and {@code emitted} count from the subscription on: demand is their difference, and emitting
     * costs no atomic subtraction.
     */
    abstract static class BufferSubscriber<T> implements CoreSubscriber<T>, Subscription, Scannable {

        @SuppressWarnings("rawtypes") // a class literal has no type arguments
        private static final AtomicIntegerFieldUpdater<BufferSubscriber> WIP =
                AtomicIntegerFieldUpdater.newUpdater(BufferSubscriber.class, "wip");

        @SuppressWarnings("rawtypes") // a class literal has no type arguments
        private static final AtomicLongFieldUpdater<BufferSubscriber> REQUESTED =
                AtomicLongFieldUpdater.newUpdater(BufferSubscriber.class, "requested");

        /** Written without a fence; a volatile field would cost one for each element. */
        private static final VarHandle EMITTED = field("emitted", long.class);

        /** What the consumer did on the direct way happens before what it does in a drain: by a release, and an acquire there. */
        private static final VarHandle EMITTING = field("emitting", boolean.class);

        private final CoreSubscriber<? super T> actual;
        private final Context context;
        private final @Nullable String name;
        private final Consumer<? super T> onDropped;
        private final long prefetch;
        private final int replenishBy;

        final int capacity;

        /** The source's thread adds, the drain takes. */
        private final Ring<T> ring;

        final BufferMeters meters;

        /** Whether the meters want to know when elements come and leave. */
        private final boolean timed;

        @SuppressWarnings("NullAway.Init") // set by onSubscribe, before any other signal
        private Subscription upstream;

        /** Demand since the subscription, up to {@code Long.MAX_VALUE}: unbounded. Written by the consumer's threads. */
        private volatile long requested;

        /** The drains that are asked for; whoever brings it from 0 to 1 drains. */
        private volatile int wip;

        /** Written by the consumer's threads, once. */
        private volatile boolean cancelled;

        /** No more elements will come. Written by the source's thread, once, after {@code error}. */
        private volatile boolean done;

        private @Nullable Throwable error;

        /** The end was brought about here, by an overflow or a failed callback. Written by the source's thread. */
        private boolean stopped;

        /** Invariant: emitted <= requested. Written by who emits: the direct way, or the drain. */
        private long emitted;

        /** The count of emitted elements at which the next are requested. Written by who emits. */
        private long replenishAt;

        /** How many elements were added to the ring. Written by the source's thread. */
        private long tail;

        /** How many had been taken from it when last looked. Written by the source's thread. */
        private long head;

        /** The direct way is inside the consumer's onNext. Written by the source's thread. */
        private boolean emitting;

        /** Something came meanwhile. Written by the source's thread. */
        private boolean interrupted;

        /** Downstream has the end. Written by the drain. */
        private boolean ended;

        BufferSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator, Ring<T> ring) {
            this.actual = actual;
            this.context = actual.currentContext();
            this.name = operator.name;
            this.onDropped = operator.onDropped;
            this.capacity = operator.capacity;
            this.ring = ring;
            this.meters = operator.metering.open(capacity, ring::size);
            this.timed = meters.timesWaiting();
            boolean bounded = operator.strategy == OverflowStrategy.BLOCK;
            this.prefetch = bounded ? capacity : Long.MAX_VALUE;
            // ask for more when three quarters are consumed, so that the source is not asked for one at a time
            this.replenishBy = capacity - (capacity >> 2);
            this.replenishAt = bounded ? replenishBy : Long.MAX_VALUE;
        }

        private static VarHandle field(String name, Class<?> type) {
            try {
                return MethodHandles.lookup().findVarHandle(BufferSubscriber.class, name, type);
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        /** Takes an element that has to wait, or lets one go. On the source's thread. */
        abstract void buffer(T element);

        // the source's side

        @Override
        public final void onSubscribe(Subscription subscription) {
            if (Operators.validate(upstream, subscription)) {
                upstream = subscription;
                actual.onSubscribe(this);
                subscription.request(prefetch);
            }
        }

        @Override
        public final void onNext(T element) {
            if (done) {
                tooLate(element);
            } else if (waiting() == 0 && wip == 0 && emitted != requested && !emitting && !cancelled) {
                emitting = true;
                emit(element);
                EMITTING.setRelease(this, false);
                if (interrupted) {
                    interrupted = false;
                    drain();
                }
            } else if (cancelled) {
                discard(element);
            } else {
                buffer(element);
            }
        }

        @Override
        public final void onError(Throwable failure) {
            if (done) {
                Operators.onErrorDropped(failure, context);
            } else {
                end(failure);
            }
        }

        @Override
        public final void onComplete() {
            if (!done) {
                end(null);
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

        private void end(@Nullable Throwable failure) {
            error = failure;
            done = true;
            if (emitting) {
                interrupted = true;
            } else {
                drain();
            }
        }

        /** How many elements wait, as the source's thread sees it: it may be fewer, but not more, for only it adds. */
        private long waiting() {
            return tail == head ? 0 : tail - (head = ring.currentConsumerIndex());
        }

        /** As of the beginning of onNext. */
        final boolean isFull() {
            return tail - head >= capacity;
        }

        /** Adds to the ring, which has room. To be followed by {@link #emitOnDemand}. */
        final void add(T element) {
            came();
            if (!ring.offer(element)) {
                throw new IllegalStateException(describe() + " took one too many");
            }
        }

        /** The ring is about to hold one more. Not behind it: then that one may have left before it came, and would be timed for ever. */
        final void came() {
            if (timed) {
                meters.came(tail);
            }
            tail++;
        }

        /** The index of the element that was added last. */
        final long lastIndex() {
            return tail - 1;
        }

        /** Sees to it that what was added is emitted if there is demand. */
        final void emitOnDemand() {
            if (emitting) {
                interrupted = true;
                return;
            }
            VarHandle.fullFence();
            if ((long) EMITTED.getOpaque(this) != requested || cancelled) {
                drain();
            }
        }

        /** Lets an element go for lack of room. */
        final void drop(T element) {
            meters.dropped();
            try {
                onDropped.accept(element);
            } catch (Throwable failure) {
                stop(failure, element);
            }
            discard(element);
        }

        /** Ends the source from here. */
        final void stop(Throwable failure, T element) {
            Throwable reported = Operators.onOperatorError(upstream, failure, element, context);
            if (done) {
                Operators.onErrorDropped(reported, context);
                return;
            }
            stopped = true;
            end(reported);
        }

        final String describe() {
            return (name == null ? "the overflow buffer" : "the overflow buffer '" + name + "'") + " of capacity "
                    + capacity;
        }

        final void discard(T element) {
            Operators.onDiscard(element, context);
        }

        // the consumer's side

        @Override
        public final void request(long n) {
            if (Operators.validate(n)) {
                Operators.addCap(REQUESTED, this, n);
                if (!ring.isEmpty()) {
                    drain();
                }
            }
        }

        @Override
        public final void cancel() {
            if (!cancelled) {
                cancelled = true;
                upstream.cancel();
                drain();
                meters.close();
            }
        }

        // either side

        private void emit(T element) {
            long count = emitted + 1;
            EMITTED.setOpaque(this, count);
            actual.onNext(element);
            if (count == replenishAt) {
                replenishAt += replenishBy;
                upstream.request(replenishBy);
            }
        }

        private void drain() {
            if (WIP.getAndIncrement(this) != 0) {
                return;
            }
            int missed = 1;
            do {
                drainOnce();
                missed = WIP.addAndGet(this, -missed);
            } while (missed != 0);
        }

        /** Emits what waits while there is demand, then the end; discards it after a cancellation. Holds {@code wip}. */
        private void drainOnce() {
            for (; ; ) {
                if (cancelled) {
                    for (T element = ring.poll(); element != null; element = ring.poll()) {
                        discard(element);
                    }
                    return;
                }
                // in this order: behind the end nothing is added
                boolean last = done;
                boolean empty = ring.isEmpty();
                if ((empty && !last) || (boolean) EMITTING.getAcquire(this)) {
                    return;
                }
                if (empty) {
                    endDownstream();
                    return;
                }
                if (emitted == requested) {
                    return;
                }
                T element = ring.poll();
                if (element != null) {
                    if (timed) {
                        meters.left(ring.currentConsumerIndex() - 1);
                    }
                    emit(element);
                }
            }
        }

        private void endDownstream() {
            if (ended) {
                return;
            }
            ended = true;
            meters.close();
            if (error != null) {
                actual.onError(error);
            } else {
                actual.onComplete();
            }
        }

        @Override
        public final Context currentContext() {
            return context;
        }

        @Override
        @SuppressWarnings("rawtypes") // as Scannable declares it
        public final @Nullable Object scanUnsafe(Attr key) {
            if (key == Attr.PARENT) {
                return upstream;
            }
            if (key == Attr.ACTUAL) {
                return actual;
            }
            if (key == Attr.NAME) {
                return name;
            }
            if (key == Attr.BUFFERED) {
                return ring.size();
            }
            if (key == Attr.CAPACITY) {
                return capacity;
            }
            if (key == Attr.PREFETCH) {
                return prefetch == Long.MAX_VALUE ? Integer.MAX_VALUE : capacity;
            }
            if (key == Attr.REQUESTED_FROM_DOWNSTREAM) {
                long asked = requested;
                return asked == Long.MAX_VALUE ? asked : asked - (long) EMITTED.getOpaque(this);
            }
            if (key == Attr.CANCELLED) {
                return cancelled;
            }
            if (key == Attr.TERMINATED) {
                return done && ring.isEmpty();
            }
            if (key == Attr.ERROR) {
                return done ? error : null;
            }
            return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
        }
    }

    static final class DropNewestSubscriber<T> extends BufferSubscriber<T> {

        DropNewestSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator) {
            super(actual, operator, Ring.ofCapacity(operator.capacity));
        }

        @Override
        void buffer(T element) {
            if (isFull()) {
                drop(element);
            } else {
                add(element);
                emitOnDemand();
            }
        }
    }

    /** Of the strategies {@code error} and {@code block}; with the latter only a source that ignores demand overflows. */
    static final class ErrorSubscriber<T> extends BufferSubscriber<T> {

        private final String reason;

        ErrorSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator) {
            super(actual, operator, Ring.ofCapacity(operator.capacity));
            reason = operator.strategy == OverflowStrategy.BLOCK
                    ? ": the source sends more than is requested"
                    : ": the consumer is slower than the source";
        }

        @Override
        void buffer(T element) {
            if (isFull()) {
                stop(Exceptions.failWithOverflow(describe() + " is full" + reason), element);
                drop(element);
            } else {
                add(element);
                emitOnDemand();
            }
        }
    }

    static final class DropOldestSubscriber<T> extends BufferSubscriber<T> {

        private final EvictingRing<T> ring;

        DropOldestSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator) {
            this(actual, operator, new EvictingRing<>(operator.capacity));
        }

        private DropOldestSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator, EvictingRing<T> ring) {
            super(actual, operator, ring);
            this.ring = ring;
        }

        @Override
        void buffer(T element) {
            add(element);
            T oldest = ring.evict();
            if (oldest != null) {
                meters.evicted(lastIndex() - capacity);
            }
            emitOnDemand();
            if (oldest != null) {
                drop(oldest);
            }
        }
    }

    static final class ConflateSubscriber<T> extends BufferSubscriber<T> {

        private final ConflatingRing<T> ring;

        ConflateSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator, Function<? super T, ?> keyFn) {
            this(actual, operator, new ConflatingRing<>(keyFn, operator.capacity));
        }

        private ConflateSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator, ConflatingRing<T> ring) {
            super(actual, operator, ring);
            this.ring = ring;
        }

        @Override
        void buffer(T element) {
            T older;
            Place<T> place = null;
            try {
                Object key = ring.keyOf(element);
                older = ring.replace(key, element);
                if (older == null) {
                    place = ring.place(key, element);
                }
            } catch (Throwable failure) {
                stop(failure, element);
                discard(element);
                return;
            }
            if (place == null) {
                drop(Objects.requireNonNull(older));
                return;
            }
            came();
            ring.offer(place);
            T oldest = ring.evict();
            if (oldest != null) {
                meters.evicted(lastIndex() - capacity);
            }
            emitOnDemand();
            if (oldest != null) {
                drop(oldest);
            }
        }
    }
}
