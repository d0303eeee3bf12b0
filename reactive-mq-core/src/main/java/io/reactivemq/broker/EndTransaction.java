package io.reactivemq.broker;

import java.util.Objects;

/**
 * The end of a transaction.
 *
 * @param transactionalId whose transaction it is
 * @param producer the producer's id and epoch
 * @param version with {@link TransactionVersion#V2} the producer gets a new epoch, with {@link TransactionVersion#V1} it keeps its own
 * @param result how it ends
 */
public record EndTransaction(
        String transactionalId, ProducerIdAndEpoch producer, TransactionVersion version, TransactionResult result) {

    public EndTransaction {
        Objects.requireNonNull(transactionalId, "transactionalId");
        Objects.requireNonNull(producer, "producer");
        Objects.requireNonNull(version, "version");
        Objects.requireNonNull(result, "result");
    }
}
