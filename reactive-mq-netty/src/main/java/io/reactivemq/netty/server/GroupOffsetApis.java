package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.OffsetCommitRequestData;
import io.reactivemq.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestPartition;
import io.reactivemq.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestTopic;
import io.reactivemq.kafka.common.message.OffsetCommitResponseData;
import io.reactivemq.kafka.common.message.OffsetCommitResponseData.OffsetCommitResponsePartition;
import io.reactivemq.kafka.common.message.OffsetCommitResponseData.OffsetCommitResponseTopic;
import io.reactivemq.kafka.common.message.OffsetDeleteRequestData;
import io.reactivemq.kafka.common.message.OffsetDeleteResponseData;
import io.reactivemq.kafka.common.message.OffsetDeleteResponseData.OffsetDeleteResponsePartition;
import io.reactivemq.kafka.common.message.OffsetDeleteResponseData.OffsetDeleteResponseTopic;
import io.reactivemq.netty.protocol.ProtocolError;
import io.reactivemq.netty.security.Authorizer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** A group's offsets: OffsetCommit, OffsetDelete; {@link OffsetFetchApi} reads them. */
final class GroupOffsetApis {

    private static final int GROUP_NOT_FOUND = 9;
    private static final int ID_INSTEAD_OF_NAME = 10;

    private final Broker broker;
    private final Authorizer authorizer;
    private final TopicNames names;

