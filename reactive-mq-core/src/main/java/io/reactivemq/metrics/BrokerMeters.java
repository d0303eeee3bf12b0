package io.reactivemq.metrics;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.MultiGauge.Row;
import io.micrometer.core.instrument.Tags;
import io.reactivemq.TopicPartition;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The gauges of a broker; see {@link BrokerMeter}.
 *
 * <p>Safe for many threads.
 */
public final class BrokerMeters {

    /** Lines of one meter: what a registry and who fetches it can bear. */
    public static final int LINES_MAX = 10_000;

    /** How often a broker looks; a Prometheus comes less often. */
    public static final Duration INTERVAL = Duration.ofSeconds(5);

    private static final Logger LOG = LoggerFactory.getLogger(BrokerMeters.class);

    private static final Comparator<TopicPartition> BY_NAME =
            Comparator.comparing(TopicPartition::topic).thenComparingInt(TopicPartition::partition);

    private final MultiGauge sizes;
    private final MultiGauge lags;

    /** What the gauges read. */
    private volatile Map<TopicPartition, Long> sizeOf = Map.of();

    private volatile Map<GroupPartition, Long> lagOf = Map.of();

    private boolean warned;
    private boolean closed;

    /** A partition of which a group has committed something. */
    public record GroupPartition(String group, TopicPartition partition) {}

    public BrokerMeters(MeterRegistry registry) {
        sizes = gauge(BrokerMeter.LOG_SIZE, registry);
        lags = gauge(BrokerMeter.CONSUMER_LAG, registry);
    }

    private static MultiGauge gauge(BrokerMeter meter, MeterRegistry registry) {
        return MultiGauge.builder(meter.meterName())
                .description(meter.description())
                .baseUnit(meter.unit())
                .register(registry);
    }

    /** Sets all values. What is not there any more has no line any more. */
    public synchronized void update(Map<TopicPartition, Long> sizeOf, Map<GroupPartition, Long> lagOf) {
        if (closed) {
            return;
        }
        this.sizeOf = Map.copyOf(sizeOf);
        this.lagOf = Map.copyOf(lagOf);
        warnOf(BrokerMeter.LOG_SIZE, sizeOf.size());
        warnOf(BrokerMeter.CONSUMER_LAG, lagOf.size());
        sizes.register(lines(
                sizeOf.keySet().stream().sorted(BY_NAME),
                partition -> Row.of(tags(partition), this, self -> self.sizeOf.getOrDefault(partition, 0L))));
        lags.register(lines(
                lagOf.keySet().stream()
                        .sorted(Comparator.comparing(GroupPartition::group)
                                .thenComparing(GroupPartition::partition, BY_NAME)),
                of -> Row.of(
                        tags(of.partition).and("group", of.group), this, self -> self.lagOf.getOrDefault(of, 0L))));
    }

    /** Takes all lines away. Nothing is set any more. */
    public synchronized void close() {
        update(Map.of(), Map.of());
        closed = true;
    }

    private static <T> List<Row<?>> lines(Stream<T> all, Function<T, Row<?>> line) {
        return all.limit(LINES_MAX).<Row<?>>map(line).toList();
    }

    private static Tags tags(TopicPartition partition) {
        return Tags.of("topic", partition.topic(), "partition", Integer.toString(partition.partition()));
    }

    private void warnOf(BrokerMeter meter, int count) {
        if (count > LINES_MAX && !warned) {
            warned = true;
            LOG.warn("{} has more than {} lines; those behind them by name are left out", meter.meterName(), LINES_MAX);
        }
    }
}
