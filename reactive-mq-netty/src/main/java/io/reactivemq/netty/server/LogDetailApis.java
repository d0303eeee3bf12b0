package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.LogDirDescription;
import io.reactivemq.broker.ProducerDescription;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.DescribeLogDirsRequestData;
import io.reactivemq.kafka.common.message.DescribeLogDirsRequestData.DescribableLogDirTopic;
import io.reactivemq.kafka.common.message.DescribeLogDirsResponseData;
import io.reactivemq.kafka.common.message.DescribeLogDirsResponseData.DescribeLogDirsPartition;
import io.reactivemq.kafka.common.message.DescribeLogDirsResponseData.DescribeLogDirsResult;
import io.reactivemq.kafka.common.message.DescribeLogDirsResponseData.DescribeLogDirsTopic;
import io.reactivemq.kafka.common.message.DescribeProducersRequestData;
import io.reactivemq.kafka.common.message.DescribeProducersResponseData;
import io.reactivemq.kafka.common.message.DescribeProducersResponseData.PartitionResponse;
import io.reactivemq.kafka.common.message.DescribeProducersResponseData.ProducerState;
import io.reactivemq.kafka.common.message.DescribeProducersResponseData.TopicResponse;
import io.reactivemq.kafka.common.message.OffsetForLeaderEpochRequestData;
import io.reactivemq.kafka.common.message.OffsetForLeaderEpochResponseData;
import io.reactivemq.kafka.common.message.OffsetForLeaderEpochResponseData.EpochEndOffset;
import io.reactivemq.kafka.common.message.OffsetForLeaderEpochResponseData.OffsetForLeaderTopicResult;
import io.reactivemq.netty.protocol.ProtocolError;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * What a log is made of: OffsetForLeaderEpoch, DescribeProducers, DescribeLogDirs. Clients are not told a partition's leader epoch by Metadata, so what
 * they say it is now is not compared.
 */
final class LogDetailApis {

    private final Broker broker;

    LogDetailApis(Broker broker) {
        this.broker = broker;
    }

    void register(ApiTable apis) {
        apis.serve(
                ApiMessageType.OFFSET_FOR_LEADER_EPOCH, 2, 4, OffsetForLeaderEpochRequestData.class, this::epochEnds);
        apis.serve(ApiMessageType.DESCRIBE_PRODUCERS, 0, 0, DescribeProducersRequestData.class, this::producers);
        apis.serve(ApiMessageType.DESCRIBE_LOG_DIRS, 1, 5, DescribeLogDirsRequestData.class, this::logDirs);
    }

    private Mono<OffsetForLeaderEpochResponseData> epochEnds(ApiRequest request, OffsetForLeaderEpochRequestData body) {
        return Flux.fromIterable(body.topics())
                .concatMap(topic -> Flux.fromIterable(topic.partitions())
                        .concatMap(asked ->
                                epochEnd(request.caller(), topic.topic(), asked.partition(), asked.leaderEpoch()))
                        .collectList()
                        .map(found -> new OffsetForLeaderTopicResult()
                                .setTopic(topic.topic())
                                .setPartitions(found)))
                .collectList()
                .map(topics -> {
                    OffsetForLeaderEpochResponseData response = new OffsetForLeaderEpochResponseData();
                    topics.forEach(topic -> response.topics().add(topic));
                    return response;
                });
    }

    private Mono<EpochEndOffset> epochEnd(Caller caller, String topic, int index, int leaderEpoch) {
        EpochEndOffset result = new EpochEndOffset().setPartition(index);
        return partition(topic, index)
                .flatMap(partition -> broker.epochEnd(caller, partition, leaderEpoch))
                .map(end -> result.setLeaderEpoch(end.leaderEpoch()).setEndOffset(end.endOffset()))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(
                                result.setErrorCode(failure.errorCode().code())));
    }

    private Mono<DescribeProducersResponseData> producers(ApiRequest request, DescribeProducersRequestData body) {
        return Flux.fromIterable(body.topics())
                .concatMap(topic -> Flux.fromIterable(topic.partitionIndexes())
                        .concatMap(index -> producers(request.caller(), topic.name(), index))
                        .collectList()
                        .map(found -> new TopicResponse().setName(topic.name()).setPartitions(found)))
                .collectList()
                .map(topics -> new DescribeProducersResponseData().setTopics(topics));
    }

    private Mono<PartitionResponse> producers(Caller caller, String topic, int index) {
        PartitionResponse result = new PartitionResponse().setPartitionIndex(index);
        return partition(topic, index)
                .flatMap(partition -> broker.describeProducers(caller, partition))
                .map(known -> result.setActiveProducers(
                        known.stream().map(LogDetailApis::state).toList()))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(
                                result.setErrorCode(failure.errorCode().code()).setErrorMessage(failure.getMessage())));
    }

    private static ProducerState state(ProducerDescription known) {
        return new ProducerState()
                .setProducerId(known.producer().producerId())
                .setProducerEpoch(known.producer().epoch())
                .setLastSequence(known.lastSequence())
                .setLastTimestamp(known.lastTimestampMs())
                .setCoordinatorEpoch(known.coordinatorEpoch())
                .setCurrentTxnStartOffset(known.transactionStartOffset());
    }

    private static Mono<TopicPartition> partition(String topic, int index) {
        return topic.isBlank() || index < 0
                ? Refusal.of(
                        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "there is no partition " + index + " of '" + topic + "'")
                : Mono.just(new TopicPartition(topic, index));
    }

    private Mono<DescribeLogDirsResponseData> logDirs(ApiRequest request, DescribeLogDirsRequestData body) {
        return broker.describeLogDir(request.caller())
                .map(found -> new DescribeLogDirsResponseData()
                        .setResults(List.of(new DescribeLogDirsResult()
                                .setLogDir(found.path())
                                .setTopics(topicsOf(found, partitionsOf(body))))))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(
                                new DescribeLogDirsResponseData().setErrorCode(ProtocolError.codeOf(failure))));
    }

    /** Null: all. */
    private static @Nullable Set<TopicPartition> partitionsOf(DescribeLogDirsRequestData body) {
        if (body.topics() == null) {
            return null;
        }
        Set<TopicPartition> asked = new HashSet<>();
        for (DescribableLogDirTopic topic : body.topics()) {
            topic.partitions().stream()
                    .filter(index -> index >= 0 && !topic.topic().isBlank())
                    .forEach(index -> asked.add(new TopicPartition(topic.topic(), index)));
        }
        return asked;
    }

    private static List<DescribeLogDirsTopic> topicsOf(LogDirDescription found, @Nullable Set<TopicPartition> asked) {
        Map<String, DescribeLogDirsTopic> topics = new TreeMap<>();
        found.sizes().forEach((partition, bytes) -> {
            if (asked == null || asked.contains(partition)) {
                topics.computeIfAbsent(partition.topic(), name -> new DescribeLogDirsTopic().setName(name))
                        .partitions()
                        .add(new DescribeLogDirsPartition()
                                .setPartitionIndex(partition.partition())
                                .setPartitionSize(bytes));
            }
        });
        return List.copyOf(topics.values());
    }
}
