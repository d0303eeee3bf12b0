package io.reactivemq.operator;

import io.reactivemq.metrics.Metering;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import java.util.function.Function;
import org.jctools.queues.varhandle.unpadded.SpscVarHandleUnpaddedArrayQueue;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxOperator;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;
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
            @Nullable String name,
            Metering metering) {

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
        KeyOrderedSubscriber<T, R> subscriber;
        try {
            subscriber = new KeyOrderedSubscriber<>(actual, keyOf, handler, settings);
        } catch (Throwable failure) {
            // the registry refuses the meters
            Operators.error(actual, Operators.onOperatorError(failure, actual.currentContext()));
            return;
        }
        source.subscribe(subscriber);
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
     * <p>What the turn moves, the keys and their elements, is {@link KeyOrderedTurn}'s. Here is how others reach it.
     */
    static final class KeyOrderedSubscriber<T, R> implements CoreSubscriber<T>, Subscription, Scannable {

        @SuppressWarnings("rawtypes") // a class literal has no type arguments
        private static final AtomicIntegerFieldUpdater<KeyOrderedSubscriber> WIP =
                AtomicIntegerFieldUpdater.newUpdater(KeyOrderedSubscriber.class, "wip");

        @SuppressWarnings("rawtypes") // a class literal has no type arguments
        private static final AtomicLongFieldUpdater<KeyOrderedSubscriber> REQUESTED =
                AtomicLongFieldUpdater.newUpdater(KeyOrderedSubscriber.class, "requested");

        private static final VarHandle SIGNALS;

        static {
            try {
                SIGNALS = MethodHandles.lookup()
                        .findVarHandle(KeyOrderedSubscriber.class, "signals", KeyOrderedInner.class);
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        final Context context;
        final Settings settings;
        private final CoreSubscriber<? super R> actual;
        private final KeyOrderedTurn<T, R> turn;

        @SuppressWarnings("NullAway.Init") // set by onSubscribe, before any other signal
        private Subscription upstream;

        // what others bring

        /** The turns that are asked for. */
        private volatile int wip;

        /** Demand since the subscription, up to {@code Long.MAX_VALUE}: unbounded. */
        volatile long requested;

        volatile boolean cancelled;

        /** Publishers that have something new, the latest first. */
        private volatile @Nullable KeyOrderedInner<T, R> signals;

        /** Elements that came while another thread held the turn. Made by the source's thread when it needs it. */
        private @Nullable Queue<T> arrivals;

        /** No more elements will come. Written by the source's thread, after {@code sourceError}. */
        private volatile boolean done;

        private @Nullable Throwable sourceError;

        KeyOrderedSubscriber(
                CoreSubscriber<? super R> actual,
                Function<? super T, ?> keyOf,
                Function<? super T, ? extends Publisher<? extends R>> handler,
                Settings settings) {
            this.actual = actual;
            this.context = actual.currentContext();
            this.settings = settings;
            this.turn = new KeyOrderedTurn<>(this, actual, keyOf, handler, settings);
        }

        // the source's side

        @Override
        public void onSubscribe(Subscription subscription) {
            if (Operators.validate(upstream, subscription)) {
                upstream = subscription;
                turn.begin(subscription);
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
                if (turn.isOver()) {
                    discard(element);
                } else {
                    turn.arrive(element);
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

        Throwable tooMany() {
            upstream.cancel();
            return Exceptions.failWithOverflow(settings.describe() + " lets " + settings.maxWaiting
                    + " elements wait: the source sends more than is requested");
        }

        /** It is the turn's now. */
        void sourceErrorIsTaken() {
            sourceError = null;
        }

        /** By the turn, behind the end. */
        void dropSourceError() {
            if (done && sourceError != null) {
                Operators.onErrorDropped(sourceError, context);
                sourceError = null;
            }
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

        void innerNext(KeyOrderedInner<T, R> inner, R result) {
            if (wip == 0 && WIP.compareAndSet(this, 0, 1)) {
                if (inner.isEmpty() && turn.isNext()) {
                    turn.emit(result);
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
        void signal(KeyOrderedInner<T, R> inner) {
            push(inner);
            drain();
        }

        private void push(KeyOrderedInner<T, R> inner) {
            if (inner.markSignalled()) {
                KeyOrderedInner<T, R> first;
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
                more += takeTurn();
                turn.tellMeters();
                missed = WIP.addAndGet(this, -missed);
            } while (missed != 0);
            // not within the turn: a source that sends at once would find it taken
            if (more > 0) {
                upstream.request(more);
            }
        }

        /** Returns how many to ask of the source. */
        private long takeTurn() {
            boolean last;
            do {
                // in this order: behind the end nothing arrives
                last = done;
                takeSignals();
                takeArrivals();
                turn.emitHeld();
                turn.startReady();
                if (turn.isOver()) {
                    turn.letGo();
                    return 0;
                }
            } while (turn.canEmit());
            if (last) {
                turn.end(sourceError);
                return 0;
            }
            return turn.replenish();
        }

        private void takeSignals() {
            if (signals == null) {
                return;
            }
            // the first that came is the last on the stack
            KeyOrderedInner<T, R> reversed = null;
            @SuppressWarnings("unchecked") // the field's type
            KeyOrderedInner<T, R> next = (KeyOrderedInner<T, R>) SIGNALS.getAndSet(this, null);
            while (next != null) {
                KeyOrderedInner<T, R> inner = next;
                next = inner.nextSignalled;
                inner.nextSignalled = reversed;
                reversed = inner;
            }
            while (reversed != null) {
                KeyOrderedInner<T, R> inner = reversed;
                reversed = inner.nextSignalled;
                inner.nextSignalled = null;
                inner.clearSignalled();
                turn.look(inner);
            }
        }

        private void takeArrivals() {
            Queue<T> queue = arrivals;
            if (queue != null) {
                for (T element = queue.poll(); element != null; element = queue.poll()) {
                    if (turn.isOver()) {
                        discard(element);
                    } else {
                        turn.arrive(element);
                    }
                }
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
                return turn.waiting();
            }
            if (key == Attr.CAPACITY || key == Attr.PREFETCH) {
                return settings.maxWaiting;
            }
            if (key == Attr.DELAY_ERROR) {
                return settings.delayErrors;
            }
            if (key == Attr.REQUESTED_FROM_DOWNSTREAM) {
                long asked = requested;
                return asked == Long.MAX_VALUE ? asked : asked - turn.emitted();
            }
            if (key == Attr.CANCELLED) {
                return cancelled;
            }
            if (key == Attr.TERMINATED) {
                return turn.hasEnded();
            }
            if (key == Attr.ERROR) {
                return done ? sourceError : null;
            }
            return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
        }
    }
}
