package io.reactivemq.examples.demo;

import io.reactivemq.Serdes;
import io.reactivemq.broker.Broker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.SenderResult;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import reactor.core.publisher.Mono;

/**
 * What came of sending all rows, counted from the acknowledgements.
 *
 * @param rows how many were acknowledged
 * @param outOfOrder how many acknowledgements did not bring their partition's next offset
 * @param keysThatMoved how many rows did not go to the partition of their key's first row
 * @param time until the last was acknowledged
 */
record Sent(long rows, long outOfOrder, long keysThatMoved, Duration time) {

    /** Sends all rows to a topic that is empty. */
    static Mono<Sent> all(Broker broker, Rows rows) {
        return Mono.defer(() -> {
            Sender<String, String> sender =
                    Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string(), o -> o.clientId("demo")));
            Acknowledgements acknowledgements = new Acknowledgements();
            long began = broker.runtime().nanoTime();
            return sender.send(rows.rows().map(row -> SenderRecord.of(rows.topic(), row.key(), row.text())))
                    .doOnNext(acknowledgements::add)
                    .then(Mono.fromSupplier(() -> acknowledgements.sent(
                            Duration.ofNanos(broker.runtime().nanoTime() - began))));
        });
    }

    /** Results come one after the other, in the order of sending. */
    private static final class Acknowledgements {

        private final Map<Integer, Long> nextOffset = new HashMap<>();
        private final Map<String, Integer> partitionOfKey = new HashMap<>();
        private long rows;
        private long outOfOrder;
        private long keysThatMoved;

        void add(SenderResult<String, String> result) {
            rows++;
            int partition = result.partition().partition();
            if (result.offset() != nextOffset.getOrDefault(partition, 0L)) {
                outOfOrder++;
            }
            nextOffset.put(partition, result.offset() + 1);
            String key = result.record().key();
            if (key != null
                    && !partitionOfKey.computeIfAbsent(key, k -> partition).equals(partition)) {
                keysThatMoved++;
            }
        }

        Sent sent(Duration time) {
            return new Sent(rows, outOfOrder, keysThatMoved, time);
        }
    }
}
