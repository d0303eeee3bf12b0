package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.DecoderException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

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

    @ParameterizedTest
    @MethodSource("seeds")
    @DisplayName("is what was sent, however it is cut on its way, and nothing is left of it but itself")
    void cut(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        EmbeddedChannel longer = new EmbeddedChannel(new FrameDecoder(100_000, Duration.ofSeconds(10)));
        List<byte[]> sent = new ArrayList<>();
        ByteBuf stream = Unpooled.buffer();
        for (int i = 0; i < 50; i++) {
            byte[] request = new byte[random.nextInt(random.nextInt(4) == 0 ? 100_001 : 30)];
            random.nextBytes(request);
            sent.add(request);
            stream.writeInt(request.length).writeBytes(request);
        }
        while (stream.isReadable()) {
            int most = random.nextInt(8) == 0 ? 200_000 : 20_000;
            longer.writeInbound(stream.readBytes(1 + random.nextInt(Math.min(most, stream.readableBytes()))));
        }
        stream.release();
        for (byte[] request : sent) {
            ByteBuf got = longer.readInbound();
            assertThat(got).as("seed %d", seed).isEqualTo(Unpooled.wrappedBuffer(request));
            got.release();
        }
        assertThat(longer.<Object>readInbound()).isNull();
        longer.finishAndReleaseAll();
    }

    static LongStream seeds() {
        return LongStream.rangeClosed(1, 20);
    }

    @Test
    @DisplayName("of a length that is too much, or less than none, ends its connection before anything is kept of it")
    void length() {
        for (int length : new int[] {101, Integer.MAX_VALUE, -1, Integer.MIN_VALUE}) {
            EmbeddedChannel one = new EmbeddedChannel(new FrameDecoder(100, Duration.ofSeconds(10)));
            assertThatThrownBy(() ->
                            one.writeInbound(Unpooled.buffer().writeInt(length).writeInt(7)))
                    .isInstanceOf(DecoderException.class)
                    .hasMessageContaining(String.valueOf(length));
            one.writeInbound(Unpooled.buffer().writeInt(1).writeByte(7));
            assertThat(one.<Object>readInbound()).isNull();
            one.finishAndReleaseAll();
        }
    }

    @Test
    @DisplayName("takes memory as it comes, and not as it says that it will")
    void memory() {
        EmbeddedChannel one = new EmbeddedChannel(new FrameDecoder(100 << 20, Duration.ofSeconds(10)));
        UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(false);
        one.config().setAllocator(allocator);
        one.writeInbound(Unpooled.buffer().writeInt(100 << 20).writeBytes(new byte[1_000]));
        assertThat(used(allocator)).isBetween(1_000L, 4_000L);
        one.writeInbound(Unpooled.buffer().writeBytes(new byte[10_000]));
        assertThat(used(allocator)).isBetween(11_000L, 44_000L);
        one.finishAndReleaseAll();
        assertThat(used(allocator)).isZero();
    }

    private static long used(UnpooledByteBufAllocator allocator) {
        return allocator.metric().usedDirectMemory() + allocator.metric().usedHeapMemory();
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
