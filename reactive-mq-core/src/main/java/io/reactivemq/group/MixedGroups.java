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
import io.reactivemq.coordinator.Deferred;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Members of the classic protocol in a group of KIP-848, as it is upgraded or downgraded. A join is one step of their reconciliation: the
 * generation they learn is their member epoch, nobody leads, and the sync has the broker's assignment. A heartbeat tells them to join again when
 * there is another step to take.
 */
final class MixedGroups {

    private final Groups groups;
    private final ConsumerGroups consumers;
    private final Migration migration;

    MixedGroups(Groups groups, ConsumerGroups consumers, Migration migration) {
        this.groups = groups;
        this.consumers = consumers;
        this.migration = migration;
    }

    Deferred<ClassicJoinResult> join(ConsumerGroup group, Caller caller, ClassicJoin join, Step step) {
        checkProtocols(group, join);
        ConsumerProtocol.Subscription subscription =
                ConsumerProtocol.readSubscription(join.protocols().get(0).metadata());
        String instanceId = join.instanceId();
        ConsumerMember instance = instanceId == null ? null : group.instance(instanceId);
        boolean hasId = !join.memberId().isEmpty();
        if (instanceId != null && hasId) {
            group.require(join.memberId(), instanceId);
        }
        ConsumerMember known = hasId ? group.member(join.memberId()) : null;
        if (known == null && instance == null && group.size() >= groups.config.membersMax()) {
            throw groups.full(group.id());
        }
        Groups.checkSize(
                group.id(), classicBytes(group, known == null ? instance : known) + ClassicMember.sizeOf(caller, join));
        Deferred<ClassicJoinResult> answer = new Deferred<>();
        String memberId =
                hasId ? join.memberId() : groups.newMemberId(instanceId == null ? caller.clientId() : instanceId);
        if (!hasId && instanceId == null && join.requiresMemberId()) {
            step.answer(answer.with(new ClassicJoinResult.MemberIdRequired(memberId)));
            return answer;
        }
        ConsumerMember member = known == null ? new ConsumerMember(memberId) : known;
        Set<String> topicsBefore =
                known != null ? known.topics : instance != null ? new TreeSet<>(instance.topics) : Set.of();
        member.instanceId = instanceId;
        member.rackId = subscription.rackId();
        member.clientId = caller.clientId();
        member.host = caller.host();
        member.topics = subscription.topics();
        member.regex = "";
        member.rebalanceTimeout = join.rebalanceTimeout();
        member.classic = new ConsumerMember.Classic(join.sessionTimeout(), join.protocols());
        boolean newTopics = !topicsBefore.equals(member.topics);
        if (known != null) {
            group.updated(member, newTopics, step);
        } else if (instance != null) {
            group.replace(instance, member, step);
            if (newTopics) {
                group.subscriptionChanged();
            }
        } else {
            group.add(member, step);
        }
        consumers.arm(group, member, step);
        consumers.assign(group, step);
        group.reconcile(member, subscription.owned(), step);
        awaitNext(member, step);
        step.answer(answer.with(new ClassicJoinResult.Joined(
                member.id,
                member.epoch,
                ConsumerProtocol.TYPE,
                join.protocols().get(0).name(),
                "",
                false,
                List.of())));
        migration.downgradeIfClassic(group, step);
        return answer;
    }

    /** What its members of the classic protocol, without one of them, take in the record of the group when it is downgraded. */
    private static long classicBytes(ConsumerGroup group, @Nullable ConsumerMember without) {
        long bytes = 0;
        for (ConsumerMember member : group.members()) {
            ConsumerMember.Classic classic = member.classic;
            if (classic != null && member != without) {
                bytes += ClassicMember.sizeOf(
                        Ids.bytes(member.id), member.instanceId, member.clientId, member.host, classic.protocols());
            }
        }
        return bytes;
    }

