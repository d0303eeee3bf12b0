package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.GroupedFlux;
import reactor.core.publisher.Operators;
import reactor.core.publisher.Sinks;

/**
 * A Flux of records for each lane, each under the demand of its own subscriber. The lanes themselves are emitted as they come: their
 * subscriber asks for all of them.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
final class FluxLanes<K, V> extends FluxOutput<K, V, FluxLanes.LaneFlux<K, V>> {

    FluxLanes(Broker broker, ReceiverOptions<K, V> options, Subscriptions subscriptions) {
        super(broker, options, subscriptions);
    }

    @Override
    OutputSubscription<LaneFlux<K, V>> open(CoreSubscriber<? super LaneFlux<K, V>> actual) {
        return new LanesSubscription<>(actual, this);
    }

    static final class LanesSubscription<K, V> extends OutputSubscription<LaneFlux<K, V>> {

        /** Records of one lane in a row. */
        private static final int SLICE = 512;

        private final RecordReader<K, V> reader;
        private final int inFlightMax;

        LanesSubscription(CoreSubscriber<? super LaneFlux<K, V>> actual, FluxLanes<K, V> source) {
            super(actual, source.broker, source.options, source.subscriptions);
            this.reader = new RecordReader<>(source.options, false);
            this.inFlightMax = source.options.maxInFlight();
        }

        @Override
        public int inFlightMax() {
            return inFlightMax;
        }

        @Override
        public boolean wantsRecords() {
            return true;
        }

        @Override
        public boolean wants(PartitionLane lane) {
            return fluxOf(lane).requested() > 0;
        }

        @SuppressWarnings("unchecked") // set by begun
        private LaneFlux<K, V> fluxOf(PartitionLane lane) {
            return (LaneFlux<K, V>) Objects.requireNonNull(lane.work, "work");
        }

        @Override
        public void begun(PartitionLane lane) {
            LaneFlux<K, V> flux = new LaneFlux<>(this, lane);
            lane.work = flux;
            actual.onNext(flux);
            produced(1);
        }

        @Override
        public boolean emit() {
            PartitionLane lane = loop.nextReady();
            if (lane == null) {
                return false;
            }
            LaneFlux<K, V> flux = fluxOf(lane);
            CoreSubscriber<? super ReceiverRecord<K, V>> subscriber = flux.subscriber();
            AckWindow window = lane.window();
            long max = subscriber == null ? 0 : Math.min(flux.requested(), SLICE);
            int emitted = 0;
            boolean atEdge = false;
            while (emitted < max && subscriber != null && !flux.isCancelled() && lane.next()) {
                long offset = lane.cursor().offset();
                if (!window.hasRoom(offset)) {
                    atEdge = true;
                    break;
                }
                ReceiverRecord<K, V> received = reader.read(lane);
                lane.take(offset);
                emitted++;
                subscriber.onNext(received);
                if (loop.isWaitedFor()) {
                    break;
                }
            }
            flux.produced(emitted);
            // without demand its request brings it back
            loop.served(lane, flux.requested() > 0 && (!atEdge || !window.arm()));
            return true;
        }
    }

    /** The records of a lane, for one subscriber. Ends when the lane is handed over. */
    static final class LaneFlux<K, V> extends GroupedFlux<TopicPartition, ReceiverRecord<K, V>>
            implements LaneWork, Subscription {

        @SuppressWarnings("rawtypes")
        private static final AtomicLongFieldUpdater<LaneFlux> REQUESTED =
                AtomicLongFieldUpdater.newUpdater(LaneFlux.class, "requested");

        private final LanesSubscription<K, V> owner;
        private final PartitionLane lane;
        // ends the pipeline that is not waited for any more
        private final Sinks.Empty<Void> cut = Sinks.empty();

        // raised by the subscriber, lowered by the worker
        private volatile long requested;
        private final AtomicBoolean subscribed = new AtomicBoolean();
        private volatile boolean cancelled;
        // the worker's, but for the look of whoever ends the pipeline
        private volatile boolean ended;
        private @Nullable CoreSubscriber<? super ReceiverRecord<K, V>> subscriber;
        private boolean completed;
        private @Nullable Throwable failure;

        LaneFlux(LanesSubscription<K, V> owner, PartitionLane lane) {
            this.owner = owner;
            this.lane = lane;
        }

        @Override
        public TopicPartition key() {
            return lane.partition();
        }

        /** The pipeline, which tells when it has ended. */
        <R> Publisher<? extends R> run(
                Function<? super GroupedFlux<TopicPartition, ReceiverRecord<K, V>>, ? extends Publisher<? extends R>>
                        pipeline) {
            Publisher<? extends R> made =
                    Objects.requireNonNull(pipeline.apply(this), "the pipeline of " + key() + " is null");
            return Flux.<R>from(made).takeUntilOther(cut.asMono()).doFinally(signal -> pipelineEnded());
        }

        private void pipelineEnded() {
            ended = true;
            // nobody will ask for the rest, and that is no stall
            owner.loop.events().execute(() -> owner.loop.pause(lane, PauseReason.DEMAND));
        }

        @Override
        public void subscribe(CoreSubscriber<? super ReceiverRecord<K, V>> actual) {
            if (!subscribed.compareAndSet(false, true)) {
                Operators.error(
                        actual,
                        new IllegalStateException("the records of " + key() + " can be subscribed to once only"));
                return;
            }
            actual.onSubscribe(this);
            owner.loop.events().execute(() -> {
                subscriber = actual;
                if (completed) {
                    tellEnd(actual);
                } else {
                    owner.loop.served(lane, true);
                }
            });
        }

        @Nullable CoreSubscriber<? super ReceiverRecord<K, V>> subscriber() {
            return subscriber;
        }

        @Override
        public void request(long n) {
            if (n <= 0) {
                owner.loop.events().execute(() -> end(Requests.notPositive(n)));
                return;
            }
            Operators.addCap(REQUESTED, this, n);
            owner.loop.events().execute(() -> owner.loop.ready(lane));
        }

        @Override
        public void cancel() {
            cancelled = true;
        }

        boolean isCancelled() {
            return cancelled;
        }

        long requested() {
            return cancelled ? 0 : requested;
        }

        void produced(long n) {
            if (n > 0) {
                Operators.produced(REQUESTED, this, n);
            }
        }

        @Override
        public boolean isSettled() {
            return ended;
        }

        @Override
        public void windDown() {
            end(null);
        }

        private void end(@Nullable Throwable error) {
            if (completed) {
                return;
            }
            completed = true;
            failure = error;
            if (subscriber != null && !cancelled) {
                tellEnd(subscriber);
            }
        }

        private void tellEnd(CoreSubscriber<? super ReceiverRecord<K, V>> actual) {
            Throwable error = failure;
            if (error == null) {
                actual.onComplete();
            } else {
                cancelled = true;
                actual.onError(error);
            }
        }

        @Override
        public void abandon() {
            windDown();
            cut.tryEmitEmpty();
        }
    }
}
