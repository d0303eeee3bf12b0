package io.reactivemq.operator;

import io.reactivemq.metrics.BufferMeters;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Scannable;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * The subscriber of all strategies of {@link FluxOverflow}. They differ in {@link #buffer}: what becomes of an element that cannot be
 * handed on at once.
 *
 * <p><b>One word</b> holds the demand, who emits, and the cancellation, so that each step on the consumer's side is one
 * compare-and-set:
 *
 * <pre>
 * state   63                        3           2        1          0
 *         +-------------------------+-----------+--------+----------+
 *         | requested so far        | CANCELLED | MISSED | DRAINING |
 *         +-------------------------+-----------+--------+----------+
 * </pre>
 *
 * {@code requested} and {@code emitted} count from the subscription on: demand is their difference, and emitting costs no atomic
 * subtraction.
 *
 * <p><b>Who drains.</b> Whoever sets {@code DRAINING} is the drain: it alone takes from the ring and calls downstream. It clears it from
 * the very state that it acted on. So whatever has changed the state meanwhile (more demand, a cancellation) makes it look again; what
 * does not change the state of itself (an element, the end) sets {@code MISSED} for it.
 *
 * <p><b>Two ways out.</b> An element either passes directly, on the thread that brings it, or waits in the ring until the drain
 * emits it, on whichever thread brings the element, the demand or the end. Downstream must never see two at a
 * time, and the direct way is the hot one: it takes no lock and no atomic write, since it needs none:
 * <ol>
 * <li>Only the source's thread adds to the ring. While it is on the direct way, the ring stays empty, and a drain that
 *     starts meanwhile finds nothing to emit.
 * <li>A drain that has taken the last element may still be emitting it. It is {@code DRAINING} until it is back. So the direct way is
 *     open only if the ring is empty and then nobody drains, read in this order.
 * <li>The consumer may, inside its {@code onNext}, cause the source to emit again on the same thread. Such an element goes to
 *     the ring, behind {@code emitting}; whoever sees it there sees {@code emitting}, too, and leaves it to the direct emission
 *     to drain after its return.
 * <li>A drain may begin for an element that another one has emitted since, just when the direct way has found that nobody drains. So it
 *     looks into the ring anew, and only then at {@code emitting}: a ring that is empty is left alone, and while it is not, the direct way is
 *     closed. From then on {@code DRAINING} keeps it closed.
 * </ol>
 *
 * <p><b>No element is forgotten.</b> The source's side adds to the ring, then looks for demand. The consumer's side adds demand,
 * then looks into the ring. With a full fence or a compare-and-set between the two steps on each side, at least one sees the other's.
 */
abstract class OverflowSubscriber<T> implements CoreSubscriber<T>, Subscription, Scannable {

    private static final long DRAINING = 1;
    private static final long MISSED = 2;
    private static final long CANCELLED = 4;
    private static final long FLAGS = DRAINING | MISSED | CANCELLED;
    private static final int FLAG_BITS = 3;
    private static final long ONE = 1L << FLAG_BITS;

    /** All demand from here on is the same: no source emits as much. */
    private static final long UNBOUNDED = Long.MAX_VALUE >>> FLAG_BITS;

    private static final VarHandle STATE = field("state", long.class);

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

    private volatile long state;

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

    OverflowSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator, Ring<T> ring) {
        this.actual = actual;
        this.context = actual.currentContext();
        this.name = operator.bufferName();
        this.onDropped = operator.onDropped();
        this.capacity = operator.capacity();
        this.ring = ring;
        this.meters = operator.metering().open(capacity, ring::size);
        this.timed = meters.timesWaiting();
        boolean bounded = operator.strategy() == OverflowStrategy.BLOCK;
        this.prefetch = bounded ? capacity : Long.MAX_VALUE;
        // ask for more when three quarters are consumed, so that the source is not asked for one at a time
        this.replenishBy = capacity - (capacity >> 2);
        this.replenishAt = bounded ? replenishBy : Long.MAX_VALUE;
    }

    private static VarHandle field(String name, Class<?> type) {
        try {
            return MethodHandles.lookup().findVarHandle(OverflowSubscriber.class, name, type);
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
            return;
        }
        boolean empty = waiting() == 0;
        long seen = state;
        if (empty && (seen & FLAGS) == 0 && emitted != requested(seen) && !emitting) {
            emitting = true;
            emit(element);
            EMITTING.setRelease(this, false);
            if (interrupted) {
                interrupted = false;
                signal();
            }
        } else if (isCancelled(seen)) {
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
            signal();
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

    /** Adds to the ring. To be followed by {@link #emitOnDemand}. */
    final void add(T element) {
        came();
        ring.put(element);
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
        // between adding and looking
        VarHandle.fullFence();
        emitOnDemandFenced();
    }

    /** The same, for who has added by an atomic step. */
    final void emitOnDemandFenced() {
        if (emitting) {
            interrupted = true;
            return;
        }
        long seen = state;
        if ((long) EMITTED.getOpaque(this) != requested(seen) || isCancelled(seen)) {
            signal();
        }
    }

    /** Behind what was added to a ring that lets the oldest go: sees to both, that one and the one that came. */
    final void settle(@Nullable T oldest) {
        if (oldest == null) {
            emitOnDemandFenced();
            return;
        }
        meters.evicted(lastIndex() - capacity);
        emitOnDemandFenced();
        drop(oldest);
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
        if (!Operators.validate(n)) {
            return;
        }
        for (; ; ) {
            long seen = state;
            long asked = requested(seen);
            long sum = n >= UNBOUNDED - asked ? UNBOUNDED : asked + n;
            long more = seen + (sum - asked) * ONE;
            boolean drains = isDraining(seen);
            if (!drains && !ring.isEmpty()) {
                if (move(seen, more | DRAINING)) {
                    drain(more | DRAINING);
                    return;
                }
            } else if (move(seen, more)) {
                // an element may have come since
                if (!drains && !ring.isEmpty()) {
                    signal();
                }
                return;
            }
        }
    }

    @Override
    public final void cancel() {
        for (; ; ) {
            long seen = state;
            if (isCancelled(seen)) {
                return;
            }
            long cancelled = seen | CANCELLED | DRAINING;
            if (move(seen, cancelled)) {
                upstream.cancel();
                if (!isDraining(seen)) {
                    drain(cancelled);
                }
                meters.close();
                return;
            }
        }
    }

    // either side

    private static boolean isDraining(long state) {
        return (state & DRAINING) != 0;
    }

    private static boolean isCancelled(long state) {
        return (state & CANCELLED) != 0;
    }

    private static long requested(long state) {
        return state >>> FLAG_BITS;
    }

    private boolean move(long from, long to) {
        return STATE.compareAndSet(this, from, to);
    }

    private void emit(T element) {
        long count = emitted + 1;
        EMITTED.setOpaque(this, count);
        actual.onNext(element);
        if (count == replenishAt) {
            replenishAt += replenishBy;
            upstream.request(replenishBy);
        }
    }

    /** Something has changed that a drain would not see in the state. */
    private void signal() {
        for (; ; ) {
            long seen = state;
            if (!isDraining(seen)) {
                if (move(seen, seen | DRAINING)) {
                    drain(seen | DRAINING);
                    return;
                }
            } else if ((seen & MISSED) != 0 || move(seen, seen | MISSED)) {
                return;
            }
        }
    }

    /** By who has made the state this one, which is {@code DRAINING}. */
    private void drain(long seen) {
        for (; ; ) {
            if ((seen & MISSED) != 0) {
                // before looking: who comes behind it sets it anew
                seen = (long) STATE.getAndBitwiseAnd(this, ~MISSED) & ~MISSED;
            }
            drainOnce(seen);
            long now = state;
            if (now == seen && move(seen, seen & ~DRAINING)) {
                return;
            }
            seen = state;
        }
    }

    /** Emits what waits while there is demand, then the end; discards it after a cancellation. Until the state is another. */
    private void drainOnce(long seen) {
        if (isCancelled(seen)) {
            for (T element = ring.poll(); element != null; element = ring.poll()) {
                discard(element);
            }
            return;
        }
        // in this order: behind the end nothing is added; and who sees what was added sees the emission that it came
        // within
        boolean last = done;
        boolean empty = ring.isEmpty();
        if ((boolean) EMITTING.getAcquire(this)) {
            return;
        }
        if (empty) {
            if (last) {
                endDownstream();
            }
            return;
        }
        long requested = requested(seen);
        do {
            last = done;
            T element = emitted == requested ? null : ring.poll();
            if (element == null) {
                if (last && ring.isEmpty()) {
                    endDownstream();
                }
                return;
            }
            if (timed) {
                meters.left(ring.currentConsumerIndex() - 1);
            }
            emit(element);
        } while (state == seen);
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
            long asked = requested(state);
            return asked == UNBOUNDED ? Long.MAX_VALUE : asked - (long) EMITTED.getOpaque(this);
        }
        if (key == Attr.CANCELLED) {
            return isCancelled(state);
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
