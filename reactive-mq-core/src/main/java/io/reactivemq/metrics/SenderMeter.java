package io.reactivemq.metrics;

/**
 * What a {@code Sender} tells, its transactions with it. All have the tag {@value SenderMeters#CLIENT_TAG}: senders of the same client id share them, and a gauge is the
 * sum over the sends that are under way. Counters change batch by batch.
 */
public enum SenderMeter implements MeterText {
    /** Counter: records that the broker has acknowledged; Kafka's {@code record-send-total}. */
    SENT("reactivemq.sender.sent", "records", "Records that the broker has acknowledged"),
    /** Counter: records that could not be sent, for good; Kafka's {@code record-error-total}. Those that waited behind one that ended its send are not among them. */
    FAILED("reactivemq.sender.failed", "records", "Records that were refused or given up"),
    /** Counter: records of batches that were sent again, once for each time; Kafka's {@code record-retry-total}. Told when the batch has its end. */
    RETRIED("reactivemq.sender.retried", "records", "Records that were sent again"),
    /** Gauge: bytes of batches that are being filled or not yet acknowledged. */
    BUFFERED("reactivemq.sender.buffered", "bytes", "Bytes of batches that are not yet acknowledged"),
    /** Counter: transactions that were committed. */
    COMMITTED("reactivemq.sender.transactions.committed", "transactions", "Transactions that were committed"),
    /** Counter: transactions that were aborted. One that the broker aborted, since it was not told in time, is not among them. */
    ABORTED("reactivemq.sender.transactions.aborted", "transactions", "Transactions that were aborted");

    private final String meterName;
    private final String unit;
    private final String description;

    SenderMeter(String meterName, String unit, String description) {
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
