package io.reactivemq.metrics;

/**
 * What a {@code Receiver} tells while it is subscribed. All have the tags {@value ReceiverMeters#CLIENT_TAG} and {@value ReceiverMeters#GROUP_TAG}, which is empty without a group:
 * receivers of the same two share them. The gauges of what is unacknowledged are of the last look, {@link ReceiverMeters#INTERVAL} ago at most.
 *
 * <p>That a record was delivered before, to whoever had its partition then, is nothing that a receiver could know, so nothing tells of redeliveries; the group's lag is the
 * broker's {@link BrokerMeter#CONSUMER_LAG}.
 */
public enum ReceiverMeter implements MeterText {
    /** Counter: records that were handed to the subscriber or to a handler; Kafka's {@code records-consumed-total}. */
    RECEIVED("reactivemq.receiver.received", "records", "Records that were handed over"),
    /** Gauge: records that were handed over and are not acknowledged. */
    UNACKNOWLEDGED(
            "reactivemq.receiver.unacknowledged", "records", "Records that were handed over and are not acknowledged"),
    /** Gauge: for how long the oldest of them is the oldest; of receivers that share it, the longest. 0: there is none. */
    OLDEST_AGE(
            "reactivemq.receiver.unacknowledged.age",
            "seconds",
            "How long the oldest unacknowledged record holds up its partition"),
    /** Counter: attempts of a handler that were or will be repeated, in place or by way of a retry topic. */
    RETRIED("reactivemq.receiver.retried", "records", "Failed attempts that are followed by another"),
    /** Counter: records that were moved to a dead-letter topic. */
    DEAD_LETTERED("reactivemq.receiver.dead.lettered", "records", "Records that were moved to a dead-letter topic"),
    /** Gauge: partitions that are assigned. */
    PARTITIONS("reactivemq.receiver.partitions", "partitions", "Partitions that are assigned"),
    /** Counter: how often partitions were given to it or taken from it. */
    REBALANCES("reactivemq.receiver.rebalances", "rebalances", "Times that the assigned partitions changed");

    private final String meterName;
    private final String unit;
    private final String description;

    ReceiverMeter(String meterName, String unit, String description) {
        this.meterName = meterName;
        this.unit = unit;
        this.description = description;
    }

    @Override
    public String meterName() {
        return meterName;
    }

    @Override
    public String unit() {
        return unit;
    }

    @Override
    public String description() {
        return description;
    }
}
