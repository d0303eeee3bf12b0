package io.reactivemq.consume;

import org.jspecify.annotations.Nullable;

/** What a subscription does with its records. Runs on the worker. */
interface Output {

    /** How far beyond the oldest unacknowledged offset of a partition this output may go. */
    int inFlightMax();

    /** Whether there is demand that nothing has met. */
    boolean wantsRecords();

    /** Whether there is no such demand until a transaction has ended. */
    default boolean awaitsTransaction() {
        return false;
    }

    /** Emits a slice, if there is demand and something is buffered; true if it did. */
    boolean emit();

    /** Whether some of that demand could be met by this lane. */
    default boolean wants(PartitionLane lane) {
        return wantsRecords();
    }

    /** The lane is read for the first time; its {@link PartitionLane#work} is set here. */
    default void begun(PartitionLane lane) {}

    /** The user moves the lane: acknowledgements of what was emitted until now will have no effect. */
    default void moving(PartitionLane lane) {}

    /** Whether nothing of the lane is in flight; where something is, its end asks for a turn. */
    default boolean isSettled(PartitionLane lane) {
        LaneWork work = lane.work;
        return work == null || work.isSettled();
    }

    /** Whether the subscription itself commits of the lane now. */
    default boolean commits(PartitionLane lane) {
        return true;
    }

    /** Nothing more of the lane is emitted, and what is in flight is waited for: waits inside are cut short. */
    default void windDown(PartitionLane lane) {
        LaneWork work = lane.work;
        if (work != null) {
            work.windDown();
        }
    }

    /** What is in flight of the lane is no longer waited for. */
    default void abandon(PartitionLane lane) {
        LaneWork work = lane.work;
        if (work != null) {
            work.abandon();
        }
    }

    /** The end; nobody has cancelled. Completes where there is no error. */
    void terminate(@Nullable Throwable error);
}
