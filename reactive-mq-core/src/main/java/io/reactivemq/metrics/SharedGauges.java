package io.reactivemq.metrics;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.ToDoubleFunction;

/**
 * The gauges of all live subscriptions of one operator and name in one registry. A registry keeps the first gauge of an id and
 * ignores the others, so several subscriptions need one that adds them up; and somebody has to take it away
 * behind the last one.
 *
 * <p>Threading: joining and leaving are serialised for each key by the map, calls of the registry included.
 */
final class SharedGauges {

    /**
     * Holds live buffers only: those of subscriptions that have not ended, and of sinks that have not. A sink that is forgotten rather than
     * ended keeps its registry alive, and its elements.
     */
    private static final ConcurrentMap<Key, SharedGauges> ALL = new ConcurrentHashMap<>();

    private final BufferDepth sum = new BufferDepth();
    private final List<Meter> gauges = new ArrayList<>();

    /** Registries are told apart by identity: they do not define equality. */
    private record Key(MeterRegistry registry, Tags tags, boolean spills) {}

    private SharedGauges() {}

    /** Adds a buffer to the gauges of its tags, which are registered with the first one. */
    static void join(MeterRegistry registry, Tags tags, boolean spills, BufferDepth.Buffer buffer) {
        ALL.compute(new Key(registry, tags, spills), (key, known) -> {
            SharedGauges gauges = known == null ? registered(key) : known;
            gauges.sum.join(buffer);
            return gauges;
        });
    }

    /** Takes a buffer away; with the last one the gauges go. Does nothing the second time. */
    static void leave(MeterRegistry registry, Tags tags, boolean spills, BufferDepth.Buffer buffer) {
        ALL.computeIfPresent(new Key(registry, tags, spills), (key, known) -> {
            known.sum.leave(buffer);
            if (known.sum.buffers() > 0) {
                return known;
            }
            known.unregister(registry);
            return null;
        });
    }

    private static SharedGauges registered(Key key) {
        SharedGauges shared = new SharedGauges();
        try {
            shared.register(key, BufferMeter.DEPTH, BufferDepth::getAsLong);
            shared.register(key, BufferMeter.CAPACITY, BufferDepth::capacity);
            if (key.spills) {
                shared.register(key, BufferMeter.DISK_BYTES, BufferDepth::diskBytes);
            }
        } catch (RuntimeException e) {
            shared.unregister(key.registry);
            throw e;
        }
        return shared;
    }

    private void register(Key key, BufferMeter meter, ToDoubleFunction<BufferDepth> value) {
        gauges.add(Gauge.builder(meter.meterName(), sum, value)
                .description(meter.description())
                .baseUnit(meter.unit())
                .tags(key.tags)
                .register(key.registry));
    }

    private void unregister(MeterRegistry registry) {
        gauges.forEach(registry::remove);
    }
}
