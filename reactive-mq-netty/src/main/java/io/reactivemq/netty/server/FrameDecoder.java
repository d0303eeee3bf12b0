package io.reactivemq.netty.server;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.util.concurrent.Future;
import io.reactivemq.netty.protocol.KafkaCodec;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Cuts what comes into requests, and bounds the time from a request's first byte to its last: who sends a byte now and then would hold its buffer for ever.
 * Time in which the server itself does not read does not count.
 */
final class FrameDecoder extends LengthFieldBasedFrameDecoder {

    private final long timeoutNanos;
    private boolean partial;
    private long partialSince;
    private @Nullable Future<?> check;

    FrameDecoder(int frameBytesMax, Duration timeout) {
        super(frameBytesMax, 0, KafkaCodec.LENGTH_BYTES, 0, KafkaCodec.LENGTH_BYTES);
        this.timeoutNanos = timeout.toNanos();
    }

    @Override
    protected @Nullable Object decode(ChannelHandlerContext ctx, ByteBuf in) throws Exception {
        Object frame = super.decode(ctx, in);
        if (frame != null) {
            partial = false;
        } else if (!partial && in.isReadable()) {
            partial = true;
            partialSince = ctx.executor().ticker().nanoTime();
            if (check == null) {
                checkAfter(ctx, timeoutNanos);
            }
        }
        return frame;
    }

    /** One timer at most, which looks again later where another request has begun meanwhile. */
    private void checkAfter(ChannelHandlerContext ctx, long nanos) {
        check = ctx.executor().schedule(() -> check(ctx), nanos, TimeUnit.NANOSECONDS);
    }

    private void check(ChannelHandlerContext ctx) {
        check = null;
        if (!partial) {
            return;
        }
        long now = ctx.executor().ticker().nanoTime();
        if (!ctx.channel().config().isAutoRead()) {
            partialSince = now;
        }
        long left = timeoutNanos - (now - partialSince);
        if (left > 0) {
            checkAfter(ctx, left);
        } else {
            ctx.fireExceptionCaught(new DecoderException("a request was not whole "
                    + Duration.ofNanos(timeoutNanos) + " after its first byte; " + actualReadableBytes()
                    + " bytes of it had come"));
        }
    }

    @Override
    protected void handlerRemoved0(ChannelHandlerContext ctx) throws Exception {
        if (check != null) {
            check.cancel(false);
        }
        super.handlerRemoved0(ctx);
    }
}
