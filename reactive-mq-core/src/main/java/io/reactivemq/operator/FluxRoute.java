package io.reactivemq.operator;

import io.reactivemq.metrics.RouterMeters;
import io.reactivemq.operator.Routed.Outcome;
import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxOperator;
import reactor.core.publisher.Operators;

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
        RouterMeters meters;
        try {
            meters = router.metering().openRouting();
        } catch (Throwable failure) {
            // the registry refuses the meters
            Operators.error(actual, Operators.onOperatorError(failure, actual.currentContext()));
            return;
        }
        source.subscribe(new RouteSubscriber<T>(actual, router, meters));
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
     * An element is offered to its queues one after the other. One that has no room holds it up: the subscriber leaves its
     * place to be woken, and whoever makes room takes the turn and goes on from there. Elements behind it wait.
     *
     * <p>Each element brings one outcome, and no more are asked of the source than outcomes of this consumer; so an outcome
     * never waits.
     */
    static final class RouteSubscriber<T> extends QueueDrainSubscriber<T, Routed<T>> {

        private final Router<T, ?> router;

        /** Null if nobody wants to know. */
        private final @Nullable RouterMeters meters;

        private final Runnable wakeUp = this::drain;
        private final RouteMatches<T> matches = new RouteMatches<>();

        /** The element that a queue holds up. */
        private @Nullable T current;

        /** The router whose queues it is offered to: this one or an alternate. */
        private Router<T, ?> level;

        /** The next queue to offer it to. */
        private int position;

        private int taken;

        /** The queue that was last waited for. */
        private @Nullable RouteFeed<T> waitedFor;

        RouteSubscriber(CoreSubscriber<? super Routed<T>> actual, Router<T, ?> router, @Nullable RouterMeters meters) {
            super(actual, PREFETCH);
            this.router = router;
            this.meters = meters;
            this.level = router;
        }

        @Override
        String describe() {
            return router.describe();
        }

        @Override
        boolean takesIn() {
            return current == null;
        }

        @Override
        int held() {
            return current == null ? 0 : 1;
        }

        @Override
        long wanted() {
            return unmet();
        }

        @Override
        void arrive(T element) {
            current = element;
            level = router;
            taken = 0;
            if (match(element)) {
                resume();
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
                stop(failure, element);
                return false;
            }
        }

        /** Offers the current element to the queues that it has not been offered to. */
        @Override
        void resume() {
            T element = current;
            while (element != null) {
                while (position < matches.size()) {
                    RouteFeed.Offer offer = offerTo(matches.get(position), element);
                    if (offer == RouteFeed.Offer.FULL) {
                        if (meters != null) {
                            meters.heldUp(true);
                        }
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
                    finish(element);
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
                waitedFor = queue;
                queue.await(wakeUp);
                // there may have come room in between
                offer = queue.offer(element);
            }
            return offer;
        }

        private void finish(T element) {
            if (isOver()) {
                letGo(element);
                return;
            }
            Outcome outcome = taken == 0 ? Outcome.UNROUTABLE : level == router ? Outcome.ROUTED : Outcome.ALTERNATE;
            count(outcome);
            emit(new Routed<>(element, outcome, taken));
        }

        private void count(Outcome outcome) {
            if (meters != null) {
                meters.heldUp(false);
                switch (outcome) {
                    case ROUTED -> meters.routed();
                    case ALTERNATE -> meters.alternate();
                    case UNROUTABLE -> meters.unroutable();
                }
            }
        }

        @Override
        void ended() {
            RouteFeed<T> queue = waitedFor;
            if (queue != null) {
                waitedFor = null;
                queue.forget(wakeUp);
            }
            if (meters != null) {
                meters.close();
            }
        }

        /** Those who took it have it. */
        private void letGo(T element) {
            if (taken == 0) {
                Operators.onDiscard(element, context);
            }
        }

        @Override
        void discardHeld() {
            T element = current;
            if (element != null) {
                current = null;
                matches.clear();
                letGo(element);
            }
        }

        @Override
        @SuppressWarnings("rawtypes") // as Scannable declares it
        public @Nullable Object scanUnsafe(Attr key) {
            if (key == Attr.NAME) {
                return router.name();
            }
            return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : super.scanUnsafe(key);
        }
    }
}
