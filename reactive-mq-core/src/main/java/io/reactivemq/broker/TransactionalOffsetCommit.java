package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Offsets that are committed if and when a transaction is.
 *
 * @param transactionalId whose transaction it is
 * @param producer the producer's id and epoch
 * @param version with {@link TransactionVersion#V2} the group becomes part of the transaction by this request; with {@link
 *     TransactionVersion#V1} it must be part of it
 * @param groupId the group
 * @param memberId the member that read the records; empty: not told, and not checked
 * @param memberEpoch its epoch, or generation; -1: not told
 * @param groupInstanceId the static member's name; null: none
 * @param offsets what to commit
 */
public record TransactionalOffsetCommit(
        String transactionalId,
        ProducerIdAndEpoch producer,
        TransactionVersion version,
        String groupId,
        String memberId,
        int memberEpoch,
        @Nullable String groupInstanceId,
        Map<TopicPartition, CommittedOffset> offsets) {

    public TransactionalOffsetCommit {
        Objects.requireNonNull(transactionalId, "transactionalId");
        Objects.requireNonNull(producer, "producer");
        Objects.requireNonNull(version, "version");
        Objects.requireNonNull(groupId, "groupId");
        Objects.requireNonNull(memberId, "memberId");
        offsets = Map.copyOf(offsets);
    }
}
