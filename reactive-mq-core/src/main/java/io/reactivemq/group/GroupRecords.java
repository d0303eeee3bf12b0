package io.reactivemq.group;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.coordinator.CoordinatorRecord;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Groups and members as records of {@code __consumer_offsets}, in Kafka's own format, so that Kafka's tools read them. A key begins with its kind
 * in two bytes; a value begins with its version. From the kind {@value #EPOCH} on values are of the flexible kind, with tagged fields at the end.
 *
 * <table>
 * <caption>Kinds</caption>
 * <tr><td>2</td><td>GroupMetadata</td><td>group: a classic group with its members, as its leader has brought their assignments; version 3</td></tr>
 * <tr><td>3</td><td>ConsumerGroupMetadata</td><td>group: the group epoch, and a hash of the topics</td></tr>
 * <tr><td>5</td><td>ConsumerGroupMemberMetadata</td><td>group, member: what a member says of itself</td></tr>
 * <tr><td>6</td><td>ConsumerGroupTargetAssignmentMetadata</td><td>group: the epoch of the target</td></tr>
 * <tr><td>7</td><td>ConsumerGroupTargetAssignmentMember</td><td>group, member: what it shall own, by topic id</td></tr>
 * <tr><td>8</td><td>ConsumerGroupCurrentMemberAssignment</td><td>group, member: its epoch, what it owns and what it shall release</td></tr>
 * </table>
 *
 * Kinds 0 and 1 are those of {@link OffsetRecords}. Kind 16, what a regular expression matched, is not written: the topics there are say it.
 */
final class GroupRecords {

    static final short CLASSIC_GROUP = 2;
    static final short EPOCH = 3;
    static final short MEMBER = 5;
    static final short TARGET_EPOCH = 6;
    static final short TARGET = 7;
    static final short CURRENT = 8;

    private static final short CLASSIC_GROUP_VERSION = 3;

    /** Kafka's states of a member. */
    private static final int STABLE = 1;

    private static final int UNREVOKED = 2;

    private GroupRecords() {}

    // ---------------------------------------------------------------- write

    static CoordinatorRecord classicGroup(ClassicGroup group, long nowMs) {
        Encoder to = new Encoder()
                .int16(CLASSIC_GROUP_VERSION)
                .string(group.protocolType())
                .int32(group.generation())
                .string(group.protocolName())
                .string(group.leaderId())
                .int64(nowMs);
        Collection<ClassicMember> members = group.members();
        to.int32(members.size());
        for (ClassicMember member : members) {
            to.string(member.id)
                    .string(member.instanceId)
                    .string(member.clientId)
                    .string(member.host)
                    .int32((int) member.rebalanceTimeout.toMillis())
                    .int32((int) member.sessionTimeout.toMillis())
                    .bytes(member.metadata(group.protocolName()))
                    .bytes(member.assignment);
        }
        return new CoordinatorRecord(key(CLASSIC_GROUP, group.id()), to.toByteArray());
    }

    static CoordinatorRecord noClassicGroup(String group) {
        return new CoordinatorRecord(key(CLASSIC_GROUP, group), null);
    }

    static CoordinatorRecord epoch(String group, int epoch, long topicsHash) {
        Encoder to = new Encoder().int16(0).int32(epoch);
        if (topicsHash == 0) {
            to.noTags();
        } else {
            to.tag(0, new Encoder().int64(topicsHash).toByteArray());
        }
        return new CoordinatorRecord(key(EPOCH, group), to.toByteArray());
    }

    static CoordinatorRecord noEpoch(String group) {
        return new CoordinatorRecord(key(EPOCH, group), null);
    }

    static CoordinatorRecord member(String group, ConsumerMember member) {
        Encoder to = new Encoder()
                .int16(0)
                .compactString(member.instanceId)
                .compactString(member.rackId)
                .compactString(member.clientId)
                .compactString(member.host)
                .compactSize(member.topics.size());
        new TreeSet<>(member.topics).forEach(to::compactString);
        to.compactString(member.regex.isEmpty() ? null : member.regex)
                .int32((int) member.rebalanceTimeout.toMillis())
                .compactString(member.assignor);
        ConsumerMember.Classic classic = member.classic;
        if (classic == null) {
            to.noTags();
        } else {
            Encoder field = new Encoder()
                    .int8(1) // it is not null
                    .int32((int) classic.sessionTimeout().toMillis())
                    .compactSize(classic.protocols().size());
            for (ClassicJoin.Protocol protocol : classic.protocols()) {
                field.compactString(protocol.name())
                        .compactBytes(protocol.metadata())
                        .noTags();
            }
            to.tag(0, field.noTags().toByteArray());
        }
        return new CoordinatorRecord(key(MEMBER, group, member.id), to.toByteArray());
    }

    static CoordinatorRecord noMember(String group, String member) {
        return new CoordinatorRecord(key(MEMBER, group, member), null);
    }

    static CoordinatorRecord targetEpoch(String group, int epoch) {
        return new CoordinatorRecord(
                key(TARGET_EPOCH, group),
                new Encoder().int16(0).int32(epoch).noTags().toByteArray());
    }

    static CoordinatorRecord noTargetEpoch(String group) {
        return new CoordinatorRecord(key(TARGET_EPOCH, group), null);
    }

    static CoordinatorRecord target(String group, String member, Set<TopicPartition> partitions, TopicIndex topics) {
        Encoder to = new Encoder().int16(0);
        partitions(to, partitions, topics);
        return new CoordinatorRecord(key(TARGET, group, member), to.noTags().toByteArray());
    }

    static CoordinatorRecord noTarget(String group, String member) {
        return new CoordinatorRecord(key(TARGET, group, member), null);
    }

    static CoordinatorRecord current(String group, ConsumerMember member, TopicIndex topics) {
        Encoder to = new Encoder()
                .int16(0)
                .int32(member.epoch)
                .int32(member.previousEpoch)
                .int8(member.revoking.isEmpty() ? STABLE : UNREVOKED);
        partitions(to, member.assigned, topics);
        revoking(to, member, topics);
        return new CoordinatorRecord(key(CURRENT, group, member.id), to.noTags().toByteArray());
    }

    static CoordinatorRecord noCurrent(String group, String member) {
        return new CoordinatorRecord(key(CURRENT, group, member), null);
    }

    private static void partitions(Encoder to, Set<TopicPartition> partitions, TopicIndex topics) {
        partitions(to, topics.byTopicId(partitions));
    }

    /** What is gone, by the ids that its topics had. */
    private static void revoking(Encoder to, ConsumerMember member, TopicIndex topics) {
        Set<TopicPartition> there = new TreeSet<>(member.revoking);
        there.removeAll(member.gone.keySet());
        Map<UUID, List<Integer>> byTopic = topics.byTopicId(there);
        member.gone.forEach((partition, topicId) ->
                byTopic.computeIfAbsent(topicId, id -> new ArrayList<>()).add(partition.partition()));
        partitions(to, byTopic);
    }

    private static void partitions(Encoder to, Map<UUID, List<Integer>> byTopic) {
        to.compactSize(byTopic.size());
        byTopic.forEach((topicId, indexes) -> {
            to.uuid(topicId).compactSize(indexes.size());
            indexes.forEach(to::int32);
            to.noTags();
        });
    }

    private static byte[] key(short kind, String group) {
        return new Encoder().int16(kind).string(group).toByteArray();
    }

    private static byte[] key(short kind, String group, String member) {
        return new Encoder().int16(kind).string(group).string(member).toByteArray();
    }

    // ---------------------------------------------------------------- read

    /** Reads the partitions of a record; those of topics that are gone are left out. */
    static Set<TopicPartition> readPartitions(Decoder from, TopicIndex topics) {
        return readPartitions(from, topics, topicId -> {});
    }

    /** @param gone hears the ids of topics that are gone */
    static Set<TopicPartition> readPartitions(Decoder from, TopicIndex topics, Consumer<UUID> gone) {
        Set<TopicPartition> partitions = new TreeSet<>();
        int count = from.compactSize();
        for (int i = 0; i < count; i++) {
            UUID topicId = from.uuid();
            String topic = topics.name(topicId);
            if (topic == null) {
                gone.accept(topicId);
            }
            int indexes = from.compactSize();
            for (int j = 0; j < indexes; j++) {
                int index = from.int32();
                if (topic != null) {
                    partitions.add(new TopicPartition(topic, index));
                }
            }
            from.tags();
        }
        return partitions;
    }

    static void check(short kind, int version, int highest) {
        if (version < 0 || version > highest) {
            throw new IllegalStateException("a record of kind " + kind + " has version " + version
                    + ", this broker reads versions up to " + highest);
        }
    }

    static int checkVersion(Decoder from, short kind, int highest) {
        int version = from.int16();
        check(kind, version, highest);
        return version;
    }

    static @Nullable String orNull(String text) {
        return text.isEmpty() ? null : text;
    }
}
