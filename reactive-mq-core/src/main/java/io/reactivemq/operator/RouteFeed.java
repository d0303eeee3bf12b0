package io.reactivemq.operator;

import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import java.util.function.Consumer;
import org.jctools.queues.varhandle.unpadded.MpscVarHandleUnpaddedArrayQueue;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * The beginning of a queue: any number of routes offer elements, one subscriber (the queue's overflow policy) gets them one at a time and
 * no more than it requests.
 *
 * <p>Whoever finds nobody delivering delivers on its own thread; while one does, the others put theirs into the inbox, and the
 * first delivers them, too. A route whose offer finds no demand, or the inbox full, waits its turn with {@link #await} and is woken
 * when there is room. Whoever makes room wakes: a request, who has emptied the inbox, an offer that gives back the demand it had
 * taken. It wakes no more than wait at that moment and than there is room for, first come, first served; so it always ends,
 * and no source keeps the others waiting for ever.
 *
 * <p>Before it has a subscriber it refuses what is offered: there is nobody who could ever make room, and to wait for one would hold
 * up the routes for good where a policy never subscribes.
 *
 * <p>An offer that meets the completion is refused or delivered before the end, never taken and let go: the end is delivered
 * only when nobody is on the way to the inbox who has not seen the completion.
 *
 * <p>Invariant: where demand is bounded, {@code taken <= requested}.
 */
final class RouteFeed<T> extends Flux<T> implements Subscription, Scannable {

    /** What became of an offer. */
    enum Offer {
        TAKEN,
        /** There is no room now. */
        FULL,
        /** The queue takes none: its policy has not subscribed to it yet, or it is gone. */
        REFUSED
    }

    /** Elements that wait while another thread delivers. Large enough that it seldom fills, small enough to be nothing. */
    static final int INBOX_MAX = 256;

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicIntegerFieldUpdater<RouteFeed> WIP =
            AtomicIntegerFieldUpdater.newUpdater(RouteFeed.class, "wip");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicLongFieldUpdater<RouteFeed> REQUESTED =
            AtomicLongFieldUpdater.newUpdater(RouteFeed.class, "requested");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicLongFieldUpdater<RouteFeed> TAKEN =
            AtomicLongFieldUpdater.newUpdater(RouteFeed.class, "taken");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicIntegerFieldUpdater<RouteFeed> COMING =
            AtomicIntegerFieldUpdater.newUpdater(RouteFeed.class, "coming");

    private final Consumer<RouteFeed<T>> onSubscribed;
    private final AtomicBoolean subscribed = new AtomicBoolean();
    private final Queue<T> inbox = new MpscVarHandleUnpaddedArrayQueue<>(INBOX_MAX);

    /** Routes that wait for room, each once. */
    private final Queue<Runnable> waiters = new ConcurrentLinkedQueue<>();

    /** Those in {@code waiters}. */
    private final Set<Runnable> waiting = ConcurrentHashMap.newKeySet();

    /** What to do when the queue is gone: remove its bindings. */
    private final Set<Runnable> onGone = ConcurrentHashMap.newKeySet();

    private volatile @Nullable CoreSubscriber<? super T> actual;

    /** The subscriber's onSubscribe is over, so it may be told of the end. */
    private volatile boolean ready;

    private volatile int wip;

    /** Demand since the subscription, up to {@code Long.MAX_VALUE}: unbounded. */
    private volatile long requested;

    /** Offers that were taken; not counted where demand is unbounded. */
    private volatile long taken;

    /** Offers that are about to put an element into the inbox. */
    private volatile int coming;

    private volatile boolean cancelled;
    private volatile boolean completed;

    /** The subscriber has been told of the end. By who delivers. */
    private boolean ended;

    RouteFeed() {
        this(feed -> {});
    }

    /** Runs the action once there is a subscriber, before that is told of its subscription. */
    RouteFeed(Consumer<RouteFeed<T>> onSubscribed) {
        this.onSubscribed = onSubscribed;
    }

    @Override
    public void subscribe(CoreSubscriber<? super T> subscriber) {
        if (!subscribed.compareAndSet(false, true)) {
            Operators.error(
                    subscriber,
                    new IllegalStateException("an overflow policy subscribes to its queue once, this one did again"));
            return;
        }
        // before it can request, and so get elements
        actual = subscriber;
        onSubscribed.accept(this);
        subscriber.onSubscribe(this);
        ready = true;
        drain();
    }

    // the routes' side

    Offer offer(T element) {
        if (actual == null || cancelled || completed) {
            return Offer.REFUSED;
        }
        if (!reserve()) {
            return Offer.FULL;
        }
        if (wip == 0 && WIP.compareAndSet(this, 0, 1)) {
            // the end is delivered by who delivers, so it has come before or comes behind
            boolean late = ended || cancelled;
            if (!late) {
                deliver(element);
            }
            drainLoop();
            return late ? Offer.REFUSED : Offer.TAKEN;
        }
        return offerToInbox(element);
    }

    private Offer offerToInbox(T element) {
        COMING.incrementAndGet(this);
        // in this order: the end waits for those who have not seen that it is near
        boolean late = completed;
        boolean kept = !late && inbox.offer(element);
        COMING.decrementAndGet(this);
        if (!kept && !late && requested != Long.MAX_VALUE) {
            TAKEN.decrementAndGet(this);
            // another may have met no demand because of this one
            wake();
        }
        drain();
        return kept ? Offer.TAKEN : late ? Offer.REFUSED : Offer.FULL;
    }

    private boolean reserve() {
        for (; ; ) {
            long asked = requested;
            if (asked == Long.MAX_VALUE) {
                return true;
            }
            long before = taken;
            if (before >= asked) {
                return false;
            }
            if (TAKEN.compareAndSet(this, before, before + 1)) {
                return true;
            }
        }
    }

    /** Has a route called, once, when there may be room, or the queue is gone; to be followed by another offer. */
    void await(Runnable route) {
        // if it waits already, whoever took it out but a moment ago is going to run it
        if (waiting.add(route)) {
            waiters.add(route);
        }
    }

    /** The route is over: it is not to be kept until there is room, which may be never. */
    void forget(Runnable route) {
        if (waiting.remove(route)) {
            waiters.remove(route);
        }
    }

    /** How many routes wait. */
    int waiting() {
        return waiters.size();
    }

    /** The subscriber gets what was taken, then the end. */
    void complete() {
        if (!completed) {
            completed = true;
            drain();
        }
    }

    boolean isGone() {
        return cancelled || completed;
    }

    /** Runs the action when the queue is gone, perhaps now. It may be run twice. */
    void onGone(Runnable action) {
        onGone.add(action);
        if (isGone()) {
            gone();
        }
    }

    void notOnGone(Runnable action) {
        onGone.remove(action);
    }

    private void gone() {
        for (Runnable action : onGone.toArray(Runnable[]::new)) {
            if (onGone.remove(action)) {
                action.run();
            }
        }
    }

    // the policy's side

    @Override
    public void request(long n) {
        if (Operators.validate(n)) {
            Operators.addCap(REQUESTED, this, n);
            wake();
        }
    }

    @Override
    public void cancel() {
        if (!cancelled) {
            cancelled = true;
            drain();
        }
    }

    /** The policy will never hand on anything more, whether it has subscribed and cancelled or not. */
    void policyEnded() {
        if (!completed) {
            cancel();
        }
    }

    // either side

    private void deliver(T element) {
        CoreSubscriber<? super T> subscriber = actual;
        if (cancelled || ended || subscriber == null) {
            Operators.onDiscard(element, subscriber == null ? Context.empty() : subscriber.currentContext());
        } else {
            subscriber.onNext(element);
        }
    }

    private void drain() {
        if (WIP.getAndIncrement(this) == 0) {
            drainLoop();
        }
    }

    private void drainLoop() {
        boolean room = false;
        int missed = 1;
        do {
            // in this order: who comes behind that sees the completion, and is refused
            boolean last = completed && coming == 0;
            for (T element = inbox.poll(); element != null; element = inbox.poll()) {
                deliver(element);
                room = true;
            }
            CoreSubscriber<? super T> subscriber = actual;
            if (last && ready && !ended && !cancelled && subscriber != null) {
                ended = true;
                subscriber.onComplete();
            }
            if (last || cancelled) {
                gone();
                room = true;
            }
            missed = WIP.addAndGet(this, -missed);
        } while (missed != 0);
        // not while delivering: what a woken route brings could be all there is of its source, and would wait in the
        // inbox
        if (room) {
            wake();
        }
    }

    /**
     * Runs the routes that wait now, while there is room. One that meets the end of the room waits again, behind the others;
     * then it is for whoever makes room next.
     */
    private void wake() {
        if (waiters.isEmpty()) {
            return;
        }
        for (int left = waiters.size(); left > 0 && (isGone() || hasRoom()); left--) {
            Runnable route = waiters.poll();
            if (route == null) {
                return;
            }
            // in this order: from here on it may wait anew
            waiting.remove(route);
            route.run();
        }
    }

    private boolean hasRoom() {
        // one that is full is about to be emptied, and who does it wakes again
        return (requested == Long.MAX_VALUE || taken < requested) && inbox.size() < INBOX_MAX;
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.ACTUAL) {
            return actual;
        }
        if (key == Attr.BUFFERED) {
            return inbox.size();
        }
        if (key == Attr.CAPACITY) {
            return INBOX_MAX;
        }
        if (key == Attr.CANCELLED) {
            return cancelled;
        }
        if (key == Attr.TERMINATED) {
            return completed;
        }
        return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
    }
}
