package io.reactivemq.group;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;

/**
 * A member of a group. Mutable; it belongs to its {@link Group}.
 *
 * <p>Invariant: {@code assigned} and {@code revoking} are disjoint, and each partition in either has this member as its only
 * owner in the group.
 */
final class Member {

    final String id;
    final Caller caller;
    Duration rebalanceTimeout;
    Set<String> topics;
    int epoch;
    int previousEpoch;

    /** What the member may read. */
    final Set<TopicPartition> assigned = new TreeSet<>();

    /** What the member was told to release and has not reported as released. */
    final Set<TopicPartition> revoking = new TreeSet<>();

    long sessionDeadline;
    long revocationDeadline = Long.MAX_VALUE;

    /** The time of this member's entry in the shard's queue of deadlines; an entry of another time is stale. */
    long queuedDeadline = Long.MAX_VALUE;

    Member(String id, Caller caller, Duration rebalanceTimeout, Set<String> topics) {
        this.id = id;
        this.caller = caller;
        this.rebalanceTimeout = rebalanceTimeout;
        this.topics = topics;
    }

    long deadline() {
        return Math.min(sessionDeadline, revocationDeadline);
    }
}
