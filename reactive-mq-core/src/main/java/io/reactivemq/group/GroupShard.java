package io.reactivemq.group;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ClassicHeartbeat;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.broker.ClassicJoinResult;
import io.reactivemq.broker.ClassicLeave;
import io.reactivemq.broker.ClassicLeaveResult;
import io.reactivemq.broker.ClassicSync;
import io.reactivemq.broker.ClassicSyncResult;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.GroupListing;
import io.reactivemq.broker.GroupType;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.broker.UnstableOffsetsException;
import io.reactivemq.coordinator.Answer;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import io.reactivemq.coordinator.CoordinatorShard;
import io.reactivemq.coordinator.Deferred;
import io.reactivemq.record.TransactionMarker;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.BiPredicate;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * The state machine of all groups behind one partition of {@code __consumer_offsets}. Pure: time comes in with the step.
 *
 * <p>It finds the group and the state machine for its kind: {@link ConsumerGroups}, {@link ClassicGroups}, {@link MixedGroups} for members of the
 * classic protocol in a group of KIP-848. Those change groups and members as they decide, and write records that say so; committed offsets change
 * as their records are replayed. So after the start the records of groups and members are not replayed again.
 */
final class GroupShard implements CoordinatorShard {

    /** Of a committed offset beside names and note. */
    private static final int OFFSET_OVERHEAD_BYTES = 64;

    /** What deadlines that are due at once may write together: more is left for the next turn. */
    private static final int DEADLINE_RECORDS_MAX = 2_000;

    private final GroupConfig config;
    private final TopicIndex topics;
    private final Groups groups;
    private final GroupOffsets offsets = new GroupOffsets();
    private final PendingOffsets pending = new PendingOffsets();
    private final GroupReplay replay;
    private final ClassicGroups classics;
    private final ConsumerGroups consumers;
    private final MixedGroups mixed;
    private final List<Answer> answers = new ArrayList<>();
    private boolean loaded;

    GroupShard(GroupConfig config, TopicCatalog catalog, RandomGenerator random) {
        this.config = config;
        this.topics = new TopicIndex(catalog);
        this.groups = new Groups(config, topics, random);
        this.replay = new GroupReplay(groups);
        this.classics = new ClassicGroups(groups);
        Migration migration = new Migration(groups, classics);
        this.consumers = new ConsumerGroups(groups, migration);
        this.mixed = new MixedGroups(groups, consumers, migration);
    }

    // ---------------------------------------------------------------- members

