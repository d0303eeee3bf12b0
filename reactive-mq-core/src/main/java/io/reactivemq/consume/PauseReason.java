package io.reactivemq.consume;

/** Why a partition is not read at the moment. It is paused while there is at least one reason, and no reason ends another. */
public enum PauseReason {
    /** {@link Receiver#pause} was called. */
    USER,
    /** There is no demand, not because of a transaction, or {@code maxInFlight} is reached. */
    DEMAND,
    /** For {@link io.reactivemq.produce.TransactionalSender#process}: the transaction of the batch before has to end first. */
    TRANSACTION,
    /** The next record of a retry topic is not due yet. */
    RETRY
}
