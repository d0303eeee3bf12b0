package io.reactivemq.netty.server;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.CorruptedFrameException;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.util.concurrent.Future;
import io.reactivemq.netty.protocol.KafkaCodec;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Cuts what comes into requests, and bounds the time from a request's first byte to its last: who sends a byte now and then would hold its buffer for ever.
 * Time in which the server itself does not read does not count.
 *
 * <p>A request that comes in one piece is passed on as a part of it; of any other each byte is copied about once, into a buffer of its own. Netty's decoder for
 * such frames keeps one buffer for all that comes, copies what it already has each time that grows, and holds all of it for as long as one of its requests is
 * in use.
 */
final class FrameDecoder extends ChannelInboundHandlerAdapter {

    /** Nobody needs more to say who it is. */
    static final int UNKNOWN_FRAME_BYTES_MAX = 64 * 1024;

    /** A request's buffer has at most so many times the bytes that have come: what it says of its length costs nothing yet. */
    private static final int BUFFER_FACTOR = 4;

    private final int frameBytesMax;
    private final long timeoutNanos;
    private final BooleanSupplier known;

    // of the request that has begun
    private int lengthBytes;
    private int length;
    private @Nullable ByteBuf frame;

    /** What comes behind a length that is refused means nothing. */
    private boolean refused;

    private boolean partial;
    private long partialSince;
    private @Nullable Future<?> check;

    FrameDecoder(int frameBytesMax, Duration timeout) {
        this(frameBytesMax, timeout, () -> true);
    }

    /** @param known whether the client has shown who it is; until then its requests are short */
    FrameDecoder(int frameBytesMax, Duration timeout, BooleanSupplier known) {
        this.frameBytesMax = frameBytesMax;
        this.timeoutNanos = timeout.toNanos();
        this.known = known;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf in = (ByteBuf) message;
        try {
            while (in.isReadable() && !refused && !ctx.isRemoved()) {
                ByteBuf whole = take(ctx, in);
                if (whole != null) {
                    partial = false;
                    ctx.fireChannelRead(whole);
                }
            }
        } finally {
            in.release();
        }
        if (!partial && lengthBytes > 0 && !refused) {
            partial = true;
            partialSince = ctx.executor().ticker().nanoTime();
            if (check == null) {
                checkAfter(ctx, timeoutNanos);
            }
        }
    }

    /** The request that has come to its end; null where more is to come. */
    private @Nullable ByteBuf take(ChannelHandlerContext ctx, ByteBuf in) {
        if (lengthBytes < KafkaCodec.LENGTH_BYTES) {
            length = length << Byte.SIZE | in.readUnsignedByte();
            if (++lengthBytes < KafkaCodec.LENGTH_BYTES) {
                return null;
            }
            checkLength();
        }
        ByteBuf begun = frame;
        if (begun == null && in.readableBytes() >= length) {
            ByteBuf whole = in.readRetainedSlice(length);
            begin();
            return whole;
        }
        int got = begun == null ? 0 : begun.readableBytes();
        int add = Math.min(length - got, in.readableBytes());
        if (add == 0) {
            return null;
        }
        if (begun == null) {
            begun = ctx.alloc().ioBuffer(capacity(add), length);
            frame = begun;
        } else if (begun.capacity() < got + add) {
            begun.capacity(capacity(got + add));
        }
        begun.writeBytes(in, add);
        if (got + add < length) {
            return null;
        }
        frame = null;
        begin();
        return begun;
    }

    private int capacity(int bytes) {
        return (int) Math.min(length, (long) BUFFER_FACTOR * bytes);
    }

    private void begin() {
        lengthBytes = 0;
        length = 0;
    }

    private void checkLength() {
        if (length < 0) {
            refused = true;
            throw new CorruptedFrameException("a request's length was " + length);
        }
        boolean isKnown = length <= UNKNOWN_FRAME_BYTES_MAX || known.getAsBoolean();
        if (length > frameBytesMax || !isKnown) {
            refused = true;
            throw new TooLongFrameException(
                    isKnown
                            ? "a request may have " + frameBytesMax + " bytes, this has " + length
                            : "a request before authentication may have " + UNKNOWN_FRAME_BYTES_MAX
                                    + " bytes, this has " + length);
        }
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
            int got = lengthBytes + (frame == null ? 0 : frame.readableBytes());
            ctx.fireExceptionCaught(new DecoderException("a request was not whole " + Duration.ofNanos(timeoutNanos)
                    + " after its first byte; " + got + " bytes of it had come"));
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        letGo();
        ctx.fireChannelInactive();
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        letGo();
    }

    private void letGo() {
        refused = true;
        partial = false;
        if (check != null) {
            check.cancel(false);
            check = null;
        }
        if (frame != null) {
            frame.release();
            frame = null;
        }
    }
}
