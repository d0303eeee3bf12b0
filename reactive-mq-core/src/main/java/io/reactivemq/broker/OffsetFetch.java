package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which committed offsets of a group are asked for.
 *
 * @param groupId the group
 * @param partitions of which partitions; null: of all that have one
 * @param memberId the member that asks, whose epoch is checked; empty where anybody may
 * @param memberEpoch the member's epoch; -1 where there is no member
 * @param requireStable whether an offset that an open transaction is about to change is an error ({@link UnstableOffsetsException}), as
 *     readers of committed records need it
 */
public record OffsetFetch(
        String groupId,
        @Nullable Set<TopicPartition> partitions,
        String memberId,
        int memberEpoch,
        boolean requireStable) {

    public OffsetFetch {
        Objects.requireNonNull(groupId, "groupId");
        Objects.requireNonNull(memberId, "memberId");
        partitions = partitions == null ? null : Set.copyOf(partitions);
    }

    /** Those of some partitions, for anybody. */
    public static OffsetFetch of(String groupId, Set<TopicPartition> partitions) {
        return new OffsetFetch(groupId, partitions, "", -1, false);
    }

    /** All there are, for anybody. */
    public static OffsetFetch all(String groupId) {
        return new OffsetFetch(groupId, null, "", -1, false);
    }
}
