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
 * @param memberId the member's own id, the same for its whole life (a UUID); empty in a join: the broker makes one
 * @param memberEpoch {@link #JOIN}, {@link #LEAVE}, {@link #LEAVE_FOR_A_WHILE}, or the epoch of the last answer
 * @param instanceId the id of a static member, {@code group.instance.id}; null for a dynamic one
 * @param rackId where it is, {@code client.rack}
 * @param rebalanceTimeout how long the member may take to release a partition before it is removed
 * @param subscribedTopics the names of the topics it wants
 * @param subscribedTopicRegex a regular expression for further ones; empty: none
 * @param assignor the name of the assignor it wants, {@code uniform} or {@code range}; the group's default where none says
 * @param owned what the member owns now: assigned to it and not yet released
 */
public record GroupHeartbeat(
        String groupId,
        String memberId,
        int memberEpoch,
        @Nullable String instanceId,
        @Nullable String rackId,
        @Nullable Duration rebalanceTimeout,
        @Nullable Set<String> subscribedTopics,
        @Nullable String subscribedTopicRegex,
        @Nullable String assignor,
        @Nullable Set<TopicPartition> owned) {

    /** The epoch with which a member joins. */
    public static final int JOIN = 0;

    /** The epoch with which a member leaves for good. */
    public static final int LEAVE = -1;

    /** The epoch with which a static member leaves and will be back: until its session ends nobody else gets what it owns. */
    public static final int LEAVE_FOR_A_WHILE = -2;

    public GroupHeartbeat {
        Objects.requireNonNull(groupId, "groupId");
        Objects.requireNonNull(memberId, "memberId");
        subscribedTopics = subscribedTopics == null ? null : Set.copyOf(subscribedTopics);
        owned = owned == null ? null : Set.copyOf(owned);
    }

    /** A heartbeat of a dynamic member that subscribes by names. */
    public GroupHeartbeat(
            String groupId,
            String memberId,
            int memberEpoch,
            @Nullable Duration rebalanceTimeout,
            @Nullable Set<String> subscribedTopics,
            @Nullable String assignor,
            @Nullable Set<TopicPartition> owned) {
        this(groupId, memberId, memberEpoch, null, null, rebalanceTimeout, subscribedTopics, null, assignor, owned);
    }

    /** A member's first heartbeat; it owns nothing yet. */
    public static GroupHeartbeat join(
            String groupId, String memberId, Duration rebalanceTimeout, Set<String> subscribedTopics) {
        return new GroupHeartbeat(groupId, memberId, JOIN, rebalanceTimeout, subscribedTopics, null, Set.of());
    }

    /** The first heartbeat of a member that subscribes by a regular expression. */
    public static GroupHeartbeat joinMatching(
            String groupId, String memberId, Duration rebalanceTimeout, String subscribedTopicRegex) {
        return new GroupHeartbeat(
                groupId, memberId, JOIN, null, null, rebalanceTimeout, Set.of(), subscribedTopicRegex, null, Set.of());
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

    /** The same of a static member. */
    public GroupHeartbeat withInstanceId(String instance) {
        return new GroupHeartbeat(
                groupId,
                memberId,
                memberEpoch,
                instance,
                rackId,
                rebalanceTimeout,
                subscribedTopics,
                subscribedTopicRegex,
                assignor,
                owned);
    }

    /** The same with another epoch. */
    public GroupHeartbeat withEpoch(int epoch) {
        return new GroupHeartbeat(
                groupId,
                memberId,
                epoch,
                instanceId,
                rackId,
                rebalanceTimeout,
                subscribedTopics,
                subscribedTopicRegex,
                assignor,
                owned);
    }

    /** The same with the assignor it wants. */
    public GroupHeartbeat withAssignor(String name) {
        return new GroupHeartbeat(
                groupId,
                memberId,
                memberEpoch,
                instanceId,
                rackId,
                rebalanceTimeout,
                subscribedTopics,
                subscribedTopicRegex,
                name,
                owned);
    }
}
