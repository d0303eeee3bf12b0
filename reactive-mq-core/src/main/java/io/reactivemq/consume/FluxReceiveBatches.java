package io.reactivemq.consume;

import io.reactivemq.broker.Broker;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;

/**
 * The records in batches: as many of one lane as are buffered, have room in its window and fit.
 *
 * <p>Where transactions commit what is read, the subscription commits only what lies between two of them, the markers that it has passed: of a lane
 * of which nothing is in flight, and with nothing emitted until that is answered. Else its commit, which knows of no batch whose transaction is
 * still open, could come behind the transaction's and take the offset back.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
final class FluxReceiveBatches<K, V> extends FluxOutput<K, V, ReceiverBatch<K, V>> {

    private final boolean inTransactions;

    /** @param inTransactions whether the subscriber commits each batch in a transaction */
    FluxReceiveBatches(
            Broker broker, ReceiverOptions<K, V> options, Subscriptions subscriptions, boolean inTransactions) {
        super(broker, options, subscriptions);
        this.inTransactions = inTransactions;
    }

    @Override
    OutputSubscription<ReceiverBatch<K, V>> open(CoreSubscriber<? super ReceiverBatch<K, V>> actual) {
        return new BatchSubscription<>(actual, this);
    }

    static final class BatchSubscription<K, V> extends OutputSubscription<ReceiverBatch<K, V>> {

        private final RecordReader<K, V> reader;
        private final int inFlightMax;
        private final int sizeMax;
        private final boolean inTransactions;

        // of the last batch; closed where that is lost
        private @Nullable AckWindow lastWindow;

        BatchSubscription(CoreSubscriber<? super ReceiverBatch<K, V>> actual, FluxReceiveBatches<K, V> source) {
            super(actual, source.broker, source.options, source.subscriptions);
            this.reader = new RecordReader<>(source.options, false);
            this.inFlightMax = source.options.maxInFlight();
            this.sizeMax = source.options.maxPollRecords();
            this.inTransactions = source.inTransactions;
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
        public boolean awaitsTransaction() {
            AckWindow last = lastWindow;
            return inTransactions && requested() == 0 && last != null && !last.isQuiet();
        }

        @Override
        public boolean commits(PartitionLane lane) {
            return !inTransactions
                    || lane.state() == PartitionLane.State.PREPARING
                    || lane.window().isQuiet();
        }

        @Override
        public boolean emit() {
            if (inTransactions && loop.isCommitting()) {
                return false;
            }
            PartitionLane lane = requested() == 0 ? null : loop.nextReady();
            if (lane == null) {
                return false;
            }
            AckWindow window = lane.window();
            List<ReceiverRecord<K, V>> records = new ArrayList<>();
            boolean atEdge = false;
            while (records.size() < sizeMax && lane.next()) {
                long offset = lane.cursor().offset();
                if (!window.hasRoom(offset)) {
                    atEdge = true;
                    break;
                }
                records.add(reader.read(lane));
                lane.take(offset);
            }
            if (!records.isEmpty()) {
                lastWindow = window;
                actual.onNext(new ReceiverBatch<>(lane.partition(), records));
                produced(1);
            }
            loop.served(lane, !atEdge || !window.arm());
            return true;
        }

        @Override
        public boolean isSettled(PartitionLane lane) {
            return lane.window().settledOrArmed();
        }
    }
}
