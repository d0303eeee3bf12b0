package io.reactivemq.group;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
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
import io.reactivemq.broker.GroupApi;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.GroupListing;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.coordinator.Coordinator;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.topic.Partition;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import reactor.core.publisher.Mono;

/** The groups of a broker: {@link GroupApi} over the state machine behind {@code __consumer_offsets}. */
public final class GroupService implements GroupApi {

    /** The internal topic of committed offsets, by Kafka's name. */
    public static final String TOPIC = "__consumer_offsets";

    private final Coordinator<GroupShard> coordinator;
    private final MqRuntime runtime;

    public GroupService(Partition partition, GroupConfig config, TopicCatalog catalog, MqRuntime runtime) {
        this.runtime = runtime;
        this.coordinator = new Coordinator<>(partition, runtime, () -> new GroupShard(config, catalog));
    }

    /** Replays the committed offsets. */
    public Mono<Void> load() {
        return coordinator.load();
    }

    public void close() {
        coordinator.close();
    }

    @Override
    public Mono<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat) {
        return coordinator.handle(groups -> groups.heartbeat(caller, heartbeat, runtime.nanoTime()));
    }

    @Override
    public Mono<Void> commitOffsets(Caller caller, OffsetCommit commit) {
        return coordinator
                .handle(groups -> groups.commit(commit, runtime.currentTimeMillis()))
                .then();
    }

    /** Hands in offsets that count if and when the transaction is committed. */
    public Mono<Void> commitOffsets(TransactionalOffsetCommit commit) {
        return coordinator
                .handleInTransaction(commit.producer(), groups -> groups.commit(commit, runtime.currentTimeMillis()))
                .then();
    }

    /** The producer's transaction has ended: its offsets count from now on, or never will. */
    public Mono<Void> endTransaction(ProducerIdAndEpoch producer, TransactionMarker marker) {
        return coordinator.endTransaction(producer, marker);
    }

    @Override
    public Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(Caller caller, OffsetFetch fetch) {
        return coordinator.read(groups -> groups.offsets(fetch));
    }

    @Override
    public Mono<Map<TopicPartition, ErrorCode>> deleteOffsets(
            Caller caller, String groupId, Collection<TopicPartition> partitions) {
        Set<TopicPartition> unwanted = Set.copyOf(partitions);
        return coordinator.handle(groups -> groups.deleteOffsets(groupId, unwanted));
    }

    @Override
    public Mono<List<GroupListing>> listGroups(Caller caller) {
        return coordinator.read(GroupShard::list);
    }

    @Override
    public Mono<GroupDescription> describeGroup(Caller caller, String groupId) {
        return coordinator.read(groups -> groups.describe(groupId));
    }

    @Override
    public Mono<Void> deleteGroup(Caller caller, String groupId) {
        return coordinator.handle(groups -> groups.delete(groupId)).then();
    }

    @Override
    public Mono<ClassicJoinResult> joinClassic(Caller caller, ClassicJoin join) {
        return noClassicGroups();
    }

    @Override
    public Mono<ClassicSyncResult> syncClassic(Caller caller, ClassicSync sync) {
        return noClassicGroups();
    }

    @Override
    public Mono<Void> heartbeatClassic(Caller caller, ClassicHeartbeat heartbeat) {
        return noClassicGroups();
    }

    @Override
    public Mono<ClassicLeaveResult> leaveClassic(Caller caller, ClassicLeave leave) {
        return noClassicGroups();
    }

    private static <T> Mono<T> noClassicGroups() {
        return Mono.error(new MqException(ErrorCode.UNSUPPORTED_VERSION, "groups speak KIP-848 only"));
    }

    /**
     * The offset below which every group that reads the partition is done with it; 0 where no group reads it, since then
     * nobody has.
     */
    public Mono<Long> passedByAll(TopicPartition partition) {
        return coordinator.read(groups -> groups.passedByAll(partition));
    }

    /** Forgets what was committed of a topic that is gone. */
    public Mono<Void> forget(String topic) {
        return coordinator.handle(groups -> groups.forget(topic)).then();
    }
}
