package io.reactivemq.metrics;

import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.MeterRegistry;
import org.jspecify.annotations.Nullable;

/**
 * The meters of one subscription of {@code Batch}, by way of {@link Metering#openBatching}. Waiting time is sampled as in {@link BufferMeters}; a
 * batch is the end of the waiting of all its elements.
 *
 * <p>Threading: the operator's turn, one thread at a time; gauges are read on the registry's threads.
 */
public final class BatchMeters {

    private final @Nullable DistributionSummary sizes;
    private final BufferMeters buffer;

    /** Elements that have come, since the subscription. Written by the turn. */
    private volatile long come;

    /** Those that were emitted. Written by the turn. */
    private volatile long emitted;

    BatchMeters(Metering metering, long capacity) {
        MeterRegistry registry = metering.registry();
        sizes = registry == null
                ? null
                : DistributionSummary.builder(BatchMeter.SIZE.meterName())
                        .description(BatchMeter.SIZE.description())
                        .baseUnit(BatchMeter.SIZE.unit())
                        .tags(metering.tags())
                        .register(registry);
        buffer = metering.open(capacity, () -> {
            // in this order: never below zero
            long before = emitted;
            return come - before;
        });
    }

    /** An element has come. */
    @SuppressWarnings("NonAtomicVolatileUpdate") // there is one writer at a time
    public void came() {
        buffer.came(come);
        come++;
    }

    /** A batch of so many is about to be emitted. */
    @SuppressWarnings("NonAtomicVolatileUpdate") // there is one writer at a time
    public void emitted(int size) {
        emitted += size;
        buffer.left(emitted - 1);
        if (sizes != null) {
            sizes.record(size);
        }
    }

    /** The subscription has ended: its gauges go, what was counted stays. Does nothing the second time. */
    public void close() {
        buffer.close();
    }
}
