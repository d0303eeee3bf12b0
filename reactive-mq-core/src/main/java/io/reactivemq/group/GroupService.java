package io.reactivemq.group;

import io.reactivemq.MqRuntime;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupApi;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.coordinator.Coordinator;
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

    @Override
    public Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(
            Caller caller, String groupId, Collection<TopicPartition> partitions) {
        Set<TopicPartition> wanted = Set.copyOf(partitions);
        return coordinator.read(groups -> groups.offsets(groupId, wanted));
    }

    @Override
    public Mono<List<String>> listGroups(Caller caller) {
        return coordinator.read(GroupShard::list);
    }

    @Override
    public Mono<GroupDescription> describeGroup(Caller caller, String groupId) {
        return coordinator.read(groups -> groups.describe(groupId));
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
