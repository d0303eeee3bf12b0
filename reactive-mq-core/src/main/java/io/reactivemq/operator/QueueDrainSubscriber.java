package io.reactivemq.operator;

import java.util.Queue;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import org.jctools.queues.varhandle.unpadded.SpscVarHandleUnpaddedArrayQueue;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * The common part of operators that hold elements: one state, moved by one thread at a time, and no more asked of the source than there is
 * room for. A subclass says what becomes of an element that has come, and what is emitted.
 *
 * <p><b>The turn.</b> The thread that brings {@code wip} from 0 to 1 holds the turn until it is back at 0. Whoever has something new puts it
 * where the turn finds it and then counts {@code wip} up: an element into {@code arrivals}, the end into {@code done}, demand into {@code
 * requested}, a subclass's own into volatile fields. If that brought it from 0 to 1 it takes the turn itself. If not, the one who holds it goes round
 * once more, as it gives the turn back only if {@code wip} is what it saw before it looked. So nothing that was put there is missed, what
 * the turn moves needs no more synchronisation, and each holder sees what the one before it wrote: both have written {@code wip}.
 *
 * <p><b>In order.</b> A source's thread that finds the turn free hands its element on past {@code arrivals}. None before it can be in there then:
 * a turn ends with {@code arrivals} empty, unless {@link #takesIn} says no, and then the element queues up behind them.
 *
 * <p><b>No more than asked for.</b> Invariant: {@code outstanding + held() <= prefetch}. {@code outstanding} counts what is requested and not
 * taken in, those in {@code arrivals} included, so these have room there. More is requested after the turn was given back: a source that sends at once
 * would find it taken, and its elements would all go the long way. Two threads may then request at a time, which a source must stand; each
 * has counted its share within its turn.
 *
 * <p><b>The end.</b> {@code done} is read before the arrivals: if it is true then, no more come behind those found. From then on it is
 * {@link #ending}, and what is held is emitted as it is asked for; then downstream gets the end. A failure of a user's function ({@link #stop}) cancels
 * the source and ends likewise. Behind the end or a cancellation ({@code over}) every turn lets go what it finds, so whatever came too late
 * is discarded by the turn that its bringer asked for.
 *
 * @param <T> what comes
 * @param <R> what is emitted
 */
abstract class QueueDrainSubscriber<T, R> implements CoreSubscriber<T>, Subscription, Scannable {

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicIntegerFieldUpdater<QueueDrainSubscriber> WIP =
            AtomicIntegerFieldUpdater.newUpdater(QueueDrainSubscriber.class, "wip");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicLongFieldUpdater<QueueDrainSubscriber> REQUESTED =
            AtomicLongFieldUpdater.newUpdater(QueueDrainSubscriber.class, "requested");

    final Context context;

    @SuppressWarnings("NullAway.Init") // set by onSubscribe, before any other signal
    Subscription upstream;

    private final CoreSubscriber<? super R> actual;
    private final int prefetch;
    private final int replenishBy;

    // what others bring

    private volatile int wip;

    /** Demand since the subscription, up to {@code Long.MAX_VALUE}: unbounded. */
    private volatile long requested;

    private volatile boolean cancelled;

    /** Elements that came while another thread held the turn, or are not taken in yet. Made by the source's thread when it needs it. */
    private @Nullable Queue<T> arrivals;

    /** No more elements will come. Written by the source's thread, after {@code sourceError}. */
    private volatile boolean done;

    private @Nullable Throwable sourceError;

    // what the turn moves

    /** Since the subscription; less than or equal to {@code requested}. */
    private long emitted;

    /** Requested from the source and not taken in yet. */
    private int outstanding;

    /** The source has ended and all is taken in, or it was cancelled from here: nothing more is. */
    private boolean ending;

    private @Nullable Throwable failure;

    /** Downstream has the end, or has cancelled: whatever is found is let go. */
    private boolean over;

    QueueDrainSubscriber(CoreSubscriber<? super R> actual, int prefetch) {
        this.actual = actual;
        this.context = actual.currentContext();
        this.prefetch = prefetch;
        this.replenishBy = prefetch - (prefetch >> 2);
    }

    // what a subclass says; all within the turn

    /** How the operator is called in errors. */
    abstract String describe();

    /** An element has come. */
    abstract void arrive(T element);

    /** How many elements are held, of those that have arrived. Read by scans, too. */
    abstract int held();

    /** Lets go what is held. May be called again. */
    abstract void discardHeld();

    /** Goes on with what held up the last turn. */
    void resume() {
        // most are not held up
    }

    /** Whether another element may arrive now; if not, it waits among the arrivals for a turn in which it may. */
    boolean takesIn() {
        return true;
    }

    /** Emits what is held, as far as {@link #isWanted}. */
    void emitHeld() {
        // most hold nothing that is ready
    }

    /** How many more may be asked of the source on behalf of what was requested here. */
    long wanted() {
        return Long.MAX_VALUE;
    }

    /** Downstream has the end or has cancelled. May be called again. */
    void ended() {
        // most keep nothing then
    }

    // what a subclass may use; all within the turn

    final boolean isWanted() {
        return emitted != requested && !cancelled;
    }

    final void emit(R result) {
        emitted++;
        actual.onNext(result);
    }

    /** What was requested and neither emitted nor asked of the source; what is held counts for one each. */
    final long unmet() {
        return requested - emitted - outstanding - held();
    }

    final boolean isEnding() {
        return ending;
    }

    /** Downstream will get nothing more. */
    final boolean isOver() {
        return over || cancelled;
    }

    /** Ends with this error, after what is held. */
    final void stop(Throwable error) {
        if (ending || isOver()) {
            Operators.onErrorDropped(error, context);
            return;
        }
        ending = true;
        failure = error;
        upstream.cancel();
    }

    /** A function of the user's has failed on the element. */
    final void stop(Throwable thrown, T element) {
        Throwable reported = Operators.onOperatorError(upstream, thrown, element, context);
        Operators.onDiscard(element, context);
        stop(reported);
    }

    // the source's side

    @Override
    public final void onSubscribe(Subscription subscription) {
        if (Operators.validate(upstream, subscription)) {
            upstream = subscription;
            actual.onSubscribe(this);
            drain();
        }
    }

    @Override
    public final void onNext(T element) {
        if (done) {
            Operators.onNextDropped(element, context);
        } else if (wip == 0 && WIP.compareAndSet(this, 0, 1)) {
            if (takesIn()) {
                takeIn(element);
            } else {
                keep(element);
            }
            drainLoop();
        } else {
            keep(element);
            drain();
        }
    }

    private void keep(T element) {
        if (arrivals == null) {
            arrivals = new SpscVarHandleUnpaddedArrayQueue<>(prefetch);
        }
        if (!arrivals.offer(element)) {
            Operators.onDiscard(element, context);
            upstream.cancel();
            onError(tooMany());
        }
    }

    @Override
    public final void onError(Throwable error) {
        if (done) {
            Operators.onErrorDropped(error, context);
        } else {
            sourceError = error;
            done = true;
            drain();
        }
    }

    @Override
    public final void onComplete() {
        if (!done) {
            done = true;
            drain();
        }
    }

    private Throwable tooMany() {
        return Exceptions.failWithOverflow(
                describe() + " has room for " + prefetch + " elements: the source sends more than is requested");
    }

    // the consumer's side

    @Override
    public final void request(long n) {
        if (Operators.validate(n)) {
            Operators.addCap(REQUESTED, this, n);
            drain();
        }
    }

    @Override
    public final void cancel() {
        if (!cancelled) {
            cancelled = true;
            upstream.cancel();
            drain();
        }
    }

    // the turn

    /** To be called by whoever has put something new where the turn finds it. */
    final void drain() {
        if (WIP.getAndIncrement(this) == 0) {
            drainLoop();
        }
    }

    private void drainLoop() {
        long more = 0;
        int missed = 1;
        do {
            more += turn();
            missed = WIP.addAndGet(this, -missed);
        } while (missed != 0);
        if (more > 0) {
            upstream.request(more);
        }
    }

    /** Returns how many to ask of the source. */
    private long turn() {
        // in this order: behind the end nothing arrives
        boolean last = done;
        if (!isOver()) {
            resume();
            takeArrivals();
            if (last && !ending && waiting() == 0) {
                ending = true;
                failure = sourceError;
                sourceError = null;
            }
            emitHeld();
        }
        if (isOver()) {
            letGo();
        } else if (ending) {
            if (held() == 0) {
                end();
            }
        } else if (!last) {
            return replenish();
        }
        return 0;
    }

    private void takeArrivals() {
        Queue<T> queue = arrivals;
        while (queue != null && takesIn()) {
            T element = queue.poll();
            if (element == null) {
                return;
            }
            takeIn(element);
        }
    }

    private void takeIn(T element) {
        if (ending || isOver()) {
            Operators.onDiscard(element, context);
        } else if (outstanding == 0) {
            Operators.onDiscard(element, context);
            stop(tooMany());
        } else {
            outstanding--;
            arrive(element);
        }
    }

    /** Asks for as many as have room and are wanted, once it is worth while. With nothing on its way it asks for fewer, too. */
    private long replenish() {
        long wanted = wanted();
        long more = Math.min(wanted, (long) prefetch - outstanding - held());
        if (more > 0 && (more >= replenishBy || more == wanted || outstanding == 0)) {
            outstanding += (int) more;
            return more;
        }
        return 0;
    }

    private void end() {
        over = true;
        ended();
        Throwable error = failure;
        failure = null;
        if (error != null) {
            actual.onError(error);
        } else {
            actual.onComplete();
        }
        dropSourceError();
    }

    /** If the source has failed after it was of no more use. */
    private void dropSourceError() {
        if (done && sourceError != null) {
            Operators.onErrorDropped(sourceError, context);
            sourceError = null;
        }
    }

    private void letGo() {
        over = true;
        ended();
        discardHeld();
        Queue<T> queue = arrivals;
        if (queue != null) {
            for (T element = queue.poll(); element != null; element = queue.poll()) {
                Operators.onDiscard(element, context);
            }
        }
        if (failure != null) {
            Operators.onErrorDropped(failure, context);
            failure = null;
        }
        dropSourceError();
    }

    private int waiting() {
        return arrivals == null ? 0 : arrivals.size();
    }

    @Override
    public final Context currentContext() {
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
        if (key == Attr.BUFFERED) {
            return waiting() + held();
        }
        if (key == Attr.CAPACITY || key == Attr.PREFETCH) {
            return prefetch;
        }
        if (key == Attr.REQUESTED_FROM_DOWNSTREAM) {
            long asked = requested;
            return asked == Long.MAX_VALUE ? asked : asked - emitted;
        }
        if (key == Attr.CANCELLED) {
            return cancelled;
        }
        if (key == Attr.TERMINATED) {
            return over && !cancelled;
        }
        return key == Attr.ERROR ? (done ? sourceError : null) : null;
    }
}
