package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.embedded.EmbeddedChannel;
import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchMemory;
import io.reactivemq.broker.ForwardingBroker;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.ApiVersionsRequestData;
import io.reactivemq.kafka.common.message.ProduceRequestData;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.security.Secrets;
import io.reactivemq.record.RecordBatchBuilder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** How much the server takes from a socket on which more lies than it may have, told by what is left there. */
@DisplayName("From the socket of a client that sends more than may be in flight nothing is read beyond the bound")
class BackpressureTest {

    /** What one read of the socket brings. */
    private static final int READ_BYTES = 1_000;

    private static final int BOUND = 50_000;

    /** What a request counts beside its frame. */
    private static final int REQUEST_BYTES = 256;

    private static final int REQUESTS = 400;

    private final EmbeddedBroker broker =
            EmbeddedBroker.inMemory(64 << 20, options -> options.runtime(new ManualRuntime()));
    private final Sinks.Empty<Void> gate = Sinks.empty();
    private Connection channel;

    @BeforeEach
    void connect() {
        ServerSettings settings = new ServerSettings(new Held(), 1, "cluster", 0, 1, 1 << 20, BOUND, 10, 10);
        ServerSecurity security = ServerSecurity.of(
                settings.broker(), null, List.of(), Set.of(), RunningServer.PATIENCE, Secrets.ofSystem());
        ApiTable apis = KafkaServer.apis(settings, security);
        ConnectionHandler handler = new ConnectionHandler(
                apis,
                settings,
                new ServerMeters(new SimpleMeterRegistry(), apis),
                security,
                new FetchMemory(1 << 20),
                reached -> reached);
        channel = new Connection(new FrameDecoder(1 << 20, Duration.ofMinutes(1), handler::isKnown), handler);
        channel.config().setWriteBufferWaterMark(new WriteBufferWaterMark(1, 2));
    }

    @AfterEach
    void close() {
        channel.finishAndReleaseAll();
    }

    @Test
    @DisplayName("while the broker has not appended; all is read, and answered, when it has")
    void appends() {
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 100_000);
        assertThat(builder.tryAppend(0, null, new byte[3_000], Headers.empty())).isTrue();
        ProduceRequestData request =
                new ProduceRequestData().setAcks((short) -1).setTimeoutMs(60_000);
        request.topicData()
                .add(new ProduceRequestData.TopicProduceData()
                        .setName("orders")
                        .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData()
                                .setRecords(MemoryRecords.readableRecords(builder.build())))));
        channel.send(ApiMessageType.PRODUCE, 9, request);

        requireStopped(0);
        gate.tryEmitEmpty().orThrow();
        requireAllAnswered();
    }

    @Test
    @DisplayName("while the client takes no answers; all is read, and answered, when it does")
    void answers() {
        channel.stalled = true;
        channel.send(ApiMessageType.API_VERSIONS, 0, new ApiVersionsRequestData());

        requireStopped(1);
        channel.stalled = false;
        channel.flush();
        requireAllAnswered();
    }

    /** The last read was the one with which the requests that are not answered came to have more than the bound. */
    private void requireStopped(int answered) {
        channel.settle();
        int read = channel.taken();
        assertThat(inFlight(read - READ_BYTES, answered))
                .as("before the last read")
                .isLessThanOrEqualTo(BOUND);
        assertThat(inFlight(read, answered)).as("with the last read").isGreaterThan(BOUND);
        assertThat(channel.left()).as("left on the socket").isGreaterThan(READ_BYTES);
    }

    private long inFlight(int read, int answered) {
        int frame = channel.frameBytes;
        return (long) (read / frame - answered) * (frame - KafkaCodec.LENGTH_BYTES + REQUEST_BYTES);
    }

    private void requireAllAnswered() {
        channel.settle();
        assertThat(channel.left()).isZero();
        int answers = 0;
        for (ByteBuf part = channel.readOutbound(); part != null; part = channel.readOutbound()) {
            part.release();
            answers++;
        }
        assertThat(answers).isEqualTo(REQUESTS);
    }

    /** Appends wait for the gate. */
    private final class Held extends ForwardingBroker {

        Held() {
            super(broker);
        }

        @Override
        protected <T> Mono<T> forward(Mono<T> request) {
            return request;
        }

        @Override
        public Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
            return gate.asMono().thenReturn(new AppendResult(0, -1, 0));
        }
    }

    /** A connection on whose socket there is something to read: it is read where Netty asks for it, a piece at a time, as from a socket. */
    private static final class Connection extends EmbeddedChannel {

        private final ByteBuf socket = Unpooled.buffer();
        private int frameBytes;
        private boolean stalled;
        private boolean asked;

        Connection(ChannelHandler... handlers) {
            super(handlers);
        }

        /** The same request many times. */
        void send(ApiMessageType api, int version, ApiMessage body) {
            for (int i = 0; i < REQUESTS; i++) {
                ByteBuf frame = KafkaCodec.writeRequest(
                        UnpooledByteBufAllocator.DEFAULT, new RequestHeader(api, (short) version, i, "raw"), body);
                frameBytes = frame.readableBytes();
                socket.writeBytes(frame);
                frame.release();
            }
        }

        int taken() {
            return socket.readerIndex();
        }

        int left() {
            return socket.readableBytes();
        }

        /** Until nothing is to be done, or nothing is asked for. */
        void settle() {
            runPendingTasks();
            while (asked && socket.isReadable()) {
                asked = false;
                pipeline()
                        .fireChannelRead(
                                Unpooled.copiedBuffer(socket.readSlice(Math.min(READ_BYTES, socket.readableBytes()))));
                pipeline().fireChannelReadComplete(); // which asks for more, where auto-read is on
                runPendingTasks();
            }
        }

        @Override
        protected void doBeginRead() {
            asked = true;
        }

        @Override
        protected void doWrite(ChannelOutboundBuffer in) throws Exception {
            if (!stalled) {
                super.doWrite(in);
            }
        }

        @Override
        protected void doClose() throws Exception {
            super.doClose();
            socket.release();
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
