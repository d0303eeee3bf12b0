package io.reactivemq.netty.server;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ForwardingBroker;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.ApiVersionsRequestData;
import io.reactivemq.kafka.common.message.ApiVersionsResponseData;
import io.reactivemq.kafka.common.message.FetchRequestData;
import io.reactivemq.kafka.common.message.FetchResponseData;
import io.reactivemq.kafka.common.message.MetadataRequestData;
import io.reactivemq.kafka.common.message.MetadataResponseData;
import io.reactivemq.kafka.common.message.ProduceRequestData;
import io.reactivemq.kafka.common.message.ProduceResponseData;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.ProtocolError;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.record.RecordBatchBuilder;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

@DisplayName("A connection")
@Tag("wire")
class ConnectionTest {

    private static final byte[] VALUE = new byte[10_000];

    @Test
    @DisplayName("has its requests answered in order, a fetch that waits before what came after it")
    void order() throws Exception {
        try (RunningServer server = RunningServer.inMemory();
                RawClient client = new RawClient(server.port())) {
            server.broker().createTopic(NewTopic.of("orders", 1)).block(RunningServer.PATIENCE);
            List<RequestHeader> sent = new ArrayList<>();
            sent.add(client.send(ApiMessageType.FETCH, 12, fetch(300)));
            for (int i = 0; i < 20; i++) {
                sent.add(client.send(ApiMessageType.PRODUCE, 9, produce(i == 7 ? 0 : -1)));
            }
            sent.add(client.send(ApiMessageType.METADATA, 12, new MetadataRequestData()));
            FetchResponseData empty = (FetchResponseData) client.receive(sent.get(0));
            assertThat(empty.responses().get(0).partitions().get(0).records().sizeInBytes())
                    .isZero();
            for (int i = 0; i < 20; i++) {
                if (i != 7) { // acks=0 has no answer
                    ProduceResponseData appended = (ProduceResponseData) client.receive(sent.get(i + 1));
                    assertThat(appended.responses()
                                    .iterator()
                                    .next()
                                    .partitionResponses()
                                    .get(0)
                                    .baseOffset())
                            .isEqualTo(i);
                }
            }
            client.receive(sent.get(21));
        }
    }

