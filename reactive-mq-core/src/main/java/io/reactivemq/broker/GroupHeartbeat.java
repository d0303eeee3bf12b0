package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One heartbeat of a member (KIP-848). A null means unchanged since the last heartbeat; a joining member gives everything.
 *
 * @param groupId the group
 * @param memberId the member's own id, the same for its whole life (a UUID)
 * @param memberEpoch {@link #JOIN}, {@link #LEAVE}, or the epoch of the last answer
 * @param rebalanceTimeout how long the member may take to release a partition before it is removed
 * @param subscribedTopics the names of the topics it wants
 * @param assignor the name of the assignor it wants; the group's default where none says
 * @param owned what the member owns now: assigned to it and not yet released
 */
public record GroupHeartbeat(
        String groupId,
        String memberId,
        int memberEpoch,
        @Nullable Duration rebalanceTimeout,
        @Nullable Set<String> subscribedTopics,
        @Nullable String assignor,
        @Nullable Set<TopicPartition> owned) {

    /** The epoch with which a member joins. */
    public static final int JOIN = 0;

    /** The epoch with which a member leaves. */
    public static final int LEAVE = -1;

    public GroupHeartbeat {
        Objects.requireNonNull(groupId, "groupId");
        Objects.requireNonNull(memberId, "memberId");
        subscribedTopics = subscribedTopics == null ? null : Set.copyOf(subscribedTopics);
        owned = owned == null ? null : Set.copyOf(owned);
    }

    /** A member's first heartbeat; it owns nothing yet. */
    public static GroupHeartbeat join(
            String groupId, String memberId, Duration rebalanceTimeout, Set<String> subscribedTopics) {
        return new GroupHeartbeat(groupId, memberId, JOIN, rebalanceTimeout, subscribedTopics, null, Set.of());
    }

    /** A member's heartbeat in between; {@code owned} is null where it has not changed. */
    public static GroupHeartbeat stay(
            String groupId, String memberId, int memberEpoch, @Nullable Set<TopicPartition> owned) {
        return new GroupHeartbeat(groupId, memberId, memberEpoch, null, null, null, owned);
    }

    /** A member's last heartbeat: it has released everything. */
    public static GroupHeartbeat leave(String groupId, String memberId) {
        return new GroupHeartbeat(groupId, memberId, LEAVE, null, null, null, null);
    }
}
