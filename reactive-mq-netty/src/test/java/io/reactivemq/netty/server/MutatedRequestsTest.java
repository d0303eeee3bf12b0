package io.reactivemq.netty.server;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandler;
import io.netty.channel.embedded.EmbeddedChannel;
import io.reactivemq.ErrorCode;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchMemory;
import io.reactivemq.broker.ForwardingBroker;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.errors.UnsupportedVersionException;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.CreateTopicsRequestData;
import io.reactivemq.kafka.common.message.DeleteRecordsRequestData;
import io.reactivemq.kafka.common.message.MetadataRequestData;
import io.reactivemq.kafka.common.message.MetadataResponseData;
import io.reactivemq.kafka.common.message.OffsetDeleteRequestData;
import io.reactivemq.kafka.common.message.ProduceRequestData;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.netty.protocol.BadRequestException;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.security.Secrets;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

/**
 * Requests of every API and version, of which some bits, lengths and parts are not what they were. {@code reactivemq.mutated.requests} says how many,
 * {@code reactivemq.mutated.seed} which.
 */
@DisplayName("A request that is not right")
class MutatedRequestsTest {

    private static final int REQUESTS = Integer.getInteger("reactivemq.mutated.requests", 100_000);
    private static final long SEED = Long.getLong("reactivemq.mutated.seed", 20_261);
    private static final int FRAME_BYTES_MAX = 1 << 20;
    private static final int BOMB_BYTES = 256 * 1024;
    private static final int SOCKETS = 400;

    /** Exceptions, log lines and what the loop itself makes. */
    private static final int BESIDE_BYTES = 64 * 1024;

    /** These may wait for other clients, or for records. */
    private static final Set<ApiMessageType> WAITING = Set.of(
            ApiMessageType.FETCH,
            ApiMessageType.JOIN_GROUP,
            ApiMessageType.SYNC_GROUP,
            ApiMessageType.CREATE_TOPICS,
            ApiMessageType.ALTER_CONFIGS,
            ApiMessageType.INCREMENTAL_ALTER_CONFIGS);

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final ByteArrayOutputStream log = new ByteArrayOutputStream();
    private PrintStream err;

    @BeforeEach
    void listen() {
        err = System.err;
        System.setErr(new PrintStream(log, true, UTF_8));
    }

    @AfterEach
    void listenNoMore() {
        System.setErr(err);
    }

    private List<String> linesOfConnections() {
        List<String> lines =
                log.toString(UTF_8).lines().filter(line -> !line.isBlank()).toList();
        log.reset();
        return lines.stream()
                .filter(line -> line.contains("ConnectionHandler")) // not those that threads of other tests write
                .toList();
    }

    @Test
    @DisplayName(
            "is answered, or its connection is closed with one log line; it holds no more memory than eight times its bytes, and no buffer")
    void mutated() throws Exception {
        ManualRuntime runtime = new ManualRuntime(SEED);
        try (Fed server = new Fed(runtime)) {
            Mutator mutator = new Mutator(SEED, server.corpus);
            Map<String, Integer> outcomes = new TreeMap<>();
            for (int i = 0; i < REQUESTS; i++) {
                byte[] frame = mutator.next();
                String outcome = server.feed(frame);
                outcomes.merge(outcome, 1, Integer::sum);
                if (i % 1_000 == 999) {
                    runtime.advanceBy(Duration.ofMinutes(10)); // members go, transactions time out
                }
            }
            System.out.println(REQUESTS + " mutated requests, seed " + SEED + ", of " + server.corpus.size()
                    + " that are right: " + outcomes);
            assertThat(outcomes.keySet()).contains("answered", "closed");
            server.requireHealthy();
        }
    }

