package io.reactivemq.group;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.assign.Assignor;
import io.reactivemq.assign.Assignors;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.GroupListing;
import io.reactivemq.broker.GroupType;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import io.reactivemq.coordinator.CoordinatorShard;
import io.reactivemq.record.TransactionMarker;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The state machine of all groups behind one partition of {@code __consumer_offsets}. Pure: time comes in with the call.
 *
 * <p>Committed offsets change by replayed records only. Members are soft state: they are gone after a replay and their clients,
 * answered {@code UNKNOWN_MEMBER_ID}, join anew.
 */
final class GroupShard implements CoordinatorShard {

    private static final Logger LOG = LoggerFactory.getLogger(GroupShard.class);

    private final GroupConfig config;
    private final TopicCatalog catalog;
    private final Map<String, Assignor> assignors = Map.of("range", Assignors.range());
    private final Map<String, Group> groups = new TreeMap<>();

    private final PendingOffsets pending = new PendingOffsets();

    /** One valid entry a member; see {@link Member#queuedDeadline}. */
    private final PriorityQueue<Deadline> deadlines = new PriorityQueue<>(Comparator.comparingLong(Deadline::nanos));

    GroupShard(GroupConfig config, TopicCatalog catalog) {
        this.config = config;
        this.catalog = catalog;
    }