    @Test
    @DisplayName(
            "whose client sends far ahead of what it reads has all answered, in order, with a small bound of what is in flight")
    void farAhead() throws Exception {
        try (RunningServer server = RunningServer.over(
                        EmbeddedBroker.inMemory(64 << 20), options -> options.inFlightBytesMax(50_000));
                RawClient client = new RawClient(server.port())) {
            server.broker().createTopic(NewTopic.of("orders", 1)).block(RunningServer.PATIENCE);
            RequestHeader first = client.send(ApiMessageType.PRODUCE, 9, produce(-1));
            client.receive(first);
            int requests = 3_000;
            Thread sending = new Thread(() -> {
                try {
                    for (int i = 0; i < requests; i++) {
                        client.send(ApiMessageType.FETCH, 12, fetch(0));
                    }
                } catch (java.io.IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
            sending.start();
            for (int i = 0; i < requests; i++) {
                FetchResponseData found = (FetchResponseData)
                        client.receive(new RequestHeader(ApiMessageType.FETCH, (short) 12, i + 2, "raw"));
                assertThat(found.responses()
                                .get(0)
                                .partitions()
                                .get(0)
                                .records()
                                .sizeInBytes())
                        .isGreaterThan(VALUE.length);
            }
            sending.join();
        }
    }

    @Test
    @DisplayName(
            "ends where records can't be taken that asked for no answer, so that the client asks for its topics anew")
    void failedWithoutAnswer() throws Exception {
        try (RunningServer server = RunningServer.inMemory();
                RawClient client = new RawClient(server.port())) {
            client.send(ApiMessageType.PRODUCE, 9, produce(0)); // there is no such topic
            assertThat(client.isClosedByServer()).isTrue();
        }
    }

    @Test
    @DisplayName("that was meant for a node of another cluster, or another of this, is told to begin anew (KIP-1242)")
    void anotherNode() throws Exception {
        try (RunningServer server = RunningServer.inMemory();
                RawClient client = new RawClient(server.port())) {
            MetadataResponseData known = (MetadataResponseData)
                    client.receive(client.send(ApiMessageType.METADATA, 9, new MetadataRequestData()));
            int node = known.controllerId();
            assertThat(versions(client, known.clusterId(), node)).isZero();
            assertThat(versions(client, known.clusterId(), -1))
                    .as("it knows no node")
                    .isZero();
            assertThat(versions(client, null, node)).as("it knows no cluster").isZero();
            assertThat(versions(client, "another", -1)).isZero();
            assertThat(versions(client, "another", node)).isEqualTo(ProtocolError.REBOOTSTRAP_REQUIRED);
            assertThat(versions(client, known.clusterId(), node + 1)).isEqualTo(ProtocolError.REBOOTSTRAP_REQUIRED);
        }
    }

    private static short versions(RawClient client, @Nullable String cluster, int node) throws Exception {
        ApiVersionsResponseData answer = (ApiVersionsResponseData) client.receive(client.send(
                ApiMessageType.API_VERSIONS,
                5,
                new ApiVersionsRequestData()
                        .setClientSoftwareName("raw")
                        .setClientSoftwareVersion("1")
                        .setClusterId(cluster)
                        .setNodeId(node)));
        assertThat(answer.apiKeys()).isNotEmpty();
        return answer.errorCode();
    }

    @Test
    @DisplayName("that asks for ApiVersions of a version to come is told what there is, at version 0")
    void versionToCome() throws Exception {
        try (RunningServer server = RunningServer.inMemory();
                RawClient client = new RawClient(server.port())) {
            ByteBuffer frame = ByteBuffer.allocate(14);
            frame.putInt(10).putShort((short) 18).putShort((short) 77).putInt(5).putShort((short) -1);
            client.sendBytes(frame.array());
            ApiVersionsResponseData answer = (ApiVersionsResponseData)
                    client.receive(new RequestHeader(ApiMessageType.API_VERSIONS, (short) 0, 5, ""));
            assertThat(answer.errorCode()).isEqualTo((short) 35);
            assertThat(answer.apiKeys()).isNotEmpty();
            client.receive(client.send(ApiMessageType.METADATA, 9, new MetadataRequestData()));
        }
    }

    @ParameterizedTest(name = "that sends {0} is closed without an answer, with one line in the log that says why")
    @CsvSource(
            delimiter = '|',
            value = {
                "a frame longer than is taken | 7fffffff | a request may have 1048576 bytes, this has 2147483647",
                "a frame just too long | 00100001 | a request may have 1048576 bytes, this has 1048577",
                "a negative length | ffffffff | a request's length was -1",
                "a frame without a header | 00000003 000300 | a request has at least 8 bytes, this frame has 3",
                "an API that is unknown | 0000000a 03e7 0000 00000001 ffff | API 999 is not served",
                "a version that is not served | 0000000a 0003 0063 00000001 ffff | version 99 of Metadata is not served",
                "an array longer than its frame | 0000000e 0003 0004 00000001 ffff 7fffffff | request Metadata v4 #1 cannot be read: ",
                "half a request | 0000000b 0000 0009 00000001 ffff 00 | request Produce v9 #1 cannot be read: it is not whole"
            })
    void refused(String what, String hex, String why) throws Exception {
        byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
        try (RunningServer server = RunningServer.over(
                        EmbeddedBroker.inMemory(1 << 20), options -> options.frameBytesMax(1 << 20));
                RawClient client = new RawClient(server.port());
                RawClient other = new RawClient(server.port())) {
            List<String> lines = logged(() -> {
                client.sendBytes(bytes);
                assertThat(client.isClosedByServer()).as(what).isTrue();
            });
            assertThat(lines)
                    .filteredOn(line -> line.contains(client.address()))
                    .singleElement()
                    .asString()
                    .contains("is closed: " + why);
            assertThat(server.meters()
                            .get("reactivemq.server.connections.refused")
                            .counter()
                            .count())
                    .isEqualTo(1);
            other.receive(other.send(ApiMessageType.METADATA, 9, new MetadataRequestData()));
        }
    }

    @Test
    @DisplayName("has a request of just the longest length taken")
    void longest() throws Exception {
        try (RunningServer server = RunningServer.over(
                        EmbeddedBroker.inMemory(1 << 20), options -> options.frameBytesMax(1 << 20));
                RawClient client = new RawClient(server.port())) {
            // what ApiVersions of a version to come has behind its header nobody knows
            ByteBuffer frame = ByteBuffer.allocate(KafkaCodec.LENGTH_BYTES + (1 << 20));
            frame.putInt(1 << 20)
                    .putShort((short) 18)
                    .putShort((short) 77)
                    .putInt(5)
                    .putShort((short) -1);
            client.sendBytes(frame.array());
            client.receive(new RequestHeader(ApiMessageType.API_VERSIONS, (short) 0, 5, ""));
        }
    }

    /** What goes to the log meanwhile, which is this JVM's error output. */
    private static List<String> logged(Step step) throws Exception {
        PrintStream before = System.err;
        ByteArrayOutputStream written = new ByteArrayOutputStream();
        try {
            System.setErr(new PrintStream(written, true, UTF_8));
            step.run();
        } finally {
            System.setErr(before);
        }
        return written.toString(UTF_8).lines().toList();
    }

    private interface Step {
        void run() throws Exception;
    }

    @Test
    @DisplayName("beyond the number that is allowed is closed, and another can come when one has gone")
    void tooMany() throws Exception {
        try (RunningServer server =
                RunningServer.over(EmbeddedBroker.inMemory(1 << 20), options -> options.connectionsMax(1))) {
            try (RawClient one = new RawClient(server.port())) {
                one.receive(one.send(ApiMessageType.METADATA, 9, new MetadataRequestData()));
                try (RawClient two = new RawClient(server.port())) {
                    assertThat(two.isClosedByServer()).isTrue();
                }
            }
            awaitConnections(server, 0);
            try (RawClient three = new RawClient(server.port())) {
                three.receive(three.send(ApiMessageType.METADATA, 9, new MetadataRequestData()));
            }
        }
    }

    @Test
    @DisplayName("beyond the number that its address may have is closed, and another can come when one has gone")
    void tooManyOfAnAddress() throws Exception {
        try (RunningServer server =
                RunningServer.over(EmbeddedBroker.inMemory(1 << 20), options -> options.connectionsPerAddressMax(2))) {
            RawClient one = new RawClient(server.port());
            try (RawClient two = new RawClient(server.port())) {
                one.receive(one.send(ApiMessageType.METADATA, 9, new MetadataRequestData()));
                two.receive(two.send(ApiMessageType.METADATA, 9, new MetadataRequestData()));
                try (RawClient three = new RawClient(server.port())) {
                    assertThat(three.isClosedByServer()).isTrue();
                }
                one.close();
                awaitConnections(server, 1);
                try (RawClient four = new RawClient(server.port())) {
                    four.receive(four.send(ApiMessageType.METADATA, 9, new MetadataRequestData()));
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    @DisplayName(
            "that sends a batch whose checksum is right and whose records are not is told so, and nothing is stored")
    void recordsThatAreNone(Compression compression) throws Exception {
        try (RunningServer server = RunningServer.inMemory();
                RawClient client = new RawClient(server.port())) {
            server.broker().createTopic(NewTopic.of("orders", 1)).block(RunningServer.PATIENCE);
            ProduceRequestData body = produce(-1);
            ByteBuffer batch = ((MemoryRecords) Objects.requireNonNull(body.topicData()
                            .iterator()
                            .next()
                            .partitionData()
                            .get(0)
                            .records()))
                    .buffer();
            for (int i = 61; i < batch.limit(); i++) { // behind the header
                batch.put(i, (byte) 0xff);
            }
            batch.putShort(21, (short) compression.code());
            CRC32C crc = new CRC32C();
            crc.update(batch.slice(21, batch.limit() - 21));
            batch.putInt(17, (int) crc.getValue());
            ProduceResponseData answer =
                    (ProduceResponseData) client.receive(client.send(ApiMessageType.PRODUCE, 9, body));
            assertThat(answer.responses()
                            .iterator()
                            .next()
                            .partitionResponses()
                            .get(0)
                            .errorCode())
                    .isEqualTo(ErrorCode.CORRUPT_MESSAGE.code());
            answer = (ProduceResponseData) client.receive(client.send(ApiMessageType.PRODUCE, 9, produce(-1)));
            assertThat(answer.responses()
                            .iterator()
                            .next()
                            .partitionResponses()
                            .get(0)
                            .baseOffset())
                    .isZero();
        }
    }

    @Test
    @DisplayName("K18 with acks 1 is not asked for replicas in sync that acks all is refused for")
    void acks() throws Exception {
        try (RunningServer server = RunningServer.inMemory();
                RawClient client = new RawClient(server.port())) {
            server.broker()
                    .createTopic(new NewTopic("orders", 1, Map.of("min.insync.replicas", "2")))
                    .block(RunningServer.PATIENCE);
            assertThat(errorOfProduce(client, 1)).isZero();
            assertThat(errorOfProduce(client, -1)).isEqualTo(ErrorCode.NOT_ENOUGH_REPLICAS.code());
        }
    }

    private static short errorOfProduce(RawClient client, int acks) throws Exception {
        ProduceResponseData answer =
                (ProduceResponseData) client.receive(client.send(ApiMessageType.PRODUCE, 9, produce(acks)));
        return answer.responses().iterator().next().partitionResponses().get(0).errorCode();
    }

    @Test
    @DisplayName("on which nothing comes or goes is closed, but not while a request of it is under way")
    void idle() throws Exception {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(1 << 20);
        broker.createTopic(NewTopic.of("orders", 1)).block(RunningServer.PATIENCE);
        try (RunningServer server = RunningServer.over(broker, options -> options.idleTimeout(Duration.ofSeconds(6)));
                RawClient waiting = new RawClient(server.port());
                RawClient idle = new RawClient(server.port())) {
            RequestHeader poll = waiting.send(ApiMessageType.FETCH, 12, fetch(9_000));
            assertThat(idle.isClosedByServer()).isTrue();
            waiting.receive(poll);
            assertThat(waiting.isClosedByServer()).isTrue();
        }
    }

    private static void awaitConnections(RunningServer server, int count) {
        long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
        while (server.meters().get("reactivemq.server.connections").gauge().value() > count) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    @Test
    @DisplayName("has what is under way finished when the server ends, but for a fetch that waits")
    void drain() throws Exception {
        Sinks.Empty<Void> gate = Sinks.empty();
        Held held = new Held(EmbeddedBroker.inMemory(1 << 20), gate.asMono());
        held.createTopic(NewTopic.of("orders", 1)).block(RunningServer.PATIENCE);
        try (RunningServer server = RunningServer.over(held, options -> options);
                RawClient producer = new RawClient(server.port());
                RawClient consumer = new RawClient(server.port());
                RawClient idle = new RawClient(server.port())) {
            idle.receive(idle.send(ApiMessageType.METADATA, 9, new MetadataRequestData()));
            RequestHeader waiting = consumer.send(ApiMessageType.FETCH, 12, fetch(100_000));
            RequestHeader sent = producer.send(ApiMessageType.PRODUCE, 9, produce(-1));
            assertThat(waiting.api()).isEqualTo(ApiMessageType.FETCH);
            held.awaitAppend();
            int port = server.port();
            server.server().dispose();
            assertThat(idle.isClosedByServer()).isTrue();
            assertThat(consumer.isClosedByServer()).isTrue();
            assertThatThrownBy(() -> new RawClient(port)).isInstanceOf(java.net.ConnectException.class);
            gate.tryEmitEmpty().orThrow();
            ProduceResponseData appended = (ProduceResponseData) producer.receive(sent);
            assertThat(appended.responses()
                            .iterator()
                            .next()
                            .partitionResponses()
                            .get(0)
                            .errorCode())
                    .isZero();
            assertThat(producer.isClosedByServer()).isTrue();
            server.server().onDispose().block(RunningServer.PATIENCE);
        }
    }

    @Test
    @DisplayName("that breaks off keeps its buffer for the append that is under way")
    void bufferOutlivesConnection() {
        Sinks.Empty<Void> gate = Sinks.empty();
        Held held = new Held(EmbeddedBroker.inMemory(1 << 20), gate.asMono());
        held.createTopic(NewTopic.of("orders", 1)).block(RunningServer.PATIENCE);
        ApiTable apis = new ApiTable();
        new ProduceApi(held, new TopicNames(held)).register(apis);
        ByteBuf frame = Unpooled.buffer();
        RequestHeader header = new RequestHeader(ApiMessageType.PRODUCE, (short) 9, 1, "");
        Disposable answer = apis.answer(
                        new ApiRequest(
                                header,
                                Caller.embedded("test"),
                                InetSocketAddress.createUnresolved("127.0.0.1", 9092),
                                frame),
                        produce(-1))
                .subscribe();
        frame.release(); // as the connection does in the end
        answer.dispose();
        assertThat(frame.refCnt()).as("while the append is under way").isEqualTo(1);
        gate.tryEmitEmpty().orThrow();
        assertThat(frame.refCnt()).as("after the append").isZero();
        held.closeGracefully(RunningServer.PATIENCE).block(RunningServer.PATIENCE);
    }

    @Test
    @DisplayName("that has gone hears nothing of an append that fails, and nor does anybody else; the buffer is let go")
    void failsForNobody() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(1 << 20);
        broker.createTopic(NewTopic.of("orders", 1)).block(RunningServer.PATIENCE);
        Sinks.Empty<Void> gate = Sinks.empty();
        Held held = new Held(broker, gate.asMono());
        ApiTable apis = new ApiTable();
        new ProduceApi(held, new TopicNames(held)).register(apis);
        ByteBuf frame = Unpooled.buffer();
        ApiRequest asked = new ApiRequest(
                new RequestHeader(ApiMessageType.PRODUCE, (short) 9, 1, ""),
                Caller.embedded("test"),
                InetSocketAddress.createUnresolved("127.0.0.1", 9092),
                frame);
        Disposable answer = apis.answer(asked, produce(-1)).subscribe();
        frame.release(); // as the connection does in the end
        answer.dispose();
        gate.tryEmitError(new MqException(ErrorCode.BROKER_NOT_AVAILABLE, "closed"))
                .orThrow();
        assertThat(frame.refCnt()).isZero();
        held.closeGracefully(RunningServer.PATIENCE).block(RunningServer.PATIENCE);
    }

    @Test
    @DisplayName("that produces to a topic without a name is told so, and its buffer is let go")
    void blankTopic() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(1 << 20);
        ApiTable apis = new ApiTable();
        new ProduceApi(broker, new TopicNames(broker)).register(apis);
        ByteBuf frame = Unpooled.buffer();
        ProduceRequestData request = produce(-1);
        request.topicData().iterator().next().setName(" ");
        ApiRequest asked = new ApiRequest(
                new RequestHeader(ApiMessageType.PRODUCE, (short) 9, 1, ""),
                Caller.embedded("test"),
                InetSocketAddress.createUnresolved("127.0.0.1", 9092),
                frame);
        ProduceResponseData answer =
                (ProduceResponseData) apis.answer(asked, request).block(RunningServer.PATIENCE);
        assertThat(errorOf(answer)).isEqualTo(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code());
        frame.release();
        assertThat(frame.refCnt()).isZero();
        broker.closeGracefully(RunningServer.PATIENCE).block(RunningServer.PATIENCE);
    }

    @Test
    @DisplayName("that produces to a topic of the broker's own is refused")
    void internalTopic() throws Exception {
        try (RunningServer server = RunningServer.inMemory();
                RawClient client = new RawClient(server.port())) {
            ProduceRequestData request = produce(-1);
            request.topicData().iterator().next().setName("__consumer_offsets");
            ProduceResponseData answer =
                    (ProduceResponseData) client.receive(client.send(ApiMessageType.PRODUCE, 9, request));
            assertThat(errorOf(answer)).isEqualTo(ErrorCode.INVALID_TOPIC_EXCEPTION.code());
        }
    }

    private static short errorOf(@Nullable ProduceResponseData answer) {
        return Objects.requireNonNull(answer)
                .responses()
                .iterator()
                .next()
                .partitionResponses()
                .get(0)
                .errorCode();
    }

    @Test
    @DisplayName("hears of a broker's failure that no answer has a place for by being closed")
    void failure() throws Exception {
        Broker broken = new ForwardingBroker(EmbeddedBroker.inMemory(1 << 20)) {
            @Override
            protected <T> Mono<T> forward(Mono<T> request) {
                return request;
            }

            @Override
            public Mono<List<io.reactivemq.broker.TopicDescription>> listTopics(Caller caller) {
                return Mono.create(sink -> sink.error(new MqException(ErrorCode.BROKER_NOT_AVAILABLE, "broken")));
            }
        };
        try (RunningServer server = RunningServer.over(broken, options -> options);
                RawClient client = new RawClient(server.port())) {
            RequestHeader sent = client.send(ApiMessageType.METADATA, 9, new MetadataRequestData().setTopics(null));
            assertThat(sent.version()).isEqualTo((short) 9);
            assertThat(client.isClosedByServer()).isTrue();
        }
    }

    @Test
    @DisplayName("cannot come from elsewhere while there is no authentication: such an address is refused")
    void notLoopback() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(1 << 20);
        assertThatThrownBy(
                        () -> KafkaServer.over(broker).host("0.0.0.0").port(0).bindNow())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("0.0.0.0 can be reached from other machines")
                .hasMessageContaining("127.0.0.1");
        broker.closeGracefully(RunningServer.PATIENCE).block(RunningServer.PATIENCE);
    }

    private static FetchRequestData fetch(int maxWaitMs) {
        return new FetchRequestData()
                .setMinBytes(1)
                .setMaxBytes(1_000_000)
                .setMaxWaitMs(maxWaitMs)
                .setTopics(List.of(new FetchRequestData.FetchTopic()
                        .setTopic("orders")
                        .setPartitions(
                                List.of(new FetchRequestData.FetchPartition().setPartitionMaxBytes(1_000_000)))));
    }

    private static ProduceRequestData produce(int acks) {
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 100_000);
        assertThat(builder.tryAppend(0, null, VALUE, Headers.empty())).isTrue();
        ProduceRequestData request =
                new ProduceRequestData().setAcks((short) acks).setTimeoutMs(60_000);
        request.topicData()
                .add(new ProduceRequestData.TopicProduceData()
                        .setName("orders")
                        .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData()
                                .setRecords(MemoryRecords.readableRecords(builder.build())))));
        return request;
    }

    /** A broker whose appends wait at a gate. */
    private static final class Held extends ForwardingBroker {

        private final Broker target;
        private final Mono<Void> gate;
        private final AtomicReference<TopicPartition> asked = new AtomicReference<>();

        Held(Broker target, Mono<Void> gate) {
            super(target);
            this.target = target;
            this.gate = gate;
        }

        @Override
        protected <T> Mono<T> forward(Mono<T> request) {
            return request;
        }

        @Override
        public Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
            asked.set(partition);
            return gate.then(Mono.defer(() -> target.append(caller, partition, records, acks)));
        }

        void awaitAppend() {
            long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
            while (asked.get() == null) {
                assertThat(System.nanoTime()).as("an append was to come").isLessThan(deadline);
                Thread.onSpinWait();
            }
        }
    }
}
