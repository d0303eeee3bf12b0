package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclFilter;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.ResourcePattern;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.FetchRequestData;
import io.reactivemq.kafka.common.message.FetchRequestData.FetchPartition;
import io.reactivemq.kafka.common.message.FetchRequestData.FetchTopic;
import io.reactivemq.kafka.common.message.FetchRequestData.ForgottenTopic;
import io.reactivemq.kafka.common.message.FetchResponseData;
import io.reactivemq.kafka.common.message.FetchResponseData.FetchableTopicResponse;
import io.reactivemq.kafka.common.message.FetchResponseData.PartitionData;
import io.reactivemq.netty.protocol.ProtocolError;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.security.SaslMechanism;
import io.reactivemq.netty.security.Secrets;
import io.reactivemq.record.RecordBatchBuilder;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Fetches with a session, request by request:")
class FetchSessionTest {

    private static final int BY_NAME = 12;
    private static final int BY_ID = 17;
    private static final int LONG_MS = 100_000;

    private static RunningServer server(UnaryOperator<KafkaServer> options, int partitions) {
        RunningServer server = RunningServer.over(EmbeddedBroker.inMemory(64 << 20), options);
        server.broker().createTopic(NewTopic.of("orders", partitions)).block(RunningServer.PATIENCE);
        return server;
    }

    private static Uuid idOf(RunningServer server) {
        return TopicNames.kafkaId(
                requireNonNull(server.broker().describeTopic("orders").block(RunningServer.PATIENCE))
                        .topicId());
    }

    private static void append(RunningServer server, int partition, int bytes) {
        append(server.broker(), partition, bytes);
    }

    private static void append(Broker broker, int partition, int bytes) {
        RecordBatchBuilder batch = new RecordBatchBuilder(bytes + 200, bytes + 200);
        batch.tryAppend(1_000, null, new byte[bytes], Headers.empty());
        broker.append(Caller.embedded("test"), new TopicPartition("orders", partition), batch.build(), Acks.ALL)
                .block(RunningServer.PATIENCE);
    }

    private static FetchRequestData fetch(int session, int epoch, FetchTopic... topics) {
        return new FetchRequestData()
                .setSessionId(session)
                .setSessionEpoch(epoch)
                .setMinBytes(1)
                .setMaxBytes(1 << 20)
                .setTopics(List.of(topics));
    }

    private static FetchTopic topic(Uuid id, FetchPartition... partitions) {
        return new FetchTopic()
                .setTopic(id.equals(Uuid.ZERO_UUID) ? "orders" : "")
                .setTopicId(id)
                .setPartitions(List.of(partitions));
    }

    private static FetchTopic orders(FetchPartition... partitions) {
        return topic(Uuid.ZERO_UUID, partitions);
    }

    private static FetchPartition at(int partition, long offset) {
        return new FetchPartition()
                .setPartition(partition)
                .setFetchOffset(offset)
                .setPartitionMaxBytes(1 << 20);
    }

    private static FetchResponseData ask(RawClient client, int version, FetchRequestData body) throws Exception {
        return (FetchResponseData) client.receive(client.send(ApiMessageType.FETCH, version, body));
    }

    /** Each partition that is told of: its number, its error, and whether it has records. */
    private static List<String> told(FetchResponseData answer) {
        assertThat(answer.errorCode()).isZero();
        List<String> told = new ArrayList<>();
        for (FetchableTopicResponse topic : answer.responses()) {
            for (PartitionData partition : topic.partitions()) {
                String error = partition.errorCode() == 0 ? "" : " error " + partition.errorCode();
                boolean empty = requireNonNull(partition.records()).sizeInBytes() == 0;
                told.add(partition.partitionIndex() + error + (empty ? "" : " records"));
            }
        }
        return told;
    }

    private static double meter(RunningServer server, String name) {
        return server.meters()
                .get("reactivemq.server.fetch.sessions" + name)
                .counter()
                .count();
    }

    private static double open(RunningServer server) {
        return server.meters().get("reactivemq.server.fetch.sessions").gauge().value();
    }

    @Test
    @DisplayName("a fetch that names nothing waits for records of all its partitions, also on another connection")
    void longPoll() throws Exception {
        try (RunningServer server = server(o -> o, 3)) {
            int session;
            try (RawClient first = new RawClient(server.port())) {
                FetchResponseData opened = ask(first, BY_NAME, fetch(0, 0, orders(at(0, 0), at(1, 0), at(2, 0))));
                assertThat(told(opened)).containsExactly("0", "1", "2");
                session = opened.sessionId();
                assertThat(session).isPositive();
                assertThat(open(server)).isEqualTo(1);
                assertThat(told(ask(first, BY_NAME, fetch(session, 1)))).isEmpty();
            }
            try (RawClient second = new RawClient(server.port())) {
                RequestHeader waiting = second.send(
                        ApiMessageType.FETCH, BY_NAME, fetch(session, 2).setMaxWaitMs(LONG_MS));
                append(server, 1, 10);
                FetchResponseData answer = (FetchResponseData) second.receive(waiting);
                assertThat(answer.sessionId()).isEqualTo(session);
                assertThat(told(answer)).containsExactly("1 records");
                assertThat(told(ask(second, BY_NAME, fetch(session, 3, orders(at(1, 1))))))
                        .isEmpty();
            }
            assertThat(meter(server, ".used")).isEqualTo(3);
        }
    }

