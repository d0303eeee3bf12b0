package io.reactivemq.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.Map;

/**
 * The meters of one source of a {@code Router}, by way of {@link Metering#openRouting}.
 *
 * <p>Threading: the operator's turn, one thread at a time; the gauge is read on the registry's threads.
 */
public final class RouterMeters {

    private final Counter routed;
    private final Counter alternate;
    private final Counter unroutable;
    private final Runnable leave;

    private volatile boolean heldUp;

    RouterMeters(Tags tags, MeterRegistry registry) {
        routed = MeterText.counter(RouterMeter.ROUTED, tags, registry);
        alternate = MeterText.counter(RouterMeter.ALTERNATE, tags, registry);
        unroutable = MeterText.counter(RouterMeter.UNROUTABLE, tags, registry);
        leave = SharedGauges.join(registry, tags, Map.of(RouterMeter.HELD_UP, () -> heldUp ? 1 : 0));
    }

    /** A queue of the router took an element. */
    public void routed() {
        routed.increment();
    }

    /** A queue of an alternate router took an element. */
    public void alternate() {
        alternate.increment();
    }

    /** No queue took an element. */
    public void unroutable() {
        unroutable.increment();
    }

    /** Whether the source waits for a queue. */
    public void heldUp(boolean now) {
        if (heldUp != now) {
            heldUp = now;
        }
    }

    /** The source has ended: its gauge goes, what was counted stays. Does nothing the second time. */
    public void close() {
        leave.run();
    }
}
