package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.ApiVersionsRequestData;
import io.reactivemq.kafka.common.message.ApiVersionsResponseData;
import io.reactivemq.kafka.common.message.ApiVersionsResponseData.ApiVersion;
import io.reactivemq.kafka.common.message.ApiVersionsResponseData.ApiVersionCollection;
import io.reactivemq.kafka.common.message.ApiVersionsResponseData.FinalizedFeatureKey;
import io.reactivemq.kafka.common.message.ApiVersionsResponseData.SupportedFeatureKey;
import io.reactivemq.kafka.common.message.DescribeClusterRequestData;
import io.reactivemq.kafka.common.message.DescribeClusterResponseData;
import io.reactivemq.kafka.common.message.DescribeClusterResponseData.DescribeClusterBroker;
import io.reactivemq.kafka.common.message.DescribeTopicPartitionsRequestData;
import io.reactivemq.kafka.common.message.DescribeTopicPartitionsResponseData;
import io.reactivemq.kafka.common.message.DescribeTopicPartitionsResponseData.DescribeTopicPartitionsResponsePartition;
import io.reactivemq.kafka.common.message.DescribeTopicPartitionsResponseData.DescribeTopicPartitionsResponseTopic;
import io.reactivemq.kafka.common.message.MetadataRequestData;
import io.reactivemq.kafka.common.message.MetadataRequestData.MetadataRequestTopic;
import io.reactivemq.kafka.common.message.MetadataResponseData;
import io.reactivemq.kafka.common.message.MetadataResponseData.MetadataResponseBroker;
import io.reactivemq.kafka.common.message.MetadataResponseData.MetadataResponsePartition;
import io.reactivemq.kafka.common.message.MetadataResponseData.MetadataResponseTopic;
import io.reactivemq.netty.protocol.ProtocolError;
import io.reactivemq.netty.protocol.VersionRange;
import io.reactivemq.netty.security.Authorizer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Who the server is and what there is: ApiVersions, Metadata, DescribeCluster, DescribeTopicPartitions. */
final class MetadataApis {

    /** Clients take a response to produce of version 0 as a sign of a server that has compression; Kafka shows it too, and serves from 3. */
    private static final short PRODUCE_VERSION_SHOWN_MIN = 0;

    /** Of a partition that is offline, as Kafka tells of one whose log directory is. */
    private static final int NO_LEADER = -1;

    /** Partitions in a response of DescribeTopicPartitions, as Kafka ({@code max.request.partition.size.limit}). */
    private static final int DESCRIBED_PARTITIONS_MAX = 2_000;

    private static final byte BROKERS = 1;

    private static final String OFFSETS = "__consumer_offsets";

    private final Broker broker;
    private final ServerSettings settings;
    private final Broker unguarded;
    private final Authorizer authorizer;
    private final AuthorizedOperations operations;
    private final TopicNames names;
    private final Map<String, VersionRange> features;
    private final ApiTable apis;

    /**
     * @param features the features that are finalized, with the versions that are supported; the highest is finalized
     */
    MetadataApis(
            ServerSettings settings,
            Broker unguarded,
            Authorizer authorizer,
            TopicNames names,
            Map<String, VersionRange> features,
            ApiTable apis) {
        this.broker = settings.broker();
        this.settings = settings;
        this.unguarded = unguarded;
        this.authorizer = authorizer;
        this.operations = new AuthorizedOperations(authorizer);
        this.names = names;
        this.features = features;
        this.apis = apis;
    }

    void register() {
        apis.serve(ApiMessageType.API_VERSIONS, 0, 5, ApiVersionsRequestData.class, this::apiVersions);
        apis.serve(ApiMessageType.METADATA, 0, 13, MetadataRequestData.class, this::metadata);
        apis.serve(ApiMessageType.DESCRIBE_CLUSTER, 0, 2, DescribeClusterRequestData.class, this::describeCluster);
        apis.serve(
                ApiMessageType.DESCRIBE_TOPIC_PARTITIONS,
                0,
                0,
                DescribeTopicPartitionsRequestData.class,
                this::describeTopicPartitions);
    }

