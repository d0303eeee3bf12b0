package io.reactivemq.group;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ClassicHeartbeat;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.broker.ClassicJoinResult;
import io.reactivemq.broker.ClassicLeave;
import io.reactivemq.broker.ClassicSync;
import io.reactivemq.broker.ClassicSyncResult;
import io.reactivemq.broker.GroupDescription.State;
import io.reactivemq.coordinator.Deferred;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The classic protocol: what joins, syncs, heartbeats, leaves and silence do to a {@link ClassicGroup}. */
final class ClassicGroups {

    private static final Logger LOG = LoggerFactory.getLogger(ClassicGroups.class);

    /** Static members that have not joined are waited for again and again while their sessions last, and not more often than that. */
    private static final Duration STATIC_WAIT_MIN = Duration.ofSeconds(1);

    private final Groups groups;
    private final GroupConfig config;

    ClassicGroups(Groups groups) {
        this.groups = groups;
        this.config = groups.config;
    }

    // ---------------------------------------------------------------- join

    /** What a join must say, whatever the group. */
    void check(ClassicJoin join) {
        Ids.check(join);
        if (join.sessionTimeout().compareTo(config.classicSessionTimeoutMin()) < 0
                || join.sessionTimeout().compareTo(config.classicSessionTimeoutMax()) > 0) {
            throw new MqException(
                    ErrorCode.INVALID_SESSION_TIMEOUT,
                    "group " + join.groupId() + ": the session timeout must be between "
                            + config.classicSessionTimeoutMin() + " and " + config.classicSessionTimeoutMax() + ", was "
                            + join.sessionTimeout());
        }
        if (join.protocolType().isEmpty() || join.protocols().isEmpty()) {
            throw inconsistent(join, "a join names its protocol type and at least one protocol");
        }
        long bytes = join.protocols().stream()
                .mapToLong(protocol -> protocol.metadata().remaining())
                .sum();
        if (bytes > GroupConfig.CLASSIC_METADATA_BYTES_MAX) {
            throw new MqException(
                    ErrorCode.INVALID_REQUEST,
                    "group " + join.groupId() + ": the metadata of a member may have "
                            + GroupConfig.CLASSIC_METADATA_BYTES_MAX + " bytes, has " + bytes);
        }
    }

    private static MqException inconsistent(ClassicJoin join, String why) {
        return new MqException(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, "group " + join.groupId() + ": " + why);
    }

    /** A member joins the group; {@code found} is null where there is none of that id. */
    Deferred<ClassicJoinResult> join(@Nullable ClassicGroup found, Caller caller, ClassicJoin join, Step step) {
        ClassicGroup group = found == null ? new ClassicGroup(join.groupId()) : found;
        if (!group.canDo(join.protocolType(), join.protocols())) {
            throw inconsistent(
                    join,
                    "its members are of type " + group.protocolType() + " and can do none of "
                            + join.protocols().stream()
                                    .map(ClassicJoin.Protocol::name)
                                    .toList() + " of type "
                            + join.protocolType() + " all together");
        }
        boolean isNew = join.memberId().isEmpty() ? group.instance(join.instanceId()) == null : isPending(group, join);
        // an id that was given and has not joined yet has its place
        int ahead = join.memberId().isEmpty() ? group.pending.size() : 0;
        if (isNew && group.members().size() + ahead >= config.membersMax()) {
            throw groups.full(group.id());
        }
        ClassicMember before =
                join.memberId().isEmpty() ? group.instance(join.instanceId()) : group.member(join.memberId());
        Groups.checkSize(group.id(), group.sizeWithout(before) + ClassicMember.sizeOf(caller, join));
        Deferred<ClassicJoinResult> answer = new Deferred<>();
        if (join.memberId().isEmpty()) {
            groups.put(group);
            joinAsNew(group, caller, join, answer, step);
        } else if (isPending(group, join)) {
            Timers.Timer pending = group.pending.remove(join.memberId());
            if (pending != null) {
                pending.cancel();
            }
            add(group, join.memberId(), caller, join, answer, step);
        } else {
            joinAgain(group, group.require(join.memberId(), join.instanceId()), caller, join, answer, step);
        }
        return answer;
    }