    @Test
    @DisplayName("of two fetches with one epoch one is refused, and one that is overtaken while it waits is told so")
    void oneAtATime() throws Exception {
        try (RunningServer server = server(o -> o, 1);
                RawClient first = new RawClient(server.port());
                RawClient second = new RawClient(server.port())) {
            int session = ask(first, BY_NAME, fetch(0, 0, orders(at(0, 0)))).sessionId();
            RequestHeader waiting =
                    first.send(ApiMessageType.FETCH, BY_NAME, fetch(session, 1).setMaxWaitMs(LONG_MS));
            long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
            while (meter(server, ".used") < 1) {
                assertThat(System.nanoTime()).isLessThan(deadline);
                Thread.onSpinWait();
            }
            assertThat(ask(second, BY_NAME, fetch(session, 1)).errorCode())
                    .isEqualTo(ProtocolError.INVALID_FETCH_SESSION_EPOCH);
            assertThat(told(ask(second, BY_NAME, fetch(session, 2)))).isEmpty();
            append(server, 0, 10);
            FetchResponseData overtaken = (FetchResponseData) first.receive(waiting);
            assertThat(overtaken.errorCode()).isEqualTo(ProtocolError.INVALID_FETCH_SESSION_EPOCH);
            assertThat(overtaken.responses()).isEmpty();
            assertThat(told(ask(second, BY_NAME, fetch(session, 3)))).containsExactly("0 records");
        }
    }

    @Test
    @DisplayName("no partition starves where an answer has room for one")
    void fair() throws Exception {
        try (RunningServer server = server(o -> o, 4);
                RawClient client = new RawClient(server.port())) {
            for (int i = 0; i < 12; i++) {
                append(server, i % 4, 1_000);
            }
            FetchRequestData first = fetch(0, 0, orders(at(0, 0), at(1, 0), at(2, 0), at(3, 0)));
            int session = ask(client, BY_NAME, first.setMaxBytes(1)).sessionId();
            long[] next = {1, 0, 0, 0};
            List<Integer> served = new ArrayList<>();
            FetchTopic[] changed = {orders(at(0, 1))};
            for (int epoch = 1; epoch <= 8; epoch++) {
                FetchResponseData answer =
                        ask(client, BY_NAME, fetch(session, epoch, changed).setMaxBytes(1));
                for (String one : told(answer)) {
                    if (one.endsWith(" records")) {
                        int partition = Integer.parseInt(one.substring(0, 1));
                        served.add(partition);
                        changed = new FetchTopic[] {orders(at(partition, ++next[partition]))};
                    }
                }
            }
            assertThat(served).as("one at a time, in turn").containsExactly(0, 1, 2, 3, 0, 1, 2, 3);
        }
    }

    @Test
    @DisplayName("a topic that was made anew is another one by id, and is read at once by name")
    void madeAnew() throws Exception {
        try (RunningServer server = server(o -> o, 1);
                RawClient byId = new RawClient(server.port());
                RawClient byName = new RawClient(server.port())) {
            Uuid old = idOf(server);
            append(server, 0, 10);
            int ids = ask(byId, BY_ID, fetch(0, 0, topic(old, at(0, 0)))).sessionId();
            int names = ask(byName, BY_NAME, fetch(0, 0, orders(at(0, 0)))).sessionId();
            server.broker().deleteTopic("orders").block(RunningServer.PATIENCE);
            assertThat(told(ask(byId, BY_ID, fetch(ids, 1)))).containsExactly("0 error 3");
            assertThat(told(ask(byName, BY_NAME, fetch(names, 1)))).containsExactly("0 error 3");

            server.broker().createTopic(NewTopic.of("orders", 1)).block(RunningServer.PATIENCE);
            append(server, 0, 10);
            assertThat(told(ask(byName, BY_NAME, fetch(names, 2)))).containsExactly("0 records");
            assertThat(told(ask(byId, BY_ID, fetch(ids, 2)))).containsExactly("0 error 3");
            Uuid anew = idOf(server);
            FetchRequestData moves = fetch(ids, 3, topic(anew, at(0, 0)))
                    .setForgottenTopicsData(
                            List.of(new ForgottenTopic().setTopicId(old).setPartitions(List.of(0))));
            FetchResponseData moved = ask(byId, BY_ID, moves);
            assertThat(told(moved)).containsExactly("0 records");
            assertThat(moved.responses().get(0).topicId()).isEqualTo(anew);
        }
    }

