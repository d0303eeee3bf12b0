package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.AddOffsetsToTxnRequestData;
import io.reactivemq.kafka.common.message.AddPartitionsToTxnRequestData;
import io.reactivemq.kafka.common.message.AlterClientQuotasRequestData;
import io.reactivemq.kafka.common.message.AlterConfigsRequestData;
import io.reactivemq.kafka.common.message.AlterUserScramCredentialsRequestData;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.ConsumerGroupDescribeRequestData;
import io.reactivemq.kafka.common.message.ConsumerGroupHeartbeatRequestData;
import io.reactivemq.kafka.common.message.CreateAclsRequestData;
import io.reactivemq.kafka.common.message.CreatePartitionsRequestData;
import io.reactivemq.kafka.common.message.CreateTopicsRequestData;
import io.reactivemq.kafka.common.message.DeleteAclsRequestData;
import io.reactivemq.kafka.common.message.DeleteGroupsRequestData;
import io.reactivemq.kafka.common.message.DeleteRecordsRequestData;
import io.reactivemq.kafka.common.message.DeleteTopicsRequestData;
import io.reactivemq.kafka.common.message.DescribeAclsRequestData;
import io.reactivemq.kafka.common.message.DescribeClientQuotasRequestData;
import io.reactivemq.kafka.common.message.DescribeConfigsRequestData;
import io.reactivemq.kafka.common.message.DescribeGroupsRequestData;
import io.reactivemq.kafka.common.message.DescribeLogDirsRequestData;
import io.reactivemq.kafka.common.message.DescribeProducersRequestData;
import io.reactivemq.kafka.common.message.DescribeTopicPartitionsRequestData;
import io.reactivemq.kafka.common.message.DescribeTransactionsRequestData;
import io.reactivemq.kafka.common.message.DescribeUserScramCredentialsRequestData;
import io.reactivemq.kafka.common.message.EndTxnRequestData;
import io.reactivemq.kafka.common.message.FetchRequestData;
import io.reactivemq.kafka.common.message.FindCoordinatorRequestData;
import io.reactivemq.kafka.common.message.HeartbeatRequestData;
import io.reactivemq.kafka.common.message.IncrementalAlterConfigsRequestData;
import io.reactivemq.kafka.common.message.InitProducerIdRequestData;
import io.reactivemq.kafka.common.message.JoinGroupRequestData;
import io.reactivemq.kafka.common.message.LeaveGroupRequestData;
import io.reactivemq.kafka.common.message.ListGroupsRequestData;
import io.reactivemq.kafka.common.message.ListOffsetsRequestData;
import io.reactivemq.kafka.common.message.ListTransactionsRequestData;
import io.reactivemq.kafka.common.message.MetadataRequestData;
import io.reactivemq.kafka.common.message.OffsetCommitRequestData;
import io.reactivemq.kafka.common.message.OffsetDeleteRequestData;
import io.reactivemq.kafka.common.message.OffsetFetchRequestData;
import io.reactivemq.kafka.common.message.OffsetForLeaderEpochRequestData;
import io.reactivemq.kafka.common.message.ProduceRequestData;
import io.reactivemq.kafka.common.message.SaslAuthenticateRequestData;
import io.reactivemq.kafka.common.message.SaslAuthenticateResponseData;
import io.reactivemq.kafka.common.message.SaslHandshakeRequestData;
import io.reactivemq.kafka.common.message.SyncGroupRequestData;
import io.reactivemq.kafka.common.message.TxnOffsetCommitRequestData;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.security.AuthorizingBroker;
import io.reactivemq.netty.security.SaslMechanism;
import io.reactivemq.netty.security.Secrets;
import io.reactivemq.record.RecordBatchBuilder;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every API there is, asked by those who may not: an API without a row here fails. */
@DisplayName("Denied, and told nothing of what there is:")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DeniedTest {

    private static final Duration PATIENCE = RunningServer.PATIENCE;
    private static final Caller NOBODY = new Caller("User:nobody", "test", "/127.0.0.1", "SASL_SSL");

    /** A topic, a group and a transactional id of this name are there; none of the other, which is as long. */
    private static final String THERE = "orders";

    private static final String NOT_THERE = "absent";

    /** Who is known may ask for these, whatever the ACLs: they tell of the server, and of nothing in it. */
    private static final Set<ApiMessageType> FOR_ALL = Set.of(
            ApiMessageType.API_VERSIONS,
            ApiMessageType.DESCRIBE_CLUSTER,
            ApiMessageType.SASL_HANDSHAKE,
            ApiMessageType.SASL_AUTHENTICATE);

    /** Their answers have what the caller may see, which is nothing. */
    private static final Set<ApiMessageType> FILTERED =
            Set.of(ApiMessageType.LIST_GROUPS, ApiMessageType.LIST_TRANSACTIONS);

    /** The last versions that name topics; an id cannot be guessed, and is not hidden. */
    private static final Map<ApiMessageType, Integer> BY_NAME = Map.of(
            ApiMessageType.PRODUCE, 12,
            ApiMessageType.FETCH, 12,
            ApiMessageType.OFFSET_COMMIT, 9,
            ApiMessageType.OFFSET_FETCH, 9,
            ApiMessageType.TXN_OFFSET_COMMIT, 5);

    private RunningServer server;
    private ApiTable apis;

    @BeforeAll
    void open() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(16 << 20);
        broker.createTopic(NewTopic.of(THERE, 1)).block(PATIENCE);
        Caller admin = Caller.embedded("test");
        broker.append(admin, new TopicPartition(THERE, 0), records().buffer(), Acks.ALL)
                .block(PATIENCE);
        broker.commitOffsets(
                        admin,
                        OffsetCommit.admin(
                                THERE, Map.of(new TopicPartition(THERE, 0), new CommittedOffset(1, 0, "note"))))
                .block(PATIENCE);
        broker.initProducerId(
                        admin, new InitProducerId(THERE, Duration.ofMinutes(1), new ProducerIdAndEpoch(-1, (short) -1)))
                .block(PATIENCE);
        broker.security()
                .upsertCredential(
                        "alice",
                        ScramCredential.ofSaltedPassword(
                                ScramMechanism.SCRAM_SHA_256, new byte[32], new byte[16], 4_096))
                .block(PATIENCE);
        server = RunningServer.over(broker, one -> one.sasl(SaslMechanism.SCRAM_SHA_256));
        apis = KafkaServer.apis(
                new ServerSettings(broker, 1, "cluster", 1, 1, 1 << 20, 1 << 20, 10, 10),
                ServerSecurity.of(
                        broker, null, List.of(SaslMechanism.SCRAM_SHA_256), Set.of(), PATIENCE, Secrets.ofSystem()));
    }

    @AfterAll
    void close() {
        server.close();
    }

    static Stream<ApiMessageType> served() {
        EmbeddedBroker some = EmbeddedBroker.inMemory(1 << 20);
        return KafkaServer.apis(new ServerSettings(some, 1, null, 0, 1, 1 << 20, 1 << 20, 10, 10))
                .versions()
                .keySet()
                .stream();
    }

    @ParameterizedTest(name = "{0} without credentials")
    @MethodSource("served")
    void noCredentials(ApiMessageType api) throws Exception {
        try (RawClient client = new RawClient(server.port())) {
            RequestHeader header = client.send(api, requireNonNull(apis.of(api)).max(), api.newRequest());
            if (ServerSecurity.isForTheUnknown(api)) {
                assertThat(client.receive(header)).isNotNull();
            } else {
                assertThat(client.isClosedByServer()).isTrue();
            }
        }
    }

    @ParameterizedTest(name = "{0} with wrong credentials")
    @MethodSource("served")
    void wrongCredentials(ApiMessageType api) throws Exception {
        try (RawClient client = new RawClient(server.port())) {
            client.receive(client.send(
                    ApiMessageType.SASL_HANDSHAKE, 1, new SaslHandshakeRequestData().setMechanism("SCRAM-SHA-256")));
            SaslAuthenticateResponseData first = (SaslAuthenticateResponseData)
                    client.receive(client.send(ApiMessageType.SASL_AUTHENTICATE, 2, token("n,,n=alice,r=abc")));
            String nonce = new String(first.authBytes(), StandardCharsets.UTF_8).split(",", -1)[0];
            RequestHeader last = client.send(
                    ApiMessageType.SASL_AUTHENTICATE, 2, token("c=biws," + nonce + ",p=" + "A".repeat(43) + "="));
            client.send(api, requireNonNull(apis.of(api)).max(), api.newRequest());
            assertThat(((SaslAuthenticateResponseData) client.receive(last)).errorCode())
                    .isEqualTo((short) 58);
            assertThat(client.isClosedByServer()).isTrue();
        }
    }

    private static SaslAuthenticateRequestData token(String text) {
        return new SaslAuthenticateRequestData().setAuthBytes(text.getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest(name = "{0} without an ACL")
    @MethodSource("served")
    void noAcl(ApiMessageType api) {
        if (FOR_ALL.contains(api)) {
            return;
        }
        int version =
                BY_NAME.getOrDefault(api, (int) requireNonNull(apis.of(api)).max());
        for (int form = 0; form < 2; form++) {
            String there = ask(api, (short) version, request(api, THERE, form));
            String notThere = ask(api, (short) version, request(api, NOT_THERE, form));
            assertThat(there.replace(THERE, "?")).isEqualTo(notThere.replace(NOT_THERE, "?"));
            if (FILTERED.contains(api)) {
                assertThat(there).doesNotContain(THERE);
            } else {
                assertThat(there).containsPattern("rrorCode=(29|30|31|53)\\b");
            }
        }
    }

    @Test
    @DisplayName("all topics, asked for by who may see none")
    void allTopics() {
        for (ApiMessage all :
                List.of(new MetadataRequestData().setTopics(null), new DescribeTopicPartitionsRequestData())) {
            ApiMessageType api = ApiMessageType.fromApiKey(all.apiKey());
            assertThat(ask(api, requireNonNull(apis.of(api)).max(), all)).doesNotContain(THERE);
        }
    }

    @Test
    @DisplayName("every request of a broker has a rule of its own")
    void everyRequestHasARule() {
        List<String> without = Arrays.stream(Broker.class.getMethods())
                .filter(method -> Modifier.isAbstract(method.getModifiers()))
                .filter(method -> Arrays.asList(method.getParameterTypes()).contains(Caller.class))
                .filter(method -> !isDeclared(method))
                .map(Method::toString)
                .toList();
        assertThat(without).isEmpty();
    }

    private static boolean isDeclared(Method method) {
        return Arrays.stream(AuthorizingBroker.class.getDeclaredMethods())
                .anyMatch(own -> own.getName().equals(method.getName())
                        && Arrays.equals(own.getParameterTypes(), method.getParameterTypes()));
    }

    private String ask(ApiMessageType api, short version, ApiMessage body) {
        ByteBuf frame = Unpooled.buffer();
        ApiMessage answer = apis.answer(
                        new ApiRequest(
                                new RequestHeader(api, version, 9, "test"),
                                NOBODY,
                                InetSocketAddress.createUnresolved("127.0.0.1", 9092),
                                frame),
                        body)
                .block(PATIENCE);
        frame.release();
        return requireNonNull(answer).toString();
    }

    private static MemoryRecords records() {
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 1_000);
        assertThat(builder.tryAppend(1_000, null, "v".getBytes(StandardCharsets.UTF_8), Headers.empty()))
                .isTrue();
        return MemoryRecords.readableRecords(builder.build());
    }

    /** @param form the first or second of two forms, where there are two */
    private static ApiMessage request(ApiMessageType api, String name, int form) {
        return switch (api) {
            case PRODUCE -> {
                ProduceRequestData.TopicProduceDataCollection topics =
                        new ProduceRequestData.TopicProduceDataCollection();
                topics.add(new ProduceRequestData.TopicProduceData()
                        .setName(name)
                        .setPartitionData(
                                List.of(new ProduceRequestData.PartitionProduceData().setRecords(records()))));
                yield new ProduceRequestData()
                        .setAcks((short) -1)
                        .setTimeoutMs(1_000)
                        .setTopicData(topics);
            }
            case FETCH ->
                new FetchRequestData()
                        .setMaxBytes(1_000)
                        .setMaxWaitMs(form * 100_000)
                        .setMinBytes(1_000)
                        .setTopics(List.of(new FetchRequestData.FetchTopic()
                                .setTopic(name)
                                .setPartitions(
                                        List.of(new FetchRequestData.FetchPartition().setPartitionMaxBytes(100)))));
            case LIST_OFFSETS ->
                new ListOffsetsRequestData()
                        .setTopics(List.of(new ListOffsetsRequestData.ListOffsetsTopic()
                                .setName(name)
                                .setPartitions(List.of(
                                        new ListOffsetsRequestData.ListOffsetsPartition().setTimestamp(form - 1)))));
            case METADATA ->
                new MetadataRequestData()
                        .setAllowAutoTopicCreation(form == 1)
                        .setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setName(name)));
            case DESCRIBE_TOPIC_PARTITIONS ->
                new DescribeTopicPartitionsRequestData()
                        .setTopics(List.of(new DescribeTopicPartitionsRequestData.TopicRequest().setName(name)));
            case OFFSET_FOR_LEADER_EPOCH -> {
                OffsetForLeaderEpochRequestData body = new OffsetForLeaderEpochRequestData();
                body.topics()
                        .add(new OffsetForLeaderEpochRequestData.OffsetForLeaderTopic()
                                .setTopic(name)
                                .setPartitions(
                                        List.of(new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition())));
                yield body;
            }
            case DESCRIBE_PRODUCERS -> {
                DescribeProducersRequestData body = new DescribeProducersRequestData();
                body.topics()
                        .add(new DescribeProducersRequestData.TopicRequest()
                                .setName(name)
                                .setPartitionIndexes(List.of(0)));
                yield body;
            }
            case DESCRIBE_LOG_DIRS -> new DescribeLogDirsRequestData().setTopics(null);
            case CREATE_PARTITIONS -> {
                CreatePartitionsRequestData body = new CreatePartitionsRequestData().setValidateOnly(form == 1);
                body.topics()
                        .add(new CreatePartitionsRequestData.CreatePartitionsTopic()
                                .setName(name)
                                .setCount(3)
                                .setAssignments(null));
                yield body;
            }
            case CREATE_TOPICS -> {
                CreateTopicsRequestData body = new CreateTopicsRequestData().setValidateOnly(form == 1);
                body.topics()
                        .add(new CreateTopicsRequestData.CreatableTopic()
                                .setName(name)
                                .setNumPartitions(1)
                                .setReplicationFactor((short) 1));
                yield body;
            }
            case DELETE_TOPICS ->
                new DeleteTopicsRequestData()
                        .setTopics(List.of(new DeleteTopicsRequestData.DeleteTopicState().setName(name)));
            case DELETE_RECORDS ->
                new DeleteRecordsRequestData()
                        .setTopics(List.of(new DeleteRecordsRequestData.DeleteRecordsTopic()
                                .setName(name)
                                .setPartitions(
                                        List.of(new DeleteRecordsRequestData.DeleteRecordsPartition().setOffset(-1)))));
            case DESCRIBE_CONFIGS ->
                new DescribeConfigsRequestData()
                        .setResources(List.of(new DescribeConfigsRequestData.DescribeConfigsResource()
                                .setResourceType((byte) (form == 0 ? 2 : 4))
                                .setResourceName(name)));
            case ALTER_CONFIGS -> {
                AlterConfigsRequestData body = new AlterConfigsRequestData();
                body.resources()
                        .add(new AlterConfigsRequestData.AlterConfigsResource()
                                .setResourceType((byte) (form == 0 ? 2 : 4))
                                .setResourceName(name));
                yield body;
            }
            case INCREMENTAL_ALTER_CONFIGS -> {
                IncrementalAlterConfigsRequestData body = new IncrementalAlterConfigsRequestData();
                body.resources()
                        .add(new IncrementalAlterConfigsRequestData.AlterConfigsResource()
                                .setResourceType((byte) (form == 0 ? 2 : 4))
                                .setResourceName(name));
                yield body;
            }
            case FIND_COORDINATOR ->
                new FindCoordinatorRequestData()
                        .setCoordinatorKeys(List.of(name))
                        .setKeyType((byte) form);
            case JOIN_GROUP -> {
                JoinGroupRequestData body = new JoinGroupRequestData()
                        .setGroupId(name)
                        .setSessionTimeoutMs(10_000)
                        .setProtocolType("consumer");
                body.protocols().add(new JoinGroupRequestData.JoinGroupRequestProtocol().setName("range"));
                yield body;
            }
            case SYNC_GROUP -> new SyncGroupRequestData().setGroupId(name).setMemberId("m");
            case HEARTBEAT -> new HeartbeatRequestData().setGroupId(name).setMemberId("m");
            case LEAVE_GROUP ->
                new LeaveGroupRequestData()
                        .setGroupId(name)
                        .setMembers(List.of(new LeaveGroupRequestData.MemberIdentity().setMemberId("m")));
            case CONSUMER_GROUP_HEARTBEAT ->
                new ConsumerGroupHeartbeatRequestData()
                        .setGroupId(name)
                        .setMemberId("m")
                        .setRebalanceTimeoutMs(1_000)
                        .setSubscribedTopicNames(List.of(name))
                        .setTopicPartitions(List.of());
            case CONSUMER_GROUP_DESCRIBE -> new ConsumerGroupDescribeRequestData().setGroupIds(List.of(name));
            case DESCRIBE_GROUPS -> new DescribeGroupsRequestData().setGroups(List.of(name));
            case DELETE_GROUPS -> new DeleteGroupsRequestData().setGroupsNames(List.of(name));
            case LIST_GROUPS -> new ListGroupsRequestData();
            case OFFSET_COMMIT ->
                new OffsetCommitRequestData()
                        .setGroupId(name)
                        .setTopics(List.of(new OffsetCommitRequestData.OffsetCommitRequestTopic()
                                .setName(name)
                                .setPartitions(List.of(new OffsetCommitRequestData.OffsetCommitRequestPartition()))));
            case OFFSET_FETCH ->
                new OffsetFetchRequestData()
                        .setGroups(List.of(new OffsetFetchRequestData.OffsetFetchRequestGroup()
                                .setGroupId(name)
                                .setTopics(
                                        form == 1
                                                ? null
                                                : List.of(new OffsetFetchRequestData.OffsetFetchRequestTopics()
                                                        .setName(name)
                                                        .setPartitionIndexes(List.of(0))))));
            case OFFSET_DELETE -> {
                OffsetDeleteRequestData body = new OffsetDeleteRequestData().setGroupId(name);
                body.topics()
                        .add(new OffsetDeleteRequestData.OffsetDeleteRequestTopic()
                                .setName(name)
                                .setPartitions(List.of(new OffsetDeleteRequestData.OffsetDeleteRequestPartition())));
                yield body;
            }
            case INIT_PRODUCER_ID ->
                new InitProducerIdRequestData()
                        .setTransactionalId(form == 0 ? name : null)
                        .setTransactionTimeoutMs(1_000)
                        .setProducerId(-1)
                        .setProducerEpoch((short) -1);
            case ADD_PARTITIONS_TO_TXN -> {
                AddPartitionsToTxnRequestData body =
                        new AddPartitionsToTxnRequestData().setV3AndBelowTransactionalId(name);
                body.v3AndBelowTopics()
                        .add(new AddPartitionsToTxnRequestData.AddPartitionsToTxnTopic()
                                .setName(name)
                                .setPartitions(List.of(0)));
                yield body;
            }
            case ADD_OFFSETS_TO_TXN ->
                new AddOffsetsToTxnRequestData().setTransactionalId(name).setGroupId(name);
            case END_TXN -> new EndTxnRequestData().setTransactionalId(name);
            case TXN_OFFSET_COMMIT ->
                new TxnOffsetCommitRequestData()
                        .setTransactionalId(name)
                        .setGroupId(name)
                        .setTopics(List.of(new TxnOffsetCommitRequestData.TxnOffsetCommitRequestTopic()
                                .setName(name)
                                .setPartitions(
                                        List.of(new TxnOffsetCommitRequestData.TxnOffsetCommitRequestPartition()))));
            case DESCRIBE_TRANSACTIONS -> new DescribeTransactionsRequestData().setTransactionalIds(List.of(name));
            case LIST_TRANSACTIONS -> new ListTransactionsRequestData();
            case CREATE_ACLS ->
                new CreateAclsRequestData()
                        .setCreations(List.of(new CreateAclsRequestData.AclCreation()
                                .setResourceType((byte) 2)
                                .setResourceName(name)
                                .setPrincipal("User:nobody")
                                .setHost("*")
                                .setOperation((byte) 3)
                                .setPermissionType((byte) 3)));
            case DELETE_ACLS ->
                new DeleteAclsRequestData()
                        .setFilters(List.of(new DeleteAclsRequestData.DeleteAclsFilter()
                                .setResourceTypeFilter((byte) 1)
                                .setPatternTypeFilter((byte) 1)
                                .setOperation((byte) 1)
                                .setPermissionType((byte) 1)));
            case DESCRIBE_ACLS ->
                new DescribeAclsRequestData()
                        .setResourceTypeFilter((byte) 1)
                        .setPatternTypeFilter((byte) 1)
                        .setOperation((byte) 1)
                        .setPermissionType((byte) 1);
            case DESCRIBE_USER_SCRAM_CREDENTIALS ->
                new DescribeUserScramCredentialsRequestData()
                        .setUsers(List.of(new DescribeUserScramCredentialsRequestData.UserName().setName("alice")));
            case ALTER_USER_SCRAM_CREDENTIALS ->
                new AlterUserScramCredentialsRequestData()
                        .setDeletions(List.of(new AlterUserScramCredentialsRequestData.ScramCredentialDeletion()
                                .setName("alice")
                                .setMechanism((byte) (1 + form))));
            case DESCRIBE_CLIENT_QUOTAS -> new DescribeClientQuotasRequestData();
            case ALTER_CLIENT_QUOTAS ->
                new AlterClientQuotasRequestData()
                        .setEntries(List.of(new AlterClientQuotasRequestData.EntryData()
                                .setEntity(List.of(new AlterClientQuotasRequestData.EntityData()
                                        .setEntityType("user")
                                        .setEntityName(name)))
                                .setOps(List.of(new AlterClientQuotasRequestData.OpData()
                                        .setKey("producer_byte_rate")
                                        .setValue(1)))));
            default -> fail("who may ask for " + api + "? Give it a rule, and a row here");
        };
    }
}
