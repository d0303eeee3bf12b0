package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandler;
import io.netty.channel.embedded.EmbeddedChannel;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchMemory;
import io.reactivemq.broker.ForwardingBroker;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.ProduceRequestData;
import io.reactivemq.kafka.common.message.ProduceResponseData;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.protocol.BadRequestException;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.security.Secrets;
import io.reactivemq.record.RecordBatchBuilder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

@DisplayName("Records that the broker has not written yet")
class UnwrittenRecordsTest {

    private static final int VALUE_BYTES = 10_000;
    private static final int IN_FLIGHT_BYTES_MAX = 5 * VALUE_BYTES;

    private final ManualRuntime runtime = new ManualRuntime();
    private final Deque<Sinks.One<AppendResult>> begun = new ArrayDeque<>();
    private EmbeddedChannel channel;
    private int correlation;

    @BeforeEach
    void connect() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(1 << 20, options -> options.runtime(runtime));
        broker.createTopic(NewTopic.of("orders", 1)).subscribe();
        runtime.run();
        ForwardingBroker slow = new ForwardingBroker(broker) {
            @Override
            protected <T> Mono<T> forward(Mono<T> request) {
                return request;
            }

            @Override
            public Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
                Sinks.One<AppendResult> end = Sinks.one();
                begun.add(end);
                return end.asMono();
            }
        };
        ServerSettings settings = new ServerSettings(slow, 1, "cluster", 0, 1, 1 << 20, IN_FLIGHT_BYTES_MAX, 10, 10);
        ServerSecurity security =
                ServerSecurity.of(slow, null, List.of(), Set.of(), RunningServer.PATIENCE, Secrets.ofSystem());
        ApiTable apis = KafkaServer.apis(settings, security);
        ConnectionHandler handler = new ConnectionHandler(
                apis,
                settings,
                new ServerMeters(new SimpleMeterRegistry(), apis),
                security,
                new FetchMemory(1 << 20),
                reached -> reached);
        channel = new Local(new FrameDecoder(1 << 20, Duration.ofMinutes(1), handler::isKnown), handler);
    }

    @AfterEach
    void close() {
        begun.forEach(end -> end.tryEmitValue(new AppendResult(0, -1, 0)));
        channel.finishAndReleaseAll();
    }

    @Test
    @DisplayName("are in flight until they are written, also where their client was told that it takes too long")
    void inFlightUntilWritten() throws BadRequestException {
        for (int i = 0; i < 4; i++) {
            assertThat(produce()).isEqualTo(ErrorCode.REQUEST_TIMED_OUT.code());
            assertThat(channel.config().isAutoRead())
                    .as("after %d requests", i + 1)
                    .isTrue();
        }
        assertThat(produce()).isEqualTo(ErrorCode.REQUEST_TIMED_OUT.code());
        assertThat(channel.config().isAutoRead()).isFalse();

        begun.remove().tryEmitValue(new AppendResult(0, -1, 0));
        begun.remove().tryEmitValue(new AppendResult(1, -1, 0));
        assertThat(channel.config().isAutoRead()).as("above the half").isFalse();
        begun.remove().tryEmitValue(new AppendResult(2, -1, 0));
        assertThat(channel.config().isAutoRead()).isTrue();
    }

    private short produce() throws BadRequestException {
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 2 * VALUE_BYTES);
        assertThat(builder.tryAppend(1_000, null, new byte[VALUE_BYTES], Headers.empty()))
                .isTrue();
        ProduceRequestData.TopicProduceDataCollection topics = new ProduceRequestData.TopicProduceDataCollection();
        topics.add(new ProduceRequestData.TopicProduceData()
                .setName("orders")
                .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData()
                        .setRecords(MemoryRecords.readableRecords(builder.build())))));
        RequestHeader header = new RequestHeader(ApiMessageType.PRODUCE, (short) 9, ++correlation, "test");
        channel.writeInbound(KafkaCodec.writeRequest(
                UnpooledByteBufAllocator.DEFAULT,
                header,
                new ProduceRequestData().setAcks((short) -1).setTimeoutMs(1).setTopicData(topics)));
        runtime.advanceBy(Duration.ofMillis(1));
        channel.runPendingTasks();
        ByteBuf answer = channel.readOutbound();
        assertThat(answer).as("the answer").isNotNull();
        try {
            answer.skipBytes(KafkaCodec.LENGTH_BYTES);
            ProduceResponseData content = (ProduceResponseData) KafkaCodec.readResponse(answer.nioBuffer(), header);
            return content.responses()
                    .iterator()
                    .next()
                    .partitionResponses()
                    .get(0)
                    .errorCode();
        } finally {
            answer.release();
        }
    }

    private static final class Local extends EmbeddedChannel {

        Local(ChannelHandler... handlers) {
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
}
