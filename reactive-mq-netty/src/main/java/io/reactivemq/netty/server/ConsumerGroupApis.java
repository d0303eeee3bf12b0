package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.GroupType;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.ConsumerGroupDescribeRequestData;
import io.reactivemq.kafka.common.message.ConsumerGroupDescribeResponseData;
import io.reactivemq.kafka.common.message.ConsumerGroupDescribeResponseData.DescribedGroup;
import io.reactivemq.kafka.common.message.ConsumerGroupDescribeResponseData.Member;
import io.reactivemq.kafka.common.message.ConsumerGroupHeartbeatRequestData;
import io.reactivemq.kafka.common.message.ConsumerGroupHeartbeatResponseData;
import io.reactivemq.netty.security.Authorizer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Members of groups after KIP-848: ConsumerGroupHeartbeat, ConsumerGroupDescribe. On the wire topics go by their ids. */
final class ConsumerGroupApis {

    /** The type of a member, in the numbers of the protocol. */
    private static final byte CLASSIC = 0;

    private static final byte CONSUMER = 1;

    private final Broker broker;
    private final TopicNames names;
    private final AuthorizedOperations operations;

    ConsumerGroupApis(Broker broker, Authorizer authorizer, TopicNames names) {
        this.operations = new AuthorizedOperations(authorizer);
        this.broker = broker;
        this.names = names;
    }

    void register(ApiTable apis) {
        apis.serve(
                ApiMessageType.CONSUMER_GROUP_HEARTBEAT,
                0,
                1,
                ConsumerGroupHeartbeatRequestData.class,
                this::consumerGroupHeartbeat);
        apis.serve(
                ApiMessageType.CONSUMER_GROUP_DESCRIBE,
                0,
                1,
                ConsumerGroupDescribeRequestData.class,
                this::consumerGroupDescribe);
    }

