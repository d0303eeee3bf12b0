package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.DecoderException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A request")
class FrameDecoderTest {

    private final EmbeddedChannel channel = new EmbeddedChannel(new FrameDecoder(100, Duration.ofSeconds(10)));

    @BeforeEach
    void stopTheClock() {
        channel.freezeTime();
    }

    @AfterEach
    void close() {
        channel.finishAndReleaseAll();
    }

    @Test
    @DisplayName("that is not whole in time ends its connection, however steadily its bytes come")
    void slow() {
        receive(0, 0, 0, 9);
        for (int second = 0; second < 9; second++) {
            pass(1);
            receive(second);
            if (second < 8) {
                channel.checkException();
            }
        }
        assertWholeRequest(9);

        receive(0, 0, 0, 20);
        for (int second = 1; second < 10; second++) {
            pass(1);
            receive(second);
            channel.checkException();
        }
        pass(1);
        assertThatThrownBy(channel::checkException)
                .isInstanceOf(DecoderException.class)
                .hasMessage("a request was not whole PT10S after its first byte; 13 bytes of it had come");
    }

    @Test
    @DisplayName("has the whole time from its own first byte on")
    void afterAnother() {
        receive(0, 0, 0, 1);
        pass(9);
        receive(7, 0, 0);
        assertWholeRequest(1);
        pass(9);
        channel.checkException();
        receive(0, 1, 7);
        assertWholeRequest(1);
        pass(100);
        channel.checkException();
    }

    @Test
    @DisplayName("that the server does not read has time without end")
    void notRead() {
        receive(0, 0);
        channel.config().setAutoRead(false);
        pass(100);
        channel.checkException();
        channel.config().setAutoRead(true);
        pass(9);
        channel.checkException();
        pass(2);
        assertThatThrownBy(channel::checkException).isInstanceOf(DecoderException.class);
    }

    private void receive(int... bytes) {
        ByteBuf buffer = Unpooled.buffer();
        for (int value : bytes) {
            buffer.writeByte(value);
        }
        channel.writeInbound(buffer);
    }

    private void pass(int seconds) {
        channel.advanceTimeBy(seconds, TimeUnit.SECONDS);
        channel.runScheduledPendingTasks();
    }

    private void assertWholeRequest(int bytes) {
        ByteBuf request = channel.readInbound();
        assertThat(request).isNotNull();
        assertThat(request.readableBytes()).isEqualTo(bytes);
        request.release();
    }
}
