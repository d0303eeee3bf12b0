package io.reactivemq.metrics;

/**
 * The meters of an operator that buffers elements. Each carries the tags {@value #OPERATOR_TAG} (which operator, as {@code
 * dropOldest}) and {@value #NAME_TAG} (the name given in its options, else {@value #UNNAMED}). Subscriptions of the same operator
 * and name in one registry share their meters: gauges are sums over those that are live, counters go on counting.
 *
 * <p>Names follow Micrometer's conventions; a registry turns them into its own, as {@code
 * reactivemq_buffer_dropped_elements_total} for Prometheus.
 */
public enum BufferMeter implements MeterText {
    /** Gauge: how many elements wait now, in memory or on disk. */
    DEPTH("reactivemq.buffer.depth", "elements", "Elements that wait in the buffer now"),
    /** Gauge: how many may wait in memory. */
    CAPACITY("reactivemq.buffer.capacity", "elements", "Elements that may wait in the buffer's memory"),
    /** Counter: elements let go for lack of room. Those that a cancellation lets go are not among them. */
    DROPPED("reactivemq.buffer.dropped", "elements", "Elements let go for lack of room"),
    /** Timer: how long elements waited that were then handed on. {@link BufferMeters#came} says which are timed. */
    WAITING(
            "reactivemq.buffer.waiting",
            "seconds",
            "How long elements waited in the buffer before they were handed on"),
    /** Counter, of operators that spill: elements written to disk. */
    SPILLED_ELEMENTS("reactivemq.buffer.spilled.elements", "elements", "Elements written to spill files"),
    /** Counter, of operators that spill: bytes written to disk. */
    SPILLED_BYTES("reactivemq.buffer.spilled.bytes", "bytes", "Bytes written to spill files"),
    /** Counter, of operators that spill: elements deleted with their files, unread, when the subscription was cancelled. */
    DELETED_ELEMENTS(
            "reactivemq.buffer.deleted.elements", "elements", "Elements deleted unread with their spill files"),
    /** Gauge, of operators that spill: how large the spill files are now. */
    DISK_BYTES("reactivemq.buffer.disk.bytes", "bytes", "Bytes that the spill files hold now");

    /** The tag that names the operator. */
    public static final String OPERATOR_TAG = "operator";

    /** The tag with the name from the operator's options. */
    public static final String NAME_TAG = "name";

    /** The value of {@link #NAME_TAG} where the options give no name. */
    public static final String UNNAMED = "unnamed";

    private final String meterName;
    private final String unit;
    private final String description;

    BufferMeter(String meterName, String unit, String description) {
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
