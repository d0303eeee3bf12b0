package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ConfigEntry;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.CreatePartitionsRequestData;
import io.reactivemq.kafka.common.message.CreatePartitionsRequestData.CreatePartitionsAssignment;
import io.reactivemq.kafka.common.message.CreatePartitionsRequestData.CreatePartitionsTopic;
import io.reactivemq.kafka.common.message.CreatePartitionsResponseData;
import io.reactivemq.kafka.common.message.CreatePartitionsResponseData.CreatePartitionsTopicResult;
import io.reactivemq.kafka.common.message.CreateTopicsRequestData;
import io.reactivemq.kafka.common.message.CreateTopicsRequestData.CreatableReplicaAssignment;
import io.reactivemq.kafka.common.message.CreateTopicsRequestData.CreatableTopic;
import io.reactivemq.kafka.common.message.CreateTopicsResponseData;
import io.reactivemq.kafka.common.message.CreateTopicsResponseData.CreatableTopicConfigs;
import io.reactivemq.kafka.common.message.CreateTopicsResponseData.CreatableTopicResult;
import io.reactivemq.kafka.common.message.DeleteTopicsRequestData;
import io.reactivemq.kafka.common.message.DeleteTopicsRequestData.DeleteTopicState;
import io.reactivemq.kafka.common.message.DeleteTopicsResponseData;
import io.reactivemq.kafka.common.message.DeleteTopicsResponseData.DeletableTopicResult;
import io.reactivemq.netty.protocol.ProtocolError;
import io.reactivemq.netty.security.Authorizer;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Topics come, grow and go: CreateTopics, CreatePartitions, DeleteTopics. A topic has one replica; replication factor -1 or 1 says so. */
final class TopicApis {

    private static final int LEFT_TO_THE_SERVER = -1;

    private final Broker broker;
    private final ServerSettings settings;
    private final TopicNames names;
    private final Authorizer authorizer;

