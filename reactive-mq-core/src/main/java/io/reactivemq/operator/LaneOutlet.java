package io.reactivemq.operator;

import io.reactivemq.TopicPartition;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * The end of a lane: it subscribes to the lane's overflow operator once, for as long as the lane lives, and hands its elements to whoever has
 * joined the lane at the time.
 *
 * <p><b>Demand can not be taken back.</b> If it were passed on as it comes, all that a subscriber had asked for would still come after it had left. So the
 * outlet asks for what its subscriber asks for, but for {@code ahead} elements at most at a time. Those that come when nobody is there
 * any more are kept in a ring of that size, and go to the next subscriber, first. That is all that can wait here besides what waits in the operator.
 *
 * <p><b>Two ways out</b>, as in {@link OverflowSubscriber}: while the subscriber keeps up, elements pass directly, on the thread that brings them,
 * without an atomic write. Else they go through the ring, and {@link #drain} emits them.
 * <ol>
 * <li>Only the operator's signals add to the ring, one at a time. While they take the direct way, the ring stays empty, and a drain that
 *     starts meanwhile emits nothing.
 * <li>The direct way is open only if the ring is empty and then {@code wip} is zero, read in this order: a drain takes an element from
 *     the ring after its emission, and holds {@code wip} until then.
 * </ol>
 *
 * <p><b>Nobody waits in vain.</b> Whoever adds to the ring, joins, or asks for elements, drains after it. The direct way drains when {@code passed} reaches
 * {@code checkAt}, which is never beyond {@code asked}: so when all that was asked for has passed, somebody looks for demand.
 *
 * <p>Invariant: {@code passed <= asked <= passed + ahead}.
 */
final class LaneOutlet<T> implements CoreSubscriber<T>, Scannable {

    /** Enough to make the cost of asking small beside that of the elements. */
    static final int AHEAD_MAX = 32;

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicIntegerFieldUpdater<LaneOutlet> WIP =
            AtomicIntegerFieldUpdater.newUpdater(LaneOutlet.class, "wip");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicReferenceFieldUpdater<LaneOutlet, LaneSubscription> CURRENT =
            AtomicReferenceFieldUpdater.newUpdater(LaneOutlet.class, LaneSubscription.class, "current");

    private static final VarHandle PASSED = field("passed");
    private static final VarHandle CHECK_AT = field("checkAt");

    private final TopicPartition partition;
    private final int ahead;
    private final Ring.JcToolsRing<T> ring;

    /** Run once, when the lane has ended and nothing waits any more; null: nobody wants to know. Written once, by any thread, perhaps behind the end. */
    private volatile @Nullable Runnable onExhausted;

    /** Written once, before the operator is subscribed to. */
    private Context context = Context.empty();

    /** The operator's. Written by onSubscribe. */
    private volatile @Nullable Subscription upstream;

    /** Who has joined. Written by who joins and leaves, by compare-and-set, and by the drain at the end. */
    private volatile @Nullable LaneSubscription<T> current;

    /** Of whoever joined last; null if nobody did. Not the subscriber: one that has left is nobody's to keep (rule 3.13). */
    private volatile @Nullable Context latestContext;

    /** The drains that are asked for; whoever brings it from 0 to 1 drains. */
    private volatile int wip;

    /** No more elements will come. Written by the operator's thread, once, after {@code error}. */
    private volatile boolean done;

    private @Nullable Throwable error;

    /** Written by whoever disconnects. */
    private volatile boolean disposed;

    /** How many elements were handed to subscribers. Written by who emits: {@link #passes}. */
    private long passed;

    /** How many were asked for. Written by the drain. */
    private long asked;

    /** The count of passed elements at which the direct way drains. Written by the drain. */
    @SuppressWarnings("UnusedVariable") // read by its handle
    private long checkAt;

    /** How many elements were added to the ring. Written by the operator's thread. */
    private long tail;

    /** How many had been taken from it when last looked. Written by the operator's thread. */
    private long head;

    /** Written by the drain. */
    private boolean exhausted;

    /** {@link #onExhausted} was run. Written by the drain. */
    private boolean told;

    /** Why it ended, for all who come after; null for a completion. Written by the drain, before {@code exhausted}. */
    private @Nullable Throwable ending;

    LaneOutlet(TopicPartition partition, int ahead) {
        this.partition = partition;
        this.ahead = ahead;
        this.ring = new Ring.JcToolsRing<>(ahead);
    }

    private static VarHandle field(String name) {
        try {
            return MethodHandles.lookup().findVarHandle(LaneOutlet.class, name, long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** The callback runs at once if that is how it is already. */
    void onExhausted(Runnable callback) {
        onExhausted = callback;
        drain();
    }

    /** Why the lane has ended; null for a completion. Behind {@link #onExhausted} only. */
    @Nullable Throwable ending() {
        return ending;
    }

    // the operator's side

    /** To be called before the operator is subscribed to. Whoever joined last hears of discarded elements, else {@code base}. */
    void context(Context base) {
        context = Operators.enableOnDiscard(base, element -> {
            Context latest = latestContext;
            Operators.onDiscard(element, latest == null ? base : latest);
        });
    }

    @Override
    public void onSubscribe(Subscription subscription) {
        if (Operators.validate(upstream, subscription)) {
            upstream = subscription;
            if (disposed) {
                // while connecting: whoever disposed may not have seen it
                subscription.cancel();
            }
            drain();
        }
    }

    @Override
    public void onNext(T element) {
        if (done) {
            Operators.onNextDropped(element, context);
            return;
        }
        LaneSubscription<T> subscriber = current;
        long before = tail;
        if (subscriber != null
                && (before == head || before == (head = ring.currentConsumerIndex()))
                && wip == 0
                && subscriber.tryNext(element)) {
            // a subscriber can make its source send another one from within onNext: that waits in the ring
            if ((long) PASSED.getOpaque(this) >= (long) CHECK_AT.getOpaque(this) || tail != before) {
                drain();
            }
        } else {
            keep(element);
        }
    }

    private void keep(T element) {
        if (disposed) {
            discard(element);
        } else if (tail - head >= ahead && tail - (head = ring.currentConsumerIndex()) >= ahead) {
            discard(element);
            end(Operators.onOperatorError(
                    upstream,
                    Exceptions.failWithOverflow("the overflow operator of lane " + partition
                            + " sends more than is requested: more than " + ahead + " elements wait behind it"),
                    element,
                    context));
        } else {
            ring.offer(element);
            tail++;
            drain();
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

    @Override
    public Context currentContext() {
        return context;
    }

    // the subscribers' side

    /** False if there is another. To be followed by {@link #drain}, which may emit for long. */
    boolean join(LaneSubscription<T> subscriber) {
        if (!CURRENT.compareAndSet(this, null, subscriber)) {
            return false;
        }
        latestContext = subscriber.actual().currentContext();
        if (subscriber.isOver()) {
            leave(subscriber);
        }
        return true;
    }

    /** Does nothing for one who is not there. */
    void leave(LaneSubscription<T> subscriber) {
        CURRENT.compareAndSet(this, subscriber, null);
    }

    /**
     * An element is about to be handed over; by {@link LaneSubscription#tryNext}, before its onNext. Behind onNext it would be too late: what a source sends from within one
     * waits in the ring, and another thread may hand it over to whoever has joined meanwhile, and count it at the same time. Before, the ring is empty, or this is the drain.
     */
    void passes() {
        PASSED.setRelease(this, passed + 1);
    }

    /** The context of whoever joined last; empty if nobody did. */
    Context latestContext() {
        Context latest = latestContext;
        return latest == null ? Context.empty() : latest;
    }

    // either side

    /** Ends the lane now: the operator is cancelled, what waits is discarded, and the subscriber gets an error. */
    void dispose() {
        disposed = true;
        Subscription subscription = upstream;
        if (subscription != null) {
            subscription.cancel();
        }
        drain();
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
    }

    private void drainOnce() {
        for (; ; ) {
            LaneSubscription<T> subscriber = current;
            // in this order: behind the end nothing is added
            boolean last = done;
            T element = ring.peek();
            if (disposed && (element != null || !last)) {
                // again and again: what passed the look at disposed may come after the end
                for (element = ring.poll(); element != null; element = ring.poll()) {
                    discard(element);
                }
                if (!exhausted) {
                    exhaust(disconnected());
                }
            }
            if (element == null) {
                if (last && !exhausted) {
                    exhaust(error);
                }
                if (!exhausted) {
                    ask(subscriber);
                    return;
                }
                tell();
                if (subscriber != null) {
                    subscriber.finish(ending);
                }
                return;
            }
            if (subscriber == null) {
                return;
            }
            if (subscriber.tryNext(element)) {
                ring.poll();
            } else if (current == subscriber) {
                return;
            }
        }
    }

    private void exhaust(@Nullable Throwable failure) {
        exhausted = true;
        ending = failure;
    }

    private void tell() {
        Runnable callback = onExhausted;
        if (callback != null && !told) {
            told = true;
            callback.run();
        }
    }

    private CancellationException disconnected() {
        return new CancellationException("lane " + partition + " was disconnected");
    }

    /** Asks the operator for what the subscriber asks for, within bounds. The ring is empty. */
    private void ask(@Nullable LaneSubscription<T> subscriber) {
        Subscription subscription = upstream;
        if (subscriber == null || subscription == null) {
            return;
        }
        // the count first: what passes meanwhile is then taken for demand, not forgotten; the emitter looks again
        long count = (long) PASSED.getAcquire(this);
        long demand = subscriber.demand();
        long more = count + Math.min(demand, ahead) - asked;
        if (more > 0) {
            asked += more;
        }
        CHECK_AT.setOpaque(this, demand > ahead ? asked - (ahead >> 1) : asked);
        if (more > 0) {
            subscription.request(more);
        }
    }

    void discard(T element) {
        Operators.onDiscard(element, context);
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.PARENT) {
            return upstream;
        }
        if (key == Attr.ACTUAL) {
            return current;
        }
        if (key == Attr.NAME) {
            return partition.toString();
        }
        if (key == Attr.BUFFERED) {
            return ring.size();
        }
        if (key == Attr.CAPACITY || key == Attr.PREFETCH) {
            return ahead;
        }
        if (key == Attr.TERMINATED) {
            return done && ring.isEmpty();
        }
        if (key == Attr.CANCELLED) {
            return disposed;
        }
        if (key == Attr.ERROR) {
            return done ? error : null;
        }
        return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
    }

    @Override
    public String toString() {
        return partition.toString();
    }
}
