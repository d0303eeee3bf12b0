package io.reactivemq.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;

/** A line of one of the tables of meters: what a registry has to be told. */
interface MeterText {

    /** The name in a registry. */
    String meterName();

    /** The base unit. */
    String unit();

    /** What it measures, for the registry. */
    String description();

    static Counter counter(MeterText text, Tags tags, MeterRegistry registry) {
        return Counter.builder(text.meterName())
                .description(text.description())
                .baseUnit(text.unit())
                .tags(tags)
                .register(registry);
    }

    static Timer timer(MeterText text, Tags tags, MeterRegistry registry) {
        return Timer.builder(text.meterName())
                .description(text.description())
                .tags(tags)
                .register(registry);
    }
}
