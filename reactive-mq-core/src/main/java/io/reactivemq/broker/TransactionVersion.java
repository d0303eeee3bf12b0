package io.reactivemq.broker;

/** Which protocol of transactions a producer speaks: Kafka's {@code transaction.version}. */
public enum TransactionVersion {
    /**
     * The one before KIP-890: partitions and groups are added by a request of their own before they are written to, and the epoch stays
     * when a transaction ends.
     */
    V1,
    /**
     * KIP-890: what is written to is added by the write, and each end of a transaction gives the producer a new epoch, so that nothing
     * of an older transaction can touch a newer one.
     */
    V2
}