    private static boolean isPending(ClassicGroup group, ClassicJoin join) {
        return join.instanceId() == null && group.pending.containsKey(join.memberId());
    }

    private void joinAsNew(
            ClassicGroup group, Caller caller, ClassicJoin join, Deferred<ClassicJoinResult> answer, Step step) {
        String instanceId = join.instanceId();
        String memberId = groups.newMemberId(instanceId == null ? caller.clientId() : instanceId);
        ClassicMember former = group.instance(instanceId);
        if (former != null) {
            comeBack(group, former, newMember(memberId, caller, join), join, answer, step);
        } else if (instanceId == null && join.requiresMemberId()) {
            Timers.Timer timer = groups.timers.timer(later -> pendingEnded(group, memberId, later));
            group.pending.put(memberId, timer);
            timer.set(step.nanos, join.sessionTimeout());
            step.answer(answer.with(new ClassicJoinResult.MemberIdRequired(memberId)));
        } else {
            add(group, memberId, caller, join, answer, step);
        }
    }

    private void pendingEnded(ClassicGroup group, String memberId, Step step) {
        if (group.pending.remove(memberId) != null) {
            tryCompleteJoin(group, step);
        }
    }

    private static ClassicMember newMember(String memberId, Caller caller, ClassicJoin join) {
        return new ClassicMember(
                memberId,
                join.instanceId(),
                caller.clientId(),
                caller.host(),
                join.rebalanceTimeout(),
                join.sessionTimeout(),
                join.protocols());
    }

    private void add(
            ClassicGroup group,
            String memberId,
            Caller caller,
            ClassicJoin join,
            Deferred<ClassicJoinResult> answer,
            Step step) {
        ClassicMember member = newMember(memberId, caller, join);
        member.isNew = true;
        member.joining = answer;
        member.maySkipAssignment = join.maySkipAssignment();
        group.add(member, join.protocolType());
        arm(group, member, GroupConfig.NEW_MEMBER_JOIN_TIMEOUT, step);
        if (group.initial) {
            group.newMemberAdded = true;
        }
        rebalance(group, "member " + memberId + " joins", step);
    }

    private void joinAgain(
            ClassicGroup group,
            ClassicMember member,
            Caller caller,
            ClassicJoin join,
            Deferred<ClassicJoinResult> answer,
            Step step) {
        boolean sameProtocols = member.protocols.equals(join.protocols());
        boolean mustRebalance = switch (group.state) {
            case PREPARING_REBALANCE -> true;
            case COMPLETING_REBALANCE -> !sameProtocols;
            case STABLE -> group.isLeader(member) || !sameProtocols;
            case EMPTY, DEAD, ASSIGNING, RECONCILING -> throw group.unknown(member.id);
        };
        if (!mustRebalance) {
            // the answer to its join was lost
            boolean forLeader = group.isLeader(member) && group.state == State.COMPLETING_REBALANCE;
            step.answer(answer.with(joined(group, member, group.leaderId(), false, forLeader)));
            arm(group, member, member.sessionTimeout, step);
            return;
        }
        Deferred<ClassicJoinResult> older = member.joining;
        if (older != null) {
            step.answer(older.failing(inProgress(group)));
        }
        member.joining = answer;
        member.maySkipAssignment = join.maySkipAssignment();
        member.says(caller, join);
        arm(group, member, member.sessionTimeout, step);
        rebalance(group, "member " + member.id + " joins again", step);
    }

    /** A static member is back without its id: it takes the place of its former self. */
    private void comeBack(
            ClassicGroup group,
            ClassicMember former,
            ClassicMember member,
            ClassicJoin join,
            Deferred<ClassicJoinResult> answer,
            Step step) {
        String formerLeader = group.leaderId();
        fail(former, ErrorCode.FENCED_INSTANCE_ID, step);
        Set<String> before = group.topicsOf(former);
        member.assignment = former.assignment;
        member.hasSynced = former.hasSynced;
        member.maySkipAssignment = join.maySkipAssignment();
        group.replace(former, member);
        arm(group, member, member.sessionTimeout, step);
        boolean unchanged = group.state == State.STABLE
                && group.selectProtocol().equals(group.protocolName())
                && (!group.isOfConsumers() || Objects.equals(group.topicsOf(member), before))
                && group.sizeWith(each -> each.assignment) <= GroupConfig.RECORD_BYTES_MAX;
        if (!unchanged) {
            member.joining = answer;
            rebalance(group, "instance " + member.instanceId + " is back", step);
            return;
        }
        step.write(GroupRecords.classicGroup(group, step.millis));
        boolean skips = group.isLeader(member) && member.maySkipAssignment;
        String leader = member.maySkipAssignment ? group.leaderId() : formerLeader;
        step.answer(answer.with(joined(group, member, leader, skips, skips)));
    }

