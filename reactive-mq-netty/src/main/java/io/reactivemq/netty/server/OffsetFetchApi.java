package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.broker.UnstableOffsetsException;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.OffsetFetchRequestData;
import io.reactivemq.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestGroup;
import io.reactivemq.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestTopic;
import io.reactivemq.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestTopics;
import io.reactivemq.kafka.common.message.OffsetFetchResponseData;
import io.reactivemq.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponseGroup;
import io.reactivemq.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponsePartition;
import io.reactivemq.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponsePartitions;
import io.reactivemq.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponseTopic;
import io.reactivemq.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponseTopics;
import io.reactivemq.netty.protocol.ProtocolError;
import io.reactivemq.netty.security.Authorizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * OffsetFetch: what groups have committed. Up to version 7 a request is about one group, from 8 on about several; from 10 on topics go by their ids. All
 * are answered as of version 8, and cut down to the older form at the end.
 */
final class OffsetFetchApi {

    private static final int SEVERAL_GROUPS = 8;
    private static final int ID_INSTEAD_OF_NAME = 10;

    /** From here on an answer tells what failed for the group. */
    private static final int ERROR_OF_THE_GROUP = 2;

    private final Broker broker;
    private final Authorizer authorizer;
    private final TopicNames names;

    OffsetFetchApi(Broker broker, Authorizer authorizer, TopicNames names) {
        this.broker = broker;
        this.authorizer = authorizer;
        this.names = names;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.OFFSET_FETCH, 1, 10, OffsetFetchRequestData.class, this::offsetFetch);
    }

    private Mono<OffsetFetchResponseData> offsetFetch(ApiRequest request, OffsetFetchRequestData body) {
        if (request.version() < SEVERAL_GROUPS) {
            return fetch(request, groupOf(body), body.requireStable())
                    .map(group -> request.version() < ERROR_OF_THE_GROUP ? toldByPartition(group, body) : group)
                    .map(OffsetFetchApi::olderForm);
        }
        return Flux.fromIterable(body.groups())
                // named twice, answered once
                .distinct(OffsetFetchRequestGroup::groupId)
                .concatMap(group -> fetch(request, group, body.requireStable()))
                .collectList()
                .map(groups -> new OffsetFetchResponseData().setGroups(groups));
    }

    private static OffsetFetchRequestGroup groupOf(OffsetFetchRequestData body) {
        List<OffsetFetchRequestTopic> topics = body.topics();
        return new OffsetFetchRequestGroup()
                .setGroupId(body.groupId())
                .setMemberId("")
                .setTopics(
                        topics == null
                                ? null
                                : topics.stream()
                                        .map(topic -> new OffsetFetchRequestTopics()
                                                .setName(topic.name())
                                                .setPartitionIndexes(topic.partitionIndexes()))
                                        .toList());
    }

    /** What failed for the group is told with each partition, where the answer has no other place for it. */
    private static OffsetFetchResponseGroup toldByPartition(
            OffsetFetchResponseGroup group, OffsetFetchRequestData body) {
        List<OffsetFetchRequestTopic> topics = body.topics();
        if (group.errorCode() == ProtocolError.NONE || topics == null) {
            return group;
        }
        return group.setTopics(topics.stream()
                .map(topic -> new OffsetFetchResponseTopics()
                        .setName(topic.name())
                        .setPartitions(topic.partitionIndexes().stream()
                                .map(index -> partition(index, null).setErrorCode(group.errorCode()))
                                .toList()))
                .toList());
    }

    private static OffsetFetchResponseData olderForm(OffsetFetchResponseGroup group) {
        return new OffsetFetchResponseData()
                .setErrorCode(group.errorCode())
                .setTopics(group.topics().stream()
                        .map(topic -> new OffsetFetchResponseTopic()
                                .setName(topic.name())
                                .setPartitions(topic.partitions().stream()
                                        .map(partition -> new OffsetFetchResponsePartition()
                                                .setPartitionIndex(partition.partitionIndex())
                                                .setCommittedOffset(partition.committedOffset())
                                                .setCommittedLeaderEpoch(partition.committedLeaderEpoch())
                                                .setMetadata(partition.metadata())
                                                .setErrorCode(partition.errorCode()))
                                        .toList()))
                        .toList());
    }

    private Mono<OffsetFetchResponseGroup> fetch(
            ApiRequest request, OffsetFetchRequestGroup asked, boolean requireStable) {
        List<OffsetFetchRequestTopics> topics = asked.topics();
        boolean byId = request.version() >= ID_INSTEAD_OF_NAME;
        List<Uuid> ids = topics == null || !byId
                ? List.of()
                : topics.stream().map(OffsetFetchRequestTopics::topicId).toList();
        return names.namesOf(request.caller(), ids)
                .flatMap(known -> {
                    String member = asked.memberId();
                    OffsetFetch fetch = new OffsetFetch(
                            asked.groupId(),
                            topics == null ? null : partitionsOf(request, topics, byId, known),
                            member == null ? "" : member,
                            asked.memberEpoch(),
                            requireStable);
                    return broker.fetchOffsets(request.caller(), fetch)
                            .map(Found::new)
                            .onErrorResume(
                                    UnstableOffsetsException.class,
                                    some -> Mono.just(new Found(some.committed(), some.unstable())))
                            .flatMap(found -> topics == null
                                    ? all(request, found, byId)
                                    : Mono.just(each(request, topics, found, byId, known)));
                })
                .map(found -> new OffsetFetchResponseGroup().setTopics(found))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new OffsetFetchResponseGroup()
                                .setErrorCode(failure.errorCode().code())))
                .map(group -> group.setGroupId(asked.groupId()));
    }

    private boolean mayDescribe(ApiRequest request, String topic) {
        return authorizer.allows(request.caller(), AclOperation.DESCRIBE, ResourceType.TOPIC, topic);
    }

    private Set<TopicPartition> partitionsOf(
            ApiRequest request, List<OffsetFetchRequestTopics> topics, boolean byId, Map<Uuid, String> known) {
        Set<TopicPartition> partitions = new HashSet<>();
        for (OffsetFetchRequestTopics topic : topics) {
            String name = byId ? known.get(topic.topicId()) : topic.name();
            if (name != null && !name.isBlank() && mayDescribe(request, name)) {
                topic.partitionIndexes().stream()
                        .filter(index -> index >= 0)
                        .forEach(index -> partitions.add(new TopicPartition(name, index)));
            }
        }
        return partitions;
    }

    /** An answer for each partition that was asked for; offset -1 where nothing is committed. */
    private List<OffsetFetchResponseTopics> each(
            ApiRequest request,
            List<OffsetFetchRequestTopics> topics,
            Found found,
            boolean byId,
            Map<Uuid, String> known) {
        List<OffsetFetchResponseTopics> answers = new ArrayList<>();
        for (OffsetFetchRequestTopics topic : topics) {
            String name = byId ? known.get(topic.topicId()) : topic.name();
            answers.add(new OffsetFetchResponseTopics()
                    .setName(topic.name())
                    .setTopicId(topic.topicId())
                    .setPartitions(topic.partitionIndexes().stream()
                            .map(index -> name == null
                                    ? partition(index, null).setErrorCode(ProtocolError.UNKNOWN_TOPIC_ID)
                                    : !mayDescribe(request, name)
                                            ? partition(index, null)
                                                    .setErrorCode(ErrorCode.TOPIC_AUTHORIZATION_FAILED.code())
                                            : name.isBlank() || index < 0
                                                    ? partition(index, null)
                                                    : found.partition(new TopicPartition(name, index)))
                            .toList()));
        }
        return answers;
    }

    /** All that is committed. */
    private Mono<List<OffsetFetchResponseTopics>> all(ApiRequest request, Found found, boolean byId) {
        Map<String, OffsetFetchResponseTopics> topics = new TreeMap<>();
        found.all()
                .forEach(partition -> topics.computeIfAbsent(
                                partition.topic(), name -> new OffsetFetchResponseTopics().setName(name))
                        .partitions()
                        .add(found.partition(partition)));
        if (!byId) {
            return Mono.just(List.copyOf(topics.values()));
        }
        return broker.listTopics(request.caller()).map(descriptions -> {
            Map<String, Uuid> ids = new HashMap<>();
            for (TopicDescription description : descriptions) {
                ids.put(description.name(), TopicNames.kafkaId(description.topicId()));
            }
            List<OffsetFetchResponseTopics> answers = new ArrayList<>();
            topics.forEach((name, topic) -> {
                Uuid id = ids.get(name);
                if (id != null) { // offsets of a topic that was deleted go with it
                    answers.add(topic.setTopicId(id));
                }
            });
            return answers;
        });
    }

    /**
     * What the broker has found.
     *
     * @param unstable what transactions that have not ended are about to change, and which is told to nobody who requires stable offsets
     */
    private record Found(Map<TopicPartition, CommittedOffset> committed, Set<TopicPartition> unstable) {

        Found(Map<TopicPartition, CommittedOffset> committed) {
            this(committed, Set.of());
        }

        Set<TopicPartition> all() {
            Set<TopicPartition> all = new HashSet<>(committed.keySet());
            all.addAll(unstable);
            return all;
        }

        OffsetFetchResponsePartitions partition(TopicPartition partition) {
            OffsetFetchResponsePartitions told =
                    OffsetFetchApi.partition(partition.partition(), committed.get(partition));
            return unstable.contains(partition) ? told.setErrorCode(ErrorCode.UNSTABLE_OFFSET_COMMIT.code()) : told;
        }
    }

    private static OffsetFetchResponsePartitions partition(int index, @Nullable CommittedOffset offset) {
        OffsetFetchResponsePartitions partition =
                new OffsetFetchResponsePartitions().setPartitionIndex(index).setMetadata("");
        return offset == null
                ? partition.setCommittedOffset(-1).setCommittedLeaderEpoch(-1)
                : partition
                        .setCommittedOffset(offset.offset())
                        .setCommittedLeaderEpoch(offset.leaderEpoch())
                        .setMetadata(offset.metadata());
    }
}
