package io.reactivemq.group;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.assign.Assignor;
import io.reactivemq.assign.Membership;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupType;
import io.reactivemq.broker.NamePattern;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * One consumer group: its members, the assignment it aims at, and who owns what on the way there (KIP-848).
 *
 * <p>A change of members, subscriptions or topics raises the group epoch and asks for a new target. Members move towards it one by one, each
 * in its own heartbeats:
 *
 * <ol>
 *   <li>what it owns and shall not have is told to be revoked, and the member stays on its epoch until it reports the release;
 *   <li>then it reaches the target's epoch, and gets what it shall have as far as that is free;
 *   <li>the rest follows in later heartbeats, as the former owners release it.
 * </ol>
 *
 * <p>Invariant: a partition has one owner at most, from the moment it is given until its release is reported, or the member is
 * removed. Therefore two members never read one partition at a time.
 *
 * <p>Each change writes the record that says so, but for those of the methods named {@code replay}.
 */
final class ConsumerGroup implements Group {

    /** The first of {@code group.consumer.assignors}, as in Kafka. */
    static final String DEFAULT_ASSIGNOR = "uniform";

    private final String id;
    private final TopicIndex topics;
    private final Map<String, ConsumerMember> members = new TreeMap<>();
    private final Map<String, String> instances = new HashMap<>();
    private final Map<TopicPartition, String> owners = new HashMap<>();
    private final Map<String, Set<TopicPartition>> target = new HashMap<>();
    private int groupEpoch;
    private int targetEpoch;

    /** Of the topics subscribed to, their ids and partitions: what the target rests on besides the members. */
    private long topicsHash;

    // not recorded; they follow from the rest
    private long catalogVersion = -1;
    private boolean subscriptionsChanged = true;

    /** Within a step: members have changed, and the epoch is not raised yet. */
    private boolean epochDue;

    private final Map<String, Set<String>> resolved = new HashMap<>();
    private Map<String, Integer> partitionCounts = Map.of();

    /** When the target was computed last. */
    long assignedNanos = Long.MIN_VALUE;

    /** Computes the target later, where that would be too often now. */
    Timers.@Nullable Timer assigning;

    ConsumerGroup(String id, TopicIndex topics) {
        this.id = id;
        this.topics = topics;
    }

    @Override
    public String id() {
        return id;
    }

    @Override
    public GroupType type() {
        return GroupType.CONSUMER;
    }

    @Override
    public String protocolType() {
        return ConsumerProtocol.TYPE;
    }

    @Override
    public boolean hasMembers() {
        return !members.isEmpty();
    }

    @Override
    public boolean hasSubscriber(String topic) {
        return members.values().stream()
                .anyMatch(member -> subscriptionOf(member).contains(topic));
    }

    @Override
    public long emptySinceMs() {
        return 0;
    }

    Collection<ConsumerMember> members() {
        return members.values();
    }

    int size() {
        return members.size();
    }

    int epoch() {
        return groupEpoch;
    }

    int targetEpoch() {
        return targetEpoch;
    }

    Set<TopicPartition> target(String memberId) {
        return target.getOrDefault(memberId, Set.of());
    }

    @Nullable ConsumerMember member(String memberId) {
        return members.get(memberId);
    }

    /** The static member of that name. */
    @Nullable ConsumerMember instance(String instanceId) {
        String memberId = instances.get(instanceId);
        return memberId == null ? null : members.get(memberId);
    }

    /** The member, or the error that makes its client join anew. */
    ConsumerMember require(String memberId, @Nullable String instanceId) {
        if (instanceId != null) {
            ConsumerMember instance = instance(instanceId);
            if (instance == null) {
                throw unknown(memberId + " with instance " + instanceId);
            }
            if (!instance.id.equals(memberId)) {
                throw new MqException(
                        ErrorCode.FENCED_INSTANCE_ID,
                        "group " + id + ": instance " + instanceId + " is member " + instance.id + " now, not "
                                + memberId);
            }
            return instance;
        }
        ConsumerMember member = members.get(memberId);
        if (member == null) {
            throw unknown(memberId);
        }
        return member;
    }

