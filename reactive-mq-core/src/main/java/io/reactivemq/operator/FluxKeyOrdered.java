package io.reactivemq.operator;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;
import java.util.function.Function;
import org.jctools.queues.varhandle.unpadded.SpscVarHandleUnpaddedArrayQueue;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxOperator;
import reactor.core.publisher.Operators;
import reactor.core.publisher.Sinks;
import reactor.util.concurrent.Queues;
import reactor.util.context.Context;
import reactor.util.context.ContextView;
import reactor.util.retry.Retry;

/** The operator behind {@link KeyOrdered}. */
final class FluxKeyOrdered<T, R> extends FluxOperator<T, R> {

    /** What was chosen, checked. */
    record Settings(
            int concurrency,
            int maxWaiting,
            int prefetch,
            boolean delayErrors,
            @Nullable Retry retry,
            @Nullable String name) {

        String describe() {
            return name == null ? "the key-ordered flatMap" : "the key-ordered flatMap '" + name + "'";
        }
    }

    private final Function<? super T, ?> keyOf;
    private final Function<? super T, ? extends Publisher<? extends R>> handler;
    private final Settings settings;

    FluxKeyOrdered(
            Flux<? extends T> source,
            Function<? super T, ?> keyOf,
            Function<? super T, ? extends Publisher<? extends R>> handler,
            Settings settings) {
        super(source);
        this.keyOf = keyOf;
        this.handler = handler;
        this.settings = settings;
    }

    @Override
    public void subscribe(CoreSubscriber<? super R> actual) {
        source.subscribe(new KeyOrderedSubscriber<T, R>(actual, keyOf, handler, settings));
    }

