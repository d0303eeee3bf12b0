package io.reactivemq.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The meters of one {@code ConsumerGroup}, by way of {@link Metering#openGroup}. Without a registry each call costs a comparison with null.
 *
 * <p>Threading: whoever has the group's turn, one thread at a time; gauges are read on the registry's threads.
 */
public final class GroupMeters {

    private static final VarHandle MEMBERS = field("members", int.class);
    private static final VarHandle ASSIGNED = field("assigned", int.class);
    private static final VarHandle MOVING = field("moving", int.class);
    private static final VarHandle EPOCH = field("epoch", long.class);

    private final Runnable leave;
    private final @Nullable Counter rebalances;
    private final @Nullable Counter overdue;
    private final @Nullable Timer handover;

    @SuppressWarnings("unused") // through MEMBERS
    private int members;

    @SuppressWarnings("unused") // through ASSIGNED
    private int assigned;

    @SuppressWarnings("unused") // through MOVING
    private int moving;

    @SuppressWarnings("unused") // through EPOCH
    private long epoch;

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
                        GroupMeter.MEMBERS, () -> (int) MEMBERS.getOpaque(this),
                        GroupMeter.ASSIGNED, () -> (int) ASSIGNED.getOpaque(this),
                        GroupMeter.MOVING, () -> (int) MOVING.getOpaque(this),
                        GroupMeter.EPOCH, () -> (long) EPOCH.getOpaque(this)));
    }

    private static VarHandle field(String name, Class<?> type) {
        try {
            return MethodHandles.lookup().findVarHandle(GroupMeters.class, name, type);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** How it stands. */
    public void now(int members, int assigned, int moving, long epoch) {
        MEMBERS.setOpaque(this, members);
        ASSIGNED.setOpaque(this, assigned);
        MOVING.setOpaque(this, moving);
        EPOCH.setOpaque(this, epoch);
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
