package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.util.Collection;
import java.util.List;
import reactor.core.publisher.Mono;

/**
 * Idempotent producers and transactions: records in several partitions, and a group's offsets, become visible together or never
 * (KIP-98, KIP-360, KIP-890).
 *
 * <p>A producer asks for its id ({@link #initProducerId}), writes ({@link #append}, {@link #commitOffsets}) and ends the transaction
 * ({@link #endTransaction}). One of version 1 adds partitions and groups before it writes to them ({@link #addPartitions}, {@link
 * #addOffsets}).
 *
 * <p>Errors that all share: {@code PRODUCER_FENCED} or {@code INVALID_PRODUCER_EPOCH}: a newer producer has the transactional id, or the
 * broker has aborted the transaction that took too long; {@code INVALID_PRODUCER_ID_MAPPING}: the id belongs to another producer, or is
 * not known; {@code CONCURRENT_TRANSACTIONS}: the former transaction is still being ended, so the same request is sent again; {@code
 * INVALID_TXN_STATE}: not possible in the transaction's state; {@code COORDINATOR_NOT_AVAILABLE}: its fate is open, and the same request
 * is sent again.
 */
public interface TransactionApi {

    /**
     * Gives a producer its id and epoch. With a transactional id, what an older producer of that name has left open is aborted, and that
     * producer is fenced: its requests fail from then on.
     *
     * @return errors are also {@code INVALID_TRANSACTION_TIMEOUT} and {@code INVALID_REQUEST}
     */
    Mono<ProducerIdAndEpoch> initProducerId(Caller caller, InitProducerId request);

    /** Makes partitions part of the producer's transaction, which begins where none is open. All of them, or none. */
    Mono<Void> addPartitions(
            Caller caller, String transactionalId, ProducerIdAndEpoch producer, Collection<TopicPartition> partitions);

    /** Makes a group's offsets part of the producer's transaction. */
    Mono<Void> addOffsets(Caller caller, String transactionalId, ProducerIdAndEpoch producer, String groupId);

    /**
     * Appends a batch of a transaction. The records are not shown to readers of committed records before the transaction is committed.
     *
     * @return as {@link DataApi#append}, and {@code TRANSACTION_ABORTABLE}: the partition is not part of the transaction, which can only
     *     be aborted
     */
    Mono<AppendResult> append(Caller caller, TransactionalAppend append);

    /**
     * Hands in a group's offsets; they count when the transaction is committed. Errors are also those of {@link
     * GroupApi#commitOffsets}: a member that has lost its partitions commits nothing.
     */
    Mono<Void> commitOffsets(Caller caller, TransactionalOffsetCommit commit);

    /**
     * Ends the producer's transaction. It is decided when the Mono ends, and shown to readers soon after. To ask again after an error
     * that leaves its fate open has the same answer.
     *
     * @return what the producer is from now on; with version 1 what it was
     */
    Mono<ProducerIdAndEpoch> endTransaction(Caller caller, EndTransaction end);

    /** One transactional id; {@code TRANSACTIONAL_ID_NOT_FOUND} where there is none. */
    Mono<TransactionDescription> describeTransaction(Caller caller, String transactionalId);

    /** All transactional ids, sorted. */
    Mono<List<TransactionDescription>> listTransactions(Caller caller);
}