    GroupOffsetApis(Broker broker, Authorizer authorizer, TopicNames names) {
        this.broker = broker;
        this.authorizer = authorizer;
        this.names = names;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.OFFSET_COMMIT, 2, 10, OffsetCommitRequestData.class, this::offsetCommit);
        apis.serve(ApiMessageType.OFFSET_DELETE, 0, 0, OffsetDeleteRequestData.class, this::offsetDelete);
    }

    private Mono<OffsetCommitResponseData> offsetCommit(ApiRequest request, OffsetCommitRequestData body) {
        List<Uuid> ids = request.version() < ID_INSTEAD_OF_NAME
                ? List.of()
                : body.topics().stream().map(OffsetCommitRequestTopic::topicId).toList();
        return names.namesOf(request.caller(), ids).flatMap(known -> {
            Map<TopicPartition, CommittedOffset> offsets = new HashMap<>();
            for (OffsetCommitRequestTopic topic : body.topics()) {
                String name = nameOf(request, topic, known);
                for (OffsetCommitRequestPartition partition : topic.partitions()) {
                    if (name != null && errorOf(request, name, partition, Map.of()) == ProtocolError.NONE) {
                        String metadata = partition.committedMetadata();
                        offsets.put(
                                new TopicPartition(name, partition.partitionIndex()),
                                new CommittedOffset(
                                        partition.committedOffset(),
                                        partition.committedLeaderEpoch(),
                                        metadata == null ? "" : metadata));
                    }
                }
            }
            long retentionMs = body.retentionTimeMs();
            OffsetCommit commit = new OffsetCommit(
                    body.groupId(),
                    body.memberId(),
                    body.generationIdOrMemberEpoch(),
                    body.groupInstanceId(),
                    offsets,
                    retentionMs < 0 ? null : Duration.ofMillis(retentionMs));
            return broker.commitOffsets(request.caller(), commit)
                    .map(refused -> committed(request, body, known, ProtocolError.NONE, refused))
                    .onErrorResume(
                            MqException.class,
                            failure -> Mono.just(committed(request, body, known, codeOf(request, failure), Map.of())));
        });
    }

    /** Before version 9 a client knows of no group that is not found. */
    private static short codeOf(ApiRequest request, MqException failure) {
        ErrorCode code = failure.errorCode();
        boolean isUnknownToClient = code == ErrorCode.GROUP_ID_NOT_FOUND && request.version() < GROUP_NOT_FOUND;
        return (isUnknownToClient ? ErrorCode.ILLEGAL_GENERATION : code).code();
    }

    private static @Nullable String nameOf(
            ApiRequest request, OffsetCommitRequestTopic topic, Map<Uuid, String> known) {
        return request.version() < ID_INSTEAD_OF_NAME ? topic.name() : known.get(topic.topicId());
    }

    private short errorOf(
            ApiRequest request,
            @Nullable String name,
            OffsetCommitRequestPartition partition,
            Map<TopicPartition, ErrorCode> refused) {
        if (name == null) {
            return ProtocolError.UNKNOWN_TOPIC_ID;
        }
        if (!mayRead(request, name)) {
            return ErrorCode.TOPIC_AUTHORIZATION_FAILED.code();
        }
        if (name.isBlank() || partition.partitionIndex() < 0 || partition.committedOffset() < 0) {
            return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code();
        }
        ErrorCode error = refused.get(new TopicPartition(name, partition.partitionIndex()));
        return error == null ? ProtocolError.NONE : error.code();
    }

    private boolean mayRead(ApiRequest request, String topic) {
        return authorizer.allows(request.caller(), AclOperation.READ, ResourceType.TOPIC, topic);
    }

    private OffsetCommitResponseData committed(
            ApiRequest request,
            OffsetCommitRequestData body,
            Map<Uuid, String> known,
            short error,
            Map<TopicPartition, ErrorCode> refused) {
        List<OffsetCommitResponseTopic> topics = new ArrayList<>();
        for (OffsetCommitRequestTopic topic : body.topics()) {
            String name = nameOf(request, topic, known);
            topics.add(new OffsetCommitResponseTopic()
                    .setName(topic.name())
                    .setTopicId(topic.topicId())
                    .setPartitions(topic.partitions().stream()
                            .map(partition -> {
                                short own = errorOf(request, name, partition, refused);
                                return new OffsetCommitResponsePartition()
                                        .setPartitionIndex(partition.partitionIndex())
                                        .setErrorCode(
                                                own == ProtocolError.NONE
                                                                || error == ErrorCode.GROUP_AUTHORIZATION_FAILED.code()
                                                        ? error
                                                        : own);
                            })
                            .toList()));
        }
        return new OffsetCommitResponseData().setTopics(topics);
    }

    private Mono<OffsetDeleteResponseData> offsetDelete(ApiRequest request, OffsetDeleteRequestData body) {
        List<TopicPartition> partitions = new ArrayList<>();
        body.topics()
                .forEach(topic -> topic.partitions().forEach(partition -> {
                    if (!topic.name().isBlank() && partition.partitionIndex() >= 0 && mayRead(request, topic.name())) {
                        partitions.add(new TopicPartition(topic.name(), partition.partitionIndex()));
                    }
                }));
        return broker.deleteOffsets(request.caller(), body.groupId(), partitions)
                .map(kept -> deleted(request, body, kept))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new OffsetDeleteResponseData()
                                .setErrorCode(failure.errorCode().code())));
    }

    private OffsetDeleteResponseData deleted(
            ApiRequest request, OffsetDeleteRequestData body, Map<TopicPartition, ErrorCode> kept) {
        OffsetDeleteResponseData response = new OffsetDeleteResponseData();
        body.topics().forEach(topic -> {
            OffsetDeleteResponseTopic result = new OffsetDeleteResponseTopic().setName(topic.name());
            topic.partitions().forEach(partition -> {
                boolean named = !topic.name().isBlank() && partition.partitionIndex() >= 0;
                result.partitions()
                        .add(new OffsetDeleteResponsePartition()
                                .setPartitionIndex(partition.partitionIndex())
                                .setErrorCode(
                                        !mayRead(request, topic.name())
                                                ? ErrorCode.TOPIC_AUTHORIZATION_FAILED.code()
                                                : named
                                                        ? ProtocolError.numberOf(kept.get(new TopicPartition(
                                                                topic.name(), partition.partitionIndex())))
                                                        : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code()));
            });
            response.topics().add(result);
        });
        return response;
    }
}
