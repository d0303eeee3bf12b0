package io.reactivemq.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The meters of one {@code ConsumerGroup}, by way of {@link Metering#openGroup}. Without a registry each call costs a comparison with null.
 *
 * <p>Threading: whoever has the group's turn, one thread at a time; gauges are read on the registry's threads.
 */
public final class GroupMeters {

    private final Runnable leave;
    private final @Nullable Counter rebalances;
    private final @Nullable Counter overdue;
    private final @Nullable Timer handover;

    private final AtomicLong members = new AtomicLong();
    private final AtomicLong assigned = new AtomicLong();
    private final AtomicLong moving = new AtomicLong();
    private final AtomicLong epoch = new AtomicLong();

    GroupMeters(Metering metering) {
        MeterRegistry registry = metering.registry();
        if (registry == null) {
            rebalances = null;
            overdue = null;
            handover = null;
            leave = () -> {};
            return;
        }
        Tags tags = metering.tags();
        rebalances = MeterText.counter(GroupMeter.REBALANCES, tags, registry);
        overdue = MeterText.counter(GroupMeter.OVERDUE, tags, registry);
        handover = MeterText.timer(GroupMeter.HANDOVER, tags, registry);
        leave = SharedGauges.join(
                registry,
                tags,
                Map.of(
                        GroupMeter.MEMBERS, members::getOpaque,
                        GroupMeter.ASSIGNED, assigned::getOpaque,
                        GroupMeter.MOVING, moving::getOpaque,
                        GroupMeter.EPOCH, epoch::getOpaque));
    }

    /** How it stands. */
    public void now(int members, int assigned, int moving, long epoch) {
        this.members.setOpaque(members);
        this.assigned.setOpaque(assigned);
        this.moving.setOpaque(moving);
        this.epoch.setOpaque(epoch);
    }

    /** The assignor was asked. */
    public void rebalanced() {
        if (rebalances != null) {
            rebalances.increment();
        }
    }

    /** A lane that was taken from a member is released, so long after it was. */
    public void handedOver(long nanos) {
        if (handover != null) {
            handover.record(nanos, TimeUnit.NANOSECONDS);
        }
    }

    /** A publisher did not finish in time. */
    public void overdue() {
        if (overdue != null) {
            overdue.increment();
        }
    }

    /** All lanes have ended: the gauges go, what was counted stays. Does nothing the second time. */
    public void close() {
        leave.run();
    }
}