    /** As {@link #require}, and the same error for one that {@linkplain ConsumerMember#isLeftBehind was left behind}. */
    ConsumerMember requireInStep(String memberId, @Nullable String instanceId) {
        ConsumerMember member = require(memberId, instanceId);
        if (member.isLeftBehind) {
            throw unknown(memberId);
        }
        return member;
    }

    private MqException unknown(String who) {
        return new MqException(
                ErrorCode.UNKNOWN_MEMBER_ID,
                "group " + id + " has no member " + who + "; it was removed or has left: join anew");
    }

    /** Takes a member in; who has joined owns nothing yet. */
    void add(ConsumerMember member, Step step) {
        put(member);
        step.write(GroupRecords.member(id, member));
        epochDue = true;
    }

    private void put(ConsumerMember member) {
        members.put(member.id, member);
        if (member.instanceId != null) {
            instances.put(member.instanceId, member.id);
        }
        subscriptionsChanged = true;
    }

    /** What a member says of itself has changed. */
    void updated(ConsumerMember member, boolean subscription, Step step) {
        step.write(GroupRecords.member(id, member));
        if (subscription) {
            subscriptionChanged();
        }
    }

    /** A member subscribes to something else. */
    void subscriptionChanged() {
        subscriptionsChanged = true;
        epochDue = true;
    }

    /**
     * Removes a member; what it owned is free at once. Where only such of the classic protocol are left, the group is about to be downgraded,
     * and its epoch is the generation that they are in.
     */
    void remove(ConsumerMember member, Step step) {
        forget(member);
        writeTombstones(member, step);
        if (!isAllClassic()) {
            bumpEpoch(step);
        }
    }

    /** Whether it has members, and all of them speak the classic protocol. */
    boolean isAllClassic() {
        return !members.isEmpty() && members.values().stream().allMatch(member -> member.classic != null);
    }

    private void forget(ConsumerMember member) {
        member.cancelTimers();
        release(member);
        members.remove(member.id);
        target.remove(member.id);
        if (member.instanceId != null) {
            instances.remove(member.instanceId, member.id);
        }
        subscriptionsChanged = true;
    }

    private void writeTombstones(ConsumerMember member, Step step) {
        step.write(GroupRecords.noCurrent(id, member.id));
        step.write(GroupRecords.noTarget(id, member.id));
        step.write(GroupRecords.noMember(id, member.id));
    }

    /** A static member is back under another id and has what the former one had. */
    void replace(ConsumerMember former, ConsumerMember member, Step step) {
        Set<TopicPartition> wanted = target(former.id);
        Set<TopicPartition> owned = new TreeSet<>(former.assigned);
        forget(former);
        writeTombstones(former, step);
        put(member);
        member.assigned.addAll(owned);
        member.epoch = 0;
        member.previousEpoch = 0;
        own(member);
        target.put(member.id, wanted);
        step.write(GroupRecords.member(id, member));
        step.write(GroupRecords.target(id, member.id, wanted, topics));
        writeCurrent(member, step);
    }

    /** A static member leaves for a while: it keeps what it may read, and has released the rest. */
    void away(ConsumerMember member, int epoch, Step step) {
        member.revoking.forEach(partition -> owners.remove(partition, member.id));
        member.revoking.clear();
        member.gone.clear();
        member.previousEpoch = member.epoch;
        member.epoch = epoch;
        if (member.rebalance != null) {
            member.rebalance.cancel();
        }
        writeCurrent(member, step);
    }

    private void release(ConsumerMember member) {
        member.assigned.forEach(partition -> owners.remove(partition, member.id));
        member.revoking.forEach(partition -> owners.remove(partition, member.id));
        member.assigned.clear();
        member.revoking.clear();
        member.gone.clear();
    }

    private void own(ConsumerMember member) {
        member.assigned.forEach(partition -> owners.put(partition, member.id));
        member.revoking.forEach(partition -> owners.put(partition, member.id));
    }

    /** The rest shall share what has become free. */
    void bumpEpoch(Step step) {
        epochDue = false;
        groupEpoch++;
        step.write(GroupRecords.epoch(id, groupEpoch, topicsHash));
    }

