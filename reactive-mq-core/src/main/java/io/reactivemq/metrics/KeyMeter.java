package io.reactivemq.metrics;

/**
 * The meters of {@code KeyOrdered}, besides those of {@link BufferMeter} for the elements that wait (depth, capacity, waiting). Tags, sharing and names are as there.
 */
public enum KeyMeter implements MeterText {
    /** Gauge: how many keys have an element that waits, is being handled, or has results that wait. */
    ACTIVE("reactivemq.keys.active", "keys", "Keys that have elements now"),
    /** Gauge: how many elements are being handled, of as many keys: at most the concurrency. */
    RUNNING("reactivemq.keys.running", "keys", "Keys of which an element is being handled now"),
    /** Gauge: how many keys wait for the answer of the retry policy. */
    BACKING_OFF("reactivemq.keys.backing.off", "keys", "Keys that back off now"),
    /** Counter: elements whose handling has completed. */
    HANDLED("reactivemq.keys.handled", "elements", "Elements whose handling has completed"),
    /** Counter: elements whose handling has failed for good. */
    FAILED("reactivemq.keys.failed", "elements", "Elements whose handling has failed for good"),
    /** Counter: how often a handling that failed was tried again. */
    RETRIED("reactivemq.keys.retried", "retries", "Handlings that were tried again");

    private final String meterName;
    private final String unit;
    private final String description;

    KeyMeter(String meterName, String unit, String description) {
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
