package io.reactivemq.netty.server;

import io.netty.buffer.ByteBuf;
import io.netty.util.AbstractReferenceCounted;
import io.netty.util.ReferenceCounted;
import org.jspecify.annotations.Nullable;

/** The bytes of a request, for as long as anybody uses them: the connection, and appends that go on when it is answered or gone. Safe for many threads. */
final class RequestFrame extends AbstractReferenceCounted {

    private final ByteBuf content;
    private final int bytes;
    private final Runnable onFree;

    /** @param onFree run once, by whoever lets go last */
    RequestFrame(ByteBuf content, Runnable onFree) {
        this.content = content;
        this.bytes = content.readableBytes();
        this.onFree = onFree;
    }

    ByteBuf content() {
        return content;
    }

    int bytes() {
        return bytes;
    }

    @Override
    protected void deallocate() {
        content.release();
        onFree.run();
    }

    @Override
    public ReferenceCounted touch(@Nullable Object hint) {
        content.touch(hint);
        return this;
    }
}