    private static ClassicJoinResult joined(
            ClassicGroup group, ClassicMember member, @Nullable String leader, boolean skips, boolean withMembers) {
        return new ClassicJoinResult.Joined(
                member.id,
                group.generation(),
                group.protocolType(),
                Objects.requireNonNull(group.protocolName()),
                Objects.requireNonNull(leader),
                skips,
                withMembers ? group.membersForLeader() : List.of());
    }

    // ---------------------------------------------------------------- rebalance

    /** All members shall join again. */
    void rebalance(ClassicGroup group, String why, Step step) {
        if (group.state == State.PREPARING_REBALANCE) {
            tryCompleteJoin(group, step);
            return;
        }
        if (group.state == State.COMPLETING_REBALANCE) {
            for (ClassicMember member : group.members()) {
                Deferred<ClassicSyncResult> waiting = member.syncing;
                member.syncing = null;
                member.assignment = ClassicMember.NOTHING;
                if (waiting != null) {
                    step.answer(waiting.failing(inProgress(group)));
                }
            }
        }
        LOG.debug("group {}: generation {} ends: {}", group.id(), group.generation(), why);
        if (group.syncing != null) {
            group.syncing.cancel();
        }
        boolean first = group.state == State.EMPTY;
        group.state = State.PREPARING_REBALANCE;
        if (first && !config.initialRebalanceDelay().isZero()) {
            Duration delay = config.initialRebalanceDelay();
            group.initial = true;
            group.newMemberAdded = false;
            group.remaining = atLeastZero(group.rebalanceTimeout().minus(delay));
            joinTimer(group).set(step.nanos, delay);
        } else if (first) {
            completeJoin(group, step);
        } else {
            joinTimer(group).set(step.nanos, group.rebalanceTimeout());
            tryCompleteJoin(group, step);
        }
    }

    private Timers.Timer joinTimer(ClassicGroup group) {
        Timers.Timer timer = group.joining;
        if (timer == null) {
            timer = groups.timers.timer(later -> joinTimeIsUp(group, later));
            group.joining = timer;
        }
        return timer;
    }

    private void joinTimeIsUp(ClassicGroup group, Step step) {
        if (group.initial && group.newMemberAdded && !group.remaining.isZero()) {
            group.newMemberAdded = false;
            Duration delay = config.initialRebalanceDelay();
            Duration next = delay.compareTo(group.remaining) < 0 ? delay : group.remaining;
            group.remaining = group.remaining.minus(next);
            joinTimer(group).set(step.nanos, next);
            return;
        }
        completeJoin(group, step);
    }

    private void tryCompleteJoin(ClassicGroup group, Step step) {
        if (group.state == State.PREPARING_REBALANCE && !group.initial && group.haveAllJoined()) {
            completeJoin(group, step);
        }
    }

    private void completeJoin(ClassicGroup group, Step step) {
        group.initial = false;
        joinTimer(group).cancel();
        for (ClassicMember member : List.copyOf(group.members())) {
            if (member.joining == null && member.instanceId == null) {
                LOG.info("group {}: member {} did not join again and is removed", group.id(), member.id);
                group.remove(member);
            }
        }
        if (group.hasMembers() && !group.electJoined()) {
            // static members only, which have their session to come back
            Duration wait = group.rebalanceTimeout();
            joinTimer(group).set(step.nanos, wait.compareTo(STATIC_WAIT_MIN) < 0 ? STATIC_WAIT_MIN : wait);
            return;
        }
        group.nextGeneration(step.millis);
        if (!group.hasMembers()) {
            step.write(GroupRecords.classicGroup(group, step.millis));
            return;
        }
        for (ClassicMember member : group.members()) {
            member.hasSynced = false;
            Deferred<ClassicJoinResult> waiting = member.joining;
            if (waiting != null) {
                member.joining = null;
                member.isNew = false;
                step.answer(waiting.with(joined(group, member, group.leaderId(), false, group.isLeader(member))));
                arm(group, member, member.sessionTimeout, step);
            }
        }
        Timers.Timer timer = group.syncing;
        if (timer == null) {
            timer = groups.timers.timer(later -> syncTimeIsUp(group, later));
            group.syncing = timer;
        }
        timer.set(step.nanos, group.rebalanceTimeout());
    }

