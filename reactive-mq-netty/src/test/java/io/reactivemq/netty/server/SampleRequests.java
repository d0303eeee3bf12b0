package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.QuotaChange;
import io.reactivemq.broker.QuotaEntity;
import io.reactivemq.broker.ResourcePattern;
import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.kafka.common.message.*;
import io.reactivemq.kafka.common.message.AlterClientQuotasRequestData;
import io.reactivemq.kafka.common.message.AlterUserScramCredentialsRequestData;
import io.reactivemq.kafka.common.message.CreateAclsRequestData;
import io.reactivemq.kafka.common.message.DeleteAclsRequestData;
import io.reactivemq.kafka.common.message.DescribeAclsRequestData;
import io.reactivemq.kafka.common.message.DescribeClientQuotasRequestData;
import io.reactivemq.kafka.common.message.DescribeUserScramCredentialsRequestData;
import io.reactivemq.kafka.common.message.SaslAuthenticateRequestData;
import io.reactivemq.kafka.common.message.SaslHandshakeRequestData;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.record.RecordBatchBuilder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;

/** Requests of every API: what brings a full answer, and what brings errors. They are made of what {@link #fill} puts into a broker. */
final class SampleRequests {

    static final Caller CALLER = new Caller("User:ANONYMOUS", "test", "/127.0.0.1", "PLAINTEXT");

    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private final Broker broker;
    private final Uuid topicId;

    private SampleRequests(Broker broker, Uuid topicId) {
        this.broker = broker;
        this.topicId = topicId;
    }

    /** Makes a topic, a group and a transaction. */
    static SampleRequests fill(Broker broker) {
        UUID id = requireNonNull(broker.createTopic(NewTopic.of("orders", 2)).block(PATIENCE))
                .topicId();
        broker.append(CALLER, new TopicPartition("orders", 0), records().buffer(), Acks.ALL)
                .block(PATIENCE);
        broker.commitOffsets(
                        CALLER,
                        OffsetCommit.admin(
                                "billing", Map.of(new TopicPartition("orders", 0), new CommittedOffset(1, 0, "note"))))
                .block(PATIENCE);
        ProducerIdAndEpoch producer = requireNonNull(broker.initProducerId(
                        CALLER, new InitProducerId("enricher", Duration.ofMinutes(1), ProducerIdAndEpoch.NONE))
                .block(PATIENCE));
        broker.addPartitions(CALLER, "enricher", producer, List.of(new TopicPartition("orders", 1)))
                .block(PATIENCE);
        return new SampleRequests(broker, TopicNames.kafkaId(id));
    }

