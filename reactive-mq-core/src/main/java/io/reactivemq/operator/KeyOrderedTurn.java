package io.reactivemq.operator;

import io.reactivemq.metrics.KeyMeters;
import io.reactivemq.operator.FluxKeyOrdered.KeyOrderedSubscriber;
import io.reactivemq.operator.FluxKeyOrdered.Settings;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * What the turn of a {@link FluxKeyOrdered} moves: keys, places, and results that wait for demand. One thread at a time: whoever holds the subscriber's {@code wip}.
 *
 * <p>A key is known while it has an element: its queue is in {@code active}. A key is in one of these states:
 * <ul>
 * <li>running: its publisher is subscribed, or has results that wait for demand. It has one of the places;
 * <li>ready: its first element waits for a place, in {@code ready};
 * <li>backing off: its publisher has failed and the retry policy has not answered yet.
 * </ul>
 * A result that can be had without subscribing (a {@code Callable}) and is emitted at once leaves no trace in all this.
 *
 * <p>Invariants, between two turns: {@code running <= concurrency}; {@code running == concurrency} or {@code ready} is empty;
 * {@code waiting + outstanding <= maxWaiting}, but for those that failed and wait again, which are at most
 * {@code concurrency} more.
 */
final class KeyOrderedTurn<T, R> {

    private final KeyOrderedSubscriber<T, R> parent;
    private final CoreSubscriber<? super R> actual;
    private final Context context;
    private final Function<? super T, ?> keyOf;
    private final Function<? super T, ? extends Publisher<? extends R>> handler;
    private final Settings settings;
    private final int replenishBy;
    private final boolean failsFast;

    @SuppressWarnings("NullAway.Init") // before any element comes
    private Subscription upstream;

    /** Null if nobody wants to know. */
    private final @Nullable KeyMeters meters;

    private final Map<Object, KeyQueue<T, R>> active = new HashMap<>();
    private final ArrayDeque<KeyQueue<T, R>> ready = new ArrayDeque<>();

    /** Publishers that have results, in the order in which their turn comes. */
    private final ArrayDeque<KeyOrderedInner<T, R>> emitters = new ArrayDeque<>();

    private long emitted;
    private int running;
    private int waiting;
    private int backingOff;

    /** Requested from the source and not come yet. */
    private int outstanding;

    /** What {@code delayErrors} keeps for the end. */
    private @Nullable Throwable delayed;

    /** Downstream has the end, or has cancelled: whatever comes is let go. Read by the source's thread, too. */
    private volatile boolean over;

    KeyOrderedTurn(
            KeyOrderedSubscriber<T, R> parent,
            CoreSubscriber<? super R> actual,
            Function<? super T, ?> keyOf,
            Function<? super T, ? extends Publisher<? extends R>> handler,
            Settings settings) {
        this.meters = settings.metering().openKeyed(settings.maxWaiting());
        this.parent = parent;
        this.actual = actual;
        this.context = actual.currentContext();
        this.keyOf = keyOf;
        this.handler = handler;
        this.settings = settings;
        this.replenishBy = settings.maxWaiting() - (settings.maxWaiting() >> 2);
        this.failsFast = !settings.delayErrors() && settings.retry() == null;
    }

    /** All that may wait is about to be asked for. */
    void begin(Subscription subscription) {
        upstream = subscription;
        outstanding = settings.maxWaiting();
    }

    boolean isOver() {
        return over || parent.cancelled;
    }

    /** Downstream has been told of the end. */
    boolean hasEnded() {
        return over && !parent.cancelled;
    }

    /** Something waits to be emitted, and is asked for. */
    boolean canEmit() {
        return !emitters.isEmpty() && emitted != parent.requested;
    }

    /** Whether a result that has just come, of a publisher that holds none, may be emitted before all that waits. */
    boolean isNext() {
        return emitted != parent.requested && emitters.isEmpty() && !isOver();
    }

    long emitted() {
        return emitted;
    }

    /** How many elements wait. */
    int waiting() {
        return waiting;
    }

    /** To be called at the end of a turn. */
    void tellMeters() {
        if (meters != null) {
            meters.now(active.size(), waiting, running, backingOff);
        }
    }

    /** A publisher has something new: results, its end, or the answer of its retry policy. */
    void look(KeyOrderedInner<T, R> inner) {
        if (isOver()) {
            letGo(inner);
        } else if (inner.backingOff) {
            answer(inner);
        } else if (failsFast && inner.done && inner.error != null) {
            Throwable failure = inner.error;
            inner.error = null;
            fail(failure);
        } else if (inner.listed) {
            return;
        } else if (inner.isExhausted()) {
            ended(inner);
        } else if (!inner.isEmpty()) {
            inner.listed = true;
            emitters.add(inner);
        }
    }

