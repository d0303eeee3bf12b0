package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import reactor.core.publisher.Mono;

/**
 * Consumer groups as KIP-848 has them: the broker computes the assignment, members learn theirs in heartbeats, and a
 * partition is given to its new member only after the former one has released it.
 */
public interface GroupApi {

    /**
     * Joins ({@link GroupHeartbeat#JOIN}), stays in or leaves ({@link GroupHeartbeat#LEAVE}) a group. A member that sends
     * none for the session timeout is removed, and its partitions go to others.
     *
     * @return the member's epoch and, where it changed, what it shall own; errors are {@code UNKNOWN_MEMBER_ID} and {@code
     *     FENCED_MEMBER_EPOCH}, after which the member gives up its partitions and joins anew, {@code INVALID_REQUEST},
     *     {@code INVALID_GROUP_ID}, {@code UNSUPPORTED_ASSIGNOR}
     */
    Mono<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat);

    /**
     * Commits offsets of a member; done when they are durable. Errors are {@code UNKNOWN_MEMBER_ID} and {@code
     * STALE_MEMBER_EPOCH}: nothing was committed. A commit without member ({@link OffsetCommit#admin}) is taken only while
     * the group has no members.
     */
    Mono<Void> commitOffsets(Caller caller, OffsetCommit commit);

    /** What is committed of the given partitions; a partition without a commit is not in the map. */
    Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(
            Caller caller, String groupId, Collection<TopicPartition> partitions);

    /** The ids of all groups that have members or committed offsets, sorted. */
    Mono<List<String>> listGroups(Caller caller);

    /** One group; {@code GROUP_ID_NOT_FOUND} where there is none. */
    Mono<GroupDescription> describeGroup(Caller caller, String groupId);
}
