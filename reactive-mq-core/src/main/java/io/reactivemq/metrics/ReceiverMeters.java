package io.reactivemq.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The meters of one subscription of a receiver; see {@link ReceiverMeter}.
 *
 * <p>Threading: the subscription's worker; gauges are read on the registry's threads.
 */
public final class ReceiverMeters {

    /** The tag with the client id. */
    public static final String CLIENT_TAG = "client.id";

    /** The tag with the group; empty without one. */
    public static final String GROUP_TAG = "group";

    /** How often a receiver looks for what is unacknowledged; a Prometheus comes less often. */
    public static final Duration INTERVAL = Duration.ofSeconds(5);

    private final Counter received;
    private final Counter retried;
    private final Counter deadLettered;
    private final Counter rebalances;
    private final Runnable leave;
    private final Runnable leaveAge;

    private final AtomicLong unacknowledged = new AtomicLong();
    private final AtomicLong oldestSeconds = new AtomicLong();
    private final AtomicLong partitions = new AtomicLong();

    /** To be closed when the subscription ends, else its gauges stay. */
    public ReceiverMeters(MeterRegistry registry, String clientId, @Nullable String group) {
        Tags tags = Tags.of(CLIENT_TAG, clientId, GROUP_TAG, group == null ? "" : group);
        received = MeterText.counter(ReceiverMeter.RECEIVED, tags, registry);
        retried = MeterText.counter(ReceiverMeter.RETRIED, tags, registry);
        deadLettered = MeterText.counter(ReceiverMeter.DEAD_LETTERED, tags, registry);
        rebalances = MeterText.counter(ReceiverMeter.REBALANCES, tags, registry);
        leave = SharedGauges.join(
                registry,
                tags,
                Map.of(
                        ReceiverMeter.UNACKNOWLEDGED, unacknowledged::getOpaque,
                        ReceiverMeter.PARTITIONS, partitions::getOpaque));
        leaveAge = SharedGauges.joinLargest(registry, tags, ReceiverMeter.OLDEST_AGE, oldestSeconds::getOpaque);
    }

    /** Records were handed over. */
    public void received(long records) {
        if (records > 0) {
            received.increment((double) records);
        }
    }

    /** An attempt that failed is followed by another. */
    public void retried() {
        retried.increment();
    }

    /** A record was moved to a dead-letter topic. */
    public void deadLettered() {
        deadLettered.increment();
    }

    /** Other partitions are assigned, and so many. */
    public void rebalanced(int assigned) {
        rebalances.increment();
        partitions.setOpaque(assigned);
    }

    /** So many records are unacknowledged, the oldest for that long. */
    public void now(long records, Duration oldest) {
        unacknowledged.setOpaque(records);
        oldestSeconds.setOpaque(oldest.toSeconds());
    }

    /** The subscription has ended: its gauges go, what was counted stays. Does nothing the second time. */
    public void close() {
        leave.run();
        leaveAge.run();
    }
}