    @Override
    public int getPrefetch() {
        return settings.maxWaiting;
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.RUN_STYLE) {
            return Attr.RunStyle.SYNC;
        }
        return key == Attr.NAME ? settings.name : super.scanUnsafe(key);
    }

    /**
     * One state, moved by whoever holds the turn: the thread that brings {@code wip} from 0 to 1 holds it until it is back at 0, and all
     * that others bring meanwhile it takes in for them. What they bring lies in three places: elements in {@code arrivals}, publishers that
     * have something new on the stack {@code signals}, each at most once; demand in {@code requested}.
     *
     * <p><b>Lanes.</b> A key is known while it has an element: its lane is in {@code active}. A lane is in one of these states:
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
    static final class KeyOrderedSubscriber<T, R> implements CoreSubscriber<T>, Subscription, Scannable {

        @SuppressWarnings("rawtypes") // a class literal has no type arguments
        private static final AtomicIntegerFieldUpdater<KeyOrderedSubscriber> WIP =
                AtomicIntegerFieldUpdater.newUpdater(KeyOrderedSubscriber.class, "wip");

        @SuppressWarnings("rawtypes") // a class literal has no type arguments
        private static final AtomicLongFieldUpdater<KeyOrderedSubscriber> REQUESTED =
                AtomicLongFieldUpdater.newUpdater(KeyOrderedSubscriber.class, "requested");

        private static final VarHandle SIGNALS = handle(KeyOrderedSubscriber.class, "signals", Inner.class);

        private final CoreSubscriber<? super R> actual;
        private final Context context;
        private final Function<? super T, ?> keyOf;
        private final Function<? super T, ? extends Publisher<? extends R>> handler;
        private final Settings settings;
        private final int replenishBy;
        private final boolean failsFast;

        @SuppressWarnings("NullAway.Init") // set by onSubscribe, before any other signal
        private Subscription upstream;

        // what others bring

        /** The turns that are asked for. */
        private volatile int wip;

        /** Demand since the subscription, up to {@code Long.MAX_VALUE}: unbounded. */
        private volatile long requested;

        private volatile boolean cancelled;

        /** Publishers that have something new, the latest first. */
        private volatile @Nullable Inner<T, R> signals;

        /** Elements that came while another thread held the turn. Made by the source's thread when it needs it. */
        private @Nullable Queue<T> arrivals;

        /** No more elements will come. Written by the source's thread, after {@code sourceError}. */
        private volatile boolean done;

        private @Nullable Throwable sourceError;

        // what the turn moves

        private final Map<Object, Lane<T, R>> active = new HashMap<>();
        private final ArrayDeque<Lane<T, R>> ready = new ArrayDeque<>();

        /** Publishers that have results, in the order in which their turn comes. */
        private final ArrayDeque<Inner<T, R>> emitters = new ArrayDeque<>();

        private long emitted;
        private int running;
        private int waiting;

        /** Requested from the source and not come yet. */
        private int outstanding;

        /** What {@code delayErrors} keeps for the end. */
        private @Nullable Throwable delayed;

        /** Downstream has the end, or has cancelled: whatever comes is let go. Read by the source's thread, too. */
        private volatile boolean over;

        KeyOrderedSubscriber(
                CoreSubscriber<? super R> actual,
                Function<? super T, ?> keyOf,
                Function<? super T, ? extends Publisher<? extends R>> handler,
                Settings settings) {
            this.actual = actual;
            this.context = actual.currentContext();
            this.keyOf = keyOf;
            this.handler = handler;
            this.settings = settings;
            this.replenishBy = settings.maxWaiting - (settings.maxWaiting >> 2);
            this.failsFast = !settings.delayErrors && settings.retry == null;
        }

        // the source's side

        @Override
        public void onSubscribe(Subscription subscription) {
            if (Operators.validate(upstream, subscription)) {
                upstream = subscription;
                outstanding = settings.maxWaiting;
                actual.onSubscribe(this);
                subscription.request(settings.maxWaiting);
            }
        }

        @Override
        public void onNext(T element) {
            if (done) {
                Operators.onNextDropped(element, context);
            } else if (wip == 0 && WIP.compareAndSet(this, 0, 1)) {
                // nothing came before it that has not been taken in
                if (over || cancelled) {
                    discard(element);
                } else {
                    arrive(element);
                }
                drainLoop();
            } else {
                if (arrivals == null) {
                    arrivals = new SpscVarHandleUnpaddedArrayQueue<>(settings.maxWaiting);
                }
                if (arrivals.offer(element)) {
                    drain();
                } else {
                    discard(element);
                    onError(tooMany());
                }
            }
        }

        @Override
        public void onError(Throwable failure) {
            if (done) {
                Operators.onErrorDropped(failure, context);
            } else {
                sourceError = failure;
                done = true;
                drain();
            }
        }

        @Override
        public void onComplete() {
            if (!done) {
                done = true;
                drain();
            }
        }

        private Throwable tooMany() {
            upstream.cancel();
            return Exceptions.failWithOverflow(settings.describe() + " lets " + settings.maxWaiting
                    + " elements wait: the source sends more than is requested");
        }

        // the consumer's side

        @Override
        public void request(long n) {
            if (Operators.validate(n)) {
                Operators.addCap(REQUESTED, this, n);
                drain();
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

        // the publishers' side

        private void innerNext(Inner<T, R> inner, R result) {
            if (wip == 0 && WIP.compareAndSet(this, 0, 1)) {
                if (!over && !cancelled && emitted != requested && inner.isEmpty() && emitters.isEmpty()) {
                    emit(result);
                    inner.consumed();
                } else if (inner.hold(result)) {
                    push(inner);
                }
                drainLoop();
            } else if (inner.hold(result)) {
                signal(inner);
            }
        }

        /** Tells whoever holds the turn, or takes it, to look at this publisher. */
        private void signal(Inner<T, R> inner) {
            push(inner);
            drain();
        }

        private void push(Inner<T, R> inner) {
            if (inner.markSignalled()) {
                Inner<T, R> first;
                do {
                    first = signals;
                    inner.nextSignalled = first;
                } while (!SIGNALS.compareAndSet(this, first, inner));
            }
        }

        // the turn

        private void drain() {
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
            // not within the turn: a source that sends at once would find it taken
            if (more > 0) {
                upstream.request(more);
            }
        }

        /** Returns how many to ask of the source. */
        private long turn() {
            boolean last;
            do {
                // in this order: behind the end nothing arrives
                last = done;
                takeSignals();
                takeArrivals();
                emitHeld();
                startReady();
                if (cancelled || over) {
                    letGo();
                    return 0;
                }
            } while (!emitters.isEmpty() && emitted != requested);
            if (last) {
                end();
                return 0;
            }
            return replenish();
        }

        private void takeSignals() {
            if (signals == null) {
                return;
            }
            // the first that came is the last on the stack
            Inner<T, R> reversed = null;
            @SuppressWarnings("unchecked") // the field's type
            Inner<T, R> next = (Inner<T, R>) SIGNALS.getAndSet(this, null);
            while (next != null) {
                Inner<T, R> inner = next;
                next = inner.nextSignalled;
                inner.nextSignalled = reversed;
                reversed = inner;
            }
            while (reversed != null) {
                Inner<T, R> inner = reversed;
                reversed = inner.nextSignalled;
                inner.nextSignalled = null;
                inner.clearSignalled();
                look(inner);
            }
        }

        /** A publisher has something new: results, its end, or the answer of its retry policy. */
        private void look(Inner<T, R> inner) {
            if (over || cancelled) {
                letGo(inner);
            } else if (inner.backingOff) {
                answer(inner);
            } else {
                // the end first: behind it nothing comes
                boolean last = inner.done;
                if (last && failsFast && inner.error != null) {
                    Throwable failure = inner.error;
                    inner.error = null;
                    fail(failure);
                } else if (inner.listed) {
                    return;
                } else if (!inner.isEmpty()) {
                    inner.listed = true;
                    emitters.add(inner);
                } else if (last) {
                    ended(inner);
                }
            }
        }

        private void takeArrivals() {
            Queue<T> queue = arrivals;
            if (queue != null) {
                for (T element = queue.poll(); element != null; element = queue.poll()) {
                    if (over || cancelled) {
                        discard(element);
                    } else {
                        arrive(element);
                    }
                }
            }
        }

        private void arrive(T element) {
            if (outstanding == 0) {
                discard(element);
                fail(tooMany());
                return;
            }
            outstanding--;
            Object key;
            Lane<T, R> lane;
            boolean starts;
            boolean added = false;
            try {
                // keys are hashed and compared by functions of the user's, too
                key = Objects.requireNonNull(keyOf.apply(element), "the key function returned null");
                lane = active.isEmpty() ? null : active.get(key);
                starts = lane == null && running < settings.concurrency && ready.isEmpty();
                if (lane == null && !starts) {
                    lane = new Lane<>(key);
                    active.put(key, lane);
                    added = true;
                }
            } catch (Throwable failure) {
                refused(element, failure);
                return;
            }
            if (lane == null) {
                start(key, null, element);
                return;
            }
            waiting++;
            if (added) {
                ready.add(lane);
            }
            lane.add(element);
        }

        private void startReady() {
            while (running < settings.concurrency && !over && !cancelled) {
                Lane<T, R> lane = ready.poll();
                if (lane == null) {
                    return;
                }
                waiting--;
                Inner<T, R> again = lane.inner;
                if (again != null) {
                    running++;
                    again.subscribeTo();
                } else {
                    start(lane.key, lane, lane.next());
                }
            }
        }

        /** Has an element handled; its lane is null if it has none yet. There is a free place. */
        private void start(Object key, @Nullable Lane<T, R> lane, T element) {
            Publisher<? extends R> publisher;
            try {
                publisher = Objects.requireNonNull(handler.apply(element), "the handler returned null");
            } catch (Throwable failure) {
                refused(element, failure);
                leave(lane);
                return;
            }
            if (publisher instanceof Callable<?> callable) {
                call(key, lane, element, publisher, callable);
                return;
            }
            Inner<T, R> inner;
            try {
                inner = register(key, lane, publisher);
            } catch (Throwable failure) {
                // it has no lane
                refused(element, failure);
                return;
            }
            inner.subscribeTo();
        }

        private void call(
                Object key,
                @Nullable Lane<T, R> lane,
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
                Inner<T, R> inner;
                try {
                    inner = register(key, lane, publisher);
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
                if (emitted == requested || !emitters.isEmpty()) {
                    Inner<T, R> inner;
                    try {
                        inner = register(key, lane, publisher);
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
            leave(lane);
        }

        /** Takes a place. Throws what the key throws as it is hashed or compared, if it has no lane yet. */
        private Inner<T, R> register(Object key, @Nullable Lane<T, R> known, Publisher<? extends R> publisher) {
            Lane<T, R> lane = known;
            if (lane == null) {
                lane = new Lane<>(key);
                active.put(key, lane);
            }
            running++;
            Inner<T, R> inner = new Inner<>(this, lane, publisher);
            lane.inner = inner;
            return inner;
        }

        /** A function of the user's threw: the element is not handled. */
        private void refused(T element, Throwable failure) {
            Throwable reported = reported(element, failure);
            discard(element);
            failed(reported);
        }

        private Throwable reported(T element, Throwable failure) {
            return Operators.onOperatorError(settings.delayErrors ? null : upstream, failure, element, context);
        }

        private void emitHeld() {
            while (emitted != requested && !over && !cancelled) {
                Inner<T, R> inner = emitters.poll();
                if (inner == null) {
                    return;
                }
                // the end first: behind it nothing comes
                boolean last = inner.done;
                R result = inner.poll();
                if (result != null) {
                    emit(result);
                    inner.consumed();
                }
                if (!inner.isEmpty()) {
                    emitters.add(inner);
                } else {
                    inner.listed = false;
                    if (last) {
                        ended(inner);
                    }
                }
            }
        }

        private void emit(R result) {
            emitted++;
            actual.onNext(result);
        }

        /** A publisher has come to its end, and its results are emitted. Its signal may come after that was seen. */
        private void ended(Inner<T, R> inner) {
            if (inner.left || over || cancelled) {
                return;
            }
            inner.left = true;
            running--;
            Throwable failure = inner.error;
            if (failure != null) {
                inner.error = null;
                if (settings.retry != null) {
                    waiting++;
                    inner.backOff(settings.retry, failure);
                    return;
                }
            }
            settle(inner, failure);
        }

        private void answer(Inner<T, R> inner) {
            Object answer = inner.takeAnswer();
            if (answer == null) {
                return;
            }
            inner.backingOff = false;
            if (answer == Inner.AGAIN) {
                ready.add(inner.lane);
            } else {
                waiting--;
                settle(inner, answer instanceof Throwable failure ? failure : null);
            }
        }

        private void settle(Inner<T, R> inner, @Nullable Throwable failure) {
            inner.forgetPolicy();
            inner.lane.inner = null;
            if (failure != null) {
                failed(failure);
            }
            leave(inner.lane);
        }

        /** The place of a lane is free again. */
        private void leave(@Nullable Lane<T, R> lane) {
            if (lane == null) {
                return;
            }
            if (!lane.isEmpty()) {
                ready.add(lane);
                return;
            }
            try {
                active.remove(lane.key);
            } catch (Throwable failure) {
                // it was hashed once, and now it can't be: the lane stays, so there would be no end
                fail(Operators.onOperatorError(upstream, failure, lane.key, context));
            }
        }

        private void failed(Throwable failure) {
            if (!settings.delayErrors) {
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
            if (over || cancelled) {
                Operators.onErrorDropped(failure, context);
                return;
            }
            over = true;
            upstream.cancel();
            letGo();
            actual.onError(failure);
        }

        private void end() {
            Throwable failure = sourceError;
            if (failure != null && !settings.delayErrors) {
                sourceError = null;
                fail(failure);
                return;
            }
            if (!active.isEmpty()) {
                return;
            }
            over = true;
            if (failure != null) {
                sourceError = null;
                failed(failure);
            }
            if (delayed != null) {
                actual.onError(delayed);
            } else {
                actual.onComplete();
            }
        }

        /** Asks for as many as have room. With nothing on its way it asks for fewer, too: another key may come. */
        private int replenish() {
            int room = settings.maxWaiting - outstanding - waiting;
            if (room >= replenishBy || (room > 0 && outstanding == 0)) {
                outstanding += room;
                return room;
            }
            return 0;
        }

        // behind the end

        private void letGo() {
            over = true;
            if (!active.isEmpty()) {
                for (Lane<T, R> lane : active.values()) {
                    if (lane.inner != null) {
                        letGo(lane.inner);
                    }
                    lane.discard(context);
                }
                active.clear();
            }
            ready.clear();
            emitters.clear();
            waiting = 0;
            if (done && sourceError != null) {
                Operators.onErrorDropped(sourceError, context);
                sourceError = null;
            }
            if (delayed != null) {
                Operators.onErrorDropped(delayed, context);
                delayed = null;
            }
        }

        private void letGo(Inner<T, R> inner) {
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

        private void discard(T element) {
            Operators.onDiscard(element, context);
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
                return settings.name;
            }
            if (key == Attr.BUFFERED) {
                return waiting;
            }
            if (key == Attr.CAPACITY || key == Attr.PREFETCH) {
                return settings.maxWaiting;
            }
            if (key == Attr.DELAY_ERROR) {
                return settings.delayErrors;
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
            if (key == Attr.ERROR) {
                return done ? sourceError : null;
            }
            return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
        }
    }

    /** A key that has an element. All by the turn. */
    private static final class Lane<T, R> {

        final Object key;

        /** The publisher that runs, has results, or backs off. */
        @Nullable Inner<T, R> inner;

        /** Most lanes have none. */
        private @Nullable ArrayDeque<T> waiters;

        Lane(Object key) {
            this.key = key;
        }

        void add(T element) {
            if (waiters == null) {
                waiters = new ArrayDeque<>(4);
            }
            waiters.add(element);
        }

        boolean isEmpty() {
            return waiters == null || waiters.isEmpty();
        }

        T next() {
            return Objects.requireNonNull(waiters, "a lane is ready because it has a waiter")
                    .remove();
        }

        void discard(Context context) {
            if (waiters != null) {
                Operators.onDiscardQueueWithClear(waiters, context, null);
            }
        }
    }

    /**
     * The publisher of one element. Its thread puts results in, the turn takes them out. Most publishers have one result: the first needs
     * no queue.
     */
    static final class Inner<T, R> implements CoreSubscriber<R>, Scannable {

        /** An answer of a retry policy. */
        static final Object AGAIN = new Object();

        /** An answer of a retry policy. */
        static final Object ENOUGH = new Object();

        @SuppressWarnings("rawtypes") // a class literal has no type arguments
        private static final AtomicIntegerFieldUpdater<Inner> SIGNALLED =
                AtomicIntegerFieldUpdater.newUpdater(Inner.class, "signalled");

        @SuppressWarnings("rawtypes") // a class literal has no type arguments
        private static final AtomicReferenceFieldUpdater<Inner, Subscription> SUBSCRIPTION =
                AtomicReferenceFieldUpdater.newUpdater(Inner.class, Subscription.class, "subscription");

        private static final VarHandle ANSWER = handle(Inner.class, "answer", Object.class);

        private final KeyOrderedSubscriber<T, R> parent;
        private final Lane<T, R> lane;
        private final Publisher<? extends R> publisher;

        private volatile @Nullable Subscription subscription;

        /** On the stack of signals: 1. */
        private volatile int signalled;

        private @Nullable Inner<T, R> nextSignalled;

        /** Results that were put in. Written by the publisher's thread. */
        private volatile long held;

        private @Nullable R first;
        private @Nullable Queue<R> others;

        /** Written by the publisher's thread, after {@code error}. */
        private volatile boolean done;

        private @Nullable Throwable error;

        // by the turn

        /** Results that were taken out. */
        private long taken;

        /** Results emitted. */
        private long emitted;

        /** Results emitted since the last request. */
        private int sinceRequest;

        /** Among the emitters. */
        private boolean listed;

        /** Has given up its place. */
        private boolean left;

        private boolean backingOff;
        private @Nullable Policy<T, R> policy;

        /** What the retry policy says. Written by its thread. */
        private volatile @Nullable Object answer;

        Inner(KeyOrderedSubscriber<T, R> parent, Lane<T, R> lane, Publisher<? extends R> publisher) {
            this.parent = parent;
            this.lane = lane;
            this.publisher = publisher;
        }

        /** By the turn; again after a failure. */
        void subscribeTo() {
            done = false;
            left = false;
            sinceRequest = 0;
            try {
                publisher.subscribe(this);
            } catch (Throwable failure) {
                Exceptions.throwIfFatal(failure);
                Operators.reportThrowInSubscribe(this, failure);
            }
        }

        @Override
        public void onSubscribe(Subscription s) {
            if (Operators.replace(SUBSCRIPTION, this, s)) {
                s.request(parent.settings.prefetch);
            }
        }

        @Override
        public void onNext(R result) {
            if (done) {
                Operators.onNextDropped(result, parent.context);
            } else {
                parent.innerNext(this, result);
            }
        }

        @Override
        public void onError(Throwable failure) {
            if (done) {
                Operators.onErrorDropped(failure, parent.context);
            } else {
                error = failure;
                done = true;
                parent.signal(this);
            }
        }

        @Override
        public void onComplete() {
            if (!done) {
                done = true;
                parent.signal(this);
            }
        }

        boolean markSignalled() {
            return signalled == 0 && SIGNALLED.compareAndSet(this, 0, 1);
        }

        void clearSignalled() {
            signalled = 0;
        }

        /** Puts a result in; one too many is the end of the publisher, and false. */
        boolean hold(R result) {
            long count = held;
            if (count == 0) {
                first = result;
            } else {
                if (others == null) {
                    others = new SpscVarHandleUnpaddedArrayQueue<>(parent.settings.prefetch);
                }
                if (!others.offer(result)) {
                    Operators.onDiscard(result, parent.context);
                    Subscription s = subscription;
                    if (s != null) {
                        s.cancel();
                    }
                    onError(Exceptions.failWithOverflow(parent.settings.describe() + " holds "
                            + parent.settings.prefetch + " results of a publisher: it sends more than is requested"));
                    return false;
                }
            }
            held = count + 1;
            return true;
        }

        boolean isEmpty() {
            return held == taken;
        }

        @Nullable R poll() {
            if (held == taken) {
                return null;
            }
            if (taken++ == 0) {
                R result = first;
                first = null;
                return result;
            }
            return others == null ? null : others.poll();
        }

        /** A result was emitted: asks for more when three quarters are. */
        void consumed() {
            int prefetch = parent.settings.prefetch;
            int batch = prefetch - (prefetch >> 2);
            emitted++;
            if (++sinceRequest == batch) {
                sinceRequest = 0;
                Subscription s = subscription;
                if (s != null) {
                    s.request(batch);
                }
            }
        }

        void cancel() {
            Operators.terminate(SUBSCRIPTION, this);
            forgetPolicy();
        }

        void backOff(Retry retry, Throwable failure) {
            backingOff = true;
            if (policy == null) {
                policy = new Policy<>(this);
                policy.start(retry);
            }
            policy.failed(failure);
            if (answer != null) {
                // the policy had come to its end before
                parent.signal(this);
            }
        }

        void forgetPolicy() {
            if (policy != null) {
                policy.cancel();
                policy = null;
            }
        }

        /** By the policy's thread. */
        void answered(Object what) {
            answer = what;
            parent.signal(this);
        }

        @Nullable Object takeAnswer() {
            return answer == null ? null : ANSWER.getAndSet(this, null);
        }

        @Override
        public Context currentContext() {
            return parent.context;
        }

        @Override
        @SuppressWarnings("rawtypes") // as Scannable declares it
        public @Nullable Object scanUnsafe(Attr key) {
            if (key == Attr.PARENT) {
                return subscription;
            }
            if (key == Attr.ACTUAL) {
                return parent;
            }
            if (key == Attr.PREFETCH) {
                return parent.settings.prefetch;
            }
            if (key == Attr.BUFFERED) {
                return (int) (held - taken);
            }
            if (key == Attr.TERMINATED) {
                return done;
            }
            if (key == Attr.CANCELLED) {
                return subscription == Operators.cancelledSubscription();
            }
            return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
        }
    }

    /** The retry policy of one element: gets its failures, one at a time, and answers each. */
    private static final class Policy<T, R> extends BaseSubscriber<Object> {

        private final Inner<T, R> inner;
        private final Sinks.Many<Retry.RetrySignal> failures = Sinks.unsafe()
                .many()
                .unicast()
                .onBackpressureBuffer(Queues.<Retry.RetrySignal>one().get());
        private ContextView retryContext = Context.empty();
        private long failureCount;
        private long failuresInARow;
        private long emittedBefore;

        Policy(Inner<T, R> inner) {
            this.inner = inner;
        }

        void start(Retry retry) {
            retryContext = retry.retryContext();
            Publisher<?> answers;
            try {
                answers = Objects.requireNonNull(
                        retry.generateCompanion(failures.asFlux()), "the retry policy has no companion");
            } catch (Throwable failure) {
                inner.answered(Operators.onOperatorError(failure, inner.parent.context));
                return;
            }
            answers.subscribe(this);
        }

        void failed(Throwable failure) {
            // a result in between ends the row
            failuresInARow = inner.emitted == emittedBefore ? failuresInARow + 1 : 1;
            emittedBefore = inner.emitted;
            failureCount++;
            Sinks.EmitResult result =
                    failures.tryEmitNext(new Failed(failureCount - 1, failuresInARow - 1, failure, retryContext));
            if (result.isFailure() && inner.answer == null) {
                // it has answered the one before, so there is room; it no longer listens and has not said why
                inner.answered(failure);
            }
        }

        @Override
        protected void hookOnNext(Object ignored) {
            inner.answered(Inner.AGAIN);
        }

        @Override
        protected void hookOnError(Throwable failure) {
            inner.answered(failure);
        }

        @Override
        protected void hookOnComplete() {
            inner.answered(Inner.ENOUGH);
        }

        @Override
        public Context currentContext() {
            // not downstream's: its discard hook is for elements, not for the signals of this policy
            return Context.of(retryContext);
        }
    }

    private record Failed(long totalRetries, long totalRetriesInARow, Throwable failure, ContextView retryContextView)
            implements Retry.RetrySignal {}

    private static VarHandle handle(Class<?> owner, String name, Class<?> type) {
        try {
            return MethodHandles.lookup().findVarHandle(owner, name, type);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }
}
