package io.reactivemq.group;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.assign.Assignor;
import io.reactivemq.assign.Membership;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupType;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * One consumer group: its members, the assignment it aims at, and who owns what on the way there (KIP-848).
 *
 * <p>A change of members, subscriptions or topics raises the group epoch and computes a new target. Members move towards it one
 * by one, each in its own heartbeats:
 *
 * <ol>
 *   <li>what it owns and shall not have is told to be revoked, and the member stays on its epoch until it reports the release;
 *   <li>then it reaches the group's epoch, and gets what it shall have as far as that is free;
 *   <li>the rest follows in later heartbeats, as the former owners release it.
 * </ol>
 *
 * <p>Invariant: a partition has one owner at most, from the moment it is given until its release is reported, or the member is
 * removed. Therefore two members never read one partition at a time.
 */
final class Group {

    final String id;

    /** Committed offsets; changed by replayed records only. */
    final Map<TopicPartition, CommittedOffset> offsets = new HashMap<>();

    private final Map<String, Member> members = new TreeMap<>();
    private final Map<TopicPartition, String> owners = new HashMap<>();
    private Map<String, Set<TopicPartition>> target = Map.of();
    private Map<String, Integer> partitionCounts = Map.of();
    private int groupEpoch;
    private int targetEpoch;
    private long catalogVersion = -1;

    Group(String id) {
        this.id = id;
    }

    boolean isEmpty() {
        return members.isEmpty() && offsets.isEmpty();
    }

    boolean hasMembers() {
        return !members.isEmpty();
    }

    boolean hasSubscriber(String topic) {
        return members.values().stream().anyMatch(member -> member.topics.contains(topic));
    }

    @Nullable Member member(String memberId) {
        return members.get(memberId);
    }

    /** The member, or the error that makes its client join anew. */
    Member requireMember(String memberId) {
        Member member = members.get(memberId);
        if (member == null) {
            throw new MqException(
                    ErrorCode.UNKNOWN_MEMBER_ID,
                    "group " + id + " has no member " + memberId + "; it was removed or has left: join anew");
        }
        return member;
    }

    /** Takes a member in, or takes it back without what it owned. */
    Member join(Caller caller, GroupHeartbeat heartbeat) {
        if (heartbeat.subscribedTopics() == null
                || heartbeat.subscribedTopics().isEmpty()
                || heartbeat.rebalanceTimeout() == null) {
            throw new MqException(
                    ErrorCode.INVALID_REQUEST,
                    "a member that joins group " + id + " must give its topics and its rebalance timeout; were "
                            + heartbeat.subscribedTopics() + " and " + heartbeat.rebalanceTimeout());
        }
        if (members.size() >= GroupConfig.MEMBERS_MAX && !members.containsKey(heartbeat.memberId())) {
            throw new MqException(
                    ErrorCode.GROUP_MAX_SIZE_REACHED,
                    "group " + id + " has " + members.size() + " members, which is the most it takes");
        }
        Member former = members.get(heartbeat.memberId());
        if (former != null) {
            release(former);
        }
        Member member =
                new Member(heartbeat.memberId(), caller, heartbeat.rebalanceTimeout(), heartbeat.subscribedTopics());
        members.put(member.id, member);
        groupEpoch++;
        return member;
    }

    /** Removes a member; what it owned is free at once. */
    void remove(Member member) {
        release(member);
        members.remove(member.id);
        groupEpoch++;
    }

    private void release(Member member) {
        owners.keySet().removeAll(member.assigned);
        owners.keySet().removeAll(member.revoking);
        member.assigned.clear();
        member.revoking.clear();
    }

    /**
     * Checks the epoch of a heartbeat. The one before the current is taken where the member owns no more than it was given: the
     * answer to its last heartbeat was lost.
     */
    void checkEpoch(Member member, GroupHeartbeat heartbeat) {
        int epoch = heartbeat.memberEpoch();
        if (epoch == member.epoch) {
            return;
        }
        Set<TopicPartition> owned = heartbeat.owned();
        boolean answerLost = epoch == member.previousEpoch && owned != null && member.assigned.containsAll(owned);
        if (!answerLost) {
            throw new MqException(
                    ErrorCode.FENCED_MEMBER_EPOCH,
                    "member " + member.id + " of group " + id + " is at epoch " + member.epoch + ", its heartbeat says "
                            + epoch + ": join anew");
        }
    }

