package io.reactivemq.examples.demo;

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
import reactor.core.publisher.Mono;

/**
 * A broker behind a cable that can be pulled. From then on no request arrives and no answer comes back, and neither side is told:
 * what a member sees when its machine loses the network, and what the broker sees when a process is killed.
 */
final class UnpluggableBroker implements Broker {

    private final Broker broker;
    private volatile boolean unplugged;

    UnpluggableBroker(Broker broker) {
        this.broker = broker;
    }

    void unplug() {
        unplugged = true;
    }

    private <T> Mono<T> overTheCable(Mono<T> request) {
        return Mono.defer(() -> unplugged ? Mono.<T>never() : request)
                .flatMap(answer -> unplugged ? Mono.<T>never() : Mono.just(answer))
                .onErrorResume(error -> unplugged ? Mono.never() : Mono.error(error))
                .switchIfEmpty(Mono.defer(() -> unplugged ? Mono.never() : Mono.empty()));
    }

    @Override
    public MqRuntime runtime() {
        return broker.runtime();
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
        return overTheCable(broker.append(caller, partition, records, acks));
    }

    @Override
    public Mono<FetchResult> fetch(Caller caller, FetchRequest request) {
        return overTheCable(broker.fetch(caller, request));
    }

    @Override
    public Mono<Long> listOffset(Caller caller, TopicPartition partition, OffsetSpec spec) {
        return overTheCable(broker.listOffset(caller, partition, spec));
    }

    @Override
    public Mono<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat) {
        return overTheCable(broker.heartbeat(caller, heartbeat));
    }

    @Override
    public Mono<Void> commitOffsets(Caller caller, OffsetCommit commit) {
        return overTheCable(broker.commitOffsets(caller, commit));
    }

    @Override
    public Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(
            Caller caller, String groupId, Collection<TopicPartition> partitions) {
        return overTheCable(broker.fetchOffsets(caller, groupId, partitions));
    }

    @Override
    public Mono<List<String>> listGroups(Caller caller) {
        return overTheCable(broker.listGroups(caller));
    }

    @Override
    public Mono<GroupDescription> describeGroup(Caller caller, String groupId) {
        return overTheCable(broker.describeGroup(caller, groupId));
    }

    @Override
    public Mono<TopicDescription> createTopic(Caller caller, NewTopic topic) {
        return overTheCable(broker.createTopic(caller, topic));
    }

    @Override
    public Mono<Void> deleteTopic(Caller caller, String topic) {
        return overTheCable(broker.deleteTopic(caller, topic));
    }

    @Override
    public Mono<List<TopicDescription>> listTopics(Caller caller) {
        return overTheCable(broker.listTopics(caller));
    }

    @Override
    public Mono<TopicDescription> describeTopic(Caller caller, String topic) {
        return overTheCable(broker.describeTopic(caller, topic));
    }

    @Override
    public Mono<Void> closeGracefully(Duration timeout) {
        return overTheCable(broker.closeGracefully(timeout));
    }
}
