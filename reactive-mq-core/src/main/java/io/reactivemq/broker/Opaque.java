package io.reactivemq.broker;

import java.nio.ByteBuffer;

/** Bytes that the broker keeps and hands on without looking at them. */
final class Opaque {

    private Opaque() {}

    /** A copy that nobody else can change. */
    static ByteBuffer copyOf(ByteBuffer bytes) {
        ByteBuffer copy = ByteBuffer.allocate(bytes.remaining());
        copy.put(bytes.duplicate()).flip();
        return copy.asReadOnlyBuffer();
    }
}
