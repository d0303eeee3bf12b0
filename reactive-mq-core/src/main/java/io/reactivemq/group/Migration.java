package io.reactivemq.group;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.ClassicJoinResult;
import io.reactivemq.broker.ClassicSyncResult;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.coordinator.Deferred;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A live group changes its protocol (KIP-848, online migration). Its offsets stay as they are.
 *
 * <p>The first member of KIP-848 makes a group of classic consumers one of KIP-848: its members keep what they own, and are told in their next
 * heartbeats to join again, now under the broker's assignor. When the last member of KIP-848 goes, the rest becomes a classic group again.
 */
final class Migration {

    private static final Logger LOG = LoggerFactory.getLogger(Migration.class);

    /** What it says, its target, and what it has. */
    private static final int MEMBER_RECORDS = 3;

    /** Of a record and its key without ids, at most. */
    private static final int RECORD_FIXED_BYTES = 40;

    /** Of a partition of a topic of its own in a target, and in what a member has, at most. */
    private static final int PARTITION_BYTES = 48;

    private final Groups groups;
    private final ClassicGroups classics;

    Migration(Groups groups, ClassicGroups classics) {
        this.groups = groups;
        this.classics = classics;
    }

    /** Makes a classic group that has members one of KIP-848. */
    ConsumerGroup upgrade(ClassicGroup classic, GroupHeartbeat joining, Step step) {
        if (!classic.isOfConsumers()) {
            throw notUpgraded(classic, "it is of type '" + classic.protocolType() + "'", null);
        }
        if (classic.members().size() >= groups.config.membersMax()) {
            throw groups.full(classic.id());
        }
        ClassicMember instance = classic.instance(joining.instanceId());
        Map<ConsumerMember, Set<TopicPartition>> members = new LinkedHashMap<>();
        boolean hasUserData = false;
        try {
            for (ClassicMember member : classic.members()) {
                members.put(toConsumer(classic, member), existing(ConsumerProtocol.readAssignment(member.assignment)));
                hasUserData |= ConsumerProtocol.hasUserData(member.assignment);
            }
        } catch (MqException e) {
            throw notUpgraded(classic, "what a member says can't be read", e);
        }
        if (hasUserData) {
            throw notUpgraded(classic, "its assignor keeps data of its own, which would be lost", null);
        }
        long bytes = tombstoneBytes(classic);
        for (Map.Entry<ConsumerMember, Set<TopicPartition>> entry : members.entrySet()) {
            byte[] says = Objects.requireNonNull(
                    GroupRecords.member(classic.id(), entry.getKey()).value());
            bytes += says.length + (long) PARTITION_BYTES * entry.getValue().size();
        }
        if (bytes > GroupConfig.RECORD_BYTES_MAX) {
            throw notUpgraded(
                    classic,
                    "its members: expected at most " + GroupConfig.RECORD_BYTES_MAX + " bytes, actual " + bytes,
                    null);
        }
        LOG.info("group {} is upgraded from the classic protocol with {} members", classic.id(), members.size());
        MqException again = ClassicGroups.inProgress(classic);
        for (ClassicMember member : classic.members()) {
            Deferred<ClassicJoinResult> join = member.joining;
            Deferred<ClassicSyncResult> sync = member.syncing;
            if (join != null) {
                step.answer(join.failing(again));
            }
            if (sync != null) {
                step.answer(sync.failing(again));
            }
        }
        groups.delete(classic, step);
        ConsumerGroup group = new ConsumerGroup(classic.id(), groups.topics);
        groups.put(group);
        group.takeOver(classic.generation(), members, step);
        if (instance != null) {
            // a static member comes back under the new protocol: its former self has left for a while
            ConsumerMember former = group.instance(String.valueOf(instance.instanceId));
            if (former != null) {
                group.away(former, GroupHeartbeat.LEAVE_FOR_A_WHILE, step);
            }
        }
        return group;
    }

    /** The code is Kafka's: there is no group of KIP-848 of that id. */
    private static MqException notUpgraded(ClassicGroup group, String why, @Nullable Throwable cause) {
        return new MqException(
                ErrorCode.GROUP_ID_NOT_FOUND,
                "group " + group.id() + " is a classic group that takes no member of KIP-848: " + why,
                cause);
    }

    private static ConsumerMember toConsumer(ClassicGroup group, ClassicMember member) {
        ConsumerProtocol.Subscription subscription = subscription(group, member);
        ConsumerMember consumer = new ConsumerMember(member.id);
        consumer.instanceId = member.instanceId;
        consumer.rackId = subscription.rackId();
        consumer.clientId = member.clientId;
        consumer.host = member.host;
        consumer.topics = subscription.topics();
        consumer.rebalanceTimeout = member.rebalanceTimeout;
        consumer.classic = new ConsumerMember.Classic(member.sessionTimeout, member.protocols);
        return consumer;
    }

    private static ConsumerProtocol.Subscription subscription(ClassicGroup group, ClassicMember member) {
        return ConsumerProtocol.readSubscription(
                member.metadata(group.protocolName()).hasRemaining()
                        ? member.metadata(group.protocolName())
                        : member.protocols.get(0).metadata());
    }

    private Set<TopicPartition> existing(Set<TopicPartition> assignment) {
        Set<TopicPartition> existing = new TreeSet<>(assignment);
        existing.removeIf(partition -> partition.partition() >= groups.topics.partitionCount(partition.topic()));
        return existing;
    }

    /**
     * Makes a group whose members all speak the classic protocol a classic one. Where it would not fit into one record it stays what it is, and
     * serves them so.
     *
     * @return whether it is a classic one now
     */
    boolean downgradeIfClassic(ConsumerGroup group, Step step) {
        if (!group.isAllClassic()) {
            return false;
        }
        ClassicGroup classic = new ClassicGroup(group.id());
        for (ConsumerMember member : group.members()) {
            ConsumerMember.Classic own = Objects.requireNonNull(member.classic);
            ClassicMember downgraded = new ClassicMember(
                    member.id,
                    member.instanceId,
                    member.clientId,
                    member.host,
                    member.rebalanceTimeout,
                    own.sessionTimeout(),
                    own.protocols());
            downgraded.assignment = ConsumerProtocol.assignment(member.assigned);
            classic.add(downgraded, ConsumerProtocol.TYPE);
        }
        long bytes = classic.sizeWith(member -> member.assignment) + tombstoneBytes(classic);
        if (bytes > GroupConfig.RECORD_BYTES_MAX) {
            LOG.warn(
                    "group {} is not downgraded to the classic protocol: expected at most {} bytes, actual {}",
                    group.id(),
                    GroupConfig.RECORD_BYTES_MAX,
                    bytes);
            return false;
        }
        LOG.info("group {} is downgraded to the classic protocol with {} members", group.id(), group.size());
        classic.restore(
                ConsumerProtocol.TYPE, group.epoch(), classic.selectProtocol(), classic.leaderId(), step.millis);
        groups.delete(group, step);
        groups.put(classic);
        step.write(GroupRecords.classicGroup(classic, step.millis));
        classic.members().forEach(member -> classics.arm(classic, member, member.sessionTimeout, step));
        classics.rebalance(classic, "it was downgraded", step);
        return true;
    }

    /** Of the records that a member of KIP-848 has; they are removed or written in one batch. */
    private static long tombstoneBytes(ClassicGroup group) {
        long perMember = (long) Ids.bytes(group.id()) + RECORD_FIXED_BYTES;
        return group.members().stream()
                .mapToLong(member -> MEMBER_RECORDS * (perMember + Ids.bytes(member.id)))
                .sum();
    }
}
