package io.reactivemq.netty.security;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ClassicHeartbeat;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.broker.ClassicJoinResult;
import io.reactivemq.broker.ClassicLeave;
import io.reactivemq.broker.ClassicLeaveResult;
import io.reactivemq.broker.ClassicSync;
import io.reactivemq.broker.ClassicSyncResult;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.ConfigChange;
import io.reactivemq.broker.ConfigEntry;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.EpochEnd;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.ForwardingBroker;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.GroupListing;
import io.reactivemq.broker.GroupType;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.LogDirDescription;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.ProducerDescription;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.RecordsToDelete;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.broker.SecurityApi;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.broker.TransactionDescription;
import io.reactivemq.broker.TransactionalAppend;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.broker.UnstableOffsetsException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * A broker whose callers may do what the ACLs allow them, by Kafka's rules for each request: which operation on which resource, and which error where it is
 * not allowed. Lists have what the caller may describe. What is denied is denied before the broker is asked, so an answer does not tell what there is.
 *
 * <p>A request that has no rule here is denied where anything is.
 */
public final class AuthorizingBroker extends ForwardingBroker {

    private final Broker target;
    private final Authorizer authorizer;

    public AuthorizingBroker(Broker target, Authorizer authorizer) {
        super(target);
        this.target = target;
        this.authorizer = authorizer;
    }

    /** What all requests that are not named below pass. */
    @Override
    protected <T> Mono<T> forward(Mono<T> request) {
        return authorizer.isOn()
                ? refused(new MqException(
                        ErrorCode.CLUSTER_AUTHORIZATION_FAILED, "there is no rule who may ask for this; nobody may"))
                : request;
    }

    @Override
    public SecurityApi security() {
        return new AuthorizingSecurity(target.security(), authorizer);
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
        return guarded(
                onTopic(caller, AclOperation.WRITE, partition.topic()),
                () -> target.append(caller, partition, records, acks));
    }

    /** What the caller may not read is refused by itself, and the rest is answered at once, as it is for other errors. */
    @Override
    public Mono<FetchResult> fetch(Caller caller, FetchRequest request) {
        Map<String, Boolean> topics = new HashMap<>();
        List<FetchRequest.Partition> allowed = request.partitions().stream()
                .filter(one -> topics.computeIfAbsent(
                        one.partition().topic(),
                        topic -> authorizer.allows(caller, AclOperation.READ, ResourceType.TOPIC, topic)))
                .toList();
        if (allowed.size() == request.partitions().size()) {
            return target.fetch(caller, request);
        }
        Mono<List<FetchResult.Partition>> found = allowed.isEmpty()
                ? Mono.just(List.of())
                : target.fetch(
                                caller,
                                new FetchRequest(
                                        allowed,
                                        request.minBytes(),
                                        request.maxBytes(),
                                        Duration.ZERO,
                                        request.isolation(),
                                        request.lease()))
                        .map(FetchResult::partitions);
        return found.map(answers -> {
            Iterator<FetchResult.Partition> next = answers.iterator();
            return new FetchResult(request.partitions().stream()
                    .map(one -> Boolean.TRUE.equals(topics.get(one.partition().topic()))
                            ? next.next()
                            : new FetchResult.Partition(
                                    one.partition(),
                                    denied(
                                            ErrorCode.TOPIC_AUTHORIZATION_FAILED,
                                            caller,
                                            AclOperation.READ,
                                            "topic",
                                            one.partition().topic()),
                                    -1,
                                    -1,
                                    ByteBuffer.allocate(0)))
                    .toList());
        });
    }

    @Override
    public Mono<Long> listOffset(Caller caller, TopicPartition partition, OffsetSpec spec) {
        return guarded(
                onTopic(caller, AclOperation.DESCRIBE, partition.topic()),
                () -> target.listOffset(caller, partition, spec));
    }

