package io.reactivemq.group;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
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
import io.reactivemq.coordinator.Deferred;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.topic.Partition;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;

/** The groups of a broker: {@link GroupApi} over the state machine behind {@code __consumer_offsets}. */
public final class GroupService implements GroupApi {

    /** The internal topic of committed offsets, by Kafka's name. */
    public static final String TOPIC = "__consumer_offsets";

    private static final Logger LOG = LoggerFactory.getLogger(GroupService.class);

    /** How often offsets are looked over ({@code offsets.retention.check.interval.ms}). */
    private static final Duration RETENTION_CHECK = Duration.ofMinutes(10);

    private final Disposable.Swap expiry = Disposables.swap();
    private final Coordinator<GroupShard> coordinator;
    private final MqRuntime runtime;

    public GroupService(Partition partition, GroupConfig config, TopicCatalog catalog, MqRuntime runtime) {
        this.runtime = runtime;
        this.coordinator =
                new Coordinator<>(partition, runtime, () -> new GroupShard(config, catalog, runtime.random()));
    }

    /** Replays groups and committed offsets, and looks for those that have expired from then on. */
    public Mono<Void> load() {
        return coordinator
                .handle(groups -> groups.opened(step()))
                .then()
                .doOnSuccess(done -> expiry.update(runtime.timers()
                        .schedulePeriodically(
                                this::expire,
                                RETENTION_CHECK.toMillis(),
                                RETENTION_CHECK.toMillis(),
                                TimeUnit.MILLISECONDS)));
    }

    /** Stops timers, and fails requests that wait for others. */
    public void close() {
        expiry.dispose();
        coordinator.close();
    }

    private void expire() {
        coordinator
                .handle(groups -> groups.expire(step()))
                .subscribe(
                        expired -> {
                            if (expired > 0) {
                                LOG.info("{} committed offsets have expired", expired);
                            }
                        },
                        failure -> LOG.warn("expired offsets were not removed; the next check tries again", failure));
    }

    private Step step() {
        return new Step(runtime.nanoTime(), runtime.currentTimeMillis());
    }

    @Override
    public Mono<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat) {
        return coordinator.handle(groups -> groups.heartbeat(caller, heartbeat, step()));
    }

    @Override
    public Mono<Map<TopicPartition, ErrorCode>> commitOffsets(Caller caller, OffsetCommit commit) {
        return coordinator.handle(groups -> groups.commit(commit, step()));
    }

    /** Hands in offsets that count if and when the transaction is committed. */
    public Mono<Void> commitOffsets(TransactionalOffsetCommit commit) {
        return coordinator
                .handleInTransaction(commit.producer(), groups -> groups.commit(commit, step()))
                .then();
    }

    /** The producer's transaction has ended: its offsets count from now on, or never will. */
    public Mono<Void> endTransaction(ProducerIdAndEpoch producer, TransactionMarker marker, Durability decided) {
        return coordinator.endTransaction(producer, marker, decided);
    }

    @Override
    public Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(Caller caller, OffsetFetch fetch) {
        return coordinator.read(groups -> groups.offsets(fetch));
    }

    @Override
    public Mono<Map<TopicPartition, ErrorCode>> deleteOffsets(
            Caller caller, String groupId, Collection<TopicPartition> partitions) {
        Set<TopicPartition> unwanted = Set.copyOf(partitions);
        return coordinator.handle(groups -> groups.deleteOffsets(groupId, unwanted, step()));
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
        return coordinator.handle(groups -> groups.delete(groupId, step())).then();
    }

    @Override
    public Mono<ClassicJoinResult> joinClassic(Caller caller, ClassicJoin join) {
        return coordinator.handle(groups -> groups.join(caller, join, step())).flatMap(Deferred::response);
    }

    @Override
    public Mono<ClassicSyncResult> syncClassic(Caller caller, ClassicSync sync) {
        return coordinator.handle(groups -> groups.sync(sync, step())).flatMap(Deferred::response);
    }

    @Override
    public Mono<Void> heartbeatClassic(Caller caller, ClassicHeartbeat heartbeat) {
        return coordinator.handle(groups -> groups.heartbeat(heartbeat, step())).then();
    }

    @Override
    public Mono<ClassicLeaveResult> leaveClassic(Caller caller, ClassicLeave leave) {
        return coordinator.handle(groups -> groups.leave(leave, step()));
    }

    /**
     * The offset below which every group that reads the partition is done with it; 0 where no group reads it, since then
     * nobody has.
     */
    public Mono<Long> passedByAll(TopicPartition partition) {
        return coordinator.read(groups -> groups.passedByAll(partition));
    }

    /** A topic is gone: what was committed of it is forgotten, and members of groups have its partitions to release. */
    public Mono<Void> forget(String topic, UUID topicId) {
        return coordinator
                .handle(groups -> groups.forget(topic, topicId, step()))
                .then();
    }
}