    /** The answer to a version of ApiVersions that is not served, written at version 0. */
    static ApiVersionsResponseData unsupportedVersion(ApiTable apis) {
        return new ApiVersionsResponseData()
                .setErrorCode(ProtocolError.UNSUPPORTED_VERSION)
                .setApiKeys(versionsOf(apis));
    }

    private static ApiVersionCollection versionsOf(ApiTable apis) {
        ApiVersionCollection versions = new ApiVersionCollection();
        apis.versions()
                .forEach((api, range) -> versions.add(new ApiVersion()
                        .setApiKey(api.apiKey())
                        .setMinVersion(api == ApiMessageType.PRODUCE ? PRODUCE_VERSION_SHOWN_MIN : range.min())
                        .setMaxVersion(range.max())));
        return versions;
    }

    private Mono<ApiVersionsResponseData> apiVersions(ApiRequest request, ApiVersionsRequestData body) {
        ApiVersionsResponseData response = new ApiVersionsResponseData().setApiKeys(versionsOf(apis));
        if (request.version() >= 3) {
            response.setFinalizedFeaturesEpoch(1);
            features.forEach((name, range) -> {
                // clients before version 4 of this API take no lower bound of 0
                short min = request.version() < 4 ? (short) Math.max(1, range.min()) : range.min();
                response.supportedFeatures()
                        .add(new SupportedFeatureKey()
                                .setName(name)
                                .setMinVersion(min)
                                .setMaxVersion(range.max()));
                response.finalizedFeatures()
                        .add(new FinalizedFeatureKey()
                                .setName(name)
                                .setMinVersionLevel(range.max())
                                .setMaxVersionLevel(range.max()));
            });
        }
        String expected = body.clusterId();
        if (expected == null || body.nodeId() < 0) {
            return Mono.just(response);
        }
        // a client that knows whom it means finds somebody else at an old address (KIP-1242)
        return clusterId(request.caller())
                .map(actual -> expected.equals(actual) && body.nodeId() == settings.nodeId()
                        ? response
                        : response.setErrorCode(ProtocolError.REBOOTSTRAP_REQUIRED));
    }

    private Mono<MetadataResponseData> metadata(ApiRequest request, MetadataRequestData body) {
        // named twice, answered once
        List<MetadataRequestTopic> asked =
                body.topics() == null ? null : body.topics().stream().distinct().toList();
        Mono<List<MetadataResponseTopic>> topics;
        if (asked == null || (request.version() == 0 && asked.isEmpty())) {
            topics = broker.listTopics(request.caller())
                    .map(all -> all.stream().map(this::described).toList());
        } else {
            List<Uuid> ids = asked.stream().map(MetadataRequestTopic::topicId).toList();
            boolean create =
                    settings.autoCreatePartitions() > 0 && (request.version() < 4 || body.allowAutoTopicCreation());
            topics = names.namesOf(request.caller(), ids)
                    .flatMapMany(known -> Flux.fromIterable(asked)
                            .concatMap(topic -> describe(request.caller(), topic, known, create))
                            // ids that are asked for came with version 10, and answers without a name with 12
                            .map(topic -> topic.name() == null && request.version() < 12 ? topic.setName("") : topic))
                    .collectList();
        }
        return topics.zipWith(clusterId(request.caller()), (found, clusterId) -> {
            MetadataResponseData response = new MetadataResponseData()
                    .setControllerId(settings.nodeId())
                    .setClusterId(clusterId);
            response.brokers()
                    .add(new MetadataResponseBroker()
                            .setNodeId(settings.nodeId())
                            .setHost(request.advertised().getHostString())
                            .setPort(request.advertised().getPort()));
            for (MetadataResponseTopic topic : found) {
                if (body.includeTopicAuthorizedOperations() && topic.errorCode() == ProtocolError.NONE) {
                    topic.setTopicAuthorizedOperations(operations.ofTopic(request.caller(), topic.name()));
                }
                response.topics().mustAdd(topic);
            }
            if (body.includeClusterAuthorizedOperations()) {
                response.setClusterAuthorizedOperations(operations.ofCluster(request.caller()));
            }
            return response;
        });
    }

