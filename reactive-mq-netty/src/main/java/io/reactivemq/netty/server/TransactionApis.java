package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.kafka.common.message.AddOffsetsToTxnRequestData;
import io.reactivemq.kafka.common.message.AddOffsetsToTxnResponseData;
import io.reactivemq.kafka.common.message.AddPartitionsToTxnRequestData;
import io.reactivemq.kafka.common.message.AddPartitionsToTxnRequestData.AddPartitionsToTxnTopic;
import io.reactivemq.kafka.common.message.AddPartitionsToTxnResponseData;
import io.reactivemq.kafka.common.message.AddPartitionsToTxnResponseData.AddPartitionsToTxnPartitionResult;
import io.reactivemq.kafka.common.message.AddPartitionsToTxnResponseData.AddPartitionsToTxnTopicResult;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.EndTxnRequestData;
import io.reactivemq.kafka.common.message.EndTxnResponseData;
import io.reactivemq.kafka.common.message.TxnOffsetCommitRequestData;
import io.reactivemq.kafka.common.message.TxnOffsetCommitRequestData.TxnOffsetCommitRequestPartition;
import io.reactivemq.kafka.common.message.TxnOffsetCommitRequestData.TxnOffsetCommitRequestTopic;
import io.reactivemq.kafka.common.message.TxnOffsetCommitResponseData;
import io.reactivemq.kafka.common.message.TxnOffsetCommitResponseData.TxnOffsetCommitResponsePartition;
import io.reactivemq.kafka.common.message.TxnOffsetCommitResponseData.TxnOffsetCommitResponseTopic;
import io.reactivemq.netty.protocol.ProtocolError;
import io.reactivemq.netty.security.Authorizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Transactions: AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit, EndTxn. The versions of requests tell which kind of transaction a producer has. */
final class TransactionApis {

    /** From here on the producer gets a new epoch with each end (KIP-890). */
    private static final int END_V2 = 5;

    /** From here on the group becomes part of the transaction by the commit. */
    private static final int OFFSETS_V2 = 5;

    private static final int ID_INSTEAD_OF_NAME = 6;

    private final Broker broker;
    private final Authorizer authorizer;
    private final TopicNames names;

    TransactionApis(Broker broker, Authorizer authorizer, TopicNames names) {
        this.broker = broker;
        this.authorizer = authorizer;
        this.names = names;
    }

    void register(ApiTable apis) {
        // from version 4 on brokers ask each other
        apis.serve(
                ApiMessageType.ADD_PARTITIONS_TO_TXN, 0, 3, AddPartitionsToTxnRequestData.class, this::addPartitions);
        apis.serve(ApiMessageType.ADD_OFFSETS_TO_TXN, 0, 4, AddOffsetsToTxnRequestData.class, this::addOffsets);
        apis.serve(ApiMessageType.TXN_OFFSET_COMMIT, 0, 6, TxnOffsetCommitRequestData.class, this::txnOffsetCommit);
        apis.serve(ApiMessageType.END_TXN, 0, 5, EndTxnRequestData.class, this::endTxn);
    }

    /** All partitions, or none: where some are refused the others are not attempted, as with Kafka. */
    private Mono<AddPartitionsToTxnResponseData> addPartitions(ApiRequest request, AddPartitionsToTxnRequestData body) {
        String id = body.v3AndBelowTransactionalId();
        if (!authorizer.allows(request.caller(), AclOperation.WRITE, ResourceType.TRANSACTIONAL_ID, id)) {
            return Mono.just(added(body, (topic, partition) -> ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED.code()));
        }
        boolean mayAll = true;
        List<TopicPartition> partitions = new ArrayList<>();
        for (AddPartitionsToTxnTopic topic : body.v3AndBelowTopics()) {
            for (int partition : topic.partitions()) {
                if (refusalOf(request, topic.name(), partition) == ProtocolError.NONE) {
                    partitions.add(new TopicPartition(topic.name(), partition));
                } else {
                    mayAll = false;
                }
            }
        }
        ProducerIdAndEpoch producer =
                new ProducerIdAndEpoch(body.v3AndBelowProducerId(), body.v3AndBelowProducerEpoch());
        Mono<Short> added = mayAll
                ? codeOf(broker.addPartitions(request.caller(), id, producer, partitions))
                : Mono.just(ErrorCode.OPERATION_NOT_ATTEMPTED.code());
        return added.flatMap(error -> isOfSomePartition(error)
                ? refusals(request, partitions).map(refusals -> notAdded(request, body, refusals, error))
                : Mono.just(added(body, (topic, partition) -> error)));
    }

