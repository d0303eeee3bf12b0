package io.reactivemq.consume;

import io.reactivemq.broker.Broker;
import reactor.core.CoreSubscriber;

/**
 * The records themselves, under exact demand: a slice of one lane, then of the next that has something.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
final class FluxReceive<K, V> extends FluxOutput<K, V, ReceiverRecord<K, V>> {

    /** Who acknowledges. */
    enum Acknowledgement {
        /** The subscriber, record by record. */
        EXPLICIT,
        /** The receiver, when {@code onNext} has returned. */
        ON_RETURN,
        /** The receiver, before {@code onNext}: the offset behind the record is committed already. */
        BEFORE
    }

    private final Acknowledgement acknowledgement;

    FluxReceive(
            Broker broker,
            ReceiverOptions<K, V> options,
            Subscriptions subscriptions,
            Acknowledgement acknowledgement) {
        super(broker, options, subscriptions);
        this.acknowledgement = acknowledgement;
    }

    @Override
    OutputSubscription<ReceiverRecord<K, V>> open(CoreSubscriber<? super ReceiverRecord<K, V>> actual) {
        return new ReceiveSubscription<>(actual, this);
    }

    static final class ReceiveSubscription<K, V> extends OutputSubscription<ReceiverRecord<K, V>> {

        /** Records of one lane in a row. */
        private static final int SLICE = 512;

        private final RecordReader<K, V> reader;
        private final boolean onReturn;
        private final boolean before;
        private final int aheadMax;
        private final int inFlightMax;

        ReceiveSubscription(CoreSubscriber<? super ReceiverRecord<K, V>> actual, FluxReceive<K, V> source) {
            super(actual, source.broker, source.options, source.subscriptions);
            this.onReturn = source.acknowledgement == Acknowledgement.ON_RETURN;
            this.before = source.acknowledgement == Acknowledgement.BEFORE;
            this.aheadMax = source.options.maxPollRecords();
            this.reader = new RecordReader<>(source.options, onReturn || before);
            this.inFlightMax = onReturn || before ? 1 : source.options.maxInFlight();
        }

        @Override
        public int inFlightMax() {
            return inFlightMax;
        }

        @Override
        public boolean wantsRecords() {
            return requested() > 0;
        }

        @Override
        public boolean emit() {
            long demand = requested();
            PartitionLane lane = demand == 0 ? null : loop.nextReady();
            if (lane == null) {
                return false;
            }
            int max = (int) Math.min(demand, SLICE);
            AckWindow window = lane.window();
            boolean atEdge = false;
            boolean committing = false;
            int emitted = 0;
            while (emitted < max && lane.next()) {
                long offset = lane.cursor().offset();
                if (before && offset >= lane.committed) {
                    commitAhead(lane, offset, requested() - emitted);
                    committing = true;
                    break;
                }
                if (!window.hasRoom(offset)) {
                    atEdge = true;
                    break;
                }
                ReceiverRecord<K, V> received = reader.read(lane);
                lane.take(offset);
                emitted++;
                if (before) {
                    window.acknowledgeAll();
                }
                actual.onNext(received);
                // a cancellation just now may mean that this record failed: it is not acknowledged
                if (onReturn && !loop.isCancelled()) {
                    window.acknowledgeAll();
                }
                if (loop.isWaitedFor()) {
                    break;
                }
            }
            produced(emitted);
            loop.served(lane, !committing && (!atEdge || !window.arm()));
            return true;
        }

        /** Commits what is about to be emitted, so much of it as there is demand for; then the lane's turn comes again. */
        private void commitAhead(PartitionLane lane, long offset, long demand) {
            long count = Math.min(Math.min(demand, aheadMax), lane.fetchOffset() - offset);
            lane.commitAhead = offset + count;
            loop.commit(() -> {
                if (lane.committed > offset) {
                    loop.ready(lane);
                } else {
                    loop.readyLater(lane); // refused: asking at once would be asked for ever
                }
            });
        }

        @Override
        public boolean isSettled(PartitionLane lane) {
            return lane.window().settledOrArmed();
        }

        @Override
        public void windDown(PartitionLane lane) {
            // what is in flight is the subscriber's, who acknowledges it or does not; what was committed ahead is taken
            // back
            lane.commitAhead = -1;
        }

        @Override
        public void abandon(PartitionLane lane) {
            windDown(lane);
        }
    }
}
