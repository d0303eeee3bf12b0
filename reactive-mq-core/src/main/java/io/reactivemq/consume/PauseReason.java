package io.reactivemq.consume;

/** Why a partition is not read at the moment. It is paused while there is at least one reason, and no reason ends another. */
public enum PauseReason {
    /** {@link Receiver#pause} was called. */
    USER,
    /** There is no demand, or {@code maxInFlight} is reached. */
    DEMAND,
    /** A transaction has to end first. */
    TRANSACTION,
    /** The next record of a retry topic is not due yet. */
    RETRY
}
