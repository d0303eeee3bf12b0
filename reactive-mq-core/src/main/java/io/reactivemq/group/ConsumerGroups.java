package io.reactivemq.group;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.assign.Assignor;
import io.reactivemq.assign.Assignors;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.NamePattern;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** KIP-848: what heartbeats and silence do to a {@link ConsumerGroup}. All that can be refused is refused before anything is changed. */
final class ConsumerGroups {

    private static final Logger LOG = LoggerFactory.getLogger(ConsumerGroups.class);

    /** {@code group.consumer.assignors}. */
    private static final Map<String, Assignor> ASSIGNORS =
            Map.of(ConsumerGroup.DEFAULT_ASSIGNOR, Assignors.sticky(), "range", Assignors.range());

    private final Groups groups;
    private final Migration migration;

    ConsumerGroups(Groups groups, Migration migration) {
        this.groups = groups;
        this.migration = migration;
    }

    GroupHeartbeatResult heartbeat(Caller caller, GroupHeartbeat heartbeat, Step step) {
        Ids.check(heartbeat);
        String assignor = heartbeat.assignor();
        if (assignor != null && !ASSIGNORS.containsKey(assignor)) {
            throw new MqException(
                    ErrorCode.UNSUPPORTED_ASSIGNOR,
                    "group " + heartbeat.groupId() + ": expected an assignor of " + ASSIGNORS.keySet() + ", was "
                            + assignor);
        }
        String regex = heartbeat.subscribedTopicRegex();
        if (regex != null && !regex.isEmpty()) {
            NamePattern.of(regex);
        }
        Set<String> names = heartbeat.subscribedTopics();
        long bytes = names == null ? 0 : names.stream().mapToLong(Ids::bytes).sum();
        if (bytes > GroupConfig.CLASSIC_METADATA_BYTES_MAX) {
            throw invalid(
                    heartbeat,
                    "the names of the topics of a member may have " + GroupConfig.CLASSIC_METADATA_BYTES_MAX
                            + " bytes together, have " + bytes);
        }
        return switch (heartbeat.memberEpoch()) {
            case GroupHeartbeat.JOIN -> join(caller, heartbeat, step);
            case GroupHeartbeat.LEAVE, GroupHeartbeat.LEAVE_FOR_A_WHILE -> leave(heartbeat, step);
            default -> stay(caller, heartbeat, step);
        };
    }

    // ---------------------------------------------------------------- join

    private GroupHeartbeatResult join(Caller caller, GroupHeartbeat heartbeat, Step step) {
        checkJoin(heartbeat);
        Group found = groups.find(heartbeat.groupId());
        ConsumerGroup group;
        if (found instanceof ConsumerGroup consumers) {
            checkRoom(consumers, heartbeat);
            group = consumers;
        } else if (found instanceof ClassicGroup classic && classic.hasMembers()) {
            group = migration.upgrade(classic, heartbeat, step);
            group.members().forEach(member -> arm(group, member, step));
        } else {
            if (found != null) {
                groups.delete(found, step);
            }
            group = new ConsumerGroup(heartbeat.groupId(), groups.topics);
            groups.put(group);
        }
        String memberId = heartbeat.memberId().isEmpty() ? groups.newUuid() : heartbeat.memberId();
        ConsumerMember instance = heartbeat.instanceId() == null ? null : group.instance(heartbeat.instanceId());
        ConsumerMember member = group.member(memberId);
        if (member != null) {
            member.epoch = GroupHeartbeat.JOIN;
            member.previousEpoch = GroupHeartbeat.JOIN;
            member.isLeftBehind = false;
            update(group, member, caller, heartbeat, step);
        } else {
            member = new ConsumerMember(memberId);
            member.instanceId = heartbeat.instanceId();
            takeOver(member, caller, heartbeat);
            if (instance == null) {
                group.add(member, step);
            } else {
                boolean sameTopics = member.topics.equals(instance.topics) && member.regex.equals(instance.regex);
                group.replace(instance, member, step);
                if (!sameTopics) {
                    group.subscriptionChanged();
                }
            }
        }
        return answer(group, member, Set.of(), true, step);
    }

    private static void checkJoin(GroupHeartbeat heartbeat) {
        boolean subscribes = (heartbeat.subscribedTopics() != null
                        && !heartbeat.subscribedTopics().isEmpty())
                || (heartbeat.subscribedTopicRegex() != null
                        && !heartbeat.subscribedTopicRegex().isEmpty());
        if (!subscribes || heartbeat.rebalanceTimeout() == null) {
            throw invalid(
                    heartbeat,
                    "a member that joins must give its topics and its rebalance timeout; were "
                            + heartbeat.subscribedTopics() + ", expression " + heartbeat.subscribedTopicRegex()
                            + ", and " + heartbeat.rebalanceTimeout());
        }
        if (heartbeat.owned() != null && !heartbeat.owned().isEmpty()) {
            throw invalid(heartbeat, "a member that joins owns nothing yet; it says " + heartbeat.owned());
        }
    }