    private void syncTimeIsUp(ClassicGroup group, Step step) {
        for (ClassicMember member : List.copyOf(group.members())) {
            if (!member.hasSynced) {
                LOG.info("group {}: member {} did not ask for its assignment and is removed", group.id(), member.id);
                group.remove(member);
            }
        }
        rebalance(group, "members did not ask for their assignments", step);
    }

    // ---------------------------------------------------------------- sync

    Deferred<ClassicSyncResult> sync(ClassicGroup group, ClassicSync sync, Step step) {
        ClassicMember member = group.require(sync.memberId(), sync.instanceId());
        checkGeneration(group, sync.generation());
        if ((sync.protocolType() != null && !sync.protocolType().equals(group.protocolType()))
                || (sync.protocolName() != null && !sync.protocolName().equals(group.protocolName()))) {
            throw new MqException(
                    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
                    "group " + group.id() + " uses " + group.protocolName() + " of type " + group.protocolType()
                            + ", its member " + member.id + " says " + sync.protocolName() + " of type "
                            + sync.protocolType());
        }
        Deferred<ClassicSyncResult> answer = new Deferred<>();
        switch (group.state) {
            case PREPARING_REBALANCE -> throw inProgress(group);
            case EMPTY, DEAD, ASSIGNING, RECONCILING -> throw group.unknown(member.id);
            case STABLE -> {
                member.hasSynced = true;
                step.answer(answer.with(synced(group, member)));
                arm(group, member, member.sessionTimeout, step);
                allSynced(group);
            }
            case COMPLETING_REBALANCE -> {
                checkSize(group, sync);
                Deferred<ClassicSyncResult> older = member.syncing;
                if (older != null) {
                    step.answer(older.failing(inProgress(group)));
                }
                member.hasSynced = true;
                member.syncing = answer;
                allSynced(group);
                if (group.isLeader(member)) {
                    assign(group, sync, step);
                }
            }
        }
        return answer;
    }

    private static void checkSize(ClassicGroup group, ClassicSync sync) {
        long bytes = group.sizeWith(member -> assignment(sync, member));
        if (bytes > GroupConfig.RECORD_BYTES_MAX) {
            throw new MqException(
                    ErrorCode.INVALID_REQUEST,
                    "group " + group.id() + ": its members and their assignments may have "
                            + GroupConfig.RECORD_BYTES_MAX + " bytes together, have " + bytes);
        }
    }

    private static ByteBuffer assignment(ClassicSync sync, ClassicMember member) {
        return sync.assignments().getOrDefault(member.id, ClassicMember.NOTHING);
    }

    private static void allSynced(ClassicGroup group) {
        if (group.syncing != null && group.haveAllSynced()) {
            group.syncing.cancel();
        }
    }

    /** The leader has brought the assignments. */
    private void assign(ClassicGroup group, ClassicSync sync, Step step) {
        group.state = State.STABLE;
        for (ClassicMember member : group.members()) {
            member.assignment = assignment(sync, member);
        }
        step.write(GroupRecords.classicGroup(group, step.millis));
        for (ClassicMember member : group.members()) {
            Deferred<ClassicSyncResult> waiting = member.syncing;
            if (waiting != null) {
                member.syncing = null;
                step.answer(waiting.with(synced(group, member)));
                arm(group, member, member.sessionTimeout, step);
            }
        }
    }

    private static ClassicSyncResult synced(ClassicGroup group, ClassicMember member) {
        return new ClassicSyncResult(
                group.protocolType(), Objects.requireNonNull(group.protocolName()), member.assignment);
    }

    // ---------------------------------------------------------------- stay and leave