    private Set<String> subscriptionOf(ConsumerMember member) {
        if (member.regex.isEmpty()) {
            return member.topics;
        }
        Set<String> all = new TreeSet<>(member.topics);
        all.addAll(resolved.computeIfAbsent(member.regex, regex -> topics.matching(NamePattern.of(regex))));
        return all;
    }

    /** Raises the epoch where members or subscriptions have changed, or the topics are not those that the target rests on. */
    void refreshTopics(Step step) {
        if (topics.version() != catalogVersion) {
            catalogVersion = topics.version();
            resolved.clear();
            subscriptionsChanged = true;
        }
        if (!subscriptionsChanged && !epochDue) {
            return;
        }
        subscriptionsChanged = false;
        Map<String, Integer> counts = new TreeMap<>();
        for (ConsumerMember member : members.values()) {
            for (String topic : subscriptionOf(member)) {
                if (!counts.containsKey(topic)) {
                    int count = topics.partitionCount(topic);
                    if (count > 0) {
                        counts.put(topic, count);
                    }
                }
            }
        }
        partitionCounts = counts;
        if (resolved.size() > members.size()) {
            // or a member that changes its expression would have all of them kept
            resolved.keySet()
                    .retainAll(members.values().stream()
                            .map(member -> member.regex)
                            .collect(Collectors.toSet()));
        }
        long hash = hash(counts);
        if (hash != topicsHash || epochDue) {
            topicsHash = hash;
            bumpEpoch(step);
        }
    }

    /**
     * A topic was deleted: members have its partitions to release, those that are away have lost them, and nobody shall own them, so that one made
     * anew under the name is assigned as any other topic that is new.
     */
    void topicGone(String topic, UUID topicId, Step step) {
        for (ConsumerMember member : members.values()) {
            Set<TopicPartition> owned = ofTopic(topic, member.assigned);
            if (member.isAway()) {
                // it has nothing to release, and nobody who would say so
                owned.forEach(partition -> owners.remove(partition, member.id));
                if (member.assigned.removeAll(owned)) {
                    writeCurrent(member, step);
                }
            } else {
                owned.forEach(partition -> member.gone.put(partition, topicId));
                ofTopic(topic, member.revoking).forEach(partition -> member.gone.putIfAbsent(partition, topicId));
            }
            if (member.assigned.removeAll(owned)) {
                member.revoking.addAll(owned);
                member.untold = true;
                writeCurrent(member, step);
                armRelease(member, step);
            }
            Set<TopicPartition> wanted = target(member.id);
            Set<TopicPartition> unwanted = ofTopic(topic, wanted);
            if (!unwanted.isEmpty()) {
                Set<TopicPartition> rest = new TreeSet<>(wanted);
                rest.removeAll(unwanted);
                target.put(member.id, rest);
                step.write(GroupRecords.target(id, member.id, rest, topics));
            }
        }
    }

    private static Set<TopicPartition> ofTopic(String topic, Set<TopicPartition> partitions) {
        return partitions.stream()
                .filter(partition -> partition.topic().equals(topic))
                .collect(Collectors.toSet());
    }

    private long hash(Map<String, Integer> counts) {
        long hash = 0;
        for (Map.Entry<String, Integer> topic : counts.entrySet()) {
            UUID topicId = Objects.requireNonNull(topics.id(topic.getKey()));
            hash = hash * 31 + topicId.hashCode();
            hash = hash * 31 + topic.getValue();
        }
        return hash;
    }

    boolean needsTarget() {
        return targetEpoch != groupEpoch;
    }

    /** Computes the target for the group's epoch. */
    void assign(Assignor assignor, Step step) {
        Map<String, Set<String>> subscriptions = new LinkedHashMap<>();
        members.values().forEach(member -> subscriptions.put(member.id, subscriptionOf(member)));
        Map<String, Set<TopicPartition>> next = assignor.assign(Membership.of(subscriptions, partitionCounts), target);
        for (String memberId : members.keySet()) {
            Set<TopicPartition> wanted = next.getOrDefault(memberId, Set.of());
            Set<TopicPartition> before = target.put(memberId, wanted);
            if (!wanted.equals(before)) {
                step.write(GroupRecords.target(id, memberId, wanted, topics));
            }
        }
        targetEpoch = groupEpoch;
        assignedNanos = step.nanos;
        step.write(GroupRecords.targetEpoch(id, targetEpoch));
    }