    private static MqException invalid(GroupHeartbeat heartbeat, String why) {
        return new MqException(ErrorCode.INVALID_REQUEST, "group " + heartbeat.groupId() + ": " + why);
    }

    private void checkRoom(ConsumerGroup group, GroupHeartbeat heartbeat) {
        String instanceId = heartbeat.instanceId();
        ConsumerMember instance = instanceId == null ? null : group.instance(instanceId);
        if (instance != null && !instance.id.equals(heartbeat.memberId()) && !instance.isAway()) {
            throw new MqException(
                    ErrorCode.UNRELEASED_INSTANCE_ID,
                    "group " + group.id() + ": instance " + instanceId + " is in use by member " + instance.id
                            + ", which has not left");
        }
        ConsumerMember member = group.member(heartbeat.memberId());
        if (member != null && instance == null && instanceId != null) {
            throw invalid(heartbeat, "member " + member.id + " can not become instance " + instanceId);
        }
        if (member == null && instance == null && group.size() >= groups.config.membersMax()) {
            throw groups.full(group.id());
        }
    }

    // ---------------------------------------------------------------- stay

    private GroupHeartbeatResult stay(Caller caller, GroupHeartbeat heartbeat, Step step) {
        ConsumerGroup group = require(heartbeat);
        ConsumerMember member = group.require(heartbeat.memberId(), heartbeat.instanceId());
        if (member.isLeftBehind) {
            throw new MqException(
                    ErrorCode.FENCED_MEMBER_EPOCH,
                    "group " + group.id() + ": member " + member.id
                            + " has partitions of a topic that was deleted meanwhile; it has to join anew");
        }
        checkEpoch(group, member, heartbeat);
        update(group, member, caller, heartbeat, step);
        return answer(group, member, heartbeat.owned(), false, step);
    }

    private ConsumerGroup require(GroupHeartbeat heartbeat) {
        if (groups.find(heartbeat.groupId()) instanceof ConsumerGroup group) {
            return group;
        }
        return new ConsumerGroup(heartbeat.groupId(), groups.topics);
    }

    /**
     * Checks the epoch of a heartbeat. The one before the current is taken where the member owns no more than it was given: the
     * answer to its last heartbeat was lost.
     */
    private static void checkEpoch(ConsumerGroup group, ConsumerMember member, GroupHeartbeat heartbeat) {
        int epoch = heartbeat.memberEpoch();
        if (epoch == member.epoch) {
            return;
        }
        Set<TopicPartition> owned = heartbeat.owned();
        boolean answerLost = epoch == member.previousEpoch && owned != null && member.assigned.containsAll(owned);
        if (!answerLost) {
            throw new MqException(
                    ErrorCode.FENCED_MEMBER_EPOCH,
                    "member " + member.id + " of group " + group.id() + " is at epoch " + member.epoch
                            + ", its heartbeat says " + epoch + ": join anew");
        }
    }

    private static void update(
            ConsumerGroup group, ConsumerMember member, Caller caller, GroupHeartbeat heartbeat, Step step) {
        Set<String> topics = member.topics;
        String regex = member.regex;
        boolean changed = takeOver(member, caller, heartbeat);
        if (changed) {
            group.updated(member, !topics.equals(member.topics) || !regex.equals(member.regex), step);
        }
    }

    /** Takes over what a heartbeat says of the member; whether that is something new. */
    private static boolean takeOver(ConsumerMember member, Caller caller, GroupHeartbeat heartbeat) {
        boolean changed = member.classic != null
                || !caller.clientId().equals(member.clientId)
                || !caller.host().equals(member.host);
        member.classic = null;
        member.clientId = caller.clientId();
        member.host = caller.host();
        Duration timeout = heartbeat.rebalanceTimeout();
        if (timeout != null) {
            changed |= !timeout.equals(member.rebalanceTimeout);
            member.rebalanceTimeout = timeout;
        }
        Set<String> topics = heartbeat.subscribedTopics();
        if (topics != null) {
            changed |= !topics.equals(member.topics);
            member.topics = topics;
        }
        String regex = heartbeat.subscribedTopicRegex();
        if (regex != null) {
            changed |= !regex.equals(member.regex);
            member.regex = regex;
        }
        String assignor = heartbeat.assignor();
        if (assignor != null) {
            changed |= !assignor.equals(member.assignor);
            member.assignor = assignor;
        }
        String rack = heartbeat.rackId();
        if (rack != null) {
            changed |= !rack.equals(member.rackId);
            member.rackId = rack;
        }
        return changed;
    }