    void arrive(T element) {
        if (outstanding == 0) {
            Operators.onDiscard(element, context);
            fail(parent.tooMany());
            return;
        }
        outstanding--;
        Object key;
        KeyQueue<T, R> queue;
        boolean starts;
        boolean added = false;
        try {
            // keys are hashed and compared by functions of the user's, too
            key = Objects.requireNonNull(keyOf.apply(element), "the key function returned null");
            queue = active.isEmpty() ? null : active.get(key);
            starts = queue == null && running < settings.concurrency() && ready.isEmpty();
            if (queue == null && !starts) {
                queue = new KeyQueue<>(key);
                active.put(key, queue);
                added = true;
            }
        } catch (Throwable failure) {
            refused(element, failure);
            return;
        }
        if (queue == null) {
            start(key, null, element);
            return;
        }
        waiting++;
        if (added) {
            ready.add(queue);
        }
        if (meters != null) {
            meters.came(queue, queue.size());
        }
        queue.add(element);
    }

    void startReady() {
        while (running < settings.concurrency() && !isOver()) {
            KeyQueue<T, R> queue = ready.poll();
            if (queue == null) {
                return;
            }
            waiting--;
            KeyOrderedInner<T, R> again = queue.inner;
            if (again != null) {
                running++;
                again.subscribeTo();
            } else {
                if (meters != null) {
                    meters.left(queue);
                }
                start(queue.key, queue, queue.next());
            }
        }
    }

    /** Has an element handled; its queue is null if it has none yet. There is a free place. */
    private void start(Object key, @Nullable KeyQueue<T, R> queue, T element) {
        Publisher<? extends R> publisher;
        try {
            publisher = Objects.requireNonNull(handler.apply(element), "the handler returned null");
        } catch (Throwable failure) {
            refused(element, failure);
            leave(queue);
            return;
        }
        if (publisher instanceof Callable<?> callable) {
            call(key, queue, element, publisher, callable);
            return;
        }
        KeyOrderedInner<T, R> inner;
        try {
            inner = register(key, queue, publisher);
        } catch (Throwable failure) {
            // it has no queue
            refused(element, failure);
            return;
        }
        inner.subscribeTo();
    }

    private void call(
            Object key,
            @Nullable KeyQueue<T, R> queue,
            T element,
            Publisher<? extends R> publisher,
            Callable<?> callable) {
        R result;
        try {
            @SuppressWarnings("unchecked") // a publisher of R that is a Callable is one of R
            R called = (R) callable.call();
            result = called;
        } catch (Throwable failure) {
            Exceptions.throwIfFatal(failure);
            KeyOrderedInner<T, R> inner;
            try {
                inner = register(key, queue, publisher);
            } catch (Throwable unhashed) {
                unhashed.addSuppressed(failure);
                failed(reported(element, unhashed));
                return;
            }
            inner.error = failure;
            inner.done = true;
            ended(inner);
            return;
        }
        if (result != null) {
            if (emitted == parent.requested || !emitters.isEmpty()) {
                KeyOrderedInner<T, R> inner;
                try {
                    inner = register(key, queue, publisher);
                } catch (Throwable unhashed) {
                    Operators.onDiscard(result, context);
                    failed(reported(element, unhashed));
                    return;
                }
                inner.hold(result);
                inner.done = true;
                inner.listed = true;
                emitters.add(inner);
                return;
            }
            emit(result);
        }
        count(true);
        leave(queue);
    }

    /** Takes a place. Throws what the key throws as it is hashed or compared, if it has no queue yet. */
    private KeyOrderedInner<T, R> register(
            Object key, @Nullable KeyQueue<T, R> known, Publisher<? extends R> publisher) {
        KeyQueue<T, R> queue = known;
        if (queue == null) {
            queue = new KeyQueue<>(key);
            active.put(key, queue);
        }
        running++;
        KeyOrderedInner<T, R> inner = new KeyOrderedInner<>(parent, queue, publisher);
        queue.inner = inner;
        return inner;
    }

    /** A function of the user's threw: the element is not handled. */
    private void refused(T element, Throwable failure) {
        Throwable reported = reported(element, failure);
        Operators.onDiscard(element, context);
        failed(reported);
    }

    private Throwable reported(T element, Throwable failure) {
        count(false);
        return Operators.onOperatorError(settings.delayErrors() ? null : upstream, failure, element, context);
    }

    void emitHeld() {
        while (emitted != parent.requested && !isOver()) {
            KeyOrderedInner<T, R> inner = emitters.poll();
            if (inner == null) {
                return;
            }
            R result = inner.poll();
            if (result != null) {
                emit(result);
                inner.consumed();
            }
            if (inner.isExhausted()) {
                inner.listed = false;
                ended(inner);
            } else if (inner.isEmpty()) {
                inner.listed = false;
            } else {
                emitters.add(inner);
            }
        }
    }