    CoordinatorResult<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat, Step step) {
        return result(consumers.heartbeat(Ids.shortened(caller), heartbeat, step), step);
    }

    CoordinatorResult<Deferred<ClassicJoinResult>> join(Caller from, ClassicJoin join, Step step) {
        classics.check(join);
        Caller caller = Ids.shortened(from);
        Group found = groups.find(join.groupId());
        if (found instanceof ConsumerGroup group && group.hasMembers()) {
            return result(mixed.join(group, caller, join, step), step);
        }
        ClassicGroup group = found instanceof ClassicGroup classic ? classic : null;
        if (group == null && !join.memberId().isEmpty()) {
            throw unknown(join.groupId(), join.memberId());
        }
        if (found instanceof ConsumerGroup empty) {
            groups.delete(empty, step);
        }
        return result(classics.join(group, caller, join, step), step);
    }

    CoordinatorResult<Deferred<ClassicSyncResult>> sync(ClassicSync sync, Step step) {
        Group found = groups.find(Ids.requireGroup(sync.groupId()));
        if (found instanceof ConsumerGroup group) {
            return result(mixed.sync(group, sync, step), step);
        }
        if (found instanceof ClassicGroup group) {
            return result(classics.sync(group, sync, step), step);
        }
        throw unknown(sync.groupId(), sync.memberId());
    }

    CoordinatorResult<Boolean> heartbeat(ClassicHeartbeat heartbeat, Step step) {
        Group found = groups.find(Ids.requireGroup(heartbeat.groupId()));
        if (found instanceof ConsumerGroup group) {
            mixed.heartbeat(group, heartbeat, step);
        } else if (found instanceof ClassicGroup group) {
            classics.heartbeat(group, heartbeat, step);
        } else {
            throw unknown(heartbeat.groupId(), heartbeat.memberId());
        }
        return result(Boolean.TRUE, step);
    }

    CoordinatorResult<ClassicLeaveResult> leave(ClassicLeave leave, Step step) {
        Ids.requireGroup(leave.groupId());
        List<ClassicLeaveResult.Member> results = new ArrayList<>();
        for (ClassicLeave.Member who : leave.members()) {
            ErrorCode error = null;
            try {
                // found anew each time: one that leaves may change the group's kind
                Group found = groups.find(leave.groupId());
                if (found instanceof ConsumerGroup group) {
                    mixed.leave(group, who, step);
                } else if (found instanceof ClassicGroup group) {
                    classics.leave(group, who, step);
                } else {
                    error = ErrorCode.UNKNOWN_MEMBER_ID;
                }
            } catch (MqException e) {
                error = e.errorCode();
            }
            results.add(new ClassicLeaveResult.Member(who.memberId(), who.instanceId(), error));
        }
        return result(new ClassicLeaveResult(results), step);
    }

    private static MqException unknown(String groupId, String memberId) {
        return new MqException(
                ErrorCode.UNKNOWN_MEMBER_ID,
                "group " + groupId + " has no member " + memberId + "; it was removed or has left: join anew");
    }

    private <R> CoordinatorResult<R> result(R response, Step step) {
        answers.addAll(step.answers);
        return new CoordinatorResult<>(step.records, response);
    }

    /** Of any number of records, that hold each for itself: what a crash leaves out is done again, when the broker opens or by the next round. */
    private <R> CoordinatorResult<R> inPieces(R response, Step step) {
        answers.addAll(step.answers);
        return new CoordinatorResult<>(step.records, response, false);
    }

    // ---------------------------------------------------------------- offsets

    CoordinatorResult<Map<TopicPartition, ErrorCode>> commit(OffsetCommit commit, Step step) {
        String groupId = commit.groupId();
        checkCommitter(groupId, commit.memberId(), commit.instanceId(), commit.memberEpoch(), false, step);
        Duration retention = commit.retention();
        long expireMs = retention == null ? StoredOffset.UNTIL_RETENTION : step.millis + retention.toMillis();
        Map<TopicPartition, CommittedOffset> taken = new HashMap<>(commit.offsets());
        Map<TopicPartition, MqException> refused = refused(groupId, commit.memberId(), commit.instanceId(), taken);
        taken.keySet().removeAll(refused.keySet());
        writeOffsets(groupId, taken, expireMs, step);
        Map<TopicPartition, ErrorCode> codes = new HashMap<>();
        refused.forEach((partition, error) -> codes.put(partition, error.errorCode()));
        return result(codes, step);
    }

    /**
     * As {@link #commit(OffsetCommit, Step)}, in a transaction, and all of them or none; a committer that names no member is not checked, as with Kafka, and one at another
     * epoch gets {@code ILLEGAL_GENERATION} in both protocols: producers know no other code for it.
     */
    CoordinatorResult<Boolean> commit(TransactionalOffsetCommit commit, Step step) {
        if (!commit.memberId().isEmpty() || commit.groupInstanceId() != null || commit.memberEpoch() >= 0) {
            checkCommitter(
                    commit.groupId(), commit.memberId(), commit.groupInstanceId(), commit.memberEpoch(), true, step);
        }
        String groupId = Ids.requireGroup(commit.groupId());
        for (MqException refused : refused(groupId, commit.memberId(), commit.groupInstanceId(), commit.offsets())
                .values()) {
            throw refused;
        }
        writeOffsets(groupId, commit.offsets(), StoredOffset.UNTIL_RETENTION, step);
        return result(Boolean.TRUE, step);
    }

    private void writeOffsets(
            String groupId, Map<TopicPartition, CommittedOffset> committed, long expireMs, Step step) {
        long bytes = 0;
        int groupBytes = Ids.bytes(groupId);
        for (Map.Entry<TopicPartition, CommittedOffset> one : committed.entrySet()) {
            bytes += OFFSET_OVERHEAD_BYTES
                    + groupBytes
                    + one.getKey().topic().length()
                    + Ids.bytes(one.getValue().metadata());
        }
        if (bytes > GroupConfig.RECORD_BYTES_MAX) {
            throw new MqException(
                    ErrorCode.INVALID_COMMIT_OFFSET_SIZE,
                    "group " + groupId + ": the offsets of one commit may have " + GroupConfig.RECORD_BYTES_MAX
                            + " bytes, have " + bytes);
        }
        committed.forEach((partition, offset) ->
                step.write(OffsetRecords.commit(groupId, partition, new StoredOffset(offset, step.millis, expireMs))));
    }

    /** Whether who commits may: a member in its epoch or generation, or anybody while there are no members. */
    private void checkCommitter(
            String groupId, String memberId, @Nullable String instanceId, int epoch, boolean transactional, Step step) {
        Group group = groups.find(Ids.requireGroup(groupId));
        if (memberId.isEmpty() && instanceId == null && epoch < 0) {
            if (group != null && group.hasMembers()) {
                throw new MqException(
                        ErrorCode.UNKNOWN_MEMBER_ID,
                        "group " + groupId + " has members; a commit from outside is taken only while it has none");
            }
        } else if (!isThere(groupId)) {
            checkNoGroup(groupId, epoch, transactional);
        } else if (group instanceof ClassicGroup classic) {
            classics.checkCommit(classic, memberId, instanceId, epoch, transactional, step);
        } else {
            checkEpoch(group, groupId, memberId, instanceId, epoch, transactional);
        }
    }

    /**
     * A commit to a group that is not there. Its codes are Kafka's: producers, and clients that speak OffsetCommit before version 9, do not know that
     * of a group that is not found, and are told of a generation.
     */
    private static void checkNoGroup(String groupId, int epoch, boolean transactional) {
        if (epoch >= 0) {
            throw new MqException(
                    transactional ? ErrorCode.ILLEGAL_GENERATION : ErrorCode.GROUP_ID_NOT_FOUND,
                    "there is no group '" + groupId + "', a member at epoch " + epoch + " commits offsets");
        }
    }

    private void checkEpoch(
            @Nullable Group found,
            String groupId,
            String memberId,
            @Nullable String instanceId,
            int epoch,
            boolean transactional) {
        ConsumerGroup group = found instanceof ConsumerGroup consumers ? consumers : new ConsumerGroup(groupId, topics);
        ConsumerMember member = group.require(memberId, instanceId);
        if (member.epoch != epoch) {
            throw new MqException(
                    member.classic == null && !transactional
                            ? ErrorCode.STALE_MEMBER_EPOCH
                            : ErrorCode.ILLEGAL_GENERATION,
                    "member " + member.id + " of group " + groupId + " is at epoch " + member.epoch + ", it says "
                            + epoch);
        }
    }

    /** Those of the offsets that can't be committed, and why. */
    private Map<TopicPartition, MqException> refused(
            String groupId,
            String memberId,
            @Nullable String instanceId,
            Map<TopicPartition, CommittedOffset> committed) {
        Set<TopicPartition> gone = Set.of();
        if (groups.find(groupId) instanceof ConsumerGroup group && !(memberId.isEmpty() && instanceId == null)) {
            gone = group.requireInStep(memberId, instanceId).gone.keySet();
        }
        Map<TopicPartition, MqException> refused = new TreeMap<>();
        for (Map.Entry<TopicPartition, CommittedOffset> one : committed.entrySet()) {
            MqException error = errorOf(groupId, one.getKey(), one.getValue(), gone);
            if (error != null) {
                refused.put(one.getKey(), error);
            }
        }
        return refused;
    }

    private @Nullable MqException errorOf(
            String groupId, TopicPartition partition, CommittedOffset offset, Set<TopicPartition> gone) {
        if (gone.contains(partition)) {
            return new MqException(
                    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                    "group " + groupId + " commits an offset that it has of " + partition
                            + " from before the topic was deleted");
        }
        if (partition.partition() >= topics.partitionCount(partition.topic())) {
            return new MqException(
                    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                    "group " + groupId + " commits an offset of " + partition + ", which does not exist");
        }
        int bytes = Ids.bytes(offset.metadata());
        if (bytes > GroupConfig.METADATA_BYTES_MAX) {
            return new MqException(
                    ErrorCode.OFFSET_METADATA_TOO_LARGE,
                    "group " + groupId + ", " + partition + ": the metadata of a commit may have "
                            + GroupConfig.METADATA_BYTES_MAX + " bytes, has " + bytes);
        }
        return null;
    }

    Map<TopicPartition, CommittedOffset> offsets(OffsetFetch fetch) {
        String groupId = fetch.groupId();
        if (!fetch.memberId().isEmpty()) {
            Group group = groups.find(groupId);
            if (group instanceof ClassicGroup classic) {
                classic.require(fetch.memberId(), null);
            } else {
                checkEpoch(group, groupId, fetch.memberId(), null, fetch.memberEpoch(), false);
            }
        }
        Set<TopicPartition> wanted = fetch.partitions();
        Map<TopicPartition, CommittedOffset> found = new HashMap<>();
        if (wanted == null) {
            offsets.of(groupId).forEach((partition, stored) -> found.put(partition, stored.offset()));
        } else {
            for (TopicPartition partition : wanted) {
                StoredOffset stored = offsets.of(groupId, partition);
                if (stored != null) {
                    found.put(partition, stored.offset());
                }
            }
        }
        Set<TopicPartition> unstable = fetch.requireStable() ? pending.unstable(fetch) : Set.of();
        if (!unstable.isEmpty()) {
            found.keySet().removeAll(unstable);
            throw new UnstableOffsetsException(groupId, unstable, found);
        }
        return found;
    }

    /** Forgets what is committed of some partitions, but for those of topics that members subscribe to. */
    CoordinatorResult<Map<TopicPartition, ErrorCode>> deleteOffsets(
            String groupId, Set<TopicPartition> partitions, Step step) {
        requireThere(groupId);
        Group group = groups.find(groupId);
        if (group instanceof ClassicGroup classic && classic.hasMembers() && !classic.isOfConsumers()) {
            throw nonEmpty(groupId);
        }
        Map<TopicPartition, ErrorCode> refused = new HashMap<>();
        for (TopicPartition partition : partitions) {
            if (group != null && group.hasSubscriber(partition.topic())) {
                refused.put(partition, ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC);
            } else if (offsets.of(groupId, partition) != null
                    || pending.has(new OffsetRecords.Key(groupId, partition))) {
                step.write(OffsetRecords.tombstone(groupId, partition));
            }
        }
        return result(refused, step);
    }

    /** A topic is gone: forgets what was committed of it, in transactions that are open, too, and takes it from the members of groups. */
    CoordinatorResult<Boolean> forget(String topic, UUID topicId, Step step) {
        forget((groupId, partition) -> partition.topic().equals(topic), step);
        for (Group group : groups.all()) {
            if (group instanceof ConsumerGroup consumer) {
                consumer.topicGone(topic, topicId, step);
            }
        }
        return inPieces(Boolean.TRUE, step);
    }

    private void forget(BiPredicate<String, TopicPartition> which, Step step) {
        Set<OffsetRecords.Key> unwanted = new LinkedHashSet<>();
        for (String groupId : offsets.groups()) {
            for (TopicPartition partition : offsets.of(groupId).keySet()) {
                if (which.test(groupId, partition)) {
                    unwanted.add(new OffsetRecords.Key(groupId, partition));
                }
            }
        }
        unwanted.addAll(pending.keys(key -> which.test(key.group(), key.partition())));
        unwanted.forEach(key -> step.write(OffsetRecords.tombstone(key.group(), key.partition())));
    }

    /**
     * The offset that every group that reads the partition has passed; 0 where a group reads it and has committed nothing, or
     * where no group is known to read it.
     */
    long passedByAll(TopicPartition partition) {
        long passed = Long.MAX_VALUE;
        for (String groupId : offsets.groups()) {
            StoredOffset stored = offsets.of(groupId, partition);
            if (stored != null) {
                passed = Math.min(passed, stored.offset().offset());
            }
        }
        for (Group group : groups.all()) {
            if (offsets.of(group.id(), partition) == null && group.hasSubscriber(partition.topic())) {
                return 0;
            }
        }
        return passed == Long.MAX_VALUE ? 0 : passed;
    }

    // ---------------------------------------------------------------- administration

    List<GroupListing> list() {
        Set<String> ids = new TreeSet<>(offsets.groups());
        groups.all().forEach(group -> ids.add(group.id()));
        List<GroupListing> all = new ArrayList<>(ids.size());
        for (String id : ids) {
            Group group = groups.find(id);
            all.add(
                    group == null
                            ? new GroupListing(id, GroupType.CLASSIC, GroupDescription.State.EMPTY, "")
                            : new GroupListing(id, group.type(), group.state(), group.protocolType()));
        }
        return all;
    }

    GroupDescription describe(String groupId) {
        requireThere(groupId);
        Group group = groups.find(groupId);
        return group != null
                ? group.describe()
                : new GroupDescription(
                        groupId, GroupType.CLASSIC, GroupDescription.State.EMPTY, "", "", 0, 0, List.of());
    }

    private boolean isThere(String groupId) {
        return groups.find(groupId) != null
                || offsets.has(groupId)
                || !pending.keys(key -> key.group().equals(groupId)).isEmpty();
    }

    private void requireThere(String groupId) {
        if (!isThere(groupId)) {
            throw new MqException(ErrorCode.GROUP_ID_NOT_FOUND, "there is no group '" + groupId + "'");
        }
    }

    private static MqException nonEmpty(String groupId) {
        return new MqException(
                ErrorCode.NON_EMPTY_GROUP, "group " + groupId + " has members; this can be done when they have left");
    }

    /** The broker has been opened, and serves from now on. A topic may have been deleted just before it stopped. */
    CoordinatorResult<Boolean> opened(Step step) {
        forget((groupId, partition) -> topics.partitionCount(partition.topic()) == 0, step);
        for (Group group : List.copyOf(groups.all())) {
            if (group instanceof ConsumerGroup consumer) {
                consumers.forgetEmbedded(consumer, step);
            }
        }
        return inPieces(Boolean.TRUE, step);
    }

    /** Deletes a group without members, and its offsets. */
    CoordinatorResult<Boolean> delete(String groupId, Step step) {
        requireThere(groupId);
        Group group = groups.find(groupId);
        if (group != null && group.hasMembers()) {
            throw nonEmpty(groupId);
        }
        forget((id, partition) -> id.equals(groupId), step);
        if (group != null) {
            groups.delete(group, step);
        }
        return inPieces(Boolean.TRUE, step);
    }

    /** Forgets offsets that nobody has used for the retention, and groups that have neither members nor offsets. */
    CoordinatorResult<Integer> expire(Step step) {
        int expired = 0;
        Set<String> withoutOffsets = new TreeSet<>();
        groups.all().forEach(group -> withoutOffsets.add(group.id()));
        for (String groupId : offsets.groups()) {
            Group group = groups.find(groupId);
            int left = 0;
            for (Map.Entry<TopicPartition, StoredOffset> entry :
                    offsets.of(groupId).entrySet()) {
                TopicPartition partition = entry.getKey();
                boolean used = group != null && group.hasSubscriber(partition.topic());
                // one that a transaction is about to move is in use: its tombstone would undo the move
                boolean moves = pending.has(new OffsetRecords.Key(groupId, partition));
                if (!used && !moves && expiresMs(entry.getValue(), group) <= step.millis) {
                    step.write(OffsetRecords.tombstone(groupId, partition));
                    expired++;
                } else {
                    left++;
                }
            }
            if (left > 0) {
                withoutOffsets.remove(groupId);
            }
        }
        for (String groupId : withoutOffsets) {
            Group group = groups.find(groupId);
            if (group != null && !group.hasMembers() && !(group instanceof ClassicGroup c && !c.pending.isEmpty())) {
                groups.delete(group, step);
            }
        }
        return inPieces(expired, step);
    }

    private long expiresMs(StoredOffset stored, @Nullable Group group) {
        if (stored.expireMs() != StoredOffset.UNTIL_RETENTION) {
            return stored.expireMs();
        }
        long unusedSince = Math.max(stored.commitMs(), group == null ? 0 : group.emptySinceMs());
        return unusedSince + config.offsetsRetention().toMillis();
    }

    // ---------------------------------------------------------------- the coordinator's side

    @Override
    public void replay(ByteBuffer key, @Nullable ByteBuffer value) {
        OffsetRecords.Key about = OffsetRecords.readKey(key.duplicate());
        if (about == null) {
            if (!loaded) {
                replay.apply(key, value);
            }
            return;
        }
        pending.superseded(about);
        if (value == null) {
            offsets.remove(about);
        } else {
            offsets.put(about, OffsetRecords.readValue(value));
        }
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
        pending.end(producerId, outcome, offsets::put);
    }

    @Override
    public void loaded(long nowNanos, long nowMs) {
        loaded = true;
        Step step = new Step(nowNanos, nowMs);
        for (Group group : groups.all()) {
            if (group instanceof ConsumerGroup consumer) {
                consumers.resume(consumer, step);
            } else if (group instanceof ClassicGroup classic) {
                classic.members().forEach(member -> classics.arm(classic, member, member.sessionTimeout, step));
            }
        }
    }

    @Override
    public List<Answer> takeAnswers() {
        if (answers.isEmpty()) {
            return List.of();
        }
        List<Answer> taken = List.copyOf(answers);
        answers.clear();
        return taken;
    }

    @Override
    public void unloaded(MqException error) {
        takeAnswers().forEach(answer -> answer.fail(error));
        for (Group group : groups.all()) {
            if (group instanceof ClassicGroup classic) {
                ClassicGroups.failAll(classic, error);
            }
        }
    }

    @Override
    public long nextDeadlineNanos() {
        return groups.timers.next();
    }

    @Override
    public List<CoordinatorRecord> onDeadline(long nowNanos, long nowMs) {
        Step step = new Step(nowNanos, nowMs);
        groups.timers.run(step, DEADLINE_RECORDS_MAX);
        answers.addAll(step.answers);
        return step.records;
    }
}
