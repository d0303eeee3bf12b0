package io.reactivemq.broker;

import io.reactivemq.ErrorCode;
import io.reactivemq.TopicPartition;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import reactor.core.publisher.Mono;

/**
 * Consumer groups in both protocols, their committed offsets and their administration. Ids are one name space for groups of all kinds.
 *
 * <p><b>KIP-848</b> ({@link #heartbeat}): the broker computes the assignment, members learn theirs in heartbeats, and a partition is given to
 * its new member only after the former one has released it. Our own receivers speak it.
 *
 * <p><b>The classic protocol</b> ({@link #joinClassic} and the three after it): all members join, one of them computes the assignment in a
 * format that only the members read, and brings it in its sync. Older clients speak it.
 */
public interface GroupApi {

    /**
     * Joins ({@link GroupHeartbeat#JOIN}), stays in or leaves ({@link GroupHeartbeat#LEAVE}) a group. A member that sends
     * none for the session timeout is removed, and its partitions go to others.
     *
     * @return the member's epoch and, where it changed, what it shall own; errors are {@code UNKNOWN_MEMBER_ID} and {@code
     *     FENCED_MEMBER_EPOCH}, after which the member gives up its partitions and joins anew, {@code UNRELEASED_INSTANCE_ID}, {@code
     *     FENCED_INSTANCE_ID}, {@code INVALID_REQUEST}, {@code INVALID_GROUP_ID}, {@code INVALID_REGULAR_EXPRESSION}, {@code
     *     UNSUPPORTED_ASSIGNOR}, {@code GROUP_MAX_SIZE_REACHED}, {@code GROUP_ID_NOT_FOUND} where the id is that of a group of another kind
     *     that cannot be upgraded
     */
    Mono<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat);

    /**
     * Joins a group of the classic protocol. The answer waits until all members have joined, or the longest rebalance timeout has passed.
     *
     * @return the generation, or the id to join again with; errors are {@code UNKNOWN_MEMBER_ID}, {@code FENCED_INSTANCE_ID}, {@code
     *     INCONSISTENT_GROUP_PROTOCOL}, {@code INVALID_SESSION_TIMEOUT}, {@code INVALID_GROUP_ID}, {@code GROUP_MAX_SIZE_REACHED}, {@code
     *     REBALANCE_IN_PROGRESS}
     */
    Mono<ClassicJoinResult> joinClassic(Caller caller, ClassicJoin join);

    /**
     * Asks for the assignment in the generation joined. The answer waits for the leader's.
     *
     * @return the member's assignment; errors are {@code UNKNOWN_MEMBER_ID}, {@code ILLEGAL_GENERATION}, {@code REBALANCE_IN_PROGRESS},
     *     {@code INCONSISTENT_GROUP_PROTOCOL}, {@code FENCED_INSTANCE_ID}
     */
    Mono<ClassicSyncResult> syncClassic(Caller caller, ClassicSync sync);

    /**
     * A sign of life. Errors are {@code REBALANCE_IN_PROGRESS}: the member shall join again, {@code UNKNOWN_MEMBER_ID}, {@code
     * ILLEGAL_GENERATION}, {@code FENCED_INSTANCE_ID}.
     */
    Mono<Void> heartbeatClassic(Caller caller, ClassicHeartbeat heartbeat);

    /**
     * Members leave; members of KIP-848 can be removed so too.
     *
     * @return what became of each; {@code UNKNOWN_MEMBER_ID} where there is no such group
     */
    Mono<ClassicLeaveResult> leaveClassic(Caller caller, ClassicLeave leave);

    /**
     * Commits offsets of a member; done when they are durable. Errors are {@code UNKNOWN_MEMBER_ID}, {@code STALE_MEMBER_EPOCH}, in the
     * classic protocol {@code ILLEGAL_GENERATION} and {@code REBALANCE_IN_PROGRESS}, {@code FENCED_INSTANCE_ID}: nothing was committed. A commit
     * without member ({@link OffsetCommit#admin}) is taken only while the group has no members.
     *
     * @return the partitions whose offsets were not taken, with the reason, while the others are committed: {@code UNKNOWN_TOPIC_OR_PARTITION}, also
     *     where the member has the offset from before the topic was deleted and made anew; {@code OFFSET_METADATA_TOO_LARGE}
     */
    Mono<Map<TopicPartition, ErrorCode>> commitOffsets(Caller caller, OffsetCommit commit);

    /**
     * What is committed; a partition without a commit is not in the map. Errors are {@code UNKNOWN_MEMBER_ID} and {@code STALE_MEMBER_EPOCH}
     * where a member asks, {@link UnstableOffsetsException} where stable offsets are required.
     */
    Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(Caller caller, OffsetFetch fetch);

    /** What is committed of the given partitions; a partition without a commit is not in the map. */
    default Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(
            Caller caller, String groupId, Collection<TopicPartition> partitions) {
        return fetchOffsets(caller, OffsetFetch.of(groupId, Set.copyOf(partitions)));
    }

    /**
     * Forgets what is committed of some partitions.
     *
     * @return those whose offset stays, with the reason: {@code GROUP_SUBSCRIBED_TO_TOPIC}; errors are {@code GROUP_ID_NOT_FOUND}, {@code
     *     NON_EMPTY_GROUP} where nobody can know what the members subscribe to
     */
    Mono<Map<TopicPartition, ErrorCode>> deleteOffsets(
            Caller caller, String groupId, Collection<TopicPartition> partitions);

    /** All groups that have members or committed offsets, by id. */
    Mono<List<GroupListing>> listGroups(Caller caller);

    /** One group; {@code GROUP_ID_NOT_FOUND} where there is none. */
    Mono<GroupDescription> describeGroup(Caller caller, String groupId);

    /** Deletes a group with its offsets; errors are {@code GROUP_ID_NOT_FOUND}, {@code NON_EMPTY_GROUP} while it has members. */
    Mono<Void> deleteGroup(Caller caller, String groupId);
}
