package io.reactivemq.metrics;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.reactivemq.MqRuntime;
import java.util.Objects;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Where an operator tells of its buffers, as its options say: to a registry, to a {@link BufferDepth}, to both or to nobody. One
 * for an operator; each subscription opens {@link BufferMeters} of its own.
 *
 * @param operator the value of the tag {@value BufferMeter#OPERATOR_TAG}
 * @param name the value of the tag {@value BufferMeter#NAME_TAG}
 * @param registry where meters are registered; without one there are none
 * @param depth what is kept live for the user; without it nothing is
 * @param runtime the clock for the waiting time
 */
public record Metering(
        String operator,
        @Nullable String name,
        @Nullable MeterRegistry registry,
        @Nullable BufferDepth depth,
        MqRuntime runtime) {

    public Metering {
        Objects.requireNonNull(operator, "operator");
        Objects.requireNonNull(runtime, "runtime");
    }

    /**
     * For a new subscription. To be closed when it ends, else its gauges stay.
     *
     * @param capacity how many elements may wait
     * @param waiting how many wait now; read on any thread
     */
    public BufferMeters open(long capacity, LongSupplier waiting) {
        return open(capacity, waiting, null);
    }

    /**
     * The same for a buffer that spills, which has the spill meters besides.
     *
     * @param capacity how many elements may wait in memory
     * @param waiting how many wait now, in memory and on disk; read on any thread
     * @param diskBytes how large the spill files are now; read on any thread
     */
    public BufferMeters openSpilling(long capacity, LongSupplier waiting, LongSupplier diskBytes) {
        return open(capacity, waiting, diskBytes);
    }

    /**
     * For a new subscription that handles elements by key; null if nobody wants to know. To be closed when it ends.
     *
     * @param capacity how many elements may wait
     */
    public @Nullable KeyMeters openKeyed(long capacity) {
        return registry == null && depth == null ? null : new KeyMeters(this, capacity);
    }

    /** For a new subscription that makes batches; null if nobody wants to know. To be closed when it ends.
     *
     * @param capacity how many elements may wait
     */
    public @Nullable BatchMeters openBatching(long capacity) {
        return registry == null && depth == null ? null : new BatchMeters(this, capacity);
    }

    /** For a new source that is routed; null without a registry. To be closed when it ends. */
    public @Nullable RouterMeters openRouting() {
        return registry == null ? null : new RouterMeters(tags(), registry);
    }

    /** For a group. To be closed when all its lanes have ended. */
    public GroupMeters openGroup() {
        return new GroupMeters(this);
    }

    /** The same keys for each operator: some registries insist on it. */
    Tags tags() {
        return Tags.of(
                BufferMeter.OPERATOR_TAG, operator, BufferMeter.NAME_TAG, name == null ? BufferMeter.UNNAMED : name);
    }

    private BufferMeters open(long capacity, LongSupplier waiting, @Nullable LongSupplier diskBytes) {
        return registry == null && depth == null
                ? BufferMeters.none()
                : BufferMeters.open(this, new BufferDepth.Buffer(capacity, waiting, diskBytes), diskBytes != null);
    }
}