    @Test
    @DisplayName("does no harm to others on the same server")
    void overSockets() throws Exception {
        List<byte[]> corpus;
        try (Fed fed = new Fed(new ManualRuntime(SEED))) {
            corpus = fed.corpus;
        }
        Mutator mutator = new Mutator(SEED + 1, corpus);
        try (RunningServer server = RunningServer.over(
                new Modest(EmbeddedBroker.inMemory(32 << 20)), options -> options.frameBytesMax(FRAME_BYTES_MAX))) {
            for (int i = 0; i < SOCKETS; i++) {
                byte[] frame = mutator.next();
                try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
                    socket.setSoTimeout((int) RunningServer.PATIENCE.toMillis());
                    socket.getOutputStream().write(frame);
                    socket.shutdownOutput();
                    socket.getInputStream().readAllBytes(); // to the end, which the server makes
                } catch (SocketException e) {
                    assertThat(e).as("closed while it was sent").hasMessageMatching("(Connection reset|Broken pipe).*");
                }
            }
            assertThat(linesOfConnections())
                    .hasSizeLessThanOrEqualTo(SOCKETS)
                    .allMatch(line -> line.contains("WARN") && line.contains("is closed"));
            server.broker().createTopic(NewTopic.of("afterwards", 1)).block(RunningServer.PATIENCE);
            try (KafkaProducer<String, String> producer = server.producer(Map.of())) {
                assertThat(producer.send(new ProducerRecord<>("afterwards", "v"))
                                .get()
                                .offset())
                        .isZero();
            }
        }
    }

    /** Bytes that say again and again what takes up most: the shortest text, the smallest list. */
    @Test
    @DisplayName("takes up eight times its bytes at most, whatever they are")
    void memory() throws Exception {
        try (Fed server = new Fed(new ManualRuntime(SEED))) {
            server.apis.versions().forEach((api, versions) -> {
                for (int filler = 0; filler < 5; filler++) {
                    for (int count : new int[] {-1, 10_000}) {
                        server.requireBounded(bomb(api, versions.min(), filler, count));
                        server.requireBounded(bomb(api, versions.max(), filler, count));
                    }
                }
            });
        }
    }

    @Test
    @DisplayName("with many elements of one key, which a table would take hours for, is read as any other and answered")
    void crowd() throws Exception {
        try (Fed server = new Fed(new ManualRuntime(SEED))) {
            OffsetDeleteRequestData deletion = new OffsetDeleteRequestData().setGroupId("g");
            CreateTopicsRequestData creation = new CreateTopicsRequestData();
            ProduceRequestData produce = new ProduceRequestData().setAcks((short) 1);
            for (int i = 0; i < 5_000; i++) {
                deletion.topics().add(new OffsetDeleteRequestData.OffsetDeleteRequestTopic().setName("one"));
                creation.topics()
                        .add(new CreateTopicsRequestData.CreatableTopic()
                                .setName("one")
                                .setNumPartitions(1)
                                .setReplicationFactor((short) 1));
                produce.topicData()
                        .add(new ProduceRequestData.TopicProduceData()
                                .setName("nobody")
                                .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData().setIndex(i))));
            }
            assertThat(server.feed(server.encoded(ApiMessageType.OFFSET_DELETE, (short) 0, deletion)))
                    .isEqualTo("answered");
            assertThat(server.feed(server.encoded(ApiMessageType.CREATE_TOPICS, (short) 7, creation)))
                    .isEqualTo("answered");
            assertThat(server.feed(server.encoded(ApiMessageType.PRODUCE, (short) 12, produce)))
                    .isEqualTo("answered");

            DeleteRecordsRequestData.DeleteRecordsTopic cut =
                    new DeleteRecordsRequestData.DeleteRecordsTopic().setName("nobody");
            for (int i = 0; i < 10_000; i++) {
                cut.partitions().add(new DeleteRecordsRequestData.DeleteRecordsPartition().setPartitionIndex(i));
            }
            DeleteRecordsRequestData cuts = new DeleteRecordsRequestData().setTopics(List.of(cut));
            assertThat(server.feed(server.encoded(ApiMessageType.DELETE_RECORDS, (short) 2, cuts)))
                    .isEqualTo("answered");

            List<MetadataRequestData.MetadataRequestTopic> names = new ArrayList<>();
            for (int i = 0; i < 5_000; i++) {
                names.add(new MetadataRequestData.MetadataRequestTopic().setName("one"));
            }
            assertThat(server.feed(server.encoded(
                            ApiMessageType.METADATA, (short) 9, new MetadataRequestData().setTopics(names))))
                    .isEqualTo("answered");
        }
    }

    private static ByteBuffer bomb(ApiMessageType api, short version, int filler, int count) {
        byte[] content = new byte[BOMB_BYTES];
        Arrays.fill(content, (byte) filler);
        ByteBuffer frame = ByteBuffer.wrap(content);
        frame.putShort(api.apiKey()).putShort(version).putInt(1).putShort((short) -1);
        if (api.requestHeaderVersion(version) >= 2) {
            frame.put((byte) 0);
        }
        if (count >= 0) {
            frame.putInt(frame.position() + 2, count);
        }
        return frame.rewind();
    }

    /** A connection's pipeline, fed by hand over a broker in virtual time: all happens on the test's thread. */
    private final class Fed implements AutoCloseable {

        private final ManualRuntime runtime;
        private final EmbeddedBroker broker;
        private final ServerSettings settings;
        private final ServerSecurity security;
        private final ApiTable apis;
        private final ServerMeters meters;
        private final List<byte[]> corpus = new ArrayList<>();

        Fed(ManualRuntime runtime) {
            this.runtime = runtime;
            broker = EmbeddedBroker.inMemory(32 << 20, options -> options.runtime(runtime));
            Broker modest = new Modest(broker);
            settings = new ServerSettings(modest, 1, "cluster", 0, 1, FRAME_BYTES_MAX, FRAME_BYTES_MAX, 10, 10);
            // ACLs come and go here, and the caller may do all whatever they say
            security = ServerSecurity.of(
                    modest,
                    null,
                    List.of(),
                    Set.of(SampleRequests.CALLER.principal()),
                    RunningServer.PATIENCE,
                    Secrets.ofSystem());
            apis = KafkaServer.apis(settings, security);
            meters = new ServerMeters(new SimpleMeterRegistry(), apis);
            SampleRequests samples = SampleRequests.fill(broker);
            apis.versions().forEach((api, versions) -> {
                for (short version = versions.min(); version <= versions.max(); version++) {
                    add(api, version, api.newRequest());
                    for (ApiMessage body : samples.requests(api, version)) {
                        add(api, version, body);
                    }
                }
            });
        }

        private void add(ApiMessageType api, short version, ApiMessage body) {
            try {
                corpus.add(encoded(api, version, body));
            } catch (UnsupportedVersionException e) {
                assertThat(e).as("a sample for later versions").hasMessageContaining("non-default");
            }
        }

        private byte[] encoded(ApiMessageType api, short version, ApiMessage body) {
            ByteBuf frame = KafkaCodec.writeRequest(
                    UnpooledByteBufAllocator.DEFAULT, new RequestHeader(api, version, 7, "client\n1"), body);
            byte[] bytes = ByteBufUtil.getBytes(frame);
            frame.release();
            return bytes;
        }

        /** Sends it over a connection of its own, and looks at what comes of it. */
        String feed(byte[] frame) throws Exception {
            ByteBuf bytes = Unpooled.wrappedBuffer(frame);
            ConnectionHandler handler = new ConnectionHandler(
                    apis, settings, meters, security, new FetchMemory(1 << 20), reached -> reached);
            EmbeddedChannel channel =
                    new Loopback(new FrameDecoder(FRAME_BYTES_MAX, Duration.ofMinutes(1), handler::isKnown), handler);
            try {
                ByteBuffer content = ByteBuffer.wrap(frame, 4, frame.length - 4).slice();
                requireBounded(content);
                channel.writeInbound(bytes);
                runtime.run();
                channel.runPendingTasks();
                ByteBuf answer = channel.readOutbound();
                List<String> lines = linesOfConnections();
                if (!channel.isOpen()) {
                    assertThat(lines).hasSize(1);
                    assertThat(lines.get(0)).contains("WARN", "is closed");
                } else {
                    assertThat(lines).isEmpty();
                }
                if (answer != null) {
                    requireReadable(answer, content);
                    return "answered";
                }
                return channel.isOpen() ? unanswered(frame, content) : "closed";
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError(
                        "of seed " + SEED + ": " + ByteBufUtil.hexDump(frame, 0, Math.min(frame.length, 4_000)), e);
            } finally {
                channel.finishAndReleaseAll();
                assertThat(bytes.refCnt()).as("the request's bytes are let go").isZero();
            }
        }

        private String unanswered(byte[] frame, ByteBuffer content) throws BadRequestException {
            if (ByteBuffer.wrap(frame).getInt() > content.remaining()) {
                return "awaited";
            }
            ByteBuffer read = content.duplicate();
            RequestHeader header = KafkaCodec.readHeader(read, apis);
            ApiMessage body = KafkaCodec.readBody(read, header);
            if (body instanceof ProduceRequestData produce && produce.acks() == 0) {
                return "not to be answered";
            }
            assertThat(WAITING).contains(header.api());
            return "waiting";
        }

        private void requireReadable(ByteBuf answer, ByteBuffer content) throws BadRequestException {
            assertThat(answer.readInt()).isEqualTo(answer.readableBytes());
            RequestHeader header = KafkaCodec.readHeader(content.duplicate(), apis);
            boolean served = requireNonNull(apis.of(header.api())).contains(header.version());
            KafkaCodec.readResponse(
                    answer.nioBuffer(),
                    served ? header : new RequestHeader(header.api(), (short) 0, header.correlationId(), ""));
            answer.release();
        }

        /** Decodes it, and looks at what was allocated for that. */
        void requireBounded(ByteBuffer content) {
            long before = threads.getCurrentThreadAllocatedBytes();
            String refused = decode(content.duplicate());
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            assertThat(allocated)
                    .as("bytes allocated for %d, %s", content.remaining(), refused)
                    .isLessThan(8L * Math.max(content.remaining(), BOMB_BYTES) + BESIDE_BYTES);
        }

        private @Nullable String decode(ByteBuffer content) {
            try {
                RequestHeader header = KafkaCodec.readHeader(content, apis);
                if (requireNonNull(apis.of(header.api())).contains(header.version())) {
                    KafkaCodec.readBody(content, header);
                }
                return null;
            } catch (BadRequestException e) {
                return e.getMessage();
            }
        }

        void requireHealthy() throws Exception {
            broker.createTopic(NewTopic.of("afterwards", 1)).block(RunningServer.PATIENCE);
            byte[] asked = encoded(
                    ApiMessageType.METADATA,
                    (short) 9,
                    new MetadataRequestData()
                            .setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setName("afterwards"))));
            ConnectionHandler handler = new ConnectionHandler(
                    apis, settings, meters, security, new FetchMemory(1 << 20), reached -> reached);
            EmbeddedChannel channel =
                    new Loopback(new FrameDecoder(FRAME_BYTES_MAX, Duration.ofMinutes(1), handler::isKnown), handler);
            channel.writeInbound(Unpooled.wrappedBuffer(asked));
            ByteBuf answer = requireNonNull(channel.<ByteBuf>readOutbound());
            byte[] bytes = ByteBufUtil.getBytes(answer.skipBytes(4));
            answer.release();
            channel.finishAndReleaseAll();
            MetadataResponseData metadata = (MetadataResponseData) KafkaCodec.readResponse(
                    ByteBuffer.wrap(bytes), new RequestHeader(ApiMessageType.METADATA, (short) 9, 7, ""));
            assertThat(requireNonNull(metadata.topics().find("afterwards")).errorCode())
                    .isZero();
        }

        @Override
        public void close() {
            Mono<Void> closing = broker.closeGracefully(Duration.ofMinutes(1));
            closing.subscribe();
            runtime.advanceBy(Duration.ofMinutes(2));
        }
    }

    /** An embedded channel that says it came from this machine. */
    private static final class Loopback extends EmbeddedChannel {

        Loopback(ChannelHandler... handlers) {
            super(handlers);
        }

        @Override
        protected SocketAddress localAddress0() {
            return new InetSocketAddress(InetAddress.getLoopbackAddress(), 9092);
        }

        @Override
        protected SocketAddress remoteAddress0() {
            return new InetSocketAddress(InetAddress.getLoopbackAddress(), 54_321);
        }
    }

    /** A broker that makes no topics of so many partitions that a test would take hours over them: who may make topics may make large ones. */
    private static final class Modest extends ForwardingBroker {

        private static final int PARTITIONS_MAX = 16;

        private final Broker target;

        Modest(Broker target) {
            super(target);
            this.target = target;
        }

        @Override
        protected <T> Mono<T> forward(Mono<T> request) {
            return request;
        }

        @Override
        public Mono<TopicDescription> createTopic(Caller caller, NewTopic topic) {
            return topic.partitions() > PARTITIONS_MAX ? tooMany() : target.createTopic(caller, topic);
        }

        @Override
        public Mono<TopicDescription> createPartitions(Caller caller, String topic, int total) {
            return total > PARTITIONS_MAX ? tooMany() : target.createPartitions(caller, topic, total);
        }

        private static Mono<TopicDescription> tooMany() {
            return Refusal.of(ErrorCode.INVALID_PARTITIONS, "too many for a test");
        }
    }
}