    /** Takes over what a heartbeat says of subscription and timeout. */
    void update(Member member, GroupHeartbeat heartbeat) {
        if (heartbeat.rebalanceTimeout() != null) {
            member.rebalanceTimeout = heartbeat.rebalanceTimeout();
        }
        Set<String> topics = heartbeat.subscribedTopics();
        if (topics != null && !topics.equals(member.topics)) {
            member.topics = topics;
            groupEpoch++;
        }
    }

    /** Computes the target anew where members, subscriptions or the topics subscribed to have changed. */
    void refreshTarget(Assignor assignor, TopicCatalog catalog) {
        if (catalog.version() != catalogVersion || targetEpoch != groupEpoch) {
            catalogVersion = catalog.version();
            Map<String, Integer> counts = new HashMap<>();
            for (Member member : members.values()) {
                for (String topic : member.topics) {
                    int count = catalog.partitionCount(topic);
                    if (count > 0) {
                        counts.put(topic, count);
                    }
                }
            }
            if (!counts.equals(partitionCounts)) {
                partitionCounts = counts;
                if (targetEpoch == groupEpoch) {
                    groupEpoch++;
                }
            }
        }
        if (targetEpoch != groupEpoch) {
            Map<String, Set<String>> subscriptions = new LinkedHashMap<>();
            members.values().forEach(member -> subscriptions.put(member.id, member.topics));
            target = assignor.assign(Membership.of(subscriptions, partitionCounts), target);
            targetEpoch = groupEpoch;
        }
    }

    /**
     * Moves a member one step towards the target.
     *
     * @param owned what it says it owns; null where that is unchanged
     * @return whether what it may read has changed
     */
    boolean reconcile(Member member, @Nullable Set<TopicPartition> owned, long nowNanos) {
        if (owned != null && !member.revoking.isEmpty()) {
            member.revoking.removeIf(partition -> {
                boolean released = !owned.contains(partition);
                if (released) {
                    owners.remove(partition);
                }
                return released;
            });
        }
        if (!member.revoking.isEmpty()) {
            return false;
        }
        member.revocationDeadline = Long.MAX_VALUE;
        Set<TopicPartition> wanted = target.getOrDefault(member.id, Set.of());
        for (TopicPartition partition : List.copyOf(member.assigned)) {
            if (!wanted.contains(partition)) {
                member.assigned.remove(partition);
                member.revoking.add(partition);
            }
        }
        if (!member.revoking.isEmpty()) {
            member.revocationDeadline = nowNanos + member.rebalanceTimeout.toNanos();
            return true;
        }
        if (member.epoch != targetEpoch) {
            member.previousEpoch = member.epoch;
            member.epoch = targetEpoch;
        }
        boolean changed = false;
        for (TopicPartition partition : wanted) {
            if (owners.putIfAbsent(partition, member.id) == null) {
                changed |= member.assigned.add(partition);
            }
        }
        return changed;
    }

    /** Whether the member owns just what it shall own. */
    boolean isSettled(Member member) {
        return member.revoking.isEmpty() && member.assigned.equals(target.getOrDefault(member.id, Set.of()));
    }

    GroupDescription.State state() {
        if (members.isEmpty()) {
            return GroupDescription.State.EMPTY;
        }
        if (targetEpoch != groupEpoch) {
            return GroupDescription.State.ASSIGNING;
        }
        boolean stable = true;
        for (Member member : members.values()) {
            stable &= member.epoch == groupEpoch && isSettled(member);
        }
        return stable ? GroupDescription.State.STABLE : GroupDescription.State.RECONCILING;
    }

    GroupDescription describe() {
        List<GroupDescription.Member> described = new ArrayList<>();
        for (Member member : members.values()) {
            described.add(new GroupDescription.Member(
                    member.id,
                    GroupType.CONSUMER,
                    null,
                    null,
                    member.caller.clientId(),
                    member.caller.host(),
                    member.epoch,
                    member.topics,
                    null,
                    member.assigned,
                    target.getOrDefault(member.id, Set.of()),
                    ByteBuffer.allocate(0),
                    ByteBuffer.allocate(0)));
        }
        return new GroupDescription(
                id, GroupType.CONSUMER, state(), "consumer", "range", groupEpoch, targetEpoch, described);
    }
}