    TopicApis(ServerSettings settings, Authorizer authorizer, TopicNames names) {
        this.broker = settings.broker();
        this.authorizer = authorizer;
        this.settings = settings;
        this.names = names;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.CREATE_TOPICS, 2, 7, CreateTopicsRequestData.class, this::createTopics);
        apis.serve(ApiMessageType.CREATE_PARTITIONS, 0, 3, CreatePartitionsRequestData.class, this::createPartitions);
        apis.serve(ApiMessageType.DELETE_TOPICS, 1, 6, DeleteTopicsRequestData.class, this::deleteTopics);
    }

    private Mono<CreateTopicsResponseData> createTopics(ApiRequest request, CreateTopicsRequestData body) {
        Set<String> twice = new HashSet<>();
        Set<String> seen = new HashSet<>();
        body.topics().forEach(topic -> {
            if (!seen.add(topic.name())) {
                twice.add(topic.name());
            }
        });
        return Flux.fromIterable(body.topics())
                .distinct(CreatableTopic::name)
                .concatMap(topic -> (twice.contains(topic.name())
                                ? Refusal.<CreatableTopicResult>of(
                                        ErrorCode.INVALID_REQUEST, "topic '" + topic.name() + "' is named twice")
                                : create(request.caller(), topic, body.validateOnly()))
                        .onErrorResume(
                                MqException.class,
                                failure -> Mono.just(new CreatableTopicResult()
                                        .setErrorCode(failure.errorCode().code())
                                        .setErrorMessage(failure.getMessage())))
                        .onErrorResume(
                                RefusedException.class,
                                failure -> Mono.just(new CreatableTopicResult()
                                        .setErrorCode(failure.code)
                                        .setErrorMessage(failure.getMessage())))
                        .map(result -> result.setName(topic.name())))
                .collectList()
                .map(results -> {
                    CreateTopicsResponseData response = new CreateTopicsResponseData();
                    results.forEach(topic -> response.topics().add(topic));
                    return response;
                });
    }

    private Mono<CreatableTopicResult> create(Caller caller, CreatableTopic asked, boolean validateOnly) {
        NewTopic topic;
        try {
            topic = newTopic(asked);
        } catch (RefusedException e) {
            return Refusal.of(e);
        } catch (MqException e) {
            return Refusal.of(e);
        }
        if (validateOnly) {
            return broker.validateTopic(caller, topic).map(configs -> {
                CreatableTopicResult would = new CreatableTopicResult()
                        .setErrorMessage(null)
                        .setNumPartitions(topic.partitions())
                        .setReplicationFactor((short) 1);
                return authorizer.allows(caller, AclOperation.DESCRIBE_CONFIGS, ResourceType.TOPIC, topic.name())
                        ? would.setConfigs(
                                configs.stream().map(TopicApis::config).toList())
                        : withoutConfigs(would);
            });
        }
        return broker.createTopic(caller, topic)
                .flatMap(created -> broker.describeTopicConfigs(caller, created.name())
                        .map(configs -> new CreatableTopicResult()
                                .setErrorMessage(null)
                                .setTopicId(TopicNames.kafkaId(created.topicId()))
                                .setNumPartitions(created.partitions())
                                .setReplicationFactor((short) 1)
                                .setConfigs(
                                        configs.stream().map(TopicApis::config).toList()))
                        // who may create may not see the settings
                        .onErrorResume(
                                failure -> failure instanceof MqException denied
                                        && denied.errorCode() == ErrorCode.TOPIC_AUTHORIZATION_FAILED,
                                denied -> Mono.just(withoutConfigs(new CreatableTopicResult()
                                        .setErrorMessage(null)
                                        .setTopicId(TopicNames.kafkaId(created.topicId()))))));
    }

    private static CreatableTopicResult withoutConfigs(CreatableTopicResult result) {
        return result.setNumPartitions(-1)
                .setReplicationFactor((short) -1)
                .setTopicConfigErrorCode(ErrorCode.TOPIC_AUTHORIZATION_FAILED.code())
                .setConfigs(null);
    }

    private NewTopic newTopic(CreatableTopic asked) throws RefusedException {
        Map<String, String> configs = new HashMap<>();
        asked.configs().forEach(config -> {
            String value = config.value();
            if (value == null) {
                throw new MqException(
                        ErrorCode.INVALID_CONFIG, "setting '" + config.name() + "' was given without a value");
            }
            configs.put(config.name(), value);
        });
        if (!asked.assignments().isEmpty()) {
            return new NewTopic(asked.name(), partitionsOf(asked), configs);
        }
        if (asked.replicationFactor() != LEFT_TO_THE_SERVER && asked.replicationFactor() != 1) {
            throw new RefusedException(
                    ProtocolError.INVALID_REPLICATION_FACTOR,
                    "replication factor must be 1, or -1 for the default, was " + asked.replicationFactor()
                            + ": this server is one node");
        }
        int partitions =
                asked.numPartitions() == LEFT_TO_THE_SERVER ? settings.defaultPartitions() : asked.numPartitions();
        return new NewTopic(asked.name(), partitions, configs);
    }

    /** Who says which node has which partition can only say this one. */
    private int partitionsOf(CreatableTopic asked) throws RefusedException {
        if (asked.numPartitions() != LEFT_TO_THE_SERVER || asked.replicationFactor() != LEFT_TO_THE_SERVER) {
            throw new RefusedException(
                    ErrorCode.INVALID_REQUEST.code(),
                    "with an assignment of replicas, number of partitions and replication factor must be -1");
        }
        int partitions = asked.assignments().size();
        for (CreatableReplicaAssignment assignment : asked.assignments()) {
            if (!assignment.brokerIds().equals(List.of(settings.nodeId()))
                    || assignment.partitionIndex() < 0
                    || assignment.partitionIndex() >= partitions) {
                throw new RefusedException(
                        ProtocolError.INVALID_REPLICA_ASSIGNMENT,
                        "partitions 0 to " + (partitions - 1) + " on node " + settings.nodeId()
                                + " were expected, partition " + assignment.partitionIndex() + " is assigned to "
                                + assignment.brokerIds());
            }
        }
        return partitions;
    }

    private Mono<CreatePartitionsResponseData> createPartitions(ApiRequest request, CreatePartitionsRequestData body) {
        return Flux.fromIterable(body.topics())
                .concatMap(topic -> addPartitions(request.caller(), topic, body.validateOnly())
                        .thenReturn(new CreatePartitionsTopicResult())
                        .onErrorResume(
                                MqException.class,
                                failure -> Mono.just(new CreatePartitionsTopicResult()
                                        .setErrorCode(failure.errorCode().code())
                                        .setErrorMessage(failure.getMessage())))
                        .onErrorResume(
                                RefusedException.class,
                                failure -> Mono.just(new CreatePartitionsTopicResult()
                                        .setErrorCode(failure.code)
                                        .setErrorMessage(failure.getMessage())))
                        .map(result -> result.setName(topic.name())))
                .collectList()
                .map(results -> new CreatePartitionsResponseData().setResults(results));
    }

    private Mono<Void> addPartitions(Caller caller, CreatePartitionsTopic asked, boolean validateOnly) {
        return broker.describeTopic(caller, asked.name()).flatMap(topic -> {
            int more = asked.count() - topic.partitions();
            List<CreatePartitionsAssignment> assignments = asked.assignments();
            if (assignments != null && more > 0 && !isHere(assignments, more)) {
                return Refusal.of(new RefusedException(
                        ProtocolError.INVALID_REPLICA_ASSIGNMENT,
                        more + " more partitions on node " + settings.nodeId() + " were expected, assigned are "
                                + assignments.stream()
                                        .map(CreatePartitionsAssignment::brokerIds)
                                        .toList()));
            }
            return validateOnly
                    ? broker.validatePartitions(caller, asked.name(), asked.count())
                    : broker.createPartitions(caller, asked.name(), asked.count())
                            .then();
        });
    }

    private boolean isHere(List<CreatePartitionsAssignment> assignments, int count) {
        return assignments.size() == count
                && assignments.stream()
                        .allMatch(assignment -> assignment.brokerIds().equals(List.of(settings.nodeId())));
    }

    private static CreatableTopicConfigs config(ConfigEntry entry) {
        return new CreatableTopicConfigs()
                .setName(entry.name())
                .setValue(entry.value())
                .setConfigSource(ConfigApis.sourceOf(entry));
    }

    private Mono<DeleteTopicsResponseData> deleteTopics(ApiRequest request, DeleteTopicsRequestData body) {
        List<DeleteTopicState> asked = request.version() < 6
                ? body.topicNames().stream()
                        .map(name -> new DeleteTopicState().setName(name))
                        .toList()
                : body.topics();
        List<Uuid> ids = asked.stream().map(DeleteTopicState::topicId).toList();
        return names.namesOf(request.caller(), ids)
                .flatMapMany(known -> Flux.fromIterable(asked).concatMap(topic -> {
                    String name = topic.name() != null ? topic.name() : known.get(topic.topicId());
                    return delete(request.caller(), topic, name);
                }))
                .collectList()
                .map(results -> {
                    DeleteTopicsResponseData response = new DeleteTopicsResponseData();
                    results.forEach(result -> response.responses().add(result));
                    return response;
                });
    }

    private Mono<DeletableTopicResult> delete(Caller caller, DeleteTopicState asked, @Nullable String name) {
        DeletableTopicResult result = new DeletableTopicResult().setName(name).setTopicId(asked.topicId());
        if (name == null) {
            return Mono.just(result.setErrorCode(ProtocolError.UNKNOWN_TOPIC_ID));
        }
        return broker.describeTopic(caller, name)
                .flatMap(topic -> {
                    Uuid id = TopicNames.kafkaId(topic.topicId());
                    if (!asked.topicId().equals(Uuid.ZERO_UUID)
                            && !asked.topicId().equals(id)) {
                        return Mono.just(result.setName(null).setErrorCode(ProtocolError.UNKNOWN_TOPIC_ID));
                    }
                    return broker.deleteTopic(caller, name).thenReturn(result.setTopicId(id));
                })
                .onErrorResume(
                        MqException.class,
                        // who asked by the id may not know the name
                        failure -> Mono.just(result.setName(asked.name())
                                .setErrorCode(failure.errorCode().code())
                                .setErrorMessage(asked.name() == null ? null : failure.getMessage())));
    }

    /** Refused by the protocol's own rules, with a code that no broker has. */
    private static final class RefusedException extends Exception {

        private static final long serialVersionUID = 1L;

        private final short code;

        RefusedException(short code, String message) {
            super(message);
            this.code = code;
        }
    }
}