    void emit(R result) {
        emitted++;
        actual.onNext(result);
    }

    /** A publisher has come to its end, and its results are emitted. Its signal may come after that was seen. */
    private void ended(KeyOrderedInner<T, R> inner) {
        if (inner.left || isOver()) {
            return;
        }
        inner.left = true;
        running--;
        Throwable failure = inner.error;
        if (failure != null) {
            inner.error = null;
            if (settings.retry() != null) {
                waiting++;
                backingOff++;
                inner.backOff(settings.retry(), failure);
                return;
            }
        }
        settle(inner, failure);
    }

    private void answer(KeyOrderedInner<T, R> inner) {
        Object answer = inner.takeAnswer();
        if (answer == null) {
            return;
        }
        inner.backingOff = false;
        backingOff--;
        if (answer == KeyOrderedInner.AGAIN) {
            if (meters != null) {
                meters.retried();
            }
            ready.add(inner.queue);
        } else {
            waiting--;
            settle(inner, answer instanceof Throwable failure ? failure : null);
        }
    }

    private void settle(KeyOrderedInner<T, R> inner, @Nullable Throwable failure) {
        inner.forgetPolicy();
        inner.queue.inner = null;
        count(failure == null);
        if (failure != null) {
            failed(failure);
        }
        leave(inner.queue);
    }

    private void count(boolean well) {
        if (meters != null) {
            meters.ended(well);
        }
    }

    /** The place of a key is free again; its queue is null if it has none. */
    private void leave(@Nullable KeyQueue<T, R> queue) {
        if (queue == null) {
            return;
        }
        if (!queue.isEmpty()) {
            ready.add(queue);
            return;
        }
        try {
            active.remove(queue.key);
        } catch (Throwable failure) {
            // it was hashed once, and now it can't be: the key stays, so there would be no end
            fail(Operators.onOperatorError(upstream, failure, queue.key, context));
        }
    }

    private void failed(Throwable failure) {
        if (!settings.delayErrors()) {
            fail(failure);
        } else if (delayed == null) {
            delayed = failure;
        } else if (Exceptions.isMultiple(delayed)) {
            delayed.addSuppressed(failure);
        } else {
            delayed = Exceptions.multiple(delayed, failure);
        }
    }

    /** Ends everything now. */
    private void fail(Throwable failure) {
        if (isOver()) {
            Operators.onErrorDropped(failure, context);
            return;
        }
        over = true;
        upstream.cancel();
        letGo();
        actual.onError(failure);
    }

    /** The source has ended, with this error or well: ends, if all is done. */
    void end(@Nullable Throwable sourceError) {
        if (sourceError != null && !settings.delayErrors()) {
            parent.sourceErrorIsTaken();
            fail(sourceError);
            return;
        }
        if (!active.isEmpty()) {
            return;
        }
        over = true;
        if (sourceError != null) {
            parent.sourceErrorIsTaken();
            failed(sourceError);
        }
        closeMeters();
        // no longer here: who asks for more behind the end must not find it undelivered
        Throwable failure = delayed;
        delayed = null;
        if (failure != null) {
            actual.onError(failure);
        } else {
            actual.onComplete();
        }
    }

    /** Asks for as many as have room. With nothing on its way it asks for fewer, too: another key may come. */
    int replenish() {
        int room = settings.maxWaiting() - outstanding - waiting;
        if (room >= replenishBy || (room > 0 && outstanding == 0)) {
            outstanding += room;
            return room;
        }
        return 0;
    }

    // behind the end

    void letGo() {
        over = true;
        if (!active.isEmpty()) {
            for (KeyQueue<T, R> queue : active.values()) {
                if (queue.inner != null) {
                    letGo(queue.inner);
                }
                queue.discard(context);
            }
            active.clear();
        }
        ready.clear();
        emitters.clear();
        waiting = 0;
        closeMeters();
        parent.dropSourceError();
        if (delayed != null) {
            Operators.onErrorDropped(delayed, context);
            delayed = null;
        }
    }

    private void closeMeters() {
        if (meters != null) {
            meters.close();
        }
    }

    private void letGo(KeyOrderedInner<T, R> inner) {
        inner.cancel();
        boolean last = inner.done;
        for (R result = inner.poll(); result != null; result = inner.poll()) {
            Operators.onDiscard(result, context);
        }
        Throwable failure = inner.error;
        if (last && failure != null) {
            inner.error = null;
            Operators.onErrorDropped(failure, context);
        }
    }
}
