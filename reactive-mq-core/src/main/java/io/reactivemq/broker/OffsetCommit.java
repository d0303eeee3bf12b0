package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.util.Map;
import java.util.Objects;

/**
 * Offsets to commit.
 *
 * @param groupId the group
 * @param memberId the committing member; empty for a commit from outside
 * @param memberEpoch the member's epoch; -1 for a commit from outside
 * @param offsets what to commit, at least one
 */
public record OffsetCommit(
        String groupId, String memberId, int memberEpoch, Map<TopicPartition, CommittedOffset> offsets) {

    public OffsetCommit {
        Objects.requireNonNull(groupId, "groupId");
        Objects.requireNonNull(memberId, "memberId");
        offsets = Map.copyOf(offsets);
    }

    /** A commit from outside the group, taken only while it has no members. */
    public static OffsetCommit admin(String groupId, Map<TopicPartition, CommittedOffset> offsets) {
        return new OffsetCommit(groupId, "", -1, offsets);
    }
}
