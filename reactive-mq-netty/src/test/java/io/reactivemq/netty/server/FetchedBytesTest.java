package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.embedded.EmbeddedChannel;
import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchMemory;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.FetchRequestData;
import io.reactivemq.kafka.common.message.FetchResponseData;
import io.reactivemq.netty.protocol.BadRequestException;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.security.Secrets;
import io.reactivemq.record.RecordBatchBuilder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Records that were fetched from memory and not taken yet")
class FetchedBytesTest {

    private static final int VALUE_BYTES = 10_000;
    private static final int BATCHES = 100;
    private static final int CLIENTS = 40;

    private static final long FETCHED_BYTES_MAX = 20 * VALUE_BYTES;
    private static final RequestHeader HEADER = new RequestHeader(ApiMessageType.FETCH, (short) 11, 1, "test");

    private final ManualRuntime runtime = new ManualRuntime();
    private final EmbeddedBroker broker = EmbeddedBroker.inMemory(4 << 20, options -> options.runtime(runtime));
    private final FetchMemory memory = new FetchMemory(FETCHED_BYTES_MAX);
    private final List<Connection> connections = new ArrayList<>();
    private ServerSettings settings;
    private ServerSecurity security;
    private ApiTable apis;

    @BeforeEach
    void serve() {
        broker.createTopic(NewTopic.of("orders", 1)).subscribe();
        runtime.run();
        for (int i = 0; i < BATCHES; i++) {
            RecordBatchBuilder batch = new RecordBatchBuilder(100, 2 * VALUE_BYTES);
            batch.tryAppend(1_000, null, new byte[VALUE_BYTES], Headers.empty());
            broker.append(Caller.embedded("test"), new TopicPartition("orders", 0), batch.build(), Acks.ALL)
                    .subscribe();
        }
        runtime.run();
        settings = new ServerSettings(broker, 1, "cluster", 0, 1, 1 << 20, 1 << 20, 100, 100);
        security = ServerSecurity.of(broker, null, List.of(), Set.of(), RunningServer.PATIENCE, Secrets.ofSystem());
        apis = KafkaServer.apis(settings, security);
    }

    @AfterEach
    void close() {
        connections.forEach(EmbeddedChannel::finishAndReleaseAll);
        assertThat(memory.taken()).as("left behind").isZero();
    }

    @Test
    @DisplayName(
            "are bounded for all connections together; who finds no room waits for its turn, and gets records when others have taken theirs")
    void bounded() throws BadRequestException {
        for (int i = 0; i < CLIENTS; i++) {
            connect().fetch(60_000);
            assertThat(memory.taken()).as("with %d clients", i + 1).isBetween(1L, FETCHED_BYTES_MAX);
        }
        assertThat(memory.waiting()).isPositive();
        int waiting = memory.waiting();

        int served = 0;
        for (Connection connection : connections) {
            served += connection.takes() > 0 ? 1 : 0;
            assertThat(memory.taken()).isLessThanOrEqualTo(FETCHED_BYTES_MAX);
        }
        assertThat(served).as("clients, of which %d had to wait", waiting).isEqualTo(CLIENTS);
        assertThat(memory.taken()).isZero();
    }

    @Test
    @DisplayName("are let go of when their client goes, and so is its place in the queue")
    void clientGoes() throws BadRequestException {
        for (int i = 0; i < CLIENTS; i++) {
            connect().fetch(60_000);
        }
        connections.forEach(EmbeddedChannel::finishAndReleaseAll);
        assertThat(memory.taken()).isZero();
        assertThat(memory.waiting()).isZero();
    }

    @Test
    @DisplayName("are none in an answer that was to be there before there was room")
    void noRoomInTime() throws BadRequestException {
        for (int i = 0; i < CLIENTS; i++) {
            connect().fetch(60_000);
        }
        Connection late = connect();
        late.fetch(500);
        runtime.advanceBy(Duration.ofMillis(499));
        late.runPendingTasks();
        assertThat(late.hasAnswer()).isFalse();
        runtime.advanceBy(Duration.ofMillis(1));
        late.runPendingTasks();
        assertThat(late.takes()).isZero();
    }

    private Connection connect() {
        ConnectionHandler handler = new ConnectionHandler(
                apis,
                settings,
                new ServerMeters(new SimpleMeterRegistry(), apis),
                security,
                memory,
                reached -> reached);
        Connection connection =
                new Connection(new FrameDecoder(1 << 20, Duration.ofMinutes(1), handler::isKnown), handler);
        connections.add(connection);
        return connection;
    }

    /** Of which nothing is sent before it is taken. */
    private static final class Connection extends EmbeddedChannel {

        private boolean takes;

        Connection(ChannelHandler... handlers) {
            super(handlers);
        }

        void fetch(int maxWaitMs) {
            FetchRequestData.FetchTopic topic = new FetchRequestData.FetchTopic().setTopic("orders");
            topic.partitions().add(new FetchRequestData.FetchPartition().setPartitionMaxBytes(55 << 20));
            writeInbound(KafkaCodec.writeRequest(
                    UnpooledByteBufAllocator.DEFAULT,
                    HEADER,
                    new FetchRequestData()
                            .setMinBytes(1)
                            .setMaxBytes(55 << 20)
                            .setMaxWaitMs(maxWaitMs)
                            .setTopics(List.of(topic))));
            runPendingTasks();
        }

        boolean hasAnswer() {
            ChannelOutboundBuffer out = unsafe().outboundBuffer();
            return out != null && !out.isEmpty();
        }

        /** How many bytes of records the answer has. */
        int takes() throws BadRequestException {
            runPendingTasks();
            takes = true;
            flush();
            ByteBuf answer = readOutbound();
            assertThat(answer).as("the answer").isNotNull();
            try {
                answer.skipBytes(KafkaCodec.LENGTH_BYTES);
                FetchResponseData content = (FetchResponseData) KafkaCodec.readResponse(answer.nioBuffer(), HEADER);
                return content.responses().get(0).partitions().get(0).records().sizeInBytes();
            } finally {
                answer.release();
            }
        }

        @Override
        protected void doWrite(ChannelOutboundBuffer in) throws Exception {
            if (takes) {
                super.doWrite(in);
            }
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
}
