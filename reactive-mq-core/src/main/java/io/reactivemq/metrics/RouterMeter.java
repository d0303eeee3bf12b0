package io.reactivemq.metrics;

/**
 * The meters of {@code Router}: of the elements that come from its sources. Each queue has those of its policy besides, as in {@link BufferMeter}. Tags,
 * sharing and names are as there.
 */
public enum RouterMeter implements MeterText {
    /** Counter: elements that at least one queue of the router took. */
    ROUTED("reactivemq.router.routed", "elements", "Elements that at least one queue took"),
    /** Counter: elements that no queue of the router took, but one of an alternate router. */
    ALTERNATE("reactivemq.router.alternate", "elements", "Elements that only a queue of an alternate router took"),
    /** Counter: elements that no queue took and that were returned. */
    UNROUTABLE("reactivemq.router.unroutable", "elements", "Elements that no queue took"),
    /** Gauge: how many sources wait for a queue that has no room. */
    HELD_UP("reactivemq.router.held.up", "sources", "Sources that wait now for a queue without room");

    private final String meterName;
    private final String unit;
    private final String description;

    RouterMeter(String meterName, String unit, String description) {
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