    private Mono<MetadataResponseTopic> describe(
            Caller caller, MetadataRequestTopic asked, Map<Uuid, String> known, boolean create) {
        String name = asked.name();
        if (!asked.topicId().equals(Uuid.ZERO_UUID)) {
            name = known.get(asked.topicId());
            if (name == null) {
                return Mono.just(new MetadataResponseTopic()
                        .setTopicId(asked.topicId())
                        .setName(null)
                        .setErrorCode(ProtocolError.UNKNOWN_TOPIC_ID));
            }
        }
        String topic = name == null ? "" : name;
        Mono<TopicDescription> found = broker.describeTopic(caller, topic);
        if (create && asked.topicId().equals(Uuid.ZERO_UUID)) {
            found = found.onErrorResume(MetadataApis::isUnknown, unknown -> createOnDemand(caller, topic));
        }
        return found.map(description -> asked.topicId().equals(Uuid.ZERO_UUID)
                                || asked.topicId().equals(TopicNames.kafkaId(description.topicId()))
                        ? described(description)
                        : new MetadataResponseTopic()
                                .setTopicId(asked.topicId())
                                .setName(null)
                                .setErrorCode(ProtocolError.UNKNOWN_TOPIC_ID))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new MetadataResponseTopic()
                                // who asked by the id may not know the name
                                .setName(asked.topicId().equals(Uuid.ZERO_UUID) ? topic : null)
                                .setTopicId(asked.topicId())
                                .setErrorCode(failure.errorCode().code())));
    }

    private static boolean isUnknown(Throwable failure) {
        return failure instanceof MqException known && known.errorCode() == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    }

    private Mono<TopicDescription> createOnDemand(Caller caller, String topic) {
        return broker.createTopic(caller, NewTopic.of(topic, settings.autoCreatePartitions()))
                .onErrorResume(
                        failure -> failure instanceof MqException known
                                && known.errorCode() == ErrorCode.TOPIC_ALREADY_EXISTS,
                        another -> broker.describeTopic(caller, topic));
    }

    private MetadataResponseTopic described(TopicDescription topic) {
        List<MetadataResponsePartition> partitions = new ArrayList<>(topic.partitions());
        for (int i = 0; i < topic.partitions(); i++) {
            boolean offline = topic.offline().containsKey(i);
            partitions.add(new MetadataResponsePartition()
                    .setPartitionIndex(i)
                    .setErrorCode(offline ? ProtocolError.LEADER_NOT_AVAILABLE : 0)
                    .setLeaderId(offline ? NO_LEADER : settings.nodeId())
                    .setReplicaNodes(List.of(settings.nodeId()))
                    .setIsrNodes(List.of(settings.nodeId()))
                    .setOfflineReplicas(offline ? List.of(settings.nodeId()) : List.of()));
        }
        return new MetadataResponseTopic()
                .setName(topic.name())
                .setTopicId(TopicNames.kafkaId(topic.topicId()))
                .setIsInternal(topic.internal())
                .setPartitions(partitions);
    }

    private Mono<DescribeClusterResponseData> describeCluster(ApiRequest request, DescribeClusterRequestData body) {
        if (body.endpointType() != BROKERS) {
            return Mono.just(new DescribeClusterResponseData()
                    .setEndpointType(body.endpointType())
                    .setErrorCode(ProtocolError.UNSUPPORTED_ENDPOINT_TYPE)
                    .setErrorMessage("this server has brokers, no controllers"));
        }
        return clusterId(request.caller()).map(clusterId -> {
            DescribeClusterResponseData response = new DescribeClusterResponseData()
                    .setEndpointType(BROKERS)
                    .setClusterId(clusterId)
                    .setControllerId(settings.nodeId());
            response.brokers()
                    .add(new DescribeClusterBroker()
                            .setBrokerId(settings.nodeId())
                            .setHost(request.advertised().getHostString())
                            .setPort(request.advertised().getPort()));
            if (body.includeClusterAuthorizedOperations()) {
                response.setClusterAuthorizedOperations(operations.ofCluster(request.caller()));
            }
            return response;
        });
    }

    private Mono<DescribeTopicPartitionsResponseData> describeTopicPartitions(
            ApiRequest request, DescribeTopicPartitionsRequestData body) {
        String from = body.cursor() == null ? "" : body.cursor().topicName();
        int fromPartition =
                body.cursor() == null ? 0 : Math.max(0, body.cursor().partitionIndex());
        int limit = Math.min(Math.max(1, body.responsePartitionLimit()), DESCRIBED_PARTITIONS_MAX);
        return broker.listTopics(request.caller()).map(all -> {
            Map<String, @Nullable TopicDescription> wanted = new LinkedHashMap<>();
            if (body.topics().isEmpty()) {
                all.forEach(topic -> wanted.put(topic.name(), topic));
            } else {
                body.topics().stream().map(topic -> topic.name()).sorted().forEach(name -> wanted.put(name, null));
                all.stream()
                        .filter(topic -> wanted.containsKey(topic.name()))
                        .forEach(topic -> wanted.put(topic.name(), topic));
            }
            DescribeTopicPartitionsResponseData response = new DescribeTopicPartitionsResponseData();
            int left = limit;
            for (Map.Entry<String, @Nullable TopicDescription> entry : wanted.entrySet()) {
                String name = entry.getKey();
                if (name.compareTo(from) < 0) {
                    continue;
                }
                TopicDescription topic = entry.getValue();
                if (topic == null) {
                    response.topics()
                            .add(new DescribeTopicPartitionsResponseTopic()
                                    .setName(name)
                                    .setErrorCode(
                                            mayDescribe(request, name)
                                                    ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code()
                                                    : ErrorCode.TOPIC_AUTHORIZATION_FAILED.code()));
                    continue;
                }
                int first = name.equals(from) ? fromPartition : 0;
                int end = Math.min(topic.partitions(), first + left);
                if (left == 0 || end < topic.partitions()) {
                    response.setNextCursor(new DescribeTopicPartitionsResponseData.Cursor()
                            .setTopicName(name)
                            .setPartitionIndex(left == 0 ? first : end));
                    if (left == 0) {
                        return response;
                    }
                }
                response.topics()
                        .add(describedPartitions(topic, first, end)
                                .setTopicAuthorizedOperations(operations.ofTopic(request.caller(), name)));
                left -= Math.max(0, end - first);
                if (response.nextCursor() != null) {
                    return response;
                }
            }
            return response;
        });
    }

    private boolean mayDescribe(ApiRequest request, String topic) {
        return authorizer.allows(request.caller(), AclOperation.DESCRIBE, ResourceType.TOPIC, topic);
    }

    private DescribeTopicPartitionsResponseTopic describedPartitions(TopicDescription topic, int first, int end) {
        List<DescribeTopicPartitionsResponsePartition> partitions = new ArrayList<>();
        for (int i = first; i < end; i++) {
            boolean offline = topic.offline().containsKey(i);
            partitions.add(new DescribeTopicPartitionsResponsePartition()
                    .setPartitionIndex(i)
                    .setErrorCode(offline ? ProtocolError.LEADER_NOT_AVAILABLE : 0)
                    .setLeaderId(offline ? NO_LEADER : settings.nodeId())
                    .setReplicaNodes(List.of(settings.nodeId()))
                    .setIsrNodes(List.of(settings.nodeId()))
                    .setOfflineReplicas(offline ? List.of(settings.nodeId()) : List.of())
                    .setEligibleLeaderReplicas(List.of())
                    .setLastKnownElr(List.of()));
        }
        return new DescribeTopicPartitionsResponseTopic()
                .setName(topic.name())
                .setTopicId(TopicNames.kafkaId(topic.topicId()))
                .setIsInternal(topic.internal())
                .setPartitions(partitions);
    }

    /** As configured, else the id of the broker's oldest topic, which it keeps with its data. */
    private Mono<String> clusterId(Caller caller) {
        String configured = settings.clusterId();
        return configured != null
                ? Mono.just(configured)
                : unguarded
                        .describeTopic(caller, OFFSETS)
                        .map(topic -> TopicNames.kafkaId(topic.topicId()).toString());
    }
}
