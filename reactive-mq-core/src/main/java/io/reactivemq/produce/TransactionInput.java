package io.reactivemq.produce;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.CommittedOffset;
import java.util.List;
import java.util.Map;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * What {@link TransactionalSender#process} reads: a Receiver with a group.
 *
 * @param <R> the type of the records
 */
public interface TransactionInput<R> {

    /** Batches of records, each to be {@linkplain Batch#committed committed} before the next one is requested. */
    Flux<? extends Batch<R>> transactionBatches();

    /**
     * Records that are consumed in one transaction.
     *
     * @param <R> the type of the records
     */
    interface Batch<R> {

        /** The records, in order. */
        List<R> records();

        /**
         * What is to be committed with the transaction, in the name of the member that the input is now. Fails with {@code
         * FENCED_MEMBER_EPOCH} where the records are not the input's any more: somebody else is going to process them.
         */
        Mono<Offsets> offsets();

        /**
         * Completes when the records are the input's no more: it has ended, or somebody else is going to process them. Who works on them is cancelled then, and the transaction
         * aborted; one whose commit is under way goes on. Never, by default.
         */
        default Mono<Void> lost() {
            return Mono.never();
        }

        /** The transaction is committed. */
        void committed();
    }

    /**
     * Offsets of a group.
     *
     * @param groupId the group
     * @param memberId the member that read the records
     * @param memberEpoch its epoch
     * @param offsets the offset behind the last record of each partition
     */
    record Offsets(String groupId, String memberId, int memberEpoch, Map<TopicPartition, CommittedOffset> offsets) {
        public Offsets {
            offsets = Map.copyOf(offsets);
        }
    }
}
