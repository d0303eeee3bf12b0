package io.reactivemq.metrics;

/**
 * What a broker tells of its partitions, groups and transactions. The values of gauges are of the last look at them, {@link BrokerMeters#INTERVAL} ago at most.
 *
 * <p>Of each gauge there are {@value BrokerMeters#LINES_MAX} lines at most, the first by name: beyond, the others are left out and a warning is logged
 * once. A line goes with its topic or group. Two brokers with one registry need common tags that tell them apart.
 */
public enum BrokerMeter implements MeterText {
    /** Gauge by {@code topic} and {@code partition}: the bytes of its batches, as Kafka's {@code kafka.log:type=Log,name=Size}. */
    LOG_SIZE("reactivemq.log.size", "bytes", "Bytes of a partition's batches"),
    /** Gauge: partitions whose logs could not be opened and that are not served, as Kafka's {@code OfflinePartitionsCount}. Anything but 0 wants somebody to look. */
    OFFLINE_PARTITIONS("reactivemq.partitions.offline", "partitions", "Partitions whose logs could not be opened"),
    /**
     * Timer: forces of files to disk, as Kafka's {@code kafka.log:type=LogFlushStats,name=LogFlushRateAndTimeMs}; of a log's batches and of the small files
     * beside them. Counted when they happen.
     */
    FORCE("reactivemq.log.force", "seconds", "Forces of files to disk"),
    /** Gauge by {@code group}, {@code topic} and {@code partition}: the high watermark less the offset that the group has committed. */
    CONSUMER_LAG("reactivemq.consumer.lag", "records", "Records that a group has not yet committed"),
    /** Gauge by {@code group}: its members. */
    GROUP_MEMBERS("reactivemq.consumer.group.members", "members", "Members of a group"),
    /** Gauge by {@code group}: its epoch, or generation, which rises with each rebalance. */
    GROUP_EPOCH("reactivemq.consumer.group.epoch", "epochs", "The epoch of a group, which rises with each rebalance"),
    /** Gauge: transactions that are open, or decided and not yet told to all of their partitions. */
    TRANSACTIONS("reactivemq.transactions.open", "transactions", "Transactions that have not ended");

    private final String meterName;
    private final String unit;
    private final String description;

    BrokerMeter(String meterName, String unit, String description) {
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
