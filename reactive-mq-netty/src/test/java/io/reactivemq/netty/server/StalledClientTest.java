package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.embedded.EmbeddedChannel;
import io.reactivemq.broker.FetchMemory;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.ApiVersionsRequestData;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.security.Secrets;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Until its connection is closed it may hold parts of the log's files, which are not deleted meanwhile. */
@DisplayName("A client that takes nothing of its answers")
class StalledClientTest {

    private static final int IDLE_SECONDS = 600;

    private final EmbeddedBroker broker =
            EmbeddedBroker.inMemory(1 << 20, options -> options.runtime(new ManualRuntime()));
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private Connection channel;

    @BeforeEach
    void connect() {
        ServerSettings settings = new ServerSettings(broker, 1, "cluster", 0, 1, 1 << 20, 1 << 20, 10, 10);
        ServerSecurity security =
                ServerSecurity.of(broker, null, List.of(), Set.of(), RunningServer.PATIENCE, Secrets.ofSystem());
        ApiTable apis = KafkaServer.apis(settings, security);
        ConnectionHandler handler = new ConnectionHandler(
                apis,
                settings,
                new ServerMeters(registry, apis),
                security,
                new FetchMemory(1 << 20),
                reached -> reached);
        channel = new Connection(
                new FrameDecoder(1 << 20, Duration.ofMinutes(1), handler::isKnown),
                ConnectionHandler.idleAfter(Duration.ofSeconds(IDLE_SECONDS)),
                handler);
        channel.config().setWriteBufferWaterMark(new WriteBufferWaterMark(1, 2));
        channel.freezeTime();
    }

    @AfterEach
    void close() {
        channel.finishAndReleaseAll();
    }

    @Test
    @DisplayName(
            "is disconnected between once and twice the time for which a connection may be idle, whatever it sends")
    void closed() {
        channel.stalled = true;
        ask();
        for (int minute = 1; minute < 10; minute++) {
            pass(60);
            ask(); // nothing that it sends is taken for life
            assertThat(channel.isOpen()).as("after %d minutes", minute).isTrue();
        }
        for (int minute = 10; minute <= 20; minute++) {
            pass(60);
        }
        assertThat(channel.isOpen()).isFalse();
        assertThat(registry.get("reactivemq.server.connections.refused")
                        .counter()
                        .count())
                .isEqualTo(1);
    }

    @Test
    @DisplayName("stays where it takes them after all, be it after a long time of silence")
    void stays() {
        for (int i = 0; i < 5; i++) {
            channel.stalled = true;
            ask();
            for (int passed = 0; passed < IDLE_SECONDS - 10; passed += 10) {
                pass(10);
            }
            channel.stalled = false;
            channel.flush();
            assertThat(channel.<ByteBuf>readOutbound()).isNotNull().satisfies(ByteBuf::release);
            assertThat(channel.isOpen()).isTrue();
        }
        pass(IDLE_SECONDS - 10);
        ask();
        assertThat(channel.<ByteBuf>readOutbound()).isNotNull().satisfies(ByteBuf::release);
        assertThat(channel.isOpen()).isTrue();
    }

    private void pass(int seconds) {
        channel.advanceTimeBy(seconds, TimeUnit.SECONDS);
        channel.runScheduledPendingTasks();
    }

    private void ask() {
        channel.writeInbound(KafkaCodec.writeRequest(
                UnpooledByteBufAllocator.DEFAULT,
                new RequestHeader(ApiMessageType.API_VERSIONS, (short) 0, 1, "stalled"),
                new ApiVersionsRequestData()));
        channel.runPendingTasks();
    }

    /** Of which nothing is sent while it is stalled. */
    private static final class Connection extends EmbeddedChannel {

        private boolean stalled;

        Connection(ChannelHandler... handlers) {
            super(handlers);
        }

        @Override
        protected void doWrite(ChannelOutboundBuffer in) throws Exception {
            if (!stalled) {
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
