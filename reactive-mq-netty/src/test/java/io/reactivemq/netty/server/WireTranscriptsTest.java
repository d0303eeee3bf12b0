package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Headers;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.kafka.common.message.*;
import io.reactivemq.kafka.common.message.JoinGroupRequestData.JoinGroupRequestProtocol;
import io.reactivemq.kafka.common.message.LeaveGroupRequestData.MemberIdentity;
import io.reactivemq.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestPartition;
import io.reactivemq.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestTopic;
import io.reactivemq.kafka.common.message.SyncGroupRequestData.SyncGroupRequestAssignment;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.security.SaslMechanism;
import io.reactivemq.record.RecordBatchBuilder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Conversations with a server, byte for byte, each byte beside its field: in {@code src/test/resources/io/reactivemq/netty/server/transcripts}. With {@code
 * -Dreactivemq.transcripts=write} the files are written anew: read the difference before it is committed.
 */
@DisplayName("The conversation is as it is written down:")
class WireTranscriptsTest {

    private static final boolean WRITE = "write".equals(System.getProperty("reactivemq.transcripts"));

    private static final String FOLDER = "src/test/resources/io/reactivemq/netty/server/transcripts";

    private static final ProducerOf NOBODY = new ProducerOf(-1, 0);

    /** A producer's id and epoch. */
    private record ProducerOf(long id, int epoch) {}

    /** What is said. */
    private interface Scenario {
        void play(WireTranscript to) throws Exception;
    }

    private static void plays(String file, String about, Scenario scenario) throws Exception {
        plays(file, about, server -> server, scenario);
    }

    private static void plays(String file, String about, UnaryOperator<KafkaServer> options, Scenario scenario)
            throws Exception {
        String played;
        try (WireTranscript transcript = new WireTranscript(about, options)) {
            scenario.play(transcript);
            played = transcript.toString();
        }
        if (WRITE) {
            Files.createDirectories(Path.of(FOLDER));
            Files.writeString(Path.of(FOLDER, file), played);
        } else {
            assertThat(played).isEqualTo(expected(file));
        }
    }

