package io.reactivemq.consume;

import io.reactivemq.MqRuntime;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.TopicDescription;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import reactor.core.publisher.Mono;

/** A broker behind a cable: once it is cut, nothing arrives and nothing is answered. */
record SilentBroker(Broker broker, BooleanSupplier cut) implements Broker {

    private <T> Mono<T> through(Mono<T> request) {
        return Mono.defer(() -> cut.getAsBoolean() ? Mono.never() : request);
    }

    @Override
    public MqRuntime runtime() {
        return broker.runtime();
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
        return through(broker.append(caller, partition, records, acks));
    }

    @Override
    public Mono<FetchResult> fetch(Caller caller, FetchRequest request) {
        return through(broker.fetch(caller, request));
    }

    @Override
    public Mono<Long> listOffset(Caller caller, TopicPartition partition, OffsetSpec spec) {
        return through(broker.listOffset(caller, partition, spec));
    }

    @Override
    public Mono<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat) {
        return through(broker.heartbeat(caller, heartbeat));
    }

    @Override
    public Mono<Void> commitOffsets(Caller caller, OffsetCommit commit) {
        return through(broker.commitOffsets(caller, commit));
    }

    @Override
    public Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(
            Caller caller, String groupId, Collection<TopicPartition> partitions) {
        return through(broker.fetchOffsets(caller, groupId, partitions));
    }

    @Override
    public Mono<List<String>> listGroups(Caller caller) {
        return through(broker.listGroups(caller));
    }

    @Override
    public Mono<GroupDescription> describeGroup(Caller caller, String groupId) {
        return through(broker.describeGroup(caller, groupId));
    }

    @Override
    public Mono<TopicDescription> createTopic(Caller caller, NewTopic topic) {
        return through(broker.createTopic(caller, topic));
    }

    @Override
    public Mono<Void> deleteTopic(Caller caller, String topic) {
        return through(broker.deleteTopic(caller, topic));
    }

    @Override
    public Mono<List<TopicDescription>> listTopics(Caller caller) {
        return through(broker.listTopics(caller));
    }

    @Override
    public Mono<TopicDescription> describeTopic(Caller caller, String topic) {
        return through(broker.describeTopic(caller, topic));
    }

    @Override
    public Mono<Void> closeGracefully(Duration timeout) {
        return through(broker.closeGracefully(timeout));
    }
}
