package io.reactivemq.consume;

import io.reactivemq.broker.Broker;
import java.util.ArrayList;
import java.util.List;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;

/**
 * The records in batches: as many of one lane as are buffered, have room in its window and fit.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
final class FluxReceiveBatches<K, V> extends Flux<ReceiverBatch<K, V>> {

    private final Broker broker;
    private final ReceiverOptions<K, V> options;
    private final Subscriptions subscriptions;

    FluxReceiveBatches(Broker broker, ReceiverOptions<K, V> options, Subscriptions subscriptions) {
        this.broker = broker;
        this.options = options;
        this.subscriptions = subscriptions;
    }

    @Override
    public void subscribe(CoreSubscriber<? super ReceiverBatch<K, V>> actual) {
        new BatchSubscription<>(actual, this).begin(options, subscriptions);
    }

    static final class BatchSubscription<K, V> extends OutputSubscription<ReceiverBatch<K, V>> {

        private final RecordReader<K, V> reader;
        private final int inFlightMax;
        private final int sizeMax;

        BatchSubscription(CoreSubscriber<? super ReceiverBatch<K, V>> actual, FluxReceiveBatches<K, V> source) {
            super(actual, source.broker, source.options, source.subscriptions);
            this.reader = new RecordReader<>(source.options, false);
            this.inFlightMax = source.options.maxInFlight();
            this.sizeMax = source.options.maxPollRecords();
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
