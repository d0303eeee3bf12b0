package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * A batch of a transaction to be appended.
 *
 * @param transactionalId whose transaction it is
 * @param version with {@link TransactionVersion#V2} the partition becomes part of the transaction by this append, which begins it where
 *     none is open; with {@link TransactionVersion#V1} it must be part of it
 * @param partition where to
 * @param records one batch that has producer id, epoch and sequence numbers; as in {@link DataApi#append}
 * @param acks what is awaited
 */
public record TransactionalAppend(
        String transactionalId, TransactionVersion version, TopicPartition partition, ByteBuffer records, Acks acks) {

    public TransactionalAppend {
        Objects.requireNonNull(transactionalId, "transactionalId");
        Objects.requireNonNull(version, "version");
        Objects.requireNonNull(partition, "partition");
        Objects.requireNonNull(records, "records");
        Objects.requireNonNull(acks, "acks");
    }
}
