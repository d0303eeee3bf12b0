package io.reactivemq.broker;

/** Which records of transactions a reader sees: Kafka's {@code isolation.level}. */
public enum IsolationLevel {
    /** All of them, those of transactions that are open or aborted too. */
    READ_UNCOMMITTED,
    /**
     * Up to the last stable offset, where the first open transaction begins. What comes back has the aborted records in it still, with the
     * list of what to leave out.
     */
    READ_COMMITTED
}