    private static String expected(String file) throws IOException {
        try (var in = WireTranscriptsTest.class.getResourceAsStream("transcripts/" + file)) {
            return new String(
                    Objects.requireNonNull(in, () -> "no file " + file).readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    @DisplayName("what is served is told at any version of the question")
    void apiVersions() throws Exception {
        plays(
                "api-versions.txt",
                "A client of a time to come asks what is served, is told at version 0 that its version is not,\nand asks again.",
                to -> {
                    to.sendBytes("ApiVersions v77", "0000000a 0012 004d 00000001 ffff");
                    to.answered(ApiMessageType.API_VERSIONS, 0);
                    to.ask(
                            ApiMessageType.API_VERSIONS,
                            4,
                            new ApiVersionsRequestData()
                                    .setClientSoftwareName("transcript")
                                    .setClientSoftwareVersion("1.0"),
                            ApiVersionsResponseData.class);
                    to.ask(
                            ApiMessageType.METADATA,
                            13,
                            new MetadataRequestData().setAllowAutoTopicCreation(false),
                            MetadataResponseData.class);
                });
    }

    @Test
    @DisplayName("K06 a batch that is sent again has the offset it had, and one after a gap is refused")
    void produceAndFetch() throws Exception {
        plays(
                "produce-and-fetch.txt",
                "A topic is made; an idempotent producer sends a batch twice, and one too early; what is there is read.",
                to -> {
                    to.ask(ApiMessageType.CREATE_TOPICS, 4, orders(), CreateTopicsResponseData.class);
                    to.remark("a topic is made once");
                    to.ask(ApiMessageType.CREATE_TOPICS, 7, orders(), CreateTopicsResponseData.class);
                    MetadataResponseData found = to.ask(
                            ApiMessageType.METADATA,
                            12,
                            new MetadataRequestData()
                                    .setTopics(
                                            List.of(new MetadataRequestData.MetadataRequestTopic().setName("orders"))),
                            MetadataResponseData.class);
                    Uuid topic = found.topics().iterator().next().topicId();
                    InitProducerIdResponseData made = to.ask(
                            ApiMessageType.INIT_PRODUCER_ID,
                            5,
                            new InitProducerIdRequestData()
                                    .setTransactionalId(null)
                                    .setProducerId(-1)
                                    .setProducerEpoch((short) -1),
                            InitProducerIdResponseData.class);
                    ProducerOf producer = new ProducerOf(made.producerId(), made.producerEpoch());
                    ProduceRequestData first = produce(null, producer, 0, "one");
                    to.ask(ApiMessageType.PRODUCE, 12, first, ProduceResponseData.class);
                    to.remark("the answer was lost, and it is sent again");
                    to.ask(ApiMessageType.PRODUCE, 12, first, ProduceResponseData.class);
                    to.remark("sequence 1 is missing");
                    to.ask(ApiMessageType.PRODUCE, 12, produce(null, producer, 2, "three"), ProduceResponseData.class);
                    to.ask(ApiMessageType.FETCH, 12, fetch().setSessionEpoch(-1), FetchResponseData.class);
                    to.remark("by the topic's id");
                    FetchRequestData byId = fetch().setSessionEpoch(-1);
                    byId.topics().get(0).setTopic("").setTopicId(topic);
                    to.ask(ApiMessageType.FETCH, 17, byId, FetchResponseData.class);
                    to.remark("where the log ends, and a partition that is not there");
                    to.ask(
                            ApiMessageType.LIST_OFFSETS,
                            9,
                            new ListOffsetsRequestData()
                                    .setTopics(List.of(new ListOffsetsRequestData.ListOffsetsTopic()
                                            .setName("orders")
                                            .setPartitions(List.of(
                                                    new ListOffsetsRequestData.ListOffsetsPartition().setTimestamp(-1),
                                                    new ListOffsetsRequestData.ListOffsetsPartition()
                                                            .setPartitionIndex(5)
                                                            .setTimestamp(-1))))),
                            ListOffsetsResponseData.class);
                });
    }

    @Test
    @DisplayName("a session of fetches tells what is new, and each fetch has its turn")
    void fetchSession() throws Exception {
        plays(
                "fetch-session.txt",
                "A consumer opens a session (KIP-227), goes on with it, and ends it. Its topics are orders and returns.",
                to -> {
                    to.createTopic("orders");
                    to.createTopic("returns");
                    to.ask(ApiMessageType.PRODUCE, 9, produce(null, NOBODY, -1, "one"), ProduceResponseData.class);
                    int session = to.ask(
                                    ApiMessageType.FETCH,
                                    12,
                                    session(0, 0, position("orders", 0), position("returns", 0)),
                                    FetchResponseData.class)
                            .sessionId();
                    to.remark("it goes on behind what it has read; nothing is new");
                    FetchRequestData second = session(session, 1, position("orders", 1));
                    to.ask(ApiMessageType.FETCH, 12, second, FetchResponseData.class);
                    to.remark("that turn is over");
                    to.ask(ApiMessageType.FETCH, 12, second, FetchResponseData.class);
                    to.ask(ApiMessageType.PRODUCE, 9, produce(null, NOBODY, -1, "two"), ProduceResponseData.class);
                    to.remark("it names nothing, and is told what is new");
                    to.ask(ApiMessageType.FETCH, 12, session(session, 2), FetchResponseData.class);
                    to.remark("ids instead of names are for another session");
                    to.ask(ApiMessageType.FETCH, 17, session(session, 3), FetchResponseData.class);
                    to.remark("one topic is forgotten, so only the other is read, once more");
                    FetchRequestData forgets = session(session, 3)
                            .setForgottenTopicsData(List.of(new FetchRequestData.ForgottenTopic()
                                    .setTopic("returns")
                                    .setPartitions(List.of(0))));
                    to.ask(ApiMessageType.FETCH, 12, forgets, FetchResponseData.class);
                    to.remark("the last fetch names all, and ends it");
                    to.ask(
                            ApiMessageType.FETCH,
                            12,
                            session(session, -1, position("orders", 2)),
                            FetchResponseData.class);
                    to.ask(ApiMessageType.FETCH, 12, session(session, 4), FetchResponseData.class);
                });
    }

    @Test
    @DisplayName("a member joins a group of the classic protocol, commits, and leaves")
    void classicGroup() throws Exception {
        plays("classic-group.txt", "One member of the classic protocol, from its first word to its last.", to -> {
            to.createTopic("orders");
            to.ask(
                    ApiMessageType.FIND_COORDINATOR,
                    4,
                    new FindCoordinatorRequestData().setCoordinatorKeys(List.of("billing")),
                    FindCoordinatorResponseData.class);
            JoinGroupResponseData named = to.ask(ApiMessageType.JOIN_GROUP, 9, join(""), JoinGroupResponseData.class);
            String member = named.memberId();
            JoinGroupResponseData joined =
                    to.ask(ApiMessageType.JOIN_GROUP, 9, join(member), JoinGroupResponseData.class);
            int generation = joined.generationId();
            to.ask(
                    ApiMessageType.SYNC_GROUP,
                    5,
                    new SyncGroupRequestData()
                            .setGroupId("billing")
                            .setMemberId(member)
                            .setGenerationId(generation)
                            .setProtocolType("consumer")
                            .setProtocolName("range")
                            .setAssignments(List.of(new SyncGroupRequestAssignment()
                                    .setMemberId(member)
                                    .setAssignment(new byte[] {0, 1, 0, 0, 0, 0, -1, -1, -1, -1}))),
                    SyncGroupResponseData.class);
            heartbeat(to, member, generation);
            to.ask(ApiMessageType.OFFSET_COMMIT, 8, commit(member, generation, 3), OffsetCommitResponseData.class);
            to.ask(ApiMessageType.OFFSET_FETCH, 8, fetchOffsets(), OffsetFetchResponseData.class);
            to.remark("a generation that is not there");
            heartbeat(to, member, generation + 1);
            to.ask(
                    ApiMessageType.LEAVE_GROUP,
                    5,
                    new LeaveGroupRequestData()
                            .setGroupId("billing")
                            .setMembers(List.of(
                                    new MemberIdentity().setMemberId(member).setReason("done"))),
                    LeaveGroupResponseData.class);
            heartbeat(to, member, generation);
        });
    }

    @Test
    @DisplayName("a member joins a group of KIP-848, commits, and leaves")
    void consumerGroup() throws Exception {
        plays("consumer-group.txt", "One member of KIP-848's protocol, from its first word to its last.", to -> {
            to.createTopic("orders");
            String member = "Vj1AAAAAQACAAAAAAAAAAQ";
            ConsumerGroupHeartbeatRequestData join = new ConsumerGroupHeartbeatRequestData()
                    .setGroupId("billing")
                    .setMemberId(member)
                    .setMemberEpoch(0)
                    .setRebalanceTimeoutMs(60_000)
                    .setSubscribedTopicNames(List.of("orders"))
                    .setTopicPartitions(List.of());
            ConsumerGroupHeartbeatResponseData joined = beat(to, join);
            int epoch = joined.memberEpoch();
            to.remark("nothing is new");
            beat(to, member, epoch);
            to.ask(ApiMessageType.OFFSET_COMMIT, 9, commit(member, epoch, 3), OffsetCommitResponseData.class);
            to.remark("an epoch that the member does not have yet");
            to.ask(ApiMessageType.OFFSET_COMMIT, 9, commit(member, epoch + 1, 4), OffsetCommitResponseData.class);
            to.ask(ApiMessageType.OFFSET_FETCH, 9, fetchOffsets(), OffsetFetchResponseData.class);
            to.remark("it leaves");
            beat(to, member, -1);
            beat(to, member, epoch);
        });
    }

    @Test
    @DisplayName("K12 a transaction is seen when it is committed; who has been replaced is told so")
    void transaction() throws Exception {
        plays(
                "transaction.txt",
                "A transaction from its begin to its commit, and the producer's end when another takes its id.",
                to -> {
                    to.createTopic("orders");
                    ProducerOf producer = transactional(to);
                    AddPartitionsToTxnRequestData add = new AddPartitionsToTxnRequestData()
                            .setV3AndBelowTransactionalId("enricher")
                            .setV3AndBelowProducerId(producer.id())
                            .setV3AndBelowProducerEpoch((short) producer.epoch());
                    add.v3AndBelowTopics()
                            .add(new AddPartitionsToTxnRequestData.AddPartitionsToTxnTopic()
                                    .setName("orders")
                                    .setPartitions(List.of(0)));
                    to.ask(ApiMessageType.ADD_PARTITIONS_TO_TXN, 3, add, AddPartitionsToTxnResponseData.class);
                    to.ask(
                            ApiMessageType.PRODUCE,
                            11,
                            produce("enricher", producer, 0, "one"),
                            ProduceResponseData.class);
                    to.remark("open: there for who reads all, not for who reads what is committed");
                    to.ask(ApiMessageType.FETCH, 12, committed(), FetchResponseData.class);
                    to.ask(
                            ApiMessageType.ADD_OFFSETS_TO_TXN,
                            4,
                            new AddOffsetsToTxnRequestData()
                                    .setTransactionalId("enricher")
                                    .setProducerId(producer.id())
                                    .setProducerEpoch((short) producer.epoch())
                                    .setGroupId("billing"),
                            AddOffsetsToTxnResponseData.class);
                    to.ask(
                            ApiMessageType.TXN_OFFSET_COMMIT,
                            4,
                            new TxnOffsetCommitRequestData()
                                    .setTransactionalId("enricher")
                                    .setProducerId(producer.id())
                                    .setProducerEpoch((short) producer.epoch())
                                    .setGroupId("billing")
                                    .setTopics(List.of(new TxnOffsetCommitRequestData.TxnOffsetCommitRequestTopic()
                                            .setName("orders")
                                            .setPartitions(List.of(
                                                    new TxnOffsetCommitRequestData.TxnOffsetCommitRequestPartition()
                                                            .setCommittedOffset(7))))),
                            TxnOffsetCommitResponseData.class);
                    end(to, producer);
                    to.remark("committed: the records, and a marker behind them");
                    to.ask(ApiMessageType.FETCH, 12, committed(), FetchResponseData.class);
                    to.ask(ApiMessageType.OFFSET_FETCH, 8, fetchOffsets(), OffsetFetchResponseData.class);
                    to.remark("another takes the id, and the first one goes on");
                    transactional(to);
                    to.ask(
                            ApiMessageType.PRODUCE,
                            11,
                            produce("enricher", producer, 1, "two"),
                            ProduceResponseData.class);
                    end(to, producer);
                });
    }

    @Test
    @DisplayName(
            "K12 with KIP-890 partitions come into a transaction by themselves, and each one's end brings the next epoch")
    void transactionsOfVersion2() throws Exception {
        plays(
                "transaction-v2.txt",
                "Two transactions as newer clients have them (KIP-890): one is committed, one is aborted.",
                to -> {
                    to.createTopic("orders");
                    ProducerOf producer = transactional(to);
                    for (boolean commit : new boolean[] {true, false}) {
                        to.ask(
                                ApiMessageType.PRODUCE,
                                12,
                                produce("enricher", producer, 0, commit ? "one" : "two"),
                                ProduceResponseData.class);
                        EndTxnResponseData ended = end(to, 5, producer, commit);
                        producer = new ProducerOf(ended.producerId(), ended.producerEpoch());
                    }
                    to.remark("one record and its marker, then one that is not to be shown, and its marker");
                    to.ask(ApiMessageType.FETCH, 12, committed(), FetchResponseData.class);
                });
    }

    @Test
    @DisplayName("who does not show who it is is closed")
    void sasl() throws Exception {
        plays(
                "sasl.txt",
                "Three that do not get in: one with a mechanism that is not offered, one with a token that is none, one that does not say who it is.",
                server -> server.sasl(SaslMechanism.SCRAM_SHA_512, SaslMechanism.SCRAM_SHA_256),
                to -> {
                    handshake(to, "PLAIN");
                    to.closed();
                    to.connect();
                    handshake(to, "SCRAM-SHA-512");
                    to.ask(
                            ApiMessageType.SASL_AUTHENTICATE,
                            2,
                            new SaslAuthenticateRequestData()
                                    .setAuthBytes("no token".getBytes(StandardCharsets.US_ASCII)),
                            SaslAuthenticateResponseData.class);
                    to.closed();
                    to.connect();
                    to.send(ApiMessageType.METADATA, 12, new MetadataRequestData());
                    to.closed();
                });
    }

    @Test
    @DisplayName("what is no request is not answered")
    void badRequests() throws Exception {
        plays(
                "bad-requests.txt",
                "What is no request, or none that is served, closes the connection.",
                server -> server.frameBytesMax(1 << 20),
                to -> {
                    String[][] bad = {
                        {"a frame longer than is taken", "7fffffff"},
                        {"a negative length", "ffffffff"},
                        {"a frame too short for a header", "00000003 000300"},
                        {"an API that is unknown, 999", "0000000a 03e7 0000 00000001 ffff"},
                        {"Metadata at a version that is not served, 99", "0000000a 0003 0063 00000001 ffff"},
                        {
                            "Metadata v4, its array of topics longer than the frame",
                            "0000000e 0003 0004 00000001 ffff 7fffffff"
                        },
                        {"half of a Produce v9", "0000000b 0000 0009 00000001 ffff 00"},
                        {"Metadata v4 and a byte behind it", "00000010 0003 0004 00000001 ffff ffffffff 00 00"}
                    };
                    for (int i = 0; i < bad.length; i++) {
                        if (i > 0) {
                            to.connect();
                        }
                        to.sendBytes(bad[i][0], bad[i][1]);
                        to.closed();
                    }
                });
    }

    // ---------------------------------------------------------------- requests

    private static CreateTopicsRequestData orders() {
        CreateTopicsRequestData body = new CreateTopicsRequestData().setTimeoutMs(30_000);
        body.topics()
                .add(new CreateTopicsRequestData.CreatableTopic()
                        .setName("orders")
                        .setNumPartitions(1)
                        .setReplicationFactor((short) 1));
        return body;
    }

    private static ProduceRequestData produce(
            @Nullable String transactionalId, ProducerOf producer, int sequence, String value) {
        RecordBatchBuilder batch = new RecordBatchBuilder(100, 1_000);
        byte[] bytes = value.getBytes(StandardCharsets.US_ASCII);
        assertThat(batch.tryAppend(FixedRuntime.NOW, null, bytes, Headers.empty()))
                .isTrue();
        ByteBuffer built = producer.id() < 0
                ? batch.build()
                : batch.build(producer.id(), (short) producer.epoch(), sequence, transactionalId != null);
        ProduceRequestData body = new ProduceRequestData()
                .setTransactionalId(transactionalId)
                .setAcks((short) -1)
                .setTimeoutMs(30_000);
        body.topicData()
                .add(new ProduceRequestData.TopicProduceData()
                        .setName("orders")
                        .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData()
                                .setRecords(MemoryRecords.readableRecords(built)))));
        return body;
    }

    private static FetchRequestData fetch() {
        return new FetchRequestData()
                .setMaxBytes(1_000_000)
                .setTopics(List.of(new FetchRequestData.FetchTopic()
                        .setTopic("orders")
                        .setPartitions(
                                List.of(new FetchRequestData.FetchPartition().setPartitionMaxBytes(1_000_000)))));
    }

    private static FetchRequestData session(int id, int epoch, FetchRequestData.FetchTopic... positions) {
        return new FetchRequestData()
                .setMaxBytes(1_000_000)
                .setSessionId(id)
                .setSessionEpoch(epoch)
                .setTopics(List.of(positions));
    }

    private static FetchRequestData.FetchTopic position(String topic, long offset) {
        return new FetchRequestData.FetchTopic()
                .setTopic(topic)
                .setPartitions(List.of(new FetchRequestData.FetchPartition()
                        .setFetchOffset(offset)
                        .setPartitionMaxBytes(1_000_000)));
    }

    private static FetchRequestData committed() {
        return fetch().setSessionEpoch(-1).setIsolationLevel((byte) 1);
    }

    private static JoinGroupRequestData join(String member) {
        JoinGroupRequestData body = new JoinGroupRequestData()
                .setGroupId("billing")
                .setMemberId(member)
                .setSessionTimeoutMs(45_000)
                .setRebalanceTimeoutMs(60_000)
                .setProtocolType("consumer");
        body.protocols().add(new JoinGroupRequestProtocol().setName("range").setMetadata(new byte[] {
                    0, 1, 0, 0, 0, 1, 0, 6, 'o', 'r', 'd', 'e', 'r', 's', 0, 0, 0, 0, 0, 0, 0, 0
                }));
        return body;
    }

    private static void heartbeat(WireTranscript to, String member, int generation) throws Exception {
        to.ask(
                ApiMessageType.HEARTBEAT,
                4,
                new HeartbeatRequestData()
                        .setGroupId("billing")
                        .setMemberId(member)
                        .setGenerationId(generation),
                HeartbeatResponseData.class);
    }

    private static void beat(WireTranscript to, String member, int epoch) throws Exception {
        beat(
                to,
                new ConsumerGroupHeartbeatRequestData()
                        .setGroupId("billing")
                        .setMemberId(member)
                        .setMemberEpoch(epoch));
    }

    private static ConsumerGroupHeartbeatResponseData beat(WireTranscript to, ConsumerGroupHeartbeatRequestData body)
            throws Exception {
        return to.ask(ApiMessageType.CONSUMER_GROUP_HEARTBEAT, 1, body, ConsumerGroupHeartbeatResponseData.class);
    }

    private static ApiMessage commit(String member, int epoch, long offset) {
        return new OffsetCommitRequestData()
                .setGroupId("billing")
                .setMemberId(member)
                .setGenerationIdOrMemberEpoch(epoch)
                .setTopics(List.of(new OffsetCommitRequestTopic()
                        .setName("orders")
                        .setPartitions(List.of(new OffsetCommitRequestPartition()
                                .setCommittedOffset(offset)
                                .setCommittedMetadata("note")))));
    }

    private static OffsetFetchRequestData fetchOffsets() {
        return new OffsetFetchRequestData()
                .setGroups(List.of(new OffsetFetchRequestData.OffsetFetchRequestGroup()
                        .setGroupId("billing")
                        .setTopics(List.of(new OffsetFetchRequestData.OffsetFetchRequestTopics()
                                .setName("orders")
                                .setPartitionIndexes(List.of(0))))))
                .setRequireStable(true);
    }

    private static ProducerOf transactional(WireTranscript to) throws Exception {
        InitProducerIdResponseData made = to.ask(
                ApiMessageType.INIT_PRODUCER_ID,
                4,
                new InitProducerIdRequestData()
                        .setTransactionalId("enricher")
                        .setTransactionTimeoutMs(60_000)
                        .setProducerId(-1)
                        .setProducerEpoch((short) -1),
                InitProducerIdResponseData.class);
        return new ProducerOf(made.producerId(), made.producerEpoch());
    }

    private static void end(WireTranscript to, ProducerOf producer) throws Exception {
        end(to, 4, producer, true);
    }

    private static EndTxnResponseData end(WireTranscript to, int version, ProducerOf producer, boolean commit)
            throws Exception {
        return to.ask(
                ApiMessageType.END_TXN,
                version,
                new EndTxnRequestData()
                        .setTransactionalId("enricher")
                        .setProducerId(producer.id())
                        .setProducerEpoch((short) producer.epoch())
                        .setCommitted(commit),
                EndTxnResponseData.class);
    }

    private static void handshake(WireTranscript to, String mechanism) throws Exception {
        to.ask(
                ApiMessageType.SASL_HANDSHAKE,
                1,
                new SaslHandshakeRequestData().setMechanism(mechanism),
                SaslHandshakeResponseData.class);
    }
}