    /** A member that subscribes by a regular expression gets no topic that it may not describe. */
    @Override
    public Mono<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat) {
        MqException refusal = onGroup(caller, AclOperation.READ, heartbeat.groupId());
        Set<String> subscribed = heartbeat.subscribedTopics();
        if (refusal == null && subscribed != null) {
            refusal = onTopics(caller, AclOperation.DESCRIBE, subscribed.stream());
        }
        return guarded(
                refusal,
                () -> target.heartbeat(caller, heartbeat).map(result -> {
                    Set<TopicPartition> assignment = result.assignment();
                    return assignment == null
                            ? result
                            : new GroupHeartbeatResult(
                                    result.memberId(),
                                    result.memberEpoch(),
                                    result.heartbeatInterval(),
                                    assignment.stream()
                                            .filter(partition -> describes(caller, partition.topic()))
                                            .collect(Collectors.toSet()));
                }));
    }

    @Override
    public Mono<Map<TopicPartition, ErrorCode>> commitOffsets(Caller caller, OffsetCommit commit) {
        return guarded(
                first(
                        onGroup(caller, AclOperation.READ, commit.groupId()),
                        () -> onTopics(
                                caller,
                                AclOperation.READ,
                                topicsOf(commit.offsets().keySet()))),
                () -> target.commitOffsets(caller, commit));
    }

    @Override
    public Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(Caller caller, OffsetFetch fetch) {
        Set<TopicPartition> partitions = fetch.partitions();
        return guarded(
                first(
                        onGroup(caller, AclOperation.DESCRIBE, fetch.groupId()),
                        () -> partitions == null
                                ? null
                                : onTopics(caller, AclOperation.DESCRIBE, topicsOf(partitions))),
                () -> target.fetchOffsets(caller, fetch)
                        .map(found -> described(caller, found))
                        .onErrorMap(UnstableOffsetsException.class, failure -> described(caller, fetch, failure)));
    }

    private UnstableOffsetsException described(Caller caller, OffsetFetch fetch, UnstableOffsetsException failure) {
        return new UnstableOffsetsException(
                fetch.groupId(),
                failure.unstable().stream()
                        .filter(one -> describes(caller, one.topic()))
                        .collect(Collectors.toSet()),
                described(caller, failure.committed()));
    }

    private Map<TopicPartition, CommittedOffset> described(Caller caller, Map<TopicPartition, CommittedOffset> found) {
        return found.entrySet().stream()
                .filter(one -> describes(caller, one.getKey().topic()))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    @Override
    public Mono<ClassicJoinResult> joinClassic(Caller caller, ClassicJoin join) {
        return guarded(onGroup(caller, AclOperation.READ, join.groupId()), () -> target.joinClassic(caller, join));
    }

    @Override
    public Mono<ClassicSyncResult> syncClassic(Caller caller, ClassicSync sync) {
        return guarded(onGroup(caller, AclOperation.READ, sync.groupId()), () -> target.syncClassic(caller, sync));
    }

    @Override
    public Mono<Void> heartbeatClassic(Caller caller, ClassicHeartbeat heartbeat) {
        return guarded(
                onGroup(caller, AclOperation.READ, heartbeat.groupId()),
                () -> target.heartbeatClassic(caller, heartbeat));
    }

    @Override
    public Mono<ClassicLeaveResult> leaveClassic(Caller caller, ClassicLeave leave) {
        return guarded(onGroup(caller, AclOperation.READ, leave.groupId()), () -> target.leaveClassic(caller, leave));
    }

    @Override
    public Mono<Map<TopicPartition, ErrorCode>> deleteOffsets(
            Caller caller, String groupId, Collection<TopicPartition> partitions) {
        return guarded(
                first(
                        onGroup(caller, AclOperation.DELETE, groupId),
                        () -> onTopics(caller, AclOperation.READ, topicsOf(partitions))),
                () -> target.deleteOffsets(caller, groupId, partitions));
    }

    @Override
    public Mono<List<GroupListing>> listGroups(Caller caller) {
        return target.listGroups(caller)
                .map(groups -> authorizer.allowsCluster(caller, AclOperation.DESCRIBE)
                        ? groups
                        : groups.stream()
                                .filter(group -> authorizer.allows(
                                        caller, AclOperation.DESCRIBE, ResourceType.GROUP, group.groupId()))
                                .toList());
    }

    /** Members of KIP-848 are described with their topics, so those are looked at too. */
    @Override
    public Mono<GroupDescription> describeGroup(Caller caller, String groupId) {
        return guarded(
                onGroup(caller, AclOperation.DESCRIBE, groupId),
                () -> target.describeGroup(caller, groupId)
                        .flatMap(group -> guarded(
                                group.type() == GroupType.CLASSIC
                                        ? null
                                        : onTopics(
                                                caller,
                                                AclOperation.DESCRIBE,
                                                group.members().stream().flatMap(AuthorizingBroker::topicsOf)),
                                () -> Mono.just(group))));
    }

    @Override
    public Mono<Void> deleteGroup(Caller caller, String groupId) {
        return guarded(onGroup(caller, AclOperation.DELETE, groupId), () -> target.deleteGroup(caller, groupId));
    }

    @Override
    public Mono<ProducerIdAndEpoch> initProducerId(Caller caller, InitProducerId request) {
        String transactionalId = request.transactionalId();
        MqException refusal;
        if (transactionalId != null) {
            refusal = onTransaction(caller, AclOperation.WRITE, transactionalId);
        } else if (authorizer.allowsCluster(caller, AclOperation.IDEMPOTENT_WRITE)
                || authorizer.allowsAny(caller, AclOperation.WRITE, ResourceType.TOPIC)) {
            refusal = null;
        } else {
            refusal = denied(
                    ErrorCode.CLUSTER_AUTHORIZATION_FAILED, caller, AclOperation.IDEMPOTENT_WRITE, "the", "cluster");
        }
        return guarded(refusal, () -> target.initProducerId(caller, request));
    }

    @Override
    public Mono<Void> addPartitions(
            Caller caller, String transactionalId, ProducerIdAndEpoch producer, Collection<TopicPartition> partitions) {
        return guarded(
                first(
                        onTransaction(caller, AclOperation.WRITE, transactionalId),
                        () -> onTopics(caller, AclOperation.WRITE, topicsOf(partitions))),
                () -> target.addPartitions(caller, transactionalId, producer, partitions));
    }

    @Override
    public Mono<Void> addOffsets(Caller caller, String transactionalId, ProducerIdAndEpoch producer, String groupId) {
        return guarded(
                first(
                        onTransaction(caller, AclOperation.WRITE, transactionalId),
                        () -> onGroup(caller, AclOperation.READ, groupId)),
                () -> target.addOffsets(caller, transactionalId, producer, groupId));
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TransactionalAppend append) {
        return guarded(
                first(
                        onTransaction(caller, AclOperation.WRITE, append.transactionalId()),
                        () -> onTopic(
                                caller, AclOperation.WRITE, append.partition().topic())),
                () -> target.append(caller, append));
    }

    @Override
    public Mono<Void> commitOffsets(Caller caller, TransactionalOffsetCommit commit) {
        return guarded(
                first(
                        onTransaction(caller, AclOperation.WRITE, commit.transactionalId()),
                        () -> first(
                                onGroup(caller, AclOperation.READ, commit.groupId()),
                                () -> onTopics(
                                        caller,
                                        AclOperation.READ,
                                        topicsOf(commit.offsets().keySet())))),
                () -> target.commitOffsets(caller, commit));
    }

    @Override
    public Mono<ProducerIdAndEpoch> endTransaction(Caller caller, EndTransaction end) {
        return guarded(
                onTransaction(caller, AclOperation.WRITE, end.transactionalId()),
                () -> target.endTransaction(caller, end));
    }

    /** Its topics are those that the caller may describe. */
    @Override
    public Mono<TransactionDescription> describeTransaction(Caller caller, String transactionalId) {
        return guarded(
                onTransaction(caller, AclOperation.DESCRIBE, transactionalId),
                () -> target.describeTransaction(caller, transactionalId)
                        .map(found -> new TransactionDescription(
                                found.transactionalId(),
                                found.state(),
                                found.producer(),
                                found.timeout(),
                                found.startTimeMs(),
                                found.partitions().stream()
                                        .filter(partition -> describes(caller, partition.topic()))
                                        .collect(Collectors.toSet()))));
    }

    @Override
    public Mono<List<TransactionDescription>> listTransactions(Caller caller) {
        return target.listTransactions(caller)
                .map(all -> all.stream()
                        .filter(one -> authorizer.allows(
                                caller, AclOperation.DESCRIBE, ResourceType.TRANSACTIONAL_ID, one.transactionalId()))
                        .toList());
    }

    @Override
    public Mono<TopicDescription> createTopic(Caller caller, NewTopic topic) {
        return guarded(onNewTopic(caller, topic), () -> target.createTopic(caller, topic));
    }

    @Override
    public Mono<List<ConfigEntry>> validateTopic(Caller caller, NewTopic topic) {
        return guarded(onNewTopic(caller, topic), () -> target.validateTopic(caller, topic));
    }

    private @Nullable MqException onNewTopic(Caller caller, NewTopic topic) {
        return authorizer.allowsCluster(caller, AclOperation.CREATE)
                ? null
                : onTopic(caller, AclOperation.CREATE, topic.name());
    }

    @Override
    public Mono<Void> deleteTopic(Caller caller, String topic) {
        return guarded(onTopic(caller, AclOperation.DELETE, topic), () -> target.deleteTopic(caller, topic));
    }

    @Override
    public Mono<List<TopicDescription>> listTopics(Caller caller) {
        return target.listTopics(caller)
                .map(topics -> topics.stream()
                        .filter(topic -> describes(caller, topic.name()))
                        .toList());
    }

    @Override
    public Mono<TopicDescription> describeTopic(Caller caller, String topic) {
        return guarded(onTopic(caller, AclOperation.DESCRIBE, topic), () -> target.describeTopic(caller, topic));
    }

    @Override
    public Mono<List<ConfigEntry>> describeTopicConfigs(Caller caller, String topic) {
        return guarded(
                onTopic(caller, AclOperation.DESCRIBE_CONFIGS, topic),
                () -> target.describeTopicConfigs(caller, topic));
    }

    @Override
    public Mono<TopicDescription> alterTopicConfigs(Caller caller, String topic, List<ConfigChange> changes) {
        return guarded(
                onTopic(caller, AclOperation.ALTER_CONFIGS, topic),
                () -> target.alterTopicConfigs(caller, topic, changes));
    }

    @Override
    public Mono<Long> deleteRecords(Caller caller, TopicPartition partition, RecordsToDelete records) {
        return guarded(
                onTopic(caller, AclOperation.DELETE, partition.topic()),
                () -> target.deleteRecords(caller, partition, records));
    }

    @Override
    public Mono<TopicDescription> createPartitions(Caller caller, String topic, int partitions) {
        return guarded(
                onTopic(caller, AclOperation.ALTER, topic), () -> target.createPartitions(caller, topic, partitions));
    }

    @Override
    public Mono<Void> validateTopicConfigs(Caller caller, String topic, List<ConfigChange> changes) {
        return guarded(
                onTopic(caller, AclOperation.ALTER_CONFIGS, topic),
                () -> target.validateTopicConfigs(caller, topic, changes));
    }

    @Override
    public Mono<Void> validatePartitions(Caller caller, String topic, int partitions) {
        return guarded(
                onTopic(caller, AclOperation.ALTER, topic), () -> target.validatePartitions(caller, topic, partitions));
    }

    @Override
    public Mono<EpochEnd> epochEnd(Caller caller, TopicPartition partition, int leaderEpoch) {
        return guarded(
                onTopic(caller, AclOperation.DESCRIBE, partition.topic()),
                () -> target.epochEnd(caller, partition, leaderEpoch));
    }

    @Override
    public Mono<List<ProducerDescription>> describeProducers(Caller caller, TopicPartition partition) {
        return guarded(
                onTopic(caller, AclOperation.READ, partition.topic()),
                () -> target.describeProducers(caller, partition));
    }

    @Override
    public Mono<LogDirDescription> describeLogDir(Caller caller) {
        return guarded(
                authorizer.allowsCluster(caller, AclOperation.DESCRIBE)
                        ? null
                        : denied(
                                ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
                                caller,
                                AclOperation.DESCRIBE,
                                "the",
                                "cluster"),
                () -> target.describeLogDir(caller));
    }

    /** Nobody's request: who has this broker in hand may close it. */
    @Override
    public Mono<Void> closeGracefully(Duration timeout) {
        return target.closeGracefully(timeout);
    }

    private boolean describes(Caller caller, String topic) {
        return authorizer.allows(caller, AclOperation.DESCRIBE, ResourceType.TOPIC, topic);
    }

    private @Nullable MqException onTopic(Caller caller, AclOperation operation, String topic) {
        return authorizer.allows(caller, operation, ResourceType.TOPIC, topic)
                ? null
                : denied(ErrorCode.TOPIC_AUTHORIZATION_FAILED, caller, operation, "topic", topic);
    }

    private @Nullable MqException onTopics(Caller caller, AclOperation operation, Stream<String> topics) {
        return topics.distinct()
                .map(topic -> onTopic(caller, operation, topic))
                .filter(Objects::nonNull)
                .findFirst()
                .orElse(null);
    }

    private @Nullable MqException onGroup(Caller caller, AclOperation operation, String group) {
        return authorizer.allows(caller, operation, ResourceType.GROUP, group)
                ? null
                : denied(ErrorCode.GROUP_AUTHORIZATION_FAILED, caller, operation, "group", group);
    }

    private @Nullable MqException onTransaction(Caller caller, AclOperation operation, String transactionalId) {
        return authorizer.allows(caller, operation, ResourceType.TRANSACTIONAL_ID, transactionalId)
                ? null
                : denied(
                        ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                        caller,
                        operation,
                        "transactional id",
                        transactionalId);
    }

    static MqException denied(ErrorCode code, Caller caller, AclOperation operation, String type, String name) {
        return new MqException(code, caller.principal() + " may not " + operation + " " + type + " " + name);
    }

    private static @Nullable MqException first(
            @Nullable MqException one, Supplier<? extends @Nullable MqException> other) {
        return one == null ? other.get() : one;
    }

    private static Stream<String> topicsOf(Collection<TopicPartition> partitions) {
        return partitions.stream().map(TopicPartition::topic);
    }

    private static Stream<String> topicsOf(GroupDescription.Member member) {
        return Stream.of(topicsOf(member.assigned()), topicsOf(member.target()), member.subscribedTopics().stream())
                .flatMap(topics -> topics);
    }

    static <T> Mono<T> guarded(@Nullable MqException refusal, Supplier<Mono<T>> request) {
        return refusal == null ? request.get() : refused(refusal);
    }

    private static <T> Mono<T> refused(MqException refusal) {
        return Mono.create(sink -> sink.error(refusal));
    }
}
