package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchMemory;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.QuotaChange;
import io.reactivemq.broker.QuotaEntity;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.FetchRequestData;
import io.reactivemq.kafka.common.message.FetchRequestData.FetchPartition;
import io.reactivemq.kafka.common.message.FetchRequestData.FetchTopic;
import io.reactivemq.kafka.common.message.FetchResponseData;
import io.reactivemq.kafka.common.message.MetadataRequestData;
import io.reactivemq.kafka.common.message.ProduceRequestData;
import io.reactivemq.kafka.common.message.ProduceResponseData;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.protocol.BadRequestException;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.security.ClientQuotas;
import io.reactivemq.record.RecordBatchBuilder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

/** In virtual time, on connections without a socket. */
@DisplayName("A quota on the wire")
class WireQuotasTest {

    private static final TopicPartition PARTITION = new TopicPartition("orders", 0);
    private static final int RATE = 1_000;
    private static final short PRODUCE_VERSION = 9;
    private static final short FETCH_VERSION = 12;

    private final ManualRuntime runtime = new ManualRuntime();
    private final EmbeddedBroker broker = EmbeddedBroker.inMemory(1 << 20, options -> options.runtime(runtime));
    private final ServerSettings settings = new ServerSettings(broker, 1, "cluster", 0, 1, 1 << 20, 1 << 20, 10, 10);
    private final ServerSecurity security = ServerSecurity.none(broker);
    private final ApiTable apis = KafkaServer.apis(settings, security);
    private final List<Connection> connections = new ArrayList<>();

    @BeforeEach
    void topic() {
        now(broker.createTopic(NewTopic.of("orders", 1)));
    }

    @AfterEach
    void close() {
        connections.forEach(EmbeddedChannel::finishAndReleaseAll);
        security.sasl().dispose();
    }

    @Test
    @DisplayName("of a client id's fetches holds for all its connections together, be they made one after the other")
    void fetched() {
        for (int i = 0; i < 60; i++) {
            append(1_000);
        }
        append(20_000);
        append(1_000);
        limit(ClientQuotas.FETCHED);
        long got = 0;
        long offset = 0;
        int batch = 1_100;
        for (int second = 0; second < 80; second++) {
            for (int i = 0; i < 3; i++) {
                Connection connection = new Connection("app");
                connection.send(ApiMessageType.FETCH, FETCH_VERSION, fetch(offset, 0, -1));
                FetchResponseData answer = (FetchResponseData) requireNonNull(connection.answer());
                int bytes = sizeOf(answer);
                got += bytes;
                if (bytes == 0) {
                    assertThat(answer.throttleTimeMs()).isPositive();
                } else {
                    assertThat(bytes)
                            .as("one batch, since there is no room for two")
                            .isBetween(offset == 60 ? 20_000 : 1_000, offset == 60 ? 21_000 : 1_100);
                    offset++;
                }
                batch = Math.max(batch, bytes);
                assertThat(got).as("at %d s", second).isLessThanOrEqualTo(RATE * (second + 1L) + batch);
                connection.finishAndReleaseAll();
            }
            pass(Duration.ofSeconds(1));
        }
        assertThat(offset).as("nobody has to wait for what is paid").isEqualTo(61);
        Connection other = new Connection("other");
        other.send(ApiMessageType.FETCH, FETCH_VERSION, fetch(0, 0, -1));
        assertThat(sizeOf((FetchResponseData) requireNonNull(other.answer()))).isGreaterThan(2_000);
    }

    @Test
    @DisplayName("leaves a fetch session as it was: it goes on when the client has waited")
    void session() {
        append(5_000);
        append(5_000);
        limit(ClientQuotas.FETCHED);
        Connection connection = new Connection("app");
        connection.send(ApiMessageType.FETCH, FETCH_VERSION, fetch(0, 0, 0));
        FetchResponseData first = (FetchResponseData) requireNonNull(connection.answer());
        assertThat(sizeOf(first)).isGreaterThan(5_000);
        assertThat(first.sessionId()).isPositive();

        Connection second = new Connection("app");
        second.send(ApiMessageType.FETCH, FETCH_VERSION, fetch(1, first.sessionId(), 1));
        FetchResponseData waits = (FetchResponseData) requireNonNull(second.answer());
        assertThat(waits.throttleTimeMs()).isBetween(4_000, 5_000);
        assertThat(waits.sessionId()).isEqualTo(first.sessionId());
        assertThat(waits.responses()).isEmpty();

        pass(Duration.ofSeconds(5));
        FetchRequestData asBefore = fetch(1, first.sessionId(), 2).setTopics(List.of());
        second.send(ApiMessageType.FETCH, FETCH_VERSION, asBefore);
        assertThat(sizeOf((FetchResponseData) requireNonNull(second.answer()))).isGreaterThan(5_000);
    }

