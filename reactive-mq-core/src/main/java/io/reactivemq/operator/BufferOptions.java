package io.reactivemq.operator;

import io.micrometer.core.instrument.MeterRegistry;
import io.reactivemq.MqRuntime;
import io.reactivemq.metrics.BufferDepth;
import io.reactivemq.metrics.BufferMeter;
import io.reactivemq.metrics.Metering;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What can be said about any operator that buffers elements. Mutable while the operator is being made, on one thread, and
 * copied from then on.
 *
 * @param <T> the elements
 * @param <O> the options themselves, so that calls can be chained
 */
public abstract class BufferOptions<T, O extends BufferOptions<T, O>> {

    private @Nullable String name;
    private Consumer<? super T> onDropped = element -> {};
    private @Nullable MeterRegistry meterRegistry;
    private @Nullable BufferDepth depth;
    private @Nullable MqRuntime runtime;

    BufferOptions() {}

    abstract O self();

    /** How the buffer is called in error messages, in {@code Scannable.name()} and in the tags of its meters. */
    public final O name(String name) {
        this.name = Objects.requireNonNull(name, "name");
        return self();
    }

    /**
     * Told of each element that finds no room, or is let go to make some, before the discard hook gets it; not of what a
     * cancellation lets go. Called on the thread that brings an element. If it throws, the source is cancelled and the error
     * delivered behind what waits.
     */
    public final O onDropped(Consumer<? super T> callback) {
        this.onDropped = Objects.requireNonNull(callback, "callback");
        return self();
    }

    /** Where the meters of {@link BufferMeter} are registered while there are subscriptions. Without a registry there are none. */
    public final O meterRegistry(MeterRegistry registry) {
        this.meterRegistry = Objects.requireNonNull(registry, "registry");
        return self();
    }

    /** Kept live from now on: how many elements wait, over all subscriptions. One handle may serve several operators. */
    public final O depth(BufferDepth depth) {
        this.depth = Objects.requireNonNull(depth, "depth");
        return self();
    }

    /** Where clocks come from; {@code MqRuntime.system()} unless told otherwise. */
    public final O runtime(MqRuntime runtime) {
        this.runtime = Objects.requireNonNull(runtime, "runtime");
        return self();
    }

    final @Nullable String name() {
        return name;
    }

    final String nameOr(String other) {
        return name == null ? other : name;
    }

    /** For an operator that is made of others: says the same to one of them, under a name of its own. */
    final void copyTo(BufferOptions<T, ?> part, String partName) {
        part.name(partName);
        part.onDropped(onDropped);
        if (meterRegistry != null) {
            part.meterRegistry(meterRegistry);
        }
        if (depth != null) {
            part.depth(depth);
        }
        if (runtime != null) {
            part.runtime(runtime);
        }
    }

    final Consumer<? super T> onDropped() {
        return onDropped;
    }

    final MqRuntime runtime() {
        return runtime == null ? MqRuntime.system() : runtime;
    }

    /** Where the buffers of an operator are told of, in the meters under the operator's own name. */
    final Metering metering(String operatorName) {
        return new Metering(operatorName, name, meterRegistry, depth, runtime());
    }
}