    CoordinatorResult<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat, long nowNanos) {
        Assignor assignor = assignor(heartbeat);
        Group group = groups.computeIfAbsent(requireId(heartbeat.groupId()), Group::new);
        try {
            return CoordinatorResult.of(heartbeat(group, caller, heartbeat, assignor, nowNanos));
        } finally {
            if (group.isEmpty()) {
                groups.remove(group.id);
            }
        }
    }

    private GroupHeartbeatResult heartbeat(
            Group group, Caller caller, GroupHeartbeat heartbeat, Assignor assignor, long nowNanos) {
        boolean joins = heartbeat.memberEpoch() == GroupHeartbeat.JOIN;
        Member member;
        if (joins) {
            member = group.join(caller, heartbeat);
        } else {
            member = group.requireMember(heartbeat.memberId());
            if (heartbeat.memberEpoch() == GroupHeartbeat.LEAVE) {
                group.remove(member);
                return new GroupHeartbeatResult(member.id, GroupHeartbeat.LEAVE, config.heartbeatInterval(), null);
            }
            group.checkEpoch(member, heartbeat);
            group.update(member, heartbeat);
        }
        group.refreshTarget(assignor, catalog);
        boolean changed = group.reconcile(member, heartbeat.owned(), nowNanos);
        member.sessionDeadline = nowNanos + config.sessionTimeout().toNanos();
        queueDeadline(group, member);
        // who says what it owns is told what it shall own: its knowledge may be old
        boolean tell = joins || changed || heartbeat.owned() != null;
        Duration next = config.nextHeartbeat(group.isSettled(member));
        return new GroupHeartbeatResult(member.id, member.epoch, next, tell ? member.assigned : null);
    }

    private Assignor assignor(GroupHeartbeat heartbeat) {
        String name = heartbeat.assignor() == null ? "range" : heartbeat.assignor();
        Assignor assignor = assignors.get(name);
        if (assignor == null) {
            throw new MqException(
                    ErrorCode.UNSUPPORTED_ASSIGNOR,
                    "group " + heartbeat.groupId() + ": expected an assignor of " + assignors.keySet() + ", was "
                            + name);
        }
        return assignor;
    }

    CoordinatorResult<Boolean> commit(OffsetCommit commit, long nowMs) {
        String groupId = requireId(commit.groupId());
        Group group = groups.get(groupId);
        if (commit.memberId().isEmpty()) {
            if (group != null && group.hasMembers()) {
                throw new MqException(
                        ErrorCode.UNKNOWN_MEMBER_ID,
                        "group " + groupId + " has members; a commit from outside is taken only while it has none");
            }
        } else {
            checkEpoch(groupId, group, commit.memberId(), commit.memberEpoch());
        }
        return committed(groupId, commit.offsets(), nowMs);
    }

    /** As {@link #commit}, in a transaction; a committer that names no member is not checked, as with Kafka. */
    CoordinatorResult<Boolean> commit(TransactionalOffsetCommit commit, long nowMs) {
        String groupId = requireId(commit.groupId());
        if (!commit.memberId().isEmpty()) {
            checkEpoch(groupId, groups.get(groupId), commit.memberId(), commit.memberEpoch());
        }
        return committed(groupId, commit.offsets(), nowMs);
    }

    private CoordinatorResult<Boolean> committed(
            String groupId, Map<TopicPartition, CommittedOffset> offsets, long nowMs) {
        List<CoordinatorRecord> records = new ArrayList<>();
        offsets.forEach((partition, offset) -> {
            check(groupId, partition, offset);
            records.add(OffsetRecords.commit(groupId, partition, offset, nowMs));
        });
        return new CoordinatorResult<>(records, Boolean.TRUE);
    }

    private void check(String groupId, TopicPartition partition, CommittedOffset offset) {
        if (partition.partition() >= catalog.partitionCount(partition.topic())) {
            throw new MqException(
                    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                    "group " + groupId + " commits an offset of " + partition + ", which does not exist");
        }
        int bytes = offset.metadata().getBytes(StandardCharsets.UTF_8).length;
        if (bytes > GroupConfig.METADATA_BYTES_MAX) {
            throw new MqException(
                    ErrorCode.OFFSET_METADATA_TOO_LARGE,
                    "group " + groupId + ", " + partition + ": the metadata of a commit may have "
                            + GroupConfig.METADATA_BYTES_MAX + " bytes, has " + bytes);
        }
    }

    Map<TopicPartition, CommittedOffset> offsets(OffsetFetch fetch) {
        Group group = groups.get(fetch.groupId());
        if (!fetch.memberId().isEmpty()) {
            checkEpoch(fetch.groupId(), group, fetch.memberId(), fetch.memberEpoch());
        }
        if (fetch.requireStable() && pending.isUnstable(fetch)) {
            throw new MqException(
                    ErrorCode.UNSTABLE_OFFSET_COMMIT,
                    "group " + fetch.groupId()
                            + ": a transaction that has not ended has committed an offset: ask again");
        }
        if (group == null) {
            return Map.of();
        }
        Set<TopicPartition> wanted = fetch.partitions();
        if (wanted == null) {
            return Map.copyOf(group.offsets);
        }
        Map<TopicPartition, CommittedOffset> found = new HashMap<>();
        for (TopicPartition partition : wanted) {
            CommittedOffset offset = group.offsets.get(partition);
            if (offset != null) {
                found.put(partition, offset);
            }
        }
        return found;
    }

    private static void checkEpoch(String groupId, @Nullable Group group, String memberId, int epoch) {
        Member member = (group == null ? new Group(groupId) : group).requireMember(memberId);
        if (member.epoch != epoch) {
            throw new MqException(
                    ErrorCode.STALE_MEMBER_EPOCH,
                    "member " + member.id + " of group " + groupId + " is at epoch " + member.epoch + ", it says "
                            + epoch + "; nothing was committed");
        }
    }

    /** Forgets what is committed of some partitions, but for those of topics that members subscribe to. */
    CoordinatorResult<Map<TopicPartition, ErrorCode>> deleteOffsets(String groupId, Set<TopicPartition> partitions) {
        Group group = require(groupId);
        List<CoordinatorRecord> records = new ArrayList<>();
        Map<TopicPartition, ErrorCode> refused = new HashMap<>();
        for (TopicPartition partition : partitions) {
            if (group.hasSubscriber(partition.topic())) {
                refused.put(partition, ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC);
            } else if (group.offsets.containsKey(partition)) {
                records.add(OffsetRecords.tombstone(groupId, partition));
            }
        }
        return new CoordinatorResult<>(records, refused);
    }

    /** Deletes a group without members. */
    CoordinatorResult<Boolean> delete(String groupId) {
        Group group = require(groupId);
        if (group.hasMembers()) {
            throw new MqException(
                    ErrorCode.NON_EMPTY_GROUP,
                    "group " + groupId + " has members; it can be deleted when they have left");
        }
        List<CoordinatorRecord> records = new ArrayList<>();
        group.offsets.keySet().forEach(partition -> records.add(OffsetRecords.tombstone(groupId, partition)));
        return new CoordinatorResult<>(records, Boolean.TRUE);
    }

    List<GroupListing> list() {
        return groups.values().stream()
                .map(group -> new GroupListing(group.id, GroupType.CONSUMER, group.state(), "consumer"))
                .toList();
    }

    private Group require(String groupId) {
        Group group = groups.get(groupId);
        if (group == null) {
            throw new MqException(ErrorCode.GROUP_ID_NOT_FOUND, "there is no group '" + groupId + "'");
        }
        return group;
    }

    GroupDescription describe(String groupId) {
        return require(groupId).describe();
    }

    /**
     * The offset that every group that reads the partition has passed; 0 where a group reads it and has committed nothing, or
     * where no group is known to read it.
     */
    long passedByAll(TopicPartition partition) {
        long passed = Long.MAX_VALUE;
        for (Group group : groups.values()) {
            CommittedOffset offset = group.offsets.get(partition);
            if (offset != null) {
                passed = Math.min(passed, offset.offset());
            } else if (group.hasSubscriber(partition.topic())) {
                return 0;
            }
        }
        return passed == Long.MAX_VALUE ? 0 : passed;
    }

    /** Forgets what was committed of a topic that is gone. */
    CoordinatorResult<Boolean> forget(String topic) {
        List<CoordinatorRecord> records = new ArrayList<>();
        for (Group group : groups.values()) {
            for (TopicPartition partition : group.offsets.keySet()) {
                if (partition.topic().equals(topic)) {
                    records.add(OffsetRecords.tombstone(group.id, partition));
                }
            }
        }
        return new CoordinatorResult<>(records, Boolean.TRUE);
    }

    @Override
    public void replay(ByteBuffer key, @Nullable ByteBuffer value) {
        OffsetRecords.Key about = OffsetRecords.readKey(key);
        if (about == null) {
            return;
        }
        pending.superseded(about);
        if (value != null) {
            put(about, OffsetRecords.readValue(value));
            return;
        }
        Group group = groups.get(about.group());
        if (group != null) {
            group.offsets.remove(about.partition());
            if (group.isEmpty()) {
                groups.remove(group.id);
            }
        }
    }

    private void put(OffsetRecords.Key about, CommittedOffset offset) {
        groups.computeIfAbsent(about.group(), Group::new).offsets.put(about.partition(), offset);
    }

    @Override
    public void replayTransactional(long producerId, ByteBuffer key, @Nullable ByteBuffer value) {
        OffsetRecords.Key about = OffsetRecords.readKey(key);
        if (about != null && value != null) {
            pending.add(producerId, about, OffsetRecords.readValue(value));
        }
    }

    @Override
    public void replayEnd(long producerId, TransactionMarker.Outcome outcome) {
        pending.end(producerId, outcome, this::put);
    }

    @Override
    public long nextDeadlineNanos() {
        Deadline next = deadlines.peek();
        return next == null ? NEVER : next.nanos;
    }

    @Override
    public List<CoordinatorRecord> onDeadline(long nowNanos) {
        for (Deadline due = deadlines.peek(); due != null && due.nanos <= nowNanos; due = deadlines.peek()) {
            deadlines.remove();
            Group group = groups.get(due.groupId);
            Member member = group == null ? null : group.member(due.memberId);
            if (group == null || member == null || member.queuedDeadline != due.nanos) {
                continue;
            }
            member.queuedDeadline = NEVER;
            if (member.deadline() > nowNanos) {
                queueDeadline(group, member);
                continue;
            }
            LOG.info(
                    "group {}: member {} ({}) is removed: {}",
                    group.id,
                    member.id,
                    member.caller.clientId(),
                    member.sessionDeadline <= nowNanos
                            ? "no heartbeat within " + config.sessionTimeout()
                            : "it did not release " + member.revoking + " within " + member.rebalanceTimeout);
            group.remove(member);
            if (group.isEmpty()) {
                groups.remove(group.id);
            }
        }
        return List.of();
    }

    /** Sees to it that the queue has an entry no later than the member's deadline. */
    private void queueDeadline(Group group, Member member) {
        if (member.deadline() < member.queuedDeadline) {
            member.queuedDeadline = member.deadline();
            deadlines.add(new Deadline(member.queuedDeadline, group.id, member.id));
        }
    }

    private static String requireId(String groupId) {
        if (groupId.isEmpty()) {
            throw new MqException(ErrorCode.INVALID_GROUP_ID, "a group's id must not be empty");
        }
        return groupId;
    }

    private record Deadline(long nanos, String groupId, String memberId) {}
}