    @Test
    @DisplayName("of a client id's requests to produce has the next one wait on whichever connection, and nothing else")
    void produced() {
        limit(ClientQuotas.PRODUCED);
        Connection first = new Connection("app");
        first.send(ApiMessageType.PRODUCE, PRODUCE_VERSION, produce(10_000));
        ProduceResponseData answer = (ProduceResponseData) requireNonNull(first.answer());
        assertThat(answer.throttleTimeMs()).isBetween(9_000, 10_000);

        Connection second = new Connection("app");
        second.send(ApiMessageType.METADATA, (short) 9, new MetadataRequestData());
        assertThat(second.answer()).isNotNull();
        second.send(ApiMessageType.PRODUCE, PRODUCE_VERSION, produce(10_000));
        assertThat(second.answer()).isNull();
        Connection other = new Connection("other");
        other.send(ApiMessageType.PRODUCE, PRODUCE_VERSION, produce(10_000));
        assertThat(other.answer()).isNotNull();
        pass(Duration.ofSeconds(8));
        assertThat(second.answer()).isNull();
        assertThat(now(broker.listOffset(Caller.embedded("test"), PARTITION, OffsetSpec.latest())))
                .isEqualTo(2);
        pass(Duration.ofSeconds(2));
        assertThat(second.answer()).isNotNull();
        assertThat(now(broker.listOffset(Caller.embedded("test"), PARTITION, OffsetSpec.latest())))
                .isEqualTo(3);
    }

    private void limit(String quota) {
        now(broker.security()
                .alterQuotas(
                        Caller.embedded("test"), QuotaEntity.ofClientId("app"), List.of(new QuotaChange(quota, (double)
                                RATE))));
    }

    private void append(int bytes) {
        now(broker.append(Caller.embedded("test"), PARTITION, batch(bytes), Acks.LEADER));
    }

    private <T> @Nullable T now(Mono<T> request) {
        var result = request.toFuture();
        runtime.run();
        assertThat(result).isDone();
        return result.join();
    }

    private void pass(Duration time) {
        runtime.advanceBy(time);
        for (Connection connection : connections) {
            connection.advanceTimeBy(time.toMillis(), TimeUnit.MILLISECONDS);
            connection.runScheduledPendingTasks();
        }
        runtime.run();
    }

    private static ByteBuffer batch(int bytes) {
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 100_000);
        assertThat(builder.tryAppend(0, null, new byte[bytes], Headers.empty())).isTrue();
        return builder.build();
    }

    private static ProduceRequestData produce(int bytes) {
        ProduceRequestData request =
                new ProduceRequestData().setAcks((short) -1).setTimeoutMs(60_000);
        request.topicData()
                .add(new ProduceRequestData.TopicProduceData()
                        .setName("orders")
                        .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData()
                                .setRecords(MemoryRecords.readableRecords(batch(bytes))))));
        return request;
    }

    private static FetchRequestData fetch(long offset, int session, int epoch) {
        return new FetchRequestData()
                .setSessionId(session)
                .setSessionEpoch(epoch)
                .setMinBytes(1)
                .setMaxBytes(1_000_000)
                .setMaxWaitMs(0)
                .setTopics(List.of(new FetchTopic()
                        .setTopic("orders")
                        .setPartitions(List.of(
                                new FetchPartition().setFetchOffset(offset).setPartitionMaxBytes(1_000_000)))));
    }

    private static int sizeOf(FetchResponseData answer) {
        return answer.responses().stream()
                .flatMap(topic -> topic.partitions().stream())
                .mapToInt(partition -> requireNonNull(partition.records()).sizeInBytes())
                .sum();
    }

    private final class Connection extends EmbeddedChannel {

        private final String clientId;
        private @Nullable RequestHeader asked;

        Connection(String clientId) {
            super(
                    new FrameDecoder(1 << 20, Duration.ofHours(1), () -> true),
                    new ConnectionHandler(
                            apis,
                            settings,
                            new ServerMeters(new io.micrometer.core.instrument.simple.SimpleMeterRegistry(), apis),
                            security,
                            new FetchMemory(1 << 20),
                            reached -> reached));
            this.clientId = clientId;
            freezeTime();
            connections.add(this);
        }

        void send(ApiMessageType api, short version, ApiMessage body) {
            RequestHeader header = new RequestHeader(api, version, 1, clientId);
            asked = header;
            writeInbound(KafkaCodec.writeRequest(UnpooledByteBufAllocator.DEFAULT, header, body));
        }

        /** The answer to what was sent last; null: there is none yet. */
        @Nullable ApiMessage answer() {
            runtime.run();
            runPendingTasks();
            ByteBuf all = Unpooled.buffer();
            for (ByteBuf part = readOutbound(); part != null; part = readOutbound()) {
                all.writeBytes(part);
                part.release();
            }
            if (!all.isReadable()) {
                return null;
            }
            try {
                return KafkaCodec.readResponse(all.skipBytes(Integer.BYTES).nioBuffer(), requireNonNull(asked));
            } catch (BadRequestException e) {
                throw new AssertionError(e);
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