    private Mono<ConsumerGroupHeartbeatResponseData> consumerGroupHeartbeat(
            ApiRequest request, ConsumerGroupHeartbeatRequestData body) {
        List<ConsumerGroupHeartbeatRequestData.TopicPartitions> owned = body.topicPartitions();
        List<Uuid> ids = owned == null
                ? List.of()
                : owned.stream()
                        .map(ConsumerGroupHeartbeatRequestData.TopicPartitions::topicId)
                        .toList();
        return names.namesOf(request.caller(), ids)
                .flatMap(known -> broker.heartbeat(request.caller(), heartbeat(body, owned, known)))
                .flatMap(result -> answer(request, result))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new ConsumerGroupHeartbeatResponseData()
                                .setErrorCode(failure.errorCode().code())
                                .setErrorMessage(failure.getMessage())));
    }

    private static GroupHeartbeat heartbeat(
            ConsumerGroupHeartbeatRequestData body,
            @Nullable List<ConsumerGroupHeartbeatRequestData.TopicPartitions> owned,
            Map<Uuid, String> known) {
        List<String> subscribed = body.subscribedTopicNames();
        Set<TopicPartition> has = null;
        if (owned != null) {
            has = new HashSet<>();
            for (ConsumerGroupHeartbeatRequestData.TopicPartitions topic : owned) {
                String name = known.get(topic.topicId());
                if (name != null) { // else the topic is gone, and nobody owns it
                    for (int partition : topic.partitions()) {
                        has.add(new TopicPartition(name, partition));
                    }
                }
            }
        }
        return new GroupHeartbeat(
                body.groupId(),
                body.memberId(),
                body.memberEpoch(),
                body.instanceId(),
                body.rackId(),
                body.rebalanceTimeoutMs() < 0 ? null : Duration.ofMillis(body.rebalanceTimeoutMs()),
                subscribed == null ? null : Set.copyOf(subscribed),
                body.subscribedTopicRegex(),
                body.serverAssignor(),
                has);
    }

    private Mono<ConsumerGroupHeartbeatResponseData> answer(ApiRequest request, GroupHeartbeatResult result) {
        ConsumerGroupHeartbeatResponseData response = new ConsumerGroupHeartbeatResponseData()
                .setMemberId(result.memberId())
                .setMemberEpoch(result.memberEpoch())
                .setHeartbeatIntervalMs((int) result.heartbeatInterval().toMillis());
        Set<TopicPartition> assignment = result.assignment();
        if (assignment == null) {
            return Mono.just(response);
        }
        return idsOf(request, topicsOf(assignment)).map(ids -> {
            List<ConsumerGroupHeartbeatResponseData.TopicPartitions> topics = new ArrayList<>();
            byTopic(assignment).forEach((topic, partitions) -> {
                Uuid id = ids.get(topic);
                if (id != null) { // else it was deleted meanwhile, and the next heartbeat brings what is left
                    topics.add(new ConsumerGroupHeartbeatResponseData.TopicPartitions()
                            .setTopicId(id)
                            .setPartitions(partitions));
                }
            });
            return response.setAssignment(
                    new ConsumerGroupHeartbeatResponseData.Assignment().setTopicPartitions(topics));
        });
    }

    /** The ids of topics; one that is gone is not in the map. */
    private Mono<Map<String, Uuid>> idsOf(ApiRequest request, Collection<String> topics) {
        return Flux.fromIterable(topics)
                .concatMap(topic -> broker.describeTopic(request.caller(), topic)
                        .onErrorResume(
                                failure -> failure instanceof MqException known
                                        && known.errorCode() == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                                gone -> Mono.empty()))
                .collectMap(TopicDescription::name, topic -> TopicNames.kafkaId(topic.topicId()));
    }

    private static Set<String> topicsOf(Collection<TopicPartition> partitions) {
        return partitions.stream().map(TopicPartition::topic).collect(Collectors.toSet());
    }

    private static Map<String, List<Integer>> byTopic(Collection<TopicPartition> partitions) {
        Map<String, List<Integer>> topics = new TreeMap<>();
        partitions.stream()
                .sorted(Comparator.comparingInt(TopicPartition::partition))
                .forEach(partition -> topics.computeIfAbsent(partition.topic(), topic -> new ArrayList<>())
                        .add(partition.partition()));
        return topics;
    }

    private Mono<ConsumerGroupDescribeResponseData> consumerGroupDescribe(
            ApiRequest request, ConsumerGroupDescribeRequestData body) {
        return Flux.fromIterable(body.groupIds())
                // named twice, answered once
                .distinct()
                .concatMap(id -> broker.describeGroup(request.caller(), id)
                        .flatMap(group -> group.type() == GroupType.CONSUMER
                                ? described(request, group)
                                        .map(described -> body.includeAuthorizedOperations()
                                                ? described.setAuthorizedOperations(
                                                        operations.ofGroup(request.caller(), id))
                                                : described)
                                : Refusal.of(
                                        ErrorCode.GROUP_ID_NOT_FOUND,
                                        "group '" + id + "' is of the "
                                                + group.type().text() + " protocol"))
                        .onErrorResume(
                                MqException.class,
                                failure -> Mono.just(new DescribedGroup()
                                        .setGroupId(id)
                                        .setErrorCode(failure.errorCode().code())
                                        .setErrorMessage(failure.getMessage()))))
                .collectList()
                .map(groups -> new ConsumerGroupDescribeResponseData().setGroups(groups));
    }

    private Mono<DescribedGroup> described(ApiRequest request, GroupDescription group) {
        Set<String> topics = new HashSet<>();
        group.members().forEach(member -> {
            topics.addAll(topicsOf(member.assigned()));
            topics.addAll(topicsOf(member.target()));
        });
        return idsOf(request, topics)
                .map(ids -> new DescribedGroup()
                        .setGroupId(group.groupId())
                        .setGroupState(group.state().text())
                        .setGroupEpoch(group.groupEpoch())
                        .setAssignmentEpoch(group.assignmentEpoch())
                        .setAssignorName(group.assignor())
                        .setMembers(group.members().stream()
                                .map(member -> described(request, member, ids))
                                .toList()));
    }

    private static Member described(ApiRequest request, GroupDescription.Member member, Map<String, Uuid> ids) {
        Member described = new Member()
                .setMemberId(member.memberId())
                .setInstanceId(member.instanceId())
                .setRackId(member.rackId())
                .setMemberEpoch(member.memberEpoch())
                .setClientId(member.clientId())
                .setClientHost(member.host())
                .setSubscribedTopicNames(
                        member.subscribedTopics().stream().sorted().toList())
                .setSubscribedTopicRegex(member.subscribedTopicRegex())
                .setAssignment(assignment(member.assigned(), ids))
                .setTargetAssignment(assignment(member.target(), ids));
        return request.version() < 1
                ? described
                : described.setMemberType(member.type() == GroupType.CLASSIC ? CLASSIC : CONSUMER);
    }

    private static ConsumerGroupDescribeResponseData.Assignment assignment(
            Set<TopicPartition> partitions, Map<String, Uuid> ids) {
        List<ConsumerGroupDescribeResponseData.TopicPartitions> topics = new ArrayList<>();
        byTopic(partitions)
                .forEach((topic, indexes) -> topics.add(new ConsumerGroupDescribeResponseData.TopicPartitions()
                        .setTopicId(ids.getOrDefault(topic, Uuid.ZERO_UUID))
                        .setTopicName(topic)
                        .setPartitions(indexes)));
        return new ConsumerGroupDescribeResponseData.Assignment().setTopicPartitions(topics);
    }
}
