package io.reactivemq.record;

import java.io.InputStream;
import java.nio.ByteBuffer;

/** The bytes of a buffer between position and limit, neither of which moves: of one without an array, without a copy of it all. */
final class BufferInput extends InputStream {

    private final ByteBuffer left;

    BufferInput(ByteBuffer buffer) {
        this.left = buffer.duplicate();
    }

    @Override
    public int read() {
        return left.hasRemaining() ? left.get() & 0xff : -1;
    }

    @Override
    public int read(byte[] to, int offset, int length) {
        if (length > 0 && !left.hasRemaining()) {
            return -1;
        }
        int count = Math.min(length, left.remaining());
        left.get(to, offset, count);
        return count;
    }

    @Override
    public long skip(long count) {
        int skipped = (int) Math.max(0, Math.min(count, left.remaining()));
        left.position(left.position() + skipped);
        return skipped;
    }

    @Override
    public int available() {
        return left.remaining();
    }
}