    /**
     * Moves a member one step towards the target.
     *
     * @param owned what it says it owns; null where that is unchanged
     * @return whether what it may read is not what it was told last
     */
    boolean reconcile(ConsumerMember member, @Nullable Set<TopicPartition> owned, Step step) {
        boolean untold = member.untold;
        member.untold = false;
        int assignedBefore = member.assigned.size();
        int revokingBefore = member.revoking.size();
        int epochBefore = member.epoch;
        boolean changed = move(member, owned);
        if (changed || revokingBefore != member.revoking.size() || epochBefore != member.epoch) {
            writeCurrent(member, step);
        }
        armRelease(member, step);
        return untold || changed || assignedBefore != member.assigned.size();
    }

    /** Bounds the time that the member has to release what it shall. */
    private static void armRelease(ConsumerMember member, Step step) {
        if (member.rebalance != null) {
            if (member.revoking.isEmpty()) {
                member.rebalance.cancel();
            } else if (!member.rebalance.isSet()) {
                member.rebalance.set(step.nanos, member.rebalanceTimeout);
            }
        }
    }

    private boolean move(ConsumerMember member, @Nullable Set<TopicPartition> owned) {
        if (owned != null && !member.revoking.isEmpty()) {
            releaseAllBut(owned, member);
        }
        if (!member.revoking.isEmpty()) {
            return false;
        }
        if (member.rebalance != null) {
            // what is to be released next has its own time
            member.rebalance.cancel();
        }
        Set<TopicPartition> wanted = target(member.id);
        if (member.epoch == targetEpoch && member.assigned.equals(wanted)) {
            return false;
        }
        boolean changed = false;
        for (TopicPartition partition : List.copyOf(member.assigned)) {
            if (!wanted.contains(partition)) {
                member.assigned.remove(partition);
                member.revoking.add(partition);
                changed = true;
            }
        }
        if (owned != null) {
            // what it does not own needs no release
            releaseAllBut(owned, member);
        }
        if (!member.revoking.isEmpty()) {
            return changed;
        }
        if (member.epoch != targetEpoch) {
            member.previousEpoch = member.epoch;
            member.epoch = targetEpoch;
        }
        for (TopicPartition partition : wanted) {
            if (owners.putIfAbsent(partition, member.id) == null) {
                changed |= member.assigned.add(partition);
            }
        }
        return changed;
    }

    private void releaseAllBut(Set<TopicPartition> owned, ConsumerMember member) {
        member.revoking.removeIf(partition -> {
            boolean released = !owned.contains(partition);
            if (released) {
                owners.remove(partition, member.id);
                member.gone.remove(partition);
            }
            return released;
        });
    }

    private void writeCurrent(ConsumerMember member, Step step) {
        step.write(GroupRecords.current(id, member, topics));
    }

    /** Whether the member owns just what it shall own. */
    boolean isSettled(ConsumerMember member) {
        return member.revoking.isEmpty() && member.epoch == groupEpoch && member.assigned.equals(target(member.id));
    }

    /** Whether a step of the member would bring it nearer to the target. */
    boolean canMove(ConsumerMember member) {
        if (member.epoch != groupEpoch || !member.revoking.isEmpty()) {
            return true;
        }
        return target(member.id).stream()
                .anyMatch(partition -> !member.assigned.contains(partition) && !owners.containsKey(partition));
    }

    /** The assignor that most members ask for; the default where none does. */
    String assignorName() {
        Map<String, Integer> votes = new TreeMap<>();
        for (ConsumerMember member : members.values()) {
            if (member.assignor != null) {
                votes.merge(member.assignor, 1, Integer::sum);
            }
        }
        String best = DEFAULT_ASSIGNOR;
        for (Map.Entry<String, Integer> vote : votes.entrySet()) {
            if (vote.getValue() > votes.getOrDefault(best, 0)) {
                best = vote.getKey();
            }
        }
        return best;
    }

