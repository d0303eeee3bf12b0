package io.reactivemq.group;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.broker.ClassicJoinResult;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupDescription.State;
import io.reactivemq.broker.GroupType;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A group of the classic protocol: its members and the generation they are in. {@link ClassicGroups} decides what happens to it.
 *
 * <pre>
 *            a member joins                      all have joined, or time is up
 *   EMPTY -----------------&gt; PREPARING_REBALANCE -----------------------------&gt; COMPLETING_REBALANCE
 *     ^                        |            ^   ^                                   |       | the leader brings
 *     |  nobody is left        |            |   +--- a member joins, leaves, ends --+       v the assignments
 *     +------------------------+            +------------------------------------------- STABLE
 * </pre>
 *
 * <p>A record is written when a generation becomes stable, and when the group becomes empty. What is in between is not recorded: after a restart
 * the group is stable in the last generation that was.
 */
final class ClassicGroup implements Group {

    private static final Logger LOG = LoggerFactory.getLogger(ClassicGroup.class);

    private final String id;

    /** In the order in which they came; the first leads. */
    private final Map<String, ClassicMember> members = new LinkedHashMap<>();

    private final Map<String, String> instances = new HashMap<>();

    /** Ids that were given out and have not joined. */
    final Map<String, Timers.Timer> pending = new TreeMap<>();

    State state = State.EMPTY;
    private int generation;
    private String protocolType = "";
    private @Nullable String protocolName;
    private @Nullable String leaderId;
    private long stateSinceMs;

    /** Rings when a rebalance has waited long enough for members to join. */
    Timers.@Nullable Timer joining;

    /** Rings when a generation has waited long enough for members to ask for their assignment. */
    Timers.@Nullable Timer syncing;

    /** Whether the first generation is waiting for more members. */
    boolean initial;

    /** Of that wait: whether one has come lately, and how long it may go on. */
    boolean newMemberAdded;

    Duration remaining = Duration.ZERO;

    ClassicGroup(String id) {
        this.id = id;
    }

    @Override
    public String id() {
        return id;
    }

    @Override
    public GroupType type() {
        return GroupType.CLASSIC;
    }

    @Override
    public State state() {
        return state;
    }

    @Override
    public String protocolType() {
        return protocolType;
    }

    @Override
    public boolean hasMembers() {
        return !members.isEmpty();
    }

    @Override
    public long emptySinceMs() {
        return state == State.EMPTY ? stateSinceMs : 0;
    }

    /** Whether its members are consumers, whose subscriptions the broker can read. */
    boolean isOfConsumers() {
        return protocolType.equals(ConsumerProtocol.TYPE);
    }

    @Override
    public boolean hasSubscriber(String topic) {
        if (members.isEmpty()) {
            return false;
        }
        if (!isOfConsumers()) {
            return true; // nobody can know
        }
        return members.values().stream().anyMatch(member -> {
            Set<String> topics = topicsOf(member);
            return topics == null || topics.contains(topic);
        });
    }

    /** What a consumer subscribes to; null where what it says is no subscription. */
    @Nullable Set<String> topicsOf(ClassicMember member) {
        String protocol = protocolName;
        if (member.protocols.isEmpty()) {
            return Set.of();
        }
        ByteBuffer chosen = member.metadata(protocol);
        try {
            return ConsumerProtocol.readSubscription(
                            chosen.hasRemaining()
                                    ? chosen
                                    : member.protocols.get(0).metadata())
                    .topics();
        } catch (MqException e) {
            LOG.debug("group {}: the subscription of member {} can't be read", id, member.id, e);
            return null;
        }
    }

    /** Bytes of what its members, without one of them, say of themselves, at most, as the group is written: as one record. */
    long sizeWithout(@Nullable ClassicMember one) {
        return members.values().stream().mapToLong(ClassicMember::sizeInBytes).sum()
                - (one == null ? 0 : one.sizeInBytes());
    }

    /** The same of all members, with assignments. */
    long sizeWith(Function<ClassicMember, ByteBuffer> assignments) {
        return members.values().stream()
                .mapToLong(member ->
                        member.sizeInBytes() + assignments.apply(member).remaining())
                .sum();
    }

    int generation() {
        return generation;
    }

    @Nullable String protocolName() {
        return protocolName;
    }

    @Nullable String leaderId() {
        return leaderId;
    }

    Collection<ClassicMember> members() {
        return members.values();
    }

    @Nullable ClassicMember member(String memberId) {
        return members.get(memberId);
    }

    @Nullable ClassicMember instance(@Nullable String instanceId) {
        String memberId = instanceId == null ? null : instances.get(instanceId);
        return memberId == null ? null : members.get(memberId);
    }

    boolean isLeader(ClassicMember member) {
        return member.id.equals(leaderId);
    }

    /** The member; {@code UNKNOWN_MEMBER_ID}, or {@code FENCED_INSTANCE_ID} where another has its instance. */
    ClassicMember require(String memberId, @Nullable String instanceId) {
        if (instanceId != null) {
            ClassicMember instance = instance(instanceId);
            if (instance != null && !instance.id.equals(memberId)) {
                throw new MqException(
                        ErrorCode.FENCED_INSTANCE_ID,
                        "group " + id + ": instance " + instanceId + " is member " + instance.id + " now, not "
                                + memberId);
            }
            if (instance == null) {
                throw unknown(memberId + " with instance " + instanceId);
            }
        }
        ClassicMember member = members.get(memberId);
        if (member == null) {
            throw unknown(memberId);
        }
        return member;
    }

    MqException unknown(String who) {
        return new MqException(
                ErrorCode.UNKNOWN_MEMBER_ID,
                "group " + id + " has no member " + who + "; it was removed or has left: join anew");
    }