    private static MemoryRecords records() {
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 1_000);
        assertThat(builder.tryAppend(1_000, null, "v".getBytes(StandardCharsets.UTF_8), Headers.empty()))
                .isTrue();
        return MemoryRecords.readableRecords(builder.build());
    }

    /** What brings a full answer, and what brings errors. */
    List<ApiMessage> requests(ApiMessageType api, short version) {
        String unknown = "nobody";
        Uuid unknownId = new Uuid(1, 2);
        return switch (api) {
            case PRODUCE ->
                Stream.of("orders", unknown)
                        .flatMap(name -> Stream.of((short) -1, (short) 1, (short) 7)
                                .map(acks -> {
                                    ProduceRequestData.TopicProduceData topic =
                                            new ProduceRequestData.TopicProduceData()
                                                    .setName(version < 13 ? name : "")
                                                    .setTopicId(
                                                            version < 13
                                                                    ? Uuid.ZERO_UUID
                                                                    : name.equals("orders") ? topicId : unknownId)
                                                    .setPartitionData(List.of(
                                                            new ProduceRequestData.PartitionProduceData()
                                                                    .setIndex(0)
                                                                    .setRecords(records()),
                                                            new ProduceRequestData.PartitionProduceData()
                                                                    .setIndex(7)
                                                                    .setRecords(records()),
                                                            new ProduceRequestData.PartitionProduceData().setIndex(1)));
                                    ProduceRequestData.TopicProduceDataCollection topics =
                                            new ProduceRequestData.TopicProduceDataCollection();
                                    topics.add(topic);
                                    return (ApiMessage) new ProduceRequestData()
                                            .setAcks(acks)
                                            .setTimeoutMs(1_000)
                                            .setTopicData(topics);
                                }))
                        .toList();
            case FETCH ->
                Stream.of((byte) 0, (byte) 1)
                        .flatMap(isolation -> Stream.of(0, 5).map(session -> (ApiMessage) new FetchRequestData()
                                .setMaxBytes(1_000)
                                .setIsolationLevel(isolation)
                                .setSessionId(session)
                                .setTopics(Stream.of(topicId, unknownId)
                                        .map(id -> new FetchRequestData.FetchTopic()
                                                .setTopic(version < 13 ? id.equals(topicId) ? "orders" : unknown : "")
                                                .setTopicId(version < 13 ? Uuid.ZERO_UUID : id)
                                                .setPartitions(List.of(
                                                        new FetchRequestData.FetchPartition()
                                                                .setPartition(0)
                                                                .setPartitionMaxBytes(100),
                                                        new FetchRequestData.FetchPartition()
                                                                .setPartition(0)
                                                                .setFetchOffset(-3),
                                                        new FetchRequestData.FetchPartition()
                                                                .setPartition(9)
                                                                .setPartitionMaxBytes(100))))
                                        .toList())))
                        .toList();
            case LIST_OFFSETS ->
                List.of(new ListOffsetsRequestData()
                        .setTopics(Stream.of("orders", unknown)
                                .map(name -> new ListOffsetsRequestData.ListOffsetsTopic()
                                        .setName(name)
                                        .setPartitions(Stream.of(-1L, -2L, -3L, -4L, -5L, -6L, -9L, 0L, 5_000L)
                                                .map(at -> new ListOffsetsRequestData.ListOffsetsPartition()
                                                        .setPartitionIndex(0)
                                                        .setTimestamp(at))
                                                .toList()))
                                .toList()));
            case METADATA ->
                Stream.of(
                                new MetadataRequestData.MetadataRequestTopic().setName("orders"),
                                new MetadataRequestData.MetadataRequestTopic().setName(unknown),
                                new MetadataRequestData.MetadataRequestTopic()
                                        .setName(version < 12 ? "orders" : null)
                                        .setTopicId(version < 12 ? Uuid.ZERO_UUID : topicId),
                                new MetadataRequestData.MetadataRequestTopic()
                                        .setName(version < 12 ? "orders" : null)
                                        .setTopicId(version < 12 ? Uuid.ZERO_UUID : unknownId))
                        .<ApiMessage>map(topic -> new MetadataRequestData().setTopics(List.of(topic)))
                        .toList();
            case SASL_HANDSHAKE -> List.of(new SaslHandshakeRequestData().setMechanism("PLAIN"));
            case SASL_AUTHENTICATE -> List.of(new SaslAuthenticateRequestData().setAuthBytes(new byte[] {1}));
            case CREATE_ACLS ->
                List.of(new CreateAclsRequestData()
                        .setCreations(Stream.of("User:alice", "nobody")
                                .map(principal -> new CreateAclsRequestData.AclCreation()
                                        .setResourceType((byte) 2)
                                        .setResourceName("orders")
                                        .setPrincipal(principal)
                                        .setHost("*")
                                        .setOperation((byte) 3)
                                        .setPermissionType((byte) 3))
                                .toList()));
            case DESCRIBE_ACLS ->
                Stream.of((byte) 1, (byte) 77)
                        .<ApiMessage>map(type -> {
                            broker.security()
                                    .createAcls(
                                            AclBinding.allow("User:bob", AclOperation.READ, ResourcePattern.CLUSTER))
                                    .block(PATIENCE);
                            return new DescribeAclsRequestData()
                                    .setResourceTypeFilter(type)
                                    .setPatternTypeFilter((byte) 1)
                                    .setOperation((byte) 1)
                                    .setPermissionType((byte) 1);
                        })
                        .toList();
            case DELETE_ACLS ->
                List.of(new DeleteAclsRequestData()
                        .setFilters(Stream.of((byte) 1, (byte) 77)
                                .map(type -> {
                                    broker.security()
                                            .createAcls(AclBinding.allow(
                                                    "User:bob", AclOperation.READ, ResourcePattern.CLUSTER))
                                            .block(PATIENCE);
                                    return new DeleteAclsRequestData.DeleteAclsFilter()
                                            .setResourceTypeFilter(type)
                                            .setPatternTypeFilter((byte) 1)
                                            .setOperation((byte) 1)
                                            .setPermissionType((byte) 1);
                                })
                                .toList()));
            case ALTER_USER_SCRAM_CREDENTIALS, DESCRIBE_USER_SCRAM_CREDENTIALS -> {
                broker.security()
                        .upsertCredential(
                                "alice",
                                ScramCredential.ofSaltedPassword(
                                        ScramMechanism.SCRAM_SHA_256, new byte[32], new byte[16], 4_096))
                        .block(PATIENCE);
                yield api == ApiMessageType.DESCRIBE_USER_SCRAM_CREDENTIALS
                        ? List.of(new DescribeUserScramCredentialsRequestData()
                                .setUsers(Stream.of("alice", unknown, "twice", "twice")
                                        .map(name ->
                                                new DescribeUserScramCredentialsRequestData.UserName().setName(name))
                                        .toList()))
                        : List.of(new AlterUserScramCredentialsRequestData()
                                .setDeletions(Stream.of("alice", unknown)
                                        .map(name -> new AlterUserScramCredentialsRequestData.ScramCredentialDeletion()
                                                .setName(name)
                                                .setMechanism((byte) 1))
                                        .toList())
                                .setUpsertions(Stream.of("bob", "")
                                        .map(name -> new AlterUserScramCredentialsRequestData.ScramCredentialUpsertion()
                                                .setName(name)
                                                .setMechanism((byte) 2)
                                                .setIterations(5_000)
                                                .setSalt(new byte[8])
                                                .setSaltedPassword(new byte[64]))
                                        .toList()));
            }
            case ALTER_CLIENT_QUOTAS ->
                List.of(new AlterClientQuotasRequestData()
                        .setEntries(Stream.of("user", "ip")
                                .map(type -> new AlterClientQuotasRequestData.EntryData()
                                        .setEntity(List.of(new AlterClientQuotasRequestData.EntityData()
                                                .setEntityType(type)
                                                .setEntityName(null)))
                                        .setOps(List.of(new AlterClientQuotasRequestData.OpData()
                                                .setKey("request_percentage")
                                                .setValue(200))))
                                .toList()));
            case DESCRIBE_CLIENT_QUOTAS -> {
                broker.security()
                        .alterQuotas(QuotaEntity.ofUser("carol"), new QuotaChange("producer_byte_rate", 1e9))
                        .block(PATIENCE);
                yield Stream.of((byte) 2, (byte) 9)
                        .<ApiMessage>map(match -> new DescribeClientQuotasRequestData()
                                .setComponents(List.of(new DescribeClientQuotasRequestData.ComponentData()
                                        .setEntityType("user")
                                        .setMatchType(match)))
                                .setStrict(true))
                        .toList();
            }
            case API_VERSIONS -> List.of(new ApiVersionsRequestData().setClientSoftwareName("test"));
            case DESCRIBE_CLUSTER ->
                List.of(new DescribeClusterRequestData().setEndpointType((byte) (version < 1 ? 1 : 2)));
            case DESCRIBE_TOPIC_PARTITIONS ->
                List.of(
                        new DescribeTopicPartitionsRequestData().setResponsePartitionLimit(1),
                        new DescribeTopicPartitionsRequestData()
                                .setTopics(List.of(
                                        new DescribeTopicPartitionsRequestData.TopicRequest().setName("orders"),
                                        new DescribeTopicPartitionsRequestData.TopicRequest().setName(unknown)))
                                .setResponsePartitionLimit(100));
            case CREATE_TOPICS -> {
                CreateTopicsRequestData.CreatableTopicCollection topics =
                        new CreateTopicsRequestData.CreatableTopicCollection();
                topics.add(new CreateTopicsRequestData.CreatableTopic()
                        .setName("new-" + version)
                        .setNumPartitions(1)
                        .setReplicationFactor((short) 1));
                topics.add(new CreateTopicsRequestData.CreatableTopic()
                        .setName("no/name")
                        .setNumPartitions(1)
                        .setReplicationFactor((short) 3));
                topics.add(new CreateTopicsRequestData.CreatableTopic()
                        .setName("orders")
                        .setNumPartitions(1)
                        .setReplicationFactor((short) -1));
                yield List.of(
                        new CreateTopicsRequestData().setTopics(topics).setValidateOnly(true),
                        new CreateTopicsRequestData().setTopics(topics));
            }
            case DELETE_TOPICS -> {
                broker.createTopic(NewTopic.of("old-" + version, 1)).block(PATIENCE);
                yield List.of(
                        version < 6
                                ? new DeleteTopicsRequestData().setTopicNames(List.of("old-" + version, unknown))
                                : new DeleteTopicsRequestData()
                                        .setTopics(List.of(
                                                new DeleteTopicsRequestData.DeleteTopicState()
                                                        .setName("old-" + version),
                                                new DeleteTopicsRequestData.DeleteTopicState().setTopicId(unknownId))));
            }
            case DELETE_RECORDS ->
                List.of(new DeleteRecordsRequestData()
                        .setTopics(List.of(new DeleteRecordsRequestData.DeleteRecordsTopic()
                                .setName("orders")
                                .setPartitions(List.of(
                                        new DeleteRecordsRequestData.DeleteRecordsPartition()
                                                .setPartitionIndex(1)
                                                .setOffset(-1),
                                        new DeleteRecordsRequestData.DeleteRecordsPartition()
                                                .setPartitionIndex(1)
                                                .setOffset(-7),
                                        new DeleteRecordsRequestData.DeleteRecordsPartition()
                                                .setPartitionIndex(1)
                                                .setOffset(99))))));
            case DESCRIBE_CONFIGS ->
                List.of(new DescribeConfigsRequestData()
                        .setIncludeSynonyms(true)
                        .setIncludeDocumentation(true)
                        .setResources(Stream.of("orders", unknown)
                                .flatMap(name -> Stream.of((byte) 2, (byte) 4, (byte) 8)
                                        .map(type -> new DescribeConfigsRequestData.DescribeConfigsResource()
                                                .setResourceType(type)
                                                .setResourceName(name)))
                                .toList()));
            case INCREMENTAL_ALTER_CONFIGS -> {
                IncrementalAlterConfigsRequestData body = new IncrementalAlterConfigsRequestData();
                IncrementalAlterConfigsRequestData.AlterConfigsResource resource =
                        new IncrementalAlterConfigsRequestData.AlterConfigsResource()
                                .setResourceType((byte) 2)
                                .setResourceName("orders");
                resource.configs()
                        .add(new IncrementalAlterConfigsRequestData.AlterableConfig()
                                .setName("retention.ms")
                                .setValue("5000000"));
                resource.configs()
                        .add(new IncrementalAlterConfigsRequestData.AlterableConfig()
                                .setName("cleanup.policy")
                                .setConfigOperation((byte) 2)
                                .setValue("delete"));
                body.resources().add(resource);
                body.resources()
                        .add(new IncrementalAlterConfigsRequestData.AlterConfigsResource()
                                .setResourceType((byte) 8)
                                .setResourceName(unknown));
                yield List.of(body);
            }
            case ALTER_CONFIGS -> {
                AlterConfigsRequestData body = new AlterConfigsRequestData();
                body.resources()
                        .add(new AlterConfigsRequestData.AlterConfigsResource()
                                .setResourceType((byte) 2)
                                .setResourceName("orders"));
                body.resources()
                        .add(new AlterConfigsRequestData.AlterConfigsResource()
                                .setResourceType((byte) 2)
                                .setResourceName(unknown));
                yield List.of(body);
            }
            case INIT_PRODUCER_ID ->
                List.of(
                        new InitProducerIdRequestData().setProducerId(-1).setProducerEpoch((short) -1),
                        new InitProducerIdRequestData().setTransactionalId("").setProducerId(-1));
            case CREATE_PARTITIONS -> {
                CreatePartitionsRequestData body = new CreatePartitionsRequestData().setValidateOnly(true);
                body.topics()
                        .add(new CreatePartitionsRequestData.CreatePartitionsTopic()
                                .setName("orders")
                                .setCount(5)
                                .setAssignments(null));
                body.topics()
                        .add(new CreatePartitionsRequestData.CreatePartitionsTopic()
                                .setName(unknown)
                                .setCount(5));
                yield List.of(body);
            }
            case OFFSET_FOR_LEADER_EPOCH -> {
                OffsetForLeaderEpochRequestData body = new OffsetForLeaderEpochRequestData();
                Stream.of("orders", unknown, "")
                        .forEach(name -> body.topics()
                                .add(new OffsetForLeaderEpochRequestData.OffsetForLeaderTopic()
                                        .setTopic(name)
                                        .setPartitions(Stream.of(0, 9, -1)
                                                .map(index ->
                                                        new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition()
                                                                .setPartition(index))
                                                .toList())));
                yield List.of(body);
            }
            case DESCRIBE_PRODUCERS -> {
                DescribeProducersRequestData body = new DescribeProducersRequestData();
                Stream.of("orders", unknown, "")
                        .forEach(name -> body.topics()
                                .add(new DescribeProducersRequestData.TopicRequest()
                                        .setName(name)
                                        .setPartitionIndexes(List.of(0, 9, -1))));
                yield List.of(body);
            }
            case DESCRIBE_LOG_DIRS -> {
                DescribeLogDirsRequestData some = new DescribeLogDirsRequestData();
                Stream.of("orders", unknown, "")
                        .forEach(name -> some.topics()
                                .add(new DescribeLogDirsRequestData.DescribableLogDirTopic()
                                        .setTopic(name)
                                        .setPartitions(List.of(0, -1))));
                yield List.of(new DescribeLogDirsRequestData().setTopics(null), some);
            }
            case DESCRIBE_TRANSACTIONS ->
                List.of(new DescribeTransactionsRequestData().setTransactionalIds(List.of("enricher", unknown)));
            case LIST_TRANSACTIONS ->
                List.of(
                        new ListTransactionsRequestData().setStateFilters(List.of("Ongoing", "Asleep")),
                        new ListTransactionsRequestData().setProducerIdFilters(List.of(0L)));
            case FIND_COORDINATOR ->
                Stream.of((byte) 0, (byte) 1, (byte) 9)
                        .<ApiMessage>map(type -> version < 4
                                ? new FindCoordinatorRequestData()
                                        .setKey("billing")
                                        .setKeyType(type)
                                : new FindCoordinatorRequestData()
                                        .setCoordinatorKeys(List.of("billing", unknown))
                                        .setKeyType(type))
                        .toList();
            case OFFSET_COMMIT ->
                Stream.of("orders", unknown)
                        .<ApiMessage>map(name -> new OffsetCommitRequestData()
                                .setGroupId(name.equals(unknown) ? "" : "other")
                                .setTopics(List.of(new OffsetCommitRequestData.OffsetCommitRequestTopic()
                                        .setName(version < 10 ? name : "")
                                        .setTopicId(
                                                version < 10
                                                        ? Uuid.ZERO_UUID
                                                        : name.equals("orders") ? topicId : unknownId)
                                        .setPartitions(List.of(
                                                new OffsetCommitRequestData.OffsetCommitRequestPartition()
                                                        .setCommittedOffset(1)
                                                        .setCommittedMetadata(null),
                                                new OffsetCommitRequestData.OffsetCommitRequestPartition()
                                                        .setPartitionIndex(-1))))))
                        .toList();
            case OFFSET_FETCH -> offsetFetches(version, unknownId);
            case OFFSET_DELETE ->
                Stream.of("other", unknown)
                        .<ApiMessage>map(group -> {
                            OffsetDeleteRequestData body = new OffsetDeleteRequestData().setGroupId(group);
                            body.topics()
                                    .add(new OffsetDeleteRequestData.OffsetDeleteRequestTopic()
                                            .setName("orders")
                                            .setPartitions(List.of(
                                                    new OffsetDeleteRequestData.OffsetDeleteRequestPartition()
                                                            .setPartitionIndex(0),
                                                    new OffsetDeleteRequestData.OffsetDeleteRequestPartition()
                                                            .setPartitionIndex(-5))));
                            return body;
                        })
                        .toList();
            case JOIN_GROUP -> joins(version);
            case SYNC_GROUP ->
                List.of(new SyncGroupRequestData().setGroupId(unknown).setMemberId("m"));
            case HEARTBEAT ->
                List.of(new HeartbeatRequestData().setGroupId(unknown).setMemberId("m"));
            case LEAVE_GROUP ->
                List.of(
                        version < 3
                                ? new LeaveGroupRequestData()
                                        .setGroupId(unknown)
                                        .setMemberId("m")
                                : new LeaveGroupRequestData()
                                        .setGroupId("billing")
                                        .setMembers(List.of(new LeaveGroupRequestData.MemberIdentity()
                                                .setMemberId("m")
                                                .setGroupInstanceId("i"))));
            case DESCRIBE_GROUPS ->
                List.of(new DescribeGroupsRequestData().setGroups(List.of("billing", "joined", unknown)));
            case LIST_GROUPS -> List.of(new ListGroupsRequestData().setTypesFilter(List.of("Classic", "consumer")));
            case DELETE_GROUPS -> List.of(new DeleteGroupsRequestData().setGroupsNames(List.of("other", unknown)));
            case CONSUMER_GROUP_HEARTBEAT ->
                List.of(
                        new ConsumerGroupHeartbeatRequestData()
                                .setGroupId("moderns-" + version)
                                .setMemberId("member-" + version)
                                .setRebalanceTimeoutMs(60_000)
                                .setSubscribedTopicNames(List.of("orders"))
                                .setTopicPartitions(List.of()),
                        new ConsumerGroupHeartbeatRequestData()
                                .setGroupId(unknown)
                                .setMemberId("m")
                                .setMemberEpoch(4)
                                .setTopicPartitions(List.of(new ConsumerGroupHeartbeatRequestData.TopicPartitions()
                                        .setTopicId(unknownId)
                                        .setPartitions(List.of(1)))));
            case CONSUMER_GROUP_DESCRIBE -> {
                broker.heartbeat(
                                CALLER,
                                io.reactivemq.broker.GroupHeartbeat.join(
                                        "described", "some-member", PATIENCE, java.util.Set.of("orders")))
                        .block(PATIENCE);
                yield List.of(
                        new ConsumerGroupDescribeRequestData().setGroupIds(List.of("described", "billing", unknown)));
            }
            case ADD_PARTITIONS_TO_TXN -> {
                AddPartitionsToTxnRequestData body =
                        new AddPartitionsToTxnRequestData().setV3AndBelowTransactionalId(unknown);
                body.v3AndBelowTopics()
                        .add(new AddPartitionsToTxnRequestData.AddPartitionsToTxnTopic()
                                .setName("orders")
                                .setPartitions(List.of(0, -4)));
                yield List.of(body);
            }
            case ADD_OFFSETS_TO_TXN -> List.of(new AddOffsetsToTxnRequestData().setTransactionalId(unknown));
            case TXN_OFFSET_COMMIT ->
                List.of(new TxnOffsetCommitRequestData()
                        .setTransactionalId(unknown)
                        .setTopics(List.of(new TxnOffsetCommitRequestData.TxnOffsetCommitRequestTopic()
                                .setName(version < 6 ? "orders" : "")
                                .setTopicId(version < 6 ? Uuid.ZERO_UUID : topicId)
                                .setPartitions(List.of(
                                        new TxnOffsetCommitRequestData.TxnOffsetCommitRequestPartition(),
                                        new TxnOffsetCommitRequestData.TxnOffsetCommitRequestPartition()
                                                .setPartitionIndex(-1))))));
            case END_TXN -> List.of(new EndTxnRequestData().setTransactionalId(unknown));
            default -> List.of();
        };
    }

    private List<ApiMessage> offsetFetches(short version, Uuid unknownId) {
        if (version < 8) {
            List<ApiMessage> requests = new ArrayList<>();
            requests.add(new OffsetFetchRequestData()
                    .setGroupId("billing")
                    .setTopics(List.of(new OffsetFetchRequestData.OffsetFetchRequestTopic()
                            .setName("orders")
                            .setPartitionIndexes(List.of(0, 1, -1)))));
            if (version >= 2) {
                requests.add(new OffsetFetchRequestData().setGroupId("billing").setTopics(null));
            }
            return requests;
        }
        return List.of(new OffsetFetchRequestData()
                .setGroups(List.of(
                        new OffsetFetchRequestData.OffsetFetchRequestGroup()
                                .setGroupId("billing")
                                .setTopics(Stream.of(topicId, unknownId)
                                        .map(id -> new OffsetFetchRequestData.OffsetFetchRequestTopics()
                                                .setName(version < 10 ? "orders" : "")
                                                .setTopicId(version < 10 ? Uuid.ZERO_UUID : id)
                                                .setPartitionIndexes(List.of(0, 1)))
                                        .toList()),
                        new OffsetFetchRequestData.OffsetFetchRequestGroup()
                                .setGroupId("billing")
                                .setTopics(null),
                        new OffsetFetchRequestData.OffsetFetchRequestGroup()
                                .setGroupId("billing")
                                .setMemberId("m")
                                .setMemberEpoch(4)
                                .setTopics(null))));
    }

    private static List<ApiMessage> joins(short version) {
        return Stream.of("", "unknown-member")
                .<ApiMessage>map(member -> {
                    JoinGroupRequestData body = new JoinGroupRequestData()
                            .setGroupId("joined-" + version)
                            .setMemberId(member)
                            .setSessionTimeoutMs(10_000)
                            .setRebalanceTimeoutMs(version < 1 ? -1 : 100)
                            .setProtocolType("consumer");
                    body.protocols()
                            .add(new JoinGroupRequestData.JoinGroupRequestProtocol()
                                    .setName("range")
                                    .setMetadata(new byte[] {0, 1}));
                    return body;
                })
                .toList();
    }
}
