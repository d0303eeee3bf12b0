package io.reactivemq.broker;

/** How a transaction ends. */
public enum TransactionResult {
    /** Its records and offsets become visible, all of them. */
    COMMIT,
    /** None of them ever does. */
    ABORT
}
