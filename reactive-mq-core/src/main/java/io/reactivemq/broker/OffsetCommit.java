package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Offsets to commit.
 *
 * @param groupId the group
 * @param memberId the committing member; empty for a commit from outside
 * @param memberEpoch the member's epoch, or its generation in the classic protocol; -1 for a commit from outside
 * @param instanceId the id of a static member; null for a dynamic one
 * @param offsets what to commit
 * @param retention how long they are kept; null: as long as the broker's {@code offsets.retention.minutes} says
 */
public record OffsetCommit(
        String groupId,
        String memberId,
        int memberEpoch,
        @Nullable String instanceId,
        Map<TopicPartition, CommittedOffset> offsets,
        @Nullable Duration retention) {

    public OffsetCommit {
        Objects.requireNonNull(groupId, "groupId");
        Objects.requireNonNull(memberId, "memberId");
        offsets = Map.copyOf(offsets);
    }

    /** A commit of a dynamic member, kept as long as the broker keeps offsets. */
    public OffsetCommit(
            String groupId, String memberId, int memberEpoch, Map<TopicPartition, CommittedOffset> offsets) {
        this(groupId, memberId, memberEpoch, null, offsets, null);
    }

    /** A commit from outside the group, taken only while it has no members. */
    public static OffsetCommit admin(String groupId, Map<TopicPartition, CommittedOffset> offsets) {
        return new OffsetCommit(groupId, "", -1, offsets);
    }
}
