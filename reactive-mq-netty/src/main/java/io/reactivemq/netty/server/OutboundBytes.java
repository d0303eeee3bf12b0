package io.reactivemq.netty.server;

import io.netty.buffer.ByteBuf;
import io.netty.channel.FileRegion;
import io.netty.channel.MessageSizeEstimator;

/**
 * What a message costs that waits to be written, for a channel's high watermark: parts of files count as their bytes, where Netty counts them as nothing.
 * So a client that asks and does not read holds one answer's files, not any number of them.
 */
final class OutboundBytes implements MessageSizeEstimator {

    static final OutboundBytes ESTIMATOR = new OutboundBytes();

    private OutboundBytes() {}

    static int of(Object message) {
        if (message instanceof ByteBuf buffer) {
            return buffer.readableBytes();
        }
        return message instanceof FileRegion file ? (int) Math.min(Integer.MAX_VALUE, file.count()) : 0;
    }

    @Override
    public Handle newHandle() {
        return OutboundBytes::of;
    }
}
