package io.reactivemq.metrics;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.LongSupplier;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * One gauge for the same meter of all live subscriptions of one operator and name in one registry. A registry keeps the first gauge of an id and
 * ignores the others, so several subscriptions need one that adds them up, or shows the largest; and somebody has to take it away
 * behind the last one.
 *
 * <p>Threading: joining and leaving are serialised for each key by the map, calls of the registry included.
 */
final class SharedGauges {

    /**
     * Holds what is live only: subscriptions that have not ended, and sinks that have not. A sink that is forgotten rather than
     * ended keeps its registry alive, and its elements.
     */
    private static final ConcurrentMap<Key, SharedGauges> ALL = new ConcurrentHashMap<>();

    private final Set<Part> parts = ConcurrentHashMap.newKeySet();
    private @Nullable Gauge gauge;

    /** Registries are told apart by identity: they do not define equality. */
    private record Key(MeterRegistry registry, String meter, Tags tags) {}

    /** What one subscription tells of itself; told apart by identity. */
    private static final class Part {

        private final LongSupplier value;

        Part(LongSupplier value) {
            this.value = value;
        }
    }

    private SharedGauges() {}

    /**
     * Adds values to the gauges of their meters, which are registered with the first one.
     *
     * @return takes them away; with the last one a gauge goes. Does nothing the second time
     */
    static Runnable join(MeterRegistry registry, Tags tags, Map<? extends MeterText, LongSupplier> values) {
        List<Runnable> joined = new ArrayList<>();
        Runnable leave = () -> joined.forEach(Runnable::run);
        try {
            values.forEach((meter, value) -> joined.add(join(registry, tags, meter, value)));
        } catch (RuntimeException e) {
            leave.run();
            throw e;
        }
        return leave;
    }

    /** Adds a value to a gauge that shows the largest of them. */
    static Runnable joinLargest(MeterRegistry registry, Tags tags, MeterText meter, LongSupplier value) {
        return join(registry, tags, meter, value, SharedGauges::largest);
    }

    private static Runnable join(MeterRegistry registry, Tags tags, MeterText meter, LongSupplier value) {
        return join(registry, tags, meter, value, SharedGauges::sum);
    }

    private static Runnable join(
            MeterRegistry registry,
            Tags tags,
            MeterText meter,
            LongSupplier value,
            ToDoubleFunction<SharedGauges> together) {
        Key key = new Key(registry, meter.meterName(), tags);
        Part part = new Part(value);
        ALL.compute(key, (ignored, known) -> {
            SharedGauges shared = known == null ? registered(key, meter, together) : known;
            shared.parts.add(part);
            return shared;
        });
        return () -> ALL.computeIfPresent(key, (ignored, known) -> known.without(part, registry));
    }

    private static SharedGauges registered(Key key, MeterText meter, ToDoubleFunction<SharedGauges> together) {
        SharedGauges shared = new SharedGauges();
        shared.gauge = Gauge.builder(meter.meterName(), shared, together)
                .description(meter.description())
                .baseUnit(meter.unit())
                .tags(key.tags)
                .register(key.registry);
        return shared;
    }

    /** Null if nothing is left. */
    private @Nullable SharedGauges without(Part part, MeterRegistry registry) {
        parts.remove(part);
        if (!parts.isEmpty()) {
            return this;
        }
        if (gauge != null) {
            registry.remove(gauge);
        }
        return null;
    }

    private double sum() {
        return parts.stream().mapToLong(part -> part.value.getAsLong()).sum();
    }

    private double largest() {
        return parts.stream().mapToLong(part -> part.value.getAsLong()).max().orElse(0);
    }
}
