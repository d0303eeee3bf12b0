package io.reactivemq.metrics;

/**
 * The meters of a {@code ConsumerGroup}, from its making until all its lanes have ended. Tags, sharing and names are as in {@link BufferMeter}; the name is that of the lanes.
 */
public enum GroupMeter implements MeterText {
    /** Gauge: how many members there are. */
    MEMBERS("reactivemq.group.members", "members", "Members of the group now"),
    /** Gauge: how many lanes a member has, or has not released yet. */
    ASSIGNED("reactivemq.group.lanes.assigned", "lanes", "Lanes that a member has now"),
    /** Gauge: how many of them wait for the old member's publisher. */
    MOVING("reactivemq.group.lanes.moving", "lanes", "Lanes that are being handed over now"),
    /** Gauge: the epoch of the latest assignment. */
    EPOCH("reactivemq.group.epoch", "epochs", "The epoch of the latest assignment"),
    /** Counter: how often the assignor was asked, because a member came or went. */
    REBALANCES("reactivemq.group.rebalances", "rebalances", "Times that the lanes were assigned anew"),
    /** Timer: from the moment a lane is taken from a member until its publisher has finished, or was cancelled for it. */
    HANDOVER("reactivemq.group.handover", "seconds", "How long it took until a lane that moved was released"),
    /** Counter: publishers that did not finish in time. */
    OVERDUE("reactivemq.group.handover.overdue", "lanes", "Lanes whose publisher did not finish in time");

    private final String meterName;
    private final String unit;
    private final String description;

    GroupMeter(String meterName, String unit, String description) {
        this.meterName = meterName;
        this.unit = unit;
        this.description = description;
    }

    @Override
    public String meterName() {
        return meterName;
    }

    @Override
    public String unit() {
        return unit;
    }

    @Override
    public String description() {
        return description;
    }
}
