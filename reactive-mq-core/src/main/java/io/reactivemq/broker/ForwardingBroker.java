package io.reactivemq.broker;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqRuntime;
import io.reactivemq.TopicPartition;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import reactor.core.publisher.Mono;

/**
 * A broker that hands each request on to another, past one hook that sees them all: to count and trace, to limit, or to plant faults in a
 * test. A subclass that has more to say about one request overrides that method too.
 */
public abstract class ForwardingBroker implements Broker {

    private final Broker target;

    protected ForwardingBroker(Broker target) {
        this.target = Objects.requireNonNull(target, "target");
    }

    /**
     * The request on its way to the other broker. It is made when the returned Mono is subscribed.
     *
     * @param request the other broker's answer, not yet subscribed
     */
    protected abstract <T> Mono<T> forward(Mono<T> request);

    @Override
    public MqRuntime runtime() {
        return target.runtime();
    }

    /** The other broker's own: not past the hook. */
    @Override
    public SecurityApi security() {
        return target.security();
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
        return forward(target.append(caller, partition, records, acks));
    }

    @Override
    public Mono<FetchResult> fetch(Caller caller, FetchRequest request) {
        return forward(target.fetch(caller, request));
    }

    @Override
    public Mono<Long> listOffset(Caller caller, TopicPartition partition, OffsetSpec spec) {
        return forward(target.listOffset(caller, partition, spec));
    }

    @Override
    public Mono<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat) {
        return forward(target.heartbeat(caller, heartbeat));
    }

    @Override
    public Mono<Map<TopicPartition, ErrorCode>> commitOffsets(Caller caller, OffsetCommit commit) {
        return forward(target.commitOffsets(caller, commit));
    }

    @Override
    public Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(Caller caller, OffsetFetch fetch) {
        return forward(target.fetchOffsets(caller, fetch));
    }

    @Override
    public Mono<ClassicJoinResult> joinClassic(Caller caller, ClassicJoin join) {
        return forward(target.joinClassic(caller, join));
    }

    @Override
    public Mono<ClassicSyncResult> syncClassic(Caller caller, ClassicSync sync) {
        return forward(target.syncClassic(caller, sync));
    }

    @Override
    public Mono<Void> heartbeatClassic(Caller caller, ClassicHeartbeat heartbeat) {
        return forward(target.heartbeatClassic(caller, heartbeat));
    }

    @Override
    public Mono<ClassicLeaveResult> leaveClassic(Caller caller, ClassicLeave leave) {
        return forward(target.leaveClassic(caller, leave));
    }

    @Override
    public Mono<Map<TopicPartition, ErrorCode>> deleteOffsets(
            Caller caller, String groupId, Collection<TopicPartition> partitions) {
        return forward(target.deleteOffsets(caller, groupId, partitions));
    }

    @Override
    public Mono<List<GroupListing>> listGroups(Caller caller) {
        return forward(target.listGroups(caller));
    }

    @Override
    public Mono<GroupDescription> describeGroup(Caller caller, String groupId) {
        return forward(target.describeGroup(caller, groupId));
    }

    @Override
    public Mono<Void> deleteGroup(Caller caller, String groupId) {
        return forward(target.deleteGroup(caller, groupId));
    }

    @Override
    public Mono<ProducerIdAndEpoch> initProducerId(Caller caller, InitProducerId request) {
        return forward(target.initProducerId(caller, request));
    }

    @Override
    public Mono<Void> addPartitions(
            Caller caller, String transactionalId, ProducerIdAndEpoch producer, Collection<TopicPartition> partitions) {
        return forward(target.addPartitions(caller, transactionalId, producer, partitions));
    }

    @Override
    public Mono<Void> addOffsets(Caller caller, String transactionalId, ProducerIdAndEpoch producer, String groupId) {
        return forward(target.addOffsets(caller, transactionalId, producer, groupId));
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TransactionalAppend append) {
        return forward(target.append(caller, append));
    }

    @Override
    public Mono<Void> commitOffsets(Caller caller, TransactionalOffsetCommit commit) {
        return forward(target.commitOffsets(caller, commit));
    }

    @Override
    public Mono<ProducerIdAndEpoch> endTransaction(Caller caller, EndTransaction end) {
        return forward(target.endTransaction(caller, end));
    }

    @Override
    public Mono<TransactionDescription> describeTransaction(Caller caller, String transactionalId) {
        return forward(target.describeTransaction(caller, transactionalId));
    }

    @Override
    public Mono<List<TransactionDescription>> listTransactions(Caller caller) {
        return forward(target.listTransactions(caller));
    }

    @Override
    public Mono<TopicDescription> createTopic(Caller caller, NewTopic topic) {
        return forward(target.createTopic(caller, topic));
    }

    @Override
    public Mono<Void> deleteTopic(Caller caller, String topic) {
        return forward(target.deleteTopic(caller, topic));
    }

    @Override
    public Mono<List<TopicDescription>> listTopics(Caller caller) {
        return forward(target.listTopics(caller));
    }

    @Override
    public Mono<TopicDescription> describeTopic(Caller caller, String topic) {
        return forward(target.describeTopic(caller, topic));
    }

    @Override
    public Mono<List<ConfigEntry>> describeTopicConfigs(Caller caller, String topic) {
        return forward(target.describeTopicConfigs(caller, topic));
    }

    @Override
    public Mono<TopicDescription> alterTopicConfigs(Caller caller, String topic, List<ConfigChange> changes) {
        return forward(target.alterTopicConfigs(caller, topic, changes));
    }

    @Override
    public Mono<TopicDescription> createPartitions(Caller caller, String topic, int total) {
        return forward(target.createPartitions(caller, topic, total));
    }

    @Override
    public Mono<EpochEnd> epochEnd(Caller caller, TopicPartition partition, int leaderEpoch) {
        return forward(target.epochEnd(caller, partition, leaderEpoch));
    }

    @Override
    public Mono<List<ConfigEntry>> validateTopic(Caller caller, NewTopic topic) {
        return forward(target.validateTopic(caller, topic));
    }

    @Override
    public Mono<Void> validateTopicConfigs(Caller caller, String topic, List<ConfigChange> changes) {
        return forward(target.validateTopicConfigs(caller, topic, changes));
    }

    @Override
    public Mono<Void> validatePartitions(Caller caller, String topic, int total) {
        return forward(target.validatePartitions(caller, topic, total));
    }

    @Override
    public Mono<List<ProducerDescription>> describeProducers(Caller caller, TopicPartition partition) {
        return forward(target.describeProducers(caller, partition));
    }

    @Override
    public Mono<LogDirDescription> describeLogDir(Caller caller) {
        return forward(target.describeLogDir(caller));
    }

    @Override
    public Mono<Long> deleteRecords(Caller caller, TopicPartition partition, RecordsToDelete records) {
        return forward(target.deleteRecords(caller, partition, records));
    }

    @Override
    public Mono<Void> closeGracefully(Duration timeout) {
        return forward(target.closeGracefully(timeout));
    }
}
