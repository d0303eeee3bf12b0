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
    private final MultiGauge members;
    private final MultiGauge epochs;
    private final MultiGauge transactions;
    private final MultiGauge offline;

    /** What the gauges read. */
    private volatile Look last = Look.NOTHING;

    private boolean warned;
    private boolean closed;

    /** A partition of which a group has committed something. */
    public record GroupPartition(String group, TopicPartition partition) {}

    /** How a group stands. */
    public record Group(int members, int epoch) {
        static final Group GONE = new Group(0, 0);
    }

    /**
     * What was found.
     *
     * @param sizes bytes by partition
     * @param lags records by group and partition
     * @param groups by their ids
     * @param transactions how many have not ended
     * @param offline partitions that are not served
     */
    public record Look(
            Map<TopicPartition, Long> sizes,
            Map<GroupPartition, Long> lags,
            Map<String, Group> groups,
            long transactions,
            long offline) {

        static final Look NOTHING = new Look(Map.of(), Map.of(), Map.of(), 0, 0);

        public Look {
            sizes = Map.copyOf(sizes);
            lags = Map.copyOf(lags);
            groups = Map.copyOf(groups);
        }

        private Group group(String id) {
            return groups.getOrDefault(id, Group.GONE);
        }
    }

    public BrokerMeters(MeterRegistry registry) {
        sizes = gauge(BrokerMeter.LOG_SIZE, registry);
        lags = gauge(BrokerMeter.CONSUMER_LAG, registry);
        members = gauge(BrokerMeter.GROUP_MEMBERS, registry);
        epochs = gauge(BrokerMeter.GROUP_EPOCH, registry);
        transactions = gauge(BrokerMeter.TRANSACTIONS, registry);
        offline = gauge(BrokerMeter.OFFLINE_PARTITIONS, registry);
    }

    private static MultiGauge gauge(BrokerMeter meter, MeterRegistry registry) {
        return MultiGauge.builder(meter.meterName())
                .description(meter.description())
                .baseUnit(meter.unit())
                .register(registry);
    }

    /** Sets all values. What is not there any more has no line any more. */
    public synchronized void update(Look found) {
        if (closed) {
            return;
        }
        show(
                found,
                List.of(Row.of(Tags.empty(), this, self -> self.last.transactions)),
                List.of(Row.of(Tags.empty(), this, self -> self.last.offline)));
    }

    private void show(Look found, List<Row<?>> ofTransactions, List<Row<?>> ofOffline) {
        last = found;
        warnOf(BrokerMeter.LOG_SIZE, found.sizes.size());
        warnOf(BrokerMeter.CONSUMER_LAG, found.lags.size());
        warnOf(BrokerMeter.GROUP_MEMBERS, found.groups.size());
        sizes.register(lines(
                found.sizes.keySet().stream().sorted(BY_NAME),
                partition -> Row.of(tags(partition), this, self -> self.last.sizes.getOrDefault(partition, 0L))));
        lags.register(lines(
                found.lags.keySet().stream()
                        .sorted(Comparator.comparing(GroupPartition::group)
                                .thenComparing(GroupPartition::partition, BY_NAME)),
                of -> Row.of(
                        tags(of.partition).and("group", of.group), this, self -> self.last.lags.getOrDefault(of, 0L))));
        members.register(lines(
                found.groups.keySet().stream().sorted(),
                group -> Row.of(Tags.of("group", group), this, self -> self.last.group(group).members)));
        epochs.register(lines(
                found.groups.keySet().stream().sorted(),
                group -> Row.of(Tags.of("group", group), this, self -> self.last.group(group).epoch)));
        transactions.register(ofTransactions);
        offline.register(ofOffline);
    }

    /** Takes all lines away. Nothing is set any more. */
    public synchronized void close() {
        closed = true;
        show(Look.NOTHING, List.of(), List.of());
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