    private short refusalOf(ApiRequest request, String topic, int partition) {
        if (!may(request, AclOperation.WRITE, topic)) {
            return ErrorCode.TOPIC_AUTHORIZATION_FAILED.code();
        }
        return topic.isBlank() || partition < 0 ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code() : ProtocolError.NONE;
    }

    private static boolean isOfSomePartition(short error) {
        return error == ErrorCode.OPERATION_NOT_ATTEMPTED.code()
                || error == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code()
                || error == ErrorCode.KAFKA_STORAGE_ERROR.code();
    }

    /** Which of them are not there, or offline. */
    private Mono<Map<TopicPartition, Short>> refusals(ApiRequest request, List<TopicPartition> partitions) {
        Map<String, List<TopicPartition>> byTopic =
                partitions.stream().collect(Collectors.groupingBy(TopicPartition::topic));
        return Flux.fromIterable(byTopic.entrySet())
                .concatMap(topic -> broker.describeTopic(request.caller(), topic.getKey())
                        .map(description -> refusals(description, topic.getValue()))
                        .onErrorResume(
                                MqException.class,
                                failure -> failure.errorCode() == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
                                        ? Mono.just(topic.getValue().stream()
                                                .distinct()
                                                .collect(Collectors.toMap(
                                                        partition -> partition,
                                                        partition -> ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code())))
                                        : Mono.empty()))
                .collect(HashMap::new, Map::putAll);
    }

    private static Map<TopicPartition, Short> refusals(TopicDescription topic, List<TopicPartition> partitions) {
        Map<TopicPartition, Short> refusals = new HashMap<>();
        for (TopicPartition partition : partitions) {
            if (partition.partition() >= topic.partitions()) {
                refusals.put(partition, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code());
            } else if (topic.offline().containsKey(partition.partition())) {
                refusals.put(partition, ErrorCode.KAFKA_STORAGE_ERROR.code());
            }
        }
        return refusals;
    }

    /** With an error for those that are to blame, and for the others that they were not attempted; with the one error for all where nobody is. */
    private AddPartitionsToTxnResponseData notAdded(
            ApiRequest request, AddPartitionsToTxnRequestData body, Map<TopicPartition, Short> refusals, short error) {
        short others = refusals.isEmpty() ? error : ErrorCode.OPERATION_NOT_ATTEMPTED.code();
        return added(body, (topic, partition) -> {
            short refusal = refusalOf(request, topic, partition);
            return refusal == ProtocolError.NONE
                    ? refusals.getOrDefault(new TopicPartition(topic, partition), others)
                    : refusal;
        });
    }

    private static AddPartitionsToTxnResponseData added(AddPartitionsToTxnRequestData body, PartitionErrors errors) {
        AddPartitionsToTxnResponseData response = new AddPartitionsToTxnResponseData();
        for (AddPartitionsToTxnTopic topic : body.v3AndBelowTopics()) {
            AddPartitionsToTxnTopicResult result = new AddPartitionsToTxnTopicResult().setName(topic.name());
            for (int partition : topic.partitions()) {
                result.resultsByPartition()
                        .add(new AddPartitionsToTxnPartitionResult()
                                .setPartitionIndex(partition)
                                .setPartitionErrorCode(errors.of(topic.name(), partition)));
            }
            response.resultsByTopicV3AndBelow().add(result);
        }
        return response;
    }

    /** What is told of each partition. */
    private interface PartitionErrors {
        short of(String topic, int partition);
    }

    private Mono<AddOffsetsToTxnResponseData> addOffsets(ApiRequest request, AddOffsetsToTxnRequestData body) {
        return codeOf(broker.addOffsets(
                        request.caller(),
                        body.transactionalId(),
                        new ProducerIdAndEpoch(body.producerId(), body.producerEpoch()),
                        body.groupId()))
                .map(error -> new AddOffsetsToTxnResponseData().setErrorCode(error));
    }