    /** Whether all members could do one of these. */
    boolean canDo(String type, List<ClassicJoin.Protocol> protocols) {
        return members.isEmpty()
                || (type.equals(protocolType)
                        && protocols.stream()
                                .anyMatch(protocol -> members.values().stream()
                                        .allMatch(member -> member.protocols.stream()
                                                .anyMatch(own -> own.name().equals(protocol.name())))));
    }

    void add(ClassicMember member, String type) {
        if (members.isEmpty()) {
            protocolType = type;
        }
        members.put(member.id, member);
        if (member.instanceId != null) {
            instances.put(member.instanceId, member.id);
        }
        if (leaderId == null) {
            leaderId = member.id;
        }
    }

    void remove(ClassicMember member) {
        member.cancelTimers();
        members.remove(member.id);
        if (member.instanceId != null) {
            instances.remove(member.instanceId, member.id);
        }
        if (isLeader(member)) {
            leaderId = members.isEmpty() ? null : members.keySet().iterator().next();
        }
    }

    /** Puts a static member that is back in the place of its former self. */
    void replace(ClassicMember former, ClassicMember member) {
        boolean leads = isLeader(former);
        former.cancelTimers();
        members.remove(former.id);
        members.put(member.id, member);
        instances.put(Objects.requireNonNull(member.instanceId), member.id);
        if (leads) {
            leaderId = member.id;
        }
    }

    boolean haveAllJoined() {
        return pending.isEmpty() && members.values().stream().allMatch(member -> member.joining != null);
    }

    boolean haveAllSynced() {
        return members.values().stream().allMatch(member -> member.hasSynced);
    }

    /** Sees to it that who leads has joined; false where nobody has. */
    boolean electJoined() {
        ClassicMember leader = leaderId == null ? null : members.get(leaderId);
        if (leader != null && leader.joining != null) {
            return true;
        }
        for (ClassicMember member : members.values()) {
            if (member.joining != null) {
                leaderId = member.id;
                return true;
            }
        }
        return false;
    }

    /** The longest any member may take to join again. */
    Duration rebalanceTimeout() {
        return members.values().stream()
                .map(member -> member.rebalanceTimeout)
                .max(Comparator.naturalOrder())
                .orElse(Duration.ZERO);
    }

    void nextGeneration(long nowMs) {
        generation = generation == Integer.MAX_VALUE ? 1 : generation + 1;
        stateSinceMs = nowMs;
        if (members.isEmpty()) {
            protocolName = null;
            leaderId = null;
            state = State.EMPTY;
        } else {
            protocolName = selectProtocol();
            state = State.COMPLETING_REBALANCE;
        }
    }

    /** The one that all can do and most would take; each votes for the first on its list that all can do. */
    String selectProtocol() {
        Set<String> common = null;
        for (ClassicMember member : members.values()) {
            Set<String> own = new HashSet<>();
            member.protocols.forEach(protocol -> own.add(protocol.name()));
            if (common == null) {
                common = own;
            } else {
                common.retainAll(own);
            }
        }
        Set<String> candidates = common == null ? Set.of() : common;
        Map<String, Integer> votes = new TreeMap<>();
        for (ClassicMember member : members.values()) {
            member.protocols.stream()
                    .map(ClassicJoin.Protocol::name)
                    .filter(candidates::contains)
                    .findFirst()
                    .ifPresent(name -> votes.merge(name, 1, Integer::sum));
        }
        return votes.entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .map(Map.Entry::getKey)
                .orElseThrow(
                        () -> new IllegalStateException("group " + id + ": its members have no protocol in common"));
    }

    List<ClassicJoinResult.Member> membersForLeader() {
        List<ClassicJoinResult.Member> all = new ArrayList<>();
        members.values()
                .forEach(member -> all.add(
                        new ClassicJoinResult.Member(member.id, member.instanceId, member.metadata(protocolName))));
        return all;
    }

    @Override
    public GroupDescription describe() {
        List<GroupDescription.Member> described = new ArrayList<>();
        boolean stable = state == State.STABLE;
        members.values().stream()
                .sorted(Comparator.comparing(member -> member.id))
                .forEach(member -> described.add(new GroupDescription.Member(
                        member.id,
                        GroupType.CLASSIC,
                        member.instanceId,
                        null,
                        member.clientId,
                        member.host,
                        generation,
                        Set.of(),
                        null,
                        Set.of(),
                        Set.of(),
                        stable ? member.metadata(protocolName) : ClassicMember.NOTHING,
                        stable ? member.assignment : ClassicMember.NOTHING)));
        return new GroupDescription(
                id,
                GroupType.CLASSIC,
                state,
                protocolType,
                protocolName == null || !stable ? "" : protocolName,
                generation,
                generation,
                described);
    }

    @Override
    public void writeTombstones(Step step) {
        step.write(GroupRecords.noClassicGroup(id));
    }

    @Override
    public void cancelTimers() {
        members.values().forEach(ClassicMember::cancelTimers);
        pending.values().forEach(Timers.Timer::cancel);
        if (joining != null) {
            joining.cancel();
        }
        if (syncing != null) {
            syncing.cancel();
        }
    }

    /** Becomes what a record, or a group of KIP-848 that is downgraded, says; the members are added. */
    void restore(String type, int inGeneration, @Nullable String protocol, @Nullable String leader, long sinceMs) {
        protocolType = type;
        generation = inGeneration;
        protocolName = protocol;
        leaderId = leader;
        stateSinceMs = sinceMs;
        state = members.isEmpty() ? State.EMPTY : State.STABLE;
    }
}