    @Override
    public GroupDescription.State state() {
        if (members.isEmpty()) {
            return GroupDescription.State.EMPTY;
        }
        if (targetEpoch != groupEpoch) {
            return GroupDescription.State.ASSIGNING;
        }
        return members.values().stream().allMatch(this::isSettled)
                ? GroupDescription.State.STABLE
                : GroupDescription.State.RECONCILING;
    }

    @Override
    public GroupDescription describe() {
        List<GroupDescription.Member> described = new ArrayList<>();
        ByteBuffer nothing = ByteBuffer.allocate(0);
        for (ConsumerMember member : members.values()) {
            described.add(new GroupDescription.Member(
                    member.id,
                    member.classic == null ? GroupType.CONSUMER : GroupType.CLASSIC,
                    member.instanceId,
                    member.rackId,
                    member.clientId,
                    member.host,
                    member.epoch,
                    member.topics,
                    member.regex.isEmpty() ? null : member.regex,
                    member.assigned,
                    target(member.id),
                    nothing,
                    nothing));
        }
        return new GroupDescription(
                id,
                GroupType.CONSUMER,
                state(),
                ConsumerProtocol.TYPE,
                assignorName(),
                groupEpoch,
                targetEpoch,
                described);
    }

    @Override
    public void writeTombstones(Step step) {
        members.values().forEach(member -> writeTombstones(member, step));
        step.write(GroupRecords.noTargetEpoch(id));
        step.write(GroupRecords.noEpoch(id));
    }

    @Override
    public void cancelTimers() {
        members.values().forEach(ConsumerMember::cancelTimers);
        if (assigning != null) {
            assigning.cancel();
        }
    }

    /** Takes over the members of a classic group, which own what they were assigned; writes all of it. */
    void takeOver(int generation, Map<ConsumerMember, Set<TopicPartition>> former, Step step) {
        groupEpoch = generation;
        targetEpoch = generation;
        former.forEach((member, assignment) -> {
            put(member);
            member.epoch = generation;
            member.previousEpoch = generation;
            for (TopicPartition partition : assignment) {
                // where the leader gave one to two, the first has it
                if (owners.putIfAbsent(partition, member.id) == null) {
                    member.assigned.add(partition);
                }
            }
            target.put(member.id, new TreeSet<>(member.assigned));
            step.write(GroupRecords.member(id, member));
        });
        step.write(GroupRecords.epoch(id, groupEpoch, topicsHash));
        former.keySet().forEach(member -> step.write(GroupRecords.target(id, member.id, target(member.id), topics)));
        step.write(GroupRecords.targetEpoch(id, targetEpoch));
        former.keySet().forEach(member -> writeCurrent(member, step));
    }

    // ---------------------------------------------------------------- replay

    void replayEpoch(int epoch, long hash) {
        groupEpoch = epoch;
        topicsHash = hash;
    }

    void replayTargetEpoch(int epoch) {
        targetEpoch = epoch;
    }

    /** The member as records have it so far; a new one where they have not. */
    ConsumerMember replayMember(String memberId) {
        return members.computeIfAbsent(memberId, ConsumerMember::new);
    }

    void replayed(ConsumerMember member) {
        put(member);
    }

    void replayNoMember(String memberId) {
        ConsumerMember member = members.get(memberId);
        if (member != null) {
            forget(member);
        }
    }

    void replayTarget(String memberId, Set<TopicPartition> partitions) {
        target.put(memberId, partitions);
    }

    void replayNoTarget(String memberId) {
        target.remove(memberId);
    }

    void replayCurrent(
            ConsumerMember member,
            int epoch,
            int previousEpoch,
            Set<TopicPartition> assigned,
            Set<TopicPartition> revoking,
            boolean isLeftBehind) {
        release(member);
        member.isLeftBehind = isLeftBehind;
        member.epoch = epoch;
        member.previousEpoch = previousEpoch;
        member.assigned.addAll(assigned);
        member.revoking.addAll(revoking);
        own(member);
    }
}