    @Test
    @DisplayName("an id that no topic has is told each time, and holds up nothing else")
    void unknownId() throws Exception {
        try (RunningServer server = server(o -> o, 1);
                RawClient client = new RawClient(server.port())) {
            Uuid unknown = new Uuid(7, 7);
            FetchResponseData opened =
                    ask(client, BY_ID, fetch(0, 0, topic(unknown, at(0, 0)), topic(idOf(server), at(0, 0))));
            assertThat(told(opened)).containsExactly("0 error 100", "0");
            append(server, 0, 10);
            FetchRequestData next = fetch(opened.sessionId(), 1).setMaxWaitMs(LONG_MS);
            assertThat(told(ask(client, BY_ID, next))).containsExactly("0 error 100", "0 records");
        }
    }

    @Test
    @DisplayName(
            "where there is no room the answer has no session, and who wants no partition any more has none either")
    void noRoom() throws Exception {
        try (RunningServer server = server(o -> o.fetchSessionsMax(1), 2);
                RawClient client = new RawClient(server.port())) {
            int session = ask(client, BY_NAME, fetch(0, 0, orders(at(0, 0)))).sessionId();
            FetchRequestData another = fetch(0, 0, orders(at(0, 0), at(1, 0)));
            FetchResponseData declined = ask(client, BY_NAME, another);
            assertThat(declined.sessionId()).isZero();
            assertThat(told(declined)).containsExactly("0", "1");

            FetchRequestData forgets = fetch(session, 1)
                    .setForgottenTopicsData(
                            List.of(new ForgottenTopic().setTopic("orders").setPartitions(List.of(0))));
            FetchResponseData emptied = ask(client, BY_NAME, forgets.setMaxWaitMs(LONG_MS));
            assertThat(told(emptied)).isEmpty();
            assertThat(emptied.sessionId()).isZero();
            assertThat(ask(client, BY_NAME, fetch(session, 2)).errorCode())
                    .isEqualTo(ProtocolError.FETCH_SESSION_ID_NOT_FOUND);

            int second = ask(client, BY_NAME, another).sessionId();
            assertThat(second).isPositive();
            int replaced =
                    ask(client, BY_NAME, fetch(second, 0, orders(at(0, 0)))).sessionId();
            assertThat(replaced)
                    .as("the new one has the place of the old one")
                    .isPositive()
                    .isNotEqualTo(second);
            FetchTopic tooLong = new FetchTopic().setTopic("t".repeat(300)).setPartitions(List.of(at(0, 0)));
            assertThat(ask(client, BY_NAME, fetch(replaced, 1, tooLong)).errorCode())
                    .isEqualTo(ProtocolError.FETCH_SESSION_ID_NOT_FOUND);
            assertThat(open(server)).isZero();
            assertThat(meter(server, ".evicted")).isZero();
        }
    }

    @Test
    @DisplayName(
            "who may not read any more is told so, also of partitions that the fetch does not name; others do not find the session")
    void denied() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(1 << 20);
        broker.createTopic(NewTopic.of("orders", 1)).block(RunningServer.PATIENCE);
        AclBinding mayRead = AclBinding.allow(
                "User:alice", AclOperation.READ, ResourcePattern.literal(ResourceType.TOPIC, "orders"));
        broker.security().createAcls(mayRead).block(RunningServer.PATIENCE);
        ApiTable apis = KafkaServer.apis(
                new ServerSettings(broker, 1, "cluster", 1, 1, 1 << 20, 1 << 20, 10, 10),
                ServerSecurity.of(
                        broker,
                        null,
                        List.of(SaslMechanism.SCRAM_SHA_256),
                        Set.of(),
                        RunningServer.PATIENCE,
                        Secrets.ofSystem()));
        FetchResponseData opened = answer(apis, "User:alice", fetch(0, 0, orders(at(0, 0))));
        assertThat(told(opened)).containsExactly("0");
        int session = opened.sessionId();
        append(broker, 0, 10);
        assertThat(answer(apis, "User:bob", fetch(session, 1)).errorCode())
                .isEqualTo(ProtocolError.FETCH_SESSION_ID_NOT_FOUND);
        assertThat(told(answer(apis, "User:bob", fetch(session, -1, orders(at(0, 0))))))
                .containsExactly("0 error 29");

        broker.security().deleteAcls(Caller.embedded("test"), AclFilter.ALL).block(RunningServer.PATIENCE);
        assertThat(told(answer(apis, "User:alice", fetch(session, 1)))).containsExactly("0 error 29");
        broker.security().createAcls(mayRead).block(RunningServer.PATIENCE);
        assertThat(told(answer(apis, "User:alice", fetch(session, 2)))).containsExactly("0 records");
        broker.closeGracefully(RunningServer.PATIENCE).block(RunningServer.PATIENCE);
    }

    private static FetchResponseData answer(ApiTable apis, String principal, FetchRequestData body) {
        return (FetchResponseData) requireNonNull(apis.answer(
                        new ApiRequest(
                                new RequestHeader(ApiMessageType.FETCH, (short) BY_NAME, 1, "test"),
                                new Caller(principal, "test", "/127.0.0.1", "TEST"),
                                InetSocketAddress.createUnresolved("127.0.0.1", 9092),
                                Unpooled.EMPTY_BUFFER),
                        body)
                .block(RunningServer.PATIENCE));
    }
}
