package io.reactivemq.metrics;

/**
 * The meter of {@code Batch}, besides those of {@link BufferMeter} for the elements that wait in a batch (depth, capacity, waiting). Tags, sharing and names
 * are as there.
 */
public enum BatchMeter implements MeterText {
    /** Summary: how many elements a batch has as it is emitted. So its count is that of the batches, its total that of their elements. */
    SIZE("reactivemq.batch.size", "elements", "Elements of the batches that were emitted");

    private final String meterName;
    private final String unit;
    private final String description;

    BatchMeter(String meterName, String unit, String description) {
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
