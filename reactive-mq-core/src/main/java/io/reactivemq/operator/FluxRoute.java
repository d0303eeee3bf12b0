package io.reactivemq.operator;

import io.reactivemq.operator.Routed.Outcome;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import org.jctools.queues.varhandle.unpadded.SpscVarHandleUnpaddedArrayQueue;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxOperator;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/** The operator behind {@link Router#route}: an outcome for each element, in order. */
final class FluxRoute<T> extends FluxOperator<T, Routed<T>> {

    /** Elements that may be on their way, or wait behind one that a queue holds up. */
    static final int PREFETCH = 256;

    private final Router<T, ?> router;

    FluxRoute(Flux<? extends T> source, Router<T, ?> router) {
        super(source);
        this.router = router;
    }

    @Override
    public void subscribe(CoreSubscriber<? super Routed<T>> actual) {
        source.subscribe(new RouteSubscriber<T>(actual, router));
    }

    @Override
    public int getPrefetch() {
        return PREFETCH;
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.RUN_STYLE) {
            return Attr.RunStyle.SYNC;
        }
        return key == Attr.NAME ? router.name() : super.scanUnsafe(key);
    }

    /**
     * One state, moved by whoever holds the turn: the thread that brings {@code wip} from 0 to 1 holds it until it is back at 0.
     *
     * <p>An element is offered to its queues one after the other. One that has no room holds it up: the subscriber leaves its
     * place to be woken, and whoever makes room goes on from there. Elements behind it wait.
     *
     * <p>Each element brings one outcome, and no more are asked of the source than outcomes of this consumer; so an outcome
     * never waits.
     */
    static final class RouteSubscriber<T> implements CoreSubscriber<T>, Subscription, Scannable {

        @SuppressWarnings("rawtypes") // a class literal has no type arguments
        private static final AtomicIntegerFieldUpdater<RouteSubscriber> WIP =
                AtomicIntegerFieldUpdater.newUpdater(RouteSubscriber.class, "wip");

        @SuppressWarnings("rawtypes") // a class literal has no type arguments
        private static final AtomicLongFieldUpdater<RouteSubscriber> REQUESTED =
                AtomicLongFieldUpdater.newUpdater(RouteSubscriber.class, "requested");

        private static final int REPLENISH_BY = PREFETCH - (PREFETCH >> 2);

        private final CoreSubscriber<? super Routed<T>> actual;
        private final Context context;
        private final Router<T, ?> router;
        private final Runnable wakeUp = this::drain;

        @SuppressWarnings("NullAway.Init") // set by onSubscribe, before any other signal
        private Subscription upstream;

        // what others bring

        private volatile int wip;

        /** Demand since the subscription, up to {@code Long.MAX_VALUE}: unbounded. */
        private volatile long requested;

        private volatile boolean cancelled;

        /** Elements that came while another thread held the turn, or behind one that is held up. */
        private @Nullable Queue<T> arrivals;

        /** No more elements will come. Written by the source's thread, after {@code sourceError}. */
        private volatile boolean done;

        private @Nullable Throwable sourceError;

        // what the turn moves

        private final RouteMatches<T> matches = new RouteMatches<>();

        /** The element that a queue holds up. */
        private @Nullable T current;

        /** The router whose queues it is offered to: this one or an alternate. */
        private Router<T, ?> level;

        /** The next queue to offer it to. */
        private int position;

        private int taken;

        /** Requested from the source since the subscription. */
        private long asked;

        /** Requested and not come yet. */
        private int outstanding;

        private boolean over;

        RouteSubscriber(CoreSubscriber<? super Routed<T>> actual, Router<T, ?> router) {
            this.actual = actual;
            this.context = actual.currentContext();
            this.router = router;
            this.level = router;
        }

        // the source's side

        @Override
        public void onSubscribe(Subscription subscription) {
            if (Operators.validate(upstream, subscription)) {
                upstream = subscription;
                actual.onSubscribe(this);
            }
        }

        @Override
        public void onNext(T element) {
            if (done) {
                Operators.onNextDropped(element, context);
                return;
            }
            if (wip == 0 && WIP.compareAndSet(this, 0, 1)) {
                if (current == null && !over && !cancelled) {
                    // nothing came before it that is not routed
                    arrive();
                    if (!over) {
                        route(element);
                    } else {
                        discard(element);
                    }
                    drainLoop();
                    return;
                }
                keep(element);
                drainLoop();
            } else {
                keep(element);
                drain();
            }
        }

        private void keep(T element) {
            if (arrivals == null) {
                arrivals = new SpscVarHandleUnpaddedArrayQueue<>(PREFETCH);
            }
            if (!arrivals.offer(element)) {
                discard(element);
                onError(tooMany());
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
            return Exceptions.failWithOverflow(router.describe() + ": the source sends more than is requested");
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
            // in this order: behind the end nothing arrives
            boolean last = done;
            if (current != null && !cancelled && !over) {
                offer();
            }
            Queue<T> queue = arrivals;
            while (queue != null && current == null && !cancelled && !over) {
                T element = queue.poll();
                if (element == null) {
                    break;
                }
                arrive();
                if (over) {
                    discard(element);
                } else {
                    route(element);
                }
            }
            if (cancelled || over) {
                letGo();
            } else if (!last) {
                return replenish();
            } else if (current == null) {
                end();
            }
            return 0;
        }

        private void arrive() {
            if (outstanding == 0) {
                fail(tooMany());
            } else {
                outstanding--;
            }
        }

        private void route(T element) {
            current = element;
            level = router;
            taken = 0;
            if (match(element)) {
                offer();
            }
        }

        private boolean match(T element) {
            matches.clear();
            position = 0;
            try {
                level.match(element, matches);
                return true;
            } catch (Throwable failure) {
                current = null;
                Throwable reported = Operators.onOperatorError(upstream, failure, element, context);
                discard(element);
                fail(reported);
                return false;
            }
        }

        /** Offers the current element to the queues that it has not been offered to. */
        private void offer() {
            T element = current;
            while (element != null) {
                while (position < matches.size()) {
                    RouteFeed.Offer offer = offerTo(matches.get(position), element);
                    if (offer == RouteFeed.Offer.FULL) {
                        return;
                    }
                    if (offer == RouteFeed.Offer.TAKEN) {
                        taken++;
                    }
                    position++;
                }
                Router<T, ?> alternate = level.alternate();
                if (taken > 0 || alternate == null) {
                    current = null;
                    matches.clear();
                    emit(element);
                    return;
                }
                level = alternate;
                if (!match(element)) {
                    return;
                }
            }
        }

        private RouteFeed.Offer offerTo(RouteFeed<T> queue, T element) {
            RouteFeed.Offer offer = queue.offer(element);
            if (offer == RouteFeed.Offer.FULL) {
                queue.await(wakeUp);
                // there may have come room in between
                offer = queue.offer(element);
            }
            return offer;
        }

        private void emit(T element) {
            if (cancelled) {
                if (taken == 0) {
                    discard(element);
                }
                return;
            }
            Outcome outcome = taken == 0 ? Outcome.UNROUTABLE : level == router ? Outcome.ROUTED : Outcome.ALTERNATE;
            actual.onNext(new Routed<>(element, outcome, taken));
        }

        private long replenish() {
            long asks = requested;
            // the arrivals have room for those on their way and those behind the one that is held up
            long room = (long) PREFETCH - outstanding - waiting();
            long more = Math.min(room, asks - asked);
            if (more > 0 && (more >= REPLENISH_BY || more == asks - asked || outstanding == 0)) {
                asked = asks == Long.MAX_VALUE ? asked : asked + more;
                outstanding += (int) more;
                return more;
            }
            return 0;
        }

        private int waiting() {
            return arrivals == null ? 0 : arrivals.size();
        }

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
            over = true;
            Throwable failure = sourceError;
            if (failure != null) {
                sourceError = null;
                actual.onError(failure);
            } else {
                actual.onComplete();
            }
        }

        private void letGo() {
            over = true;
            T held = current;
            if (held != null) {
                current = null;
                matches.clear();
                if (taken == 0) {
                    discard(held);
                }
            }
            Queue<T> queue = arrivals;
            if (queue != null) {
                for (T element = queue.poll(); element != null; element = queue.poll()) {
                    discard(element);
                }
            }
            if (done && sourceError != null) {
                Operators.onErrorDropped(sourceError, context);
                sourceError = null;
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
                return router.name();
            }
            if (key == Attr.BUFFERED) {
                return waiting() + (current == null ? 0 : 1);
            }
            if (key == Attr.CAPACITY || key == Attr.PREFETCH) {
                return PREFETCH;
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
}