    void heartbeat(ClassicGroup group, ClassicHeartbeat heartbeat, Step step) {
        ClassicMember member = group.require(heartbeat.memberId(), heartbeat.instanceId());
        checkGeneration(group, heartbeat.generation());
        if (group.state == State.EMPTY) {
            throw group.unknown(member.id);
        }
        arm(group, member, member.sessionTimeout, step);
        if (group.state == State.PREPARING_REBALANCE) {
            throw inProgress(group);
        }
    }

    /** One of those that leave; the error that it does not is thrown. */
    void leave(ClassicGroup group, ClassicLeave.Member who, Step step) {
        Timers.Timer pending = who.instanceId() == null ? group.pending.remove(who.memberId()) : null;
        if (pending != null) {
            pending.cancel();
            tryCompleteJoin(group, step);
            return;
        }
        ClassicMember instance = group.instance(who.instanceId());
        // by the instance alone: an operator removes it
        ClassicMember member = instance != null && who.memberId().isEmpty()
                ? instance
                : group.require(who.memberId(), who.instanceId());
        remove(group, member, who.reason() == null ? "it leaves" : who.reason(), step);
    }

    private void remove(ClassicGroup group, ClassicMember member, String why, Step step) {
        fail(member, ErrorCode.UNKNOWN_MEMBER_ID, step);
        group.remove(member);
        rebalance(group, "member " + member.id + " is gone: " + why, step);
    }

    private static void fail(ClassicMember member, ErrorCode code, Step step) {
        MqException error = new MqException(code, "member " + member.id + " is no member any more");
        Deferred<ClassicJoinResult> joining = member.joining;
        Deferred<ClassicSyncResult> syncing = member.syncing;
        member.joining = null;
        member.syncing = null;
        if (joining != null) {
            step.answer(joining.failing(error));
        }
        if (syncing != null) {
            step.answer(syncing.failing(error));
        }
    }

    /** Its session goes on for that long. */
    void arm(ClassicGroup group, ClassicMember member, Duration timeout, Step step) {
        Timers.Timer session = member.session;
        if (session == null) {
            session = groups.timers.timer(later -> sessionEnded(group, member, later));
            member.session = session;
        }
        session.set(step.nanos, timeout);
    }

    private void sessionEnded(ClassicGroup group, ClassicMember member, Step step) {
        if (!member.isNew && (member.joining != null || member.syncing != null)) {
            // it waits for our answer and can not speak
            arm(group, member, member.sessionTimeout, step);
            return;
        }
        LOG.info(
                "group {}: member {} ({}) is removed: no heartbeat within {}",
                group.id(),
                member.id,
                member.clientId,
                member.sessionTimeout);
        remove(group, member, "its session has ended", step);
    }

    /** Whether a commit of the member counts; its session goes on. In a transaction its generation is enough, as in Kafka. */
    void checkCommit(
            ClassicGroup group,
            String memberId,
            @Nullable String instanceId,
            int generation,
            boolean transactional,
            Step step) {
        ClassicMember member = group.require(memberId, instanceId);
        checkGeneration(group, generation);
        if (group.state == State.COMPLETING_REBALANCE && !transactional) {
            throw inProgress(group);
        }
        arm(group, member, member.sessionTimeout, step);
    }

    private static void checkGeneration(ClassicGroup group, int generation) {
        if (generation != group.generation()) {
            throw new MqException(
                    ErrorCode.ILLEGAL_GENERATION,
                    "group " + group.id() + " is in generation " + group.generation() + ", its member says "
                            + generation);
        }
    }

    static MqException inProgress(ClassicGroup group) {
        return new MqException(ErrorCode.REBALANCE_IN_PROGRESS, "group " + group.id() + " rebalances: join again");
    }

    private static Duration atLeastZero(Duration duration) {
        return duration.isNegative() ? Duration.ZERO : duration;
    }

    /** All who wait for an answer of the group get that error. */
    static void failAll(ClassicGroup group, MqException error) {
        for (ClassicMember member : group.members()) {
            Deferred<ClassicJoinResult> joining = member.joining;
            Deferred<ClassicSyncResult> syncing = member.syncing;
            member.joining = null;
            member.syncing = null;
            if (joining != null) {
                joining.fail(error);
            }
            if (syncing != null) {
                syncing.fail(error);
            }
        }
    }
}
