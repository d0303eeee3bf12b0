package io.reactivemq.netty.server;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.util.concurrent.Future;
import io.reactivemq.netty.protocol.KafkaCodec;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Cuts what comes into requests, and bounds the time from a request's first byte to its last: who sends a byte now and then would hold its buffer for ever.
 * Time in which the server itself does not read does not count.
 */
final class FrameDecoder extends LengthFieldBasedFrameDecoder {

    /** Nobody needs more to say who it is. */
    static final int UNKNOWN_FRAME_BYTES_MAX = 64 * 1024;

    private final long timeoutNanos;
    private final BooleanSupplier known;
    private boolean partial;
    private long partialSince;
    private @Nullable Future<?> check;

    FrameDecoder(int frameBytesMax, Duration timeout) {
        this(frameBytesMax, timeout, () -> true);
    }

    /** @param known whether the client has shown who it is; until then its requests are short */
    FrameDecoder(int frameBytesMax, Duration timeout, BooleanSupplier known) {
        super(frameBytesMax, 0, KafkaCodec.LENGTH_BYTES, 0, KafkaCodec.LENGTH_BYTES);
        this.timeoutNanos = timeout.toNanos();
        this.known = known;
    }

    @Override
    protected long getUnadjustedFrameLength(ByteBuf in, int offset, int length, ByteOrder order) {
        long frame = super.getUnadjustedFrameLength(in, offset, length, order);
        if (frame > UNKNOWN_FRAME_BYTES_MAX && !known.getAsBoolean()) {
            throw new TooLongFrameException("a request before authentication may have " + UNKNOWN_FRAME_BYTES_MAX
                    + " bytes, this has " + frame);
        }
        return frame;
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