    private GroupHeartbeatResult answer(
            ConsumerGroup group, ConsumerMember member, @Nullable Set<TopicPartition> owned, boolean joins, Step step) {
        arm(group, member, step);
        assign(group, step);
        boolean changed = group.reconcile(member, owned, step);
        // who says what it owns is told what it shall own: its knowledge may be old
        boolean tell = joins || changed || owned != null;
        Duration next = groups.config.nextHeartbeat(group.isSettled(member), group.size());
        return new GroupHeartbeatResult(member.id, member.epoch, next, tell ? member.assigned : null);
    }

    /** Computes the target where it is old; in a large group not more often than {@link GroupConfig#assignInterval}. */
    void assign(ConsumerGroup group, Step step) {
        group.refreshTopics(step);
        if (!group.needsTarget() || !group.hasMembers()) {
            return;
        }
        Duration interval = GroupConfig.assignInterval(group.size());
        long since = group.assignedNanos == Long.MIN_VALUE ? Long.MAX_VALUE : step.nanos - group.assignedNanos;
        if (since >= interval.toNanos()) {
            group.assign(ASSIGNORS.getOrDefault(group.assignorName(), Assignors.sticky()), step);
            return;
        }
        Timers.Timer timer = group.assigning;
        if (timer == null) {
            timer = groups.timers.timer(later -> assign(group, later));
            group.assigning = timer;
        }
        if (!timer.isSet()) {
            timer.set(step.nanos, interval.minusNanos(since));
        }
    }

    // ---------------------------------------------------------------- leave

    private GroupHeartbeatResult leave(GroupHeartbeat heartbeat, Step step) {
        boolean forAWhile = heartbeat.memberEpoch() == GroupHeartbeat.LEAVE_FOR_A_WHILE;
        if (forAWhile && heartbeat.instanceId() == null) {
            throw invalid(
                    heartbeat,
                    "only a static member leaves for a while; member " + heartbeat.memberId() + " gave no instance id");
        }
        ConsumerGroup group = require(heartbeat);
        ConsumerMember member = group.require(heartbeat.memberId(), heartbeat.instanceId());
        if (forAWhile) {
            group.away(member, GroupHeartbeat.LEAVE_FOR_A_WHILE, step);
            arm(group, member, step);
        } else {
            remove(group, member, step);
        }
        return new GroupHeartbeatResult(member.id, heartbeat.memberEpoch(), groups.config.heartbeatInterval(), null);
    }

    /** Removes a member; where only such of the classic protocol are left, the group goes back to that. */
    void remove(ConsumerGroup group, ConsumerMember member, Step step) {
        group.remove(member, step);
        if (group.isAllClassic() && !migration.downgradeIfClassic(group, step)) {
            group.bumpEpoch(step);
        }
    }

    /** The member's session goes on. */
    void arm(ConsumerGroup group, ConsumerMember member, Step step) {
        Timers.Timer session = member.session;
        if (session == null) {
            session = groups.timers.timer(later -> {
                LOG.info("group {}: member {} ({}) is removed: it was silent", group.id(), member.id, member.clientId);
                remove(group, member, later);
            });
            member.session = session;
            member.rebalance = groups.timers.timer(later -> {
                LOG.info(
                        "group {}: member {} ({}) is removed: it did not release {} within {}",
                        group.id(),
                        member.id,
                        member.clientId,
                        member.revoking,
                        member.rebalanceTimeout);
                remove(group, member, later);
            });
        }
        ConsumerMember.Classic classic = member.classic;
        session.set(step.nanos, classic == null ? groups.config.sessionTimeout() : classic.sessionTimeout());
    }

    /** After a replay: sessions begin anew, and so does the time to release. */
    void resume(ConsumerGroup group, Step step) {
        for (ConsumerMember member : group.members()) {
            arm(group, member, step);
            if (!member.revoking.isEmpty() && member.rebalance != null) {
                member.rebalance.set(step.nanos, member.rebalanceTimeout);
            }
        }
    }

    /** The broker has been opened: members that lived in the JVM of the former one are gone, static ones for a while. */
    void forgetEmbedded(ConsumerGroup group, Step step) {
        for (ConsumerMember member : List.copyOf(group.members())) {
            if (!member.host.equals(Caller.EMBEDDED_HOST)) {
                continue;
            }
            if (member.instanceId == null) {
                LOG.info("group {}: member {} ({}) has gone with the broker", group.id(), member.id, member.clientId);
                remove(group, member, step);
            } else if (!member.isAway()) {
                group.away(member, GroupHeartbeat.LEAVE_FOR_A_WHILE, step);
            }
        }
    }
}