    private Mono<TxnOffsetCommitResponseData> txnOffsetCommit(ApiRequest request, TxnOffsetCommitRequestData body) {
        List<Uuid> ids = request.version() < ID_INSTEAD_OF_NAME
                ? List.of()
                : body.topics().stream()
                        .map(TxnOffsetCommitRequestTopic::topicId)
                        .toList();
        return names.namesOf(request.caller(), ids).flatMap(known -> {
            Map<TopicPartition, CommittedOffset> offsets = new HashMap<>();
            for (TxnOffsetCommitRequestTopic topic : body.topics()) {
                String name = nameOf(request, topic, known);
                for (TxnOffsetCommitRequestPartition partition : topic.partitions()) {
                    if (name != null && errorOf(request, name, partition) == ProtocolError.NONE) {
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
            TransactionalOffsetCommit commit = new TransactionalOffsetCommit(
                    body.transactionalId(),
                    new ProducerIdAndEpoch(body.producerId(), body.producerEpoch()),
                    request.version() < OFFSETS_V2 ? TransactionVersion.V1 : TransactionVersion.V2,
                    body.groupId(),
                    body.memberId(),
                    body.generationIdOrMemberEpoch(),
                    body.groupInstanceId(),
                    offsets);
            return codeOf(broker.commitOffsets(request.caller(), commit))
                    .map(error -> committed(request, body, known, error));
        });
    }

    private boolean may(ApiRequest request, AclOperation operation, String topic) {
        return authorizer.allows(request.caller(), operation, ResourceType.TOPIC, topic);
    }

    private TxnOffsetCommitResponseData committed(
            ApiRequest request, TxnOffsetCommitRequestData body, Map<Uuid, String> known, short error) {
        return new TxnOffsetCommitResponseData()
                .setTopics(body.topics().stream()
                        .map(topic -> new TxnOffsetCommitResponseTopic()
                                .setName(topic.name())
                                .setTopicId(topic.topicId())
                                .setPartitions(topic.partitions().stream()
                                        .map(partition -> {
                                            short own = errorOf(request, nameOf(request, topic, known), partition);
                                            return new TxnOffsetCommitResponsePartition()
                                                    .setPartitionIndex(partition.partitionIndex())
                                                    .setErrorCode(
                                                            own == ProtocolError.NONE || isDenied(error) ? error : own);
                                        })
                                        .toList()))
                        .toList());
    }

    private static @Nullable String nameOf(
            ApiRequest request, TxnOffsetCommitRequestTopic topic, Map<Uuid, String> known) {
        return request.version() < ID_INSTEAD_OF_NAME ? topic.name() : known.get(topic.topicId());
    }

    /** Denied as a whole, whatever its topics. */
    private static boolean isDenied(short error) {
        return error == ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED.code()
                || error == ErrorCode.GROUP_AUTHORIZATION_FAILED.code();
    }

    private short errorOf(ApiRequest request, @Nullable String name, TxnOffsetCommitRequestPartition partition) {
        if (name == null) {
            return ProtocolError.UNKNOWN_TOPIC_ID;
        }
        if (!may(request, AclOperation.READ, name)) {
            return ErrorCode.TOPIC_AUTHORIZATION_FAILED.code();
        }
        return name.isBlank() || partition.partitionIndex() < 0 || partition.committedOffset() < 0
                ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code()
                : ProtocolError.NONE;
    }

    private Mono<EndTxnResponseData> endTxn(ApiRequest request, EndTxnRequestData body) {
        EndTransaction end = new EndTransaction(
                body.transactionalId(),
                new ProducerIdAndEpoch(body.producerId(), body.producerEpoch()),
                request.version() < END_V2 ? TransactionVersion.V1 : TransactionVersion.V2,
                body.committed() ? TransactionResult.COMMIT : TransactionResult.ABORT);
        return broker.endTransaction(request.caller(), end)
                .map(producer -> request.version() < END_V2
                        ? new EndTxnResponseData()
                        : new EndTxnResponseData()
                                .setProducerId(producer.producerId())
                                .setProducerEpoch(producer.epoch()))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new EndTxnResponseData()
                                .setErrorCode(failure.errorCode().code())));
    }

    private static Mono<Short> codeOf(Mono<Void> request) {
        return request.thenReturn(ProtocolError.NONE)
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(failure.errorCode().code()));
    }
}
