package io.reactivemq.group;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.ClassicJoin;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Makes groups of the records of {@link GroupRecords}, as the log is read at the start. */
final class GroupReplay {

    /** The name that a restored classic member's subscription goes by where the group has chosen none. */
    private static final String NO_PROTOCOL = "";

    private final Groups groups;

    GroupReplay(Groups groups) {
        this.groups = groups;
    }

    /** Applies a record; one of a kind that this broker does not know is left alone. */
    void apply(ByteBuffer keyBytes, @Nullable ByteBuffer valueBytes) {
        Decoder key = new Decoder(keyBytes.duplicate());
        short kind = (short) key.int16();
        Decoder value = valueBytes == null ? null : new Decoder(valueBytes.duplicate());
        switch (kind) {
            case GroupRecords.CLASSIC_GROUP -> classicGroup(key.string(), value);
            case GroupRecords.EPOCH -> epoch(key.string(), value);
            case GroupRecords.MEMBER -> member(key.string(), key.string(), value);
            case GroupRecords.TARGET_EPOCH -> targetEpoch(key.string(), value);
            case GroupRecords.TARGET -> target(key.string(), key.string(), value);
            case GroupRecords.CURRENT -> current(key.string(), key.string(), value);
            default -> {
                // not ours
            }
        }
    }

    private void classicGroup(String id, @Nullable Decoder value) {
        Group former = groups.find(id);
        if (value == null) {
            if (former instanceof ClassicGroup) {
                groups.drop(former);
            }
            return;
        }
        int version = GroupRecords.checkVersion(value, GroupRecords.CLASSIC_GROUP, 3);
        ClassicGroup group = new ClassicGroup(id);
        String type = value.string();
        int generation = value.int32();
        String protocol = value.nullableString();
        String leader = value.nullableString();
        long since = version >= 2 ? value.int64() : -1;
        int members = value.size();
        for (int i = 0; i < members; i++) {
            String memberId = value.string();
            String instanceId = version >= 3 ? value.nullableString() : null;
            String clientId = value.string();
            String host = value.string();
            int rebalance = version >= 1 ? value.int32() : -1;
            int session = value.int32();
            ByteBuffer metadata = value.bytes();
            ClassicMember member = new ClassicMember(
                    memberId,
                    instanceId,
                    clientId,
                    host,
                    Duration.ofMillis(rebalance < 0 ? session : rebalance),
                    Duration.ofMillis(session),
                    List.of(new ClassicJoin.Protocol(protocol == null ? NO_PROTOCOL : protocol, metadata)));
            member.assignment = value.bytes();
            member.hasSynced = true;
            group.add(member, type);
        }
        group.restore(type, generation, protocol, leader, since);
        groups.put(group);
    }

    private ConsumerGroup consumerGroup(String id) {
        if (groups.find(id) instanceof ConsumerGroup group) {
            return group;
        }
        ConsumerGroup group = new ConsumerGroup(id, groups.topics);
        groups.put(group);
        return group;
    }

    private @Nullable ConsumerGroup existing(String id) {
        return groups.find(id) instanceof ConsumerGroup group ? group : null;
    }

    private void epoch(String id, @Nullable Decoder value) {
        if (value == null) {
            ConsumerGroup group = existing(id);
            if (group != null) {
                groups.drop(group);
            }
            return;
        }
        GroupRecords.checkVersion(value, GroupRecords.EPOCH, 0);
        int epoch = value.int32();
        ByteBuffer hash = value.tags().get(0);
        consumerGroup(id).replayEpoch(epoch, hash == null ? 0 : hash.getLong());
    }

    private void member(String id, String memberId, @Nullable Decoder value) {
        if (value == null) {
            ConsumerGroup group = existing(id);
            if (group != null) {
                group.replayNoMember(memberId);
            }
            return;
        }
        GroupRecords.checkVersion(value, GroupRecords.MEMBER, 0);
        ConsumerGroup group = consumerGroup(id);
        ConsumerMember member = group.replayMember(memberId);
        member.instanceId = value.compactNullableString();
        member.rackId = value.compactNullableString();
        member.clientId = value.compactString();
        member.host = value.compactString();
        Set<String> topics = new HashSet<>();
        int count = value.compactSize();
        for (int i = 0; i < count; i++) {
            topics.add(value.compactString());
        }
        member.topics = Set.copyOf(topics);
        member.regex = Objects.requireNonNullElse(value.compactNullableString(), "");
        member.rebalanceTimeout = Duration.ofMillis(value.int32());
        member.assignor = value.compactNullableString();
        ByteBuffer classic = value.tags().get(0);
        member.classic = classic == null ? null : classic(new Decoder(classic));
        group.replayed(member);
    }

    private static ConsumerMember.@Nullable Classic classic(Decoder from) {
        if (from.int8() < 0) {
            return null;
        }
        Duration session = Duration.ofMillis(from.int32());
        List<ClassicJoin.Protocol> protocols = new ArrayList<>();
        int count = from.compactSize();
        for (int i = 0; i < count; i++) {
            protocols.add(new ClassicJoin.Protocol(from.compactString(), from.compactBytes()));
            from.tags();
        }
        return new ConsumerMember.Classic(session, protocols);
    }

    private void targetEpoch(String id, @Nullable Decoder value) {
        if (value == null) {
            return; // the group's own tombstone follows
        }
        GroupRecords.checkVersion(value, GroupRecords.TARGET_EPOCH, 0);
        consumerGroup(id).replayTargetEpoch(value.int32());
    }

    private void target(String id, String memberId, @Nullable Decoder value) {
        if (value == null) {
            ConsumerGroup group = existing(id);
            if (group != null) {
                group.replayNoTarget(memberId);
            }
            return;
        }
        GroupRecords.checkVersion(value, GroupRecords.TARGET, 0);
        consumerGroup(id).replayTarget(memberId, GroupRecords.readPartitions(value, groups.topics));
    }

    private void current(String id, String memberId, @Nullable Decoder value) {
        if (value == null) {
            ConsumerGroup group = existing(id);
            ConsumerMember member = group == null ? null : group.member(memberId);
            if (group != null && member != null) {
                group.replayCurrent(member, 0, 0, Set.of(), Set.of(), false);
            }
            return;
        }
        GroupRecords.checkVersion(value, GroupRecords.CURRENT, 0);
        int epoch = value.int32();
        int previousEpoch = value.int32();
        value.int8();
        Set<UUID> gone = new HashSet<>();
        Set<TopicPartition> assigned = GroupRecords.readPartitions(value, groups.topics, gone::add);
        Set<TopicPartition> revoking = GroupRecords.readPartitions(value, groups.topics, gone::add);
        ConsumerGroup group = consumerGroup(id);
        group.replayCurrent(group.replayMember(memberId), epoch, previousEpoch, assigned, revoking, !gone.isEmpty());
    }
}
