package io.reactivemq.consume;

import org.jspecify.annotations.Nullable;

/** What a subscription does with its records. Runs on the worker. */
interface Output {

    /** How far beyond the oldest unacknowledged offset of a partition this output may go. */
    int inFlightMax();

    /** Whether there is demand that nothing has met. */
    boolean wantsRecords();

    /** Emits a slice, if there is demand and something is buffered; true if it did. */
    boolean emit();

    /** Whether nothing of the lane is in flight; where something is, its end asks for a turn. */
    boolean isSettled(Lane lane);

    /** Nothing more of the lane is emitted, and what is in flight is waited for: waits inside are cut short. */
    void windDown(Lane lane);

    /** What is in flight of the lane is no longer waited for. */
    void abandon(Lane lane);

    /** The end; nobody has cancelled. Completes where there is no error. */
    void terminate(@Nullable Throwable error);
}