    /** They must have one in common, for the day the group is downgraded. */
    private static void checkProtocols(ConsumerGroup group, ClassicJoin join) {
        boolean common = join.protocolType().equals(ConsumerProtocol.TYPE)
                && join.protocols().stream()
                        .anyMatch(protocol -> group.members().stream().allMatch(member -> {
                            ConsumerMember.Classic classic = member.classic;
                            return classic == null
                                    || member.id.equals(join.memberId())
                                    || classic.protocols().stream()
                                            .anyMatch(own -> own.name().equals(protocol.name()));
                        }));
        if (!common) {
            throw new MqException(
                    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
                    "group " + group.id() + " is one of consumers, and its classic members can do none of "
                            + join.protocols().stream()
                                    .map(ClassicJoin.Protocol::name)
                                    .toList() + " of type "
                            + join.protocolType() + " all together");
        }
    }

    Deferred<ClassicSyncResult> sync(ConsumerGroup group, ClassicSync sync, Step step) {
        ConsumerMember member = requireClassic(group, sync.memberId(), sync.instanceId());
        checkGeneration(group, member, sync.generation());
        String protocol = protocolOf(member);
        if ((sync.protocolType() != null && !sync.protocolType().equals(ConsumerProtocol.TYPE))
                || (sync.protocolName() != null && !sync.protocolName().equals(protocol))) {
            throw new MqException(
                    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
                    "member " + member.id + " of group " + group.id() + " uses " + protocol + ", it says "
                            + sync.protocolName());
        }
        if (member.epoch < group.epoch() && member.revoking.isEmpty()) {
            awaitNext(member, step);
            throw again(group);
        }
        consumers.arm(group, member, step);
        if (member.rebalance != null && member.revoking.isEmpty()) {
            member.rebalance.cancel();
        }
        Deferred<ClassicSyncResult> answer = new Deferred<>();
        step.answer(answer.with(
                new ClassicSyncResult(ConsumerProtocol.TYPE, protocol, ConsumerProtocol.assignment(member.assigned))));
        return answer;
    }

    void heartbeat(ConsumerGroup group, ClassicHeartbeat heartbeat, Step step) {
        ConsumerMember member = requireClassic(group, heartbeat.memberId(), heartbeat.instanceId());
        checkGeneration(group, member, heartbeat.generation());
        consumers.arm(group, member, step);
        consumers.assign(group, step);
        if (group.canMove(member)) {
            awaitNext(member, step);
            if (step.records.isEmpty()) {
                throw again(group);
            }
            // an error would not write what was decided just now: it is told with the next heartbeat
        }
    }

    void leave(ConsumerGroup group, ClassicLeave.Member who, Step step) {
        String instanceId = who.instanceId();
        ConsumerMember instance = instanceId == null ? null : group.instance(instanceId);
        // by the instance alone: an operator removes it
        ConsumerMember member =
                instance != null && who.memberId().isEmpty() ? instance : group.require(who.memberId(), instanceId);
        consumers.remove(group, member, step);
    }

    /** It shall join or sync within its rebalance timeout. */
    private static void awaitNext(ConsumerMember member, Step step) {
        if (member.rebalance != null && !member.rebalance.isSet()) {
            member.rebalance.set(step.nanos, member.rebalanceTimeout);
        }
    }

    private static ConsumerMember requireClassic(ConsumerGroup group, String memberId, @Nullable String instanceId) {
        ConsumerMember member = group.require(memberId, instanceId);
        if (member.classic == null) {
            throw new MqException(
                    ErrorCode.UNKNOWN_MEMBER_ID,
                    "member " + member.id + " of group " + group.id() + " does not speak the classic protocol");
        }
        return member;
    }

    private static String protocolOf(ConsumerMember member) {
        ConsumerMember.Classic classic = member.classic;
        return classic == null ? "" : classic.protocols().get(0).name();
    }

    private static void checkGeneration(ConsumerGroup group, ConsumerMember member, int generation) {
        if (generation != member.epoch) {
            throw new MqException(
                    ErrorCode.ILLEGAL_GENERATION,
                    "member " + member.id + " of group " + group.id() + " is in generation " + member.epoch
                            + ", it says " + generation);
        }
    }

    private static MqException again(ConsumerGroup group) {
        return new MqException(ErrorCode.REBALANCE_IN_PROGRESS, "group " + group.id() + " rebalances: join again");
    }
}
