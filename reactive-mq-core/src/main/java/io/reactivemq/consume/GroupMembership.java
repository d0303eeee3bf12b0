package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A member of a consumer group as KIP-848 has it, without clock and I/O: answers and releases go in, heartbeats and changes
 * come out.
 *
 * <pre>
 *            join answered                 leaving()
 *   JOINING ---------------&gt; MEMBER --------------------&gt; LEAVING
 *      ^                       |
 *      +------- fenced() ------+          (leaving() also from JOINING)
 * </pre>
 *
 * <p>The member owns a partition from the answer that assigns it until it is {@link #released}. The broker gives a partition
 * to somebody else only when a heartbeat reports an owned set without it, so each change of that set is reported at once. A
 * partition that is assigned again while it is being released is released all the same, and then taken anew.
 *
 * <p>One heartbeat is under way at a time: {@link #next}, then one of {@link #answered}, {@link #failed}, {@link #fenced}.
 */
final class GroupMembership {

    enum State {
        JOINING,
        MEMBER,
        LEAVING
    }

    /**
     * What follows from an input.
     *
     * @param assigned to be taken
     * @param revoked to be released, in the member's own time within the rebalance timeout
     */
    record Change(List<TopicPartition> assigned, List<TopicPartition> revoked) {
        static final Change NONE = new Change(List.of(), List.of());

        /** Sorted, so that what follows does not depend on the order of a hash. */
        static Change of(Set<TopicPartition> assigned, Set<TopicPartition> revoked) {
            return new Change(
                    assigned.stream().sorted().toList(),
                    revoked.stream().sorted().toList());
        }
    }

    private final String groupId;
    private final String memberId;
    private Set<String> topics;
    private final Duration rebalanceTimeout;

    private State state = State.JOINING;
    private int epoch = GroupHeartbeat.JOIN;
    private Set<TopicPartition> target = Set.of();
    // Invariant: releasing is a part of owned
    private final Set<TopicPartition> owned = new HashSet<>();
    private final Set<TopicPartition> releasing = new HashSet<>();
    // what the broker knows to be owned; null where a heartbeat was lost, and it may be one or the other
    private @Nullable Set<TopicPartition> reported = Set.of();
    private Set<TopicPartition> underWay = Set.of();
    // the topics that the broker knows of, and those in the heartbeat under way
    private Set<String> reportedTopics = Set.of();
    private Set<String> topicsUnderWay = Set.of();

    GroupMembership(String groupId, String memberId, Set<String> topics, Duration rebalanceTimeout) {
        this.groupId = groupId;
        this.memberId = memberId;
        this.topics = Set.copyOf(topics);
        this.rebalanceTimeout = rebalanceTimeout;
    }

    State state() {
        return state;
    }

    String groupId() {
        return groupId;
    }

    String memberId() {
        return memberId;
    }

    /** The epoch that commits carry. */
    int epoch() {
        return epoch;
    }

    Set<TopicPartition> owned() {
        return Set.copyOf(owned);
    }

    /** The heartbeat to send now. */
    GroupHeartbeat next() {
        underWay = Set.copyOf(owned);
        topicsUnderWay = topics;
        return switch (state) {
            case JOINING -> GroupHeartbeat.join(groupId, memberId, rebalanceTimeout, topics);
            case MEMBER ->
                topics.equals(reportedTopics)
                        ? GroupHeartbeat.stay(groupId, memberId, epoch, underWay.equals(reported) ? null : underWay)
                        : new GroupHeartbeat(groupId, memberId, epoch, rebalanceTimeout, topics, null, underWay);
            case LEAVING -> GroupHeartbeat.leave(groupId, memberId);
        };
    }

    /** Whether there are no topics that it could join for. */
    boolean isForNothing() {
        return state == State.JOINING && topics.isEmpty();
    }

    /** Whether there is news that should not wait for the interval: to join, or an owned set or
     * topics that were not reported. */
    boolean hasNews() {
        return state == State.JOINING
                || (state == State.MEMBER && !(owned.equals(reported) && topics.equals(reportedTopics)));
    }

    /** The heartbeat under way was answered. */
    Change answered(GroupHeartbeatResult answer) {
        if (state == State.LEAVING) {
            return Change.NONE;
        }
        state = State.MEMBER;
        epoch = answer.memberEpoch();
        reported = underWay;
        reportedTopics = topicsUnderWay;
        return answer.assignment() == null ? Change.NONE : reconcile(answer.assignment());
    }

    private Change reconcile(Set<TopicPartition> assignment) {
        target = assignment;
        Set<TopicPartition> revoked = new HashSet<>(owned);
        revoked.removeAll(target);
        revoked.removeAll(releasing);
        releasing.addAll(revoked);
        Set<TopicPartition> assigned = new HashSet<>(target);
        assigned.removeAll(owned);
        owned.addAll(assigned);
        return Change.of(assigned, revoked);
    }

    /** The topics are others from now on. */
    void subscribe(Set<String> names) {
        topics = Set.copyOf(names);
    }

    /** The heartbeat under way failed in a way that a repetition may mend. */
    void failed() {
        reported = null;
    }

    /** A revoked partition is released: nothing of it will be committed any more. */
    Change released(TopicPartition partition) {
        if (!releasing.remove(partition)) {
            return Change.NONE;
        }
        owned.remove(partition);
        if (state != State.MEMBER || !target.contains(partition)) {
            return Change.NONE;
        }
        owned.add(partition);
        return new Change(List.of(partition), List.of());
    }

    /** The group does not know this member any more; it owns nothing, and joins anew. */
    void fenced() {
        if (state == State.LEAVING) {
            return;
        }
        state = State.JOINING;
        epoch = GroupHeartbeat.JOIN;
        target = Set.of();
        owned.clear();
        releasing.clear();
        reported = Set.of();
    }

    /** The next heartbeat says good-bye. */
    void leaving() {
        state = State.LEAVING;
    }

    @Override
    public String toString() {
        return "GroupMembership[" + groupId + ", " + memberId + ", " + state + ", epoch " + epoch + ", owned " + owned
                + ", target " + target + "]";
    }
}
