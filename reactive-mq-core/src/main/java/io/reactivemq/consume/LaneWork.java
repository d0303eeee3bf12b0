package io.reactivemq.consume;

import java.time.Duration;
import java.util.List;

/** What an output does with the records of one lane. Runs on the worker. */
interface LaneWork {

    /** Whether nothing is in flight; where something is, its end asks for a turn. */
    boolean isSettled();

    /** The records whose handler has been running for longer than that. */
    default List<ReceiverHealth.StalledRecord> stalledRecords(long now, Duration longerThan) {
        return List.of();
    }

    /** Nothing more is emitted, and what is in flight is waited for: waits inside are cut short. */
    void windDown();

    /** What is in flight is no longer waited for. */
    void abandon();
}
