package io.reactivemq.netty.server;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** Gauges that show what all servers of a registry have together. A registry takes one gauge of a name, and holds on to what it shows weakly. */
final class SharedGauge {

    /** Guarded by this class. */
    private static final Map<MeterRegistry, Map<String, AtomicInteger>> SHOWN = new WeakHashMap<>();

    private SharedGauge() {}

    /** What the gauge of that name shows; the gauge is registered by who comes first. */
    static synchronized AtomicInteger of(MeterRegistry registry, String name, String description) {
        AtomicInteger shown = SHOWN.computeIfAbsent(registry, key -> new ConcurrentHashMap<>())
                .computeIfAbsent(name, key -> new AtomicInteger());
        Gauge.builder(name, shown, AtomicInteger::get).description(description).register(registry);
        return shown;
    }
}
