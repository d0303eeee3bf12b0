package io.reactivemq.storage;

import java.io.Closeable;
import java.nio.channels.FileChannel;
import org.jspecify.annotations.Nullable;

/**
 * The right to use a file's own channel, which is not closed to make room for other files meanwhile. Counts as an open file, also beyond the
 * bound; so who holds one gives it back soon.
 */
public interface HeldChannel extends Closeable {

    /** Of a file that has no channel, since it is not on disk. */
    HeldChannel NONE = new HeldChannel() {
        @Override
        public @Nullable FileChannel channel() {
            return null;
        }

        @Override
        public void close() {}
    };

    /** The channel, to read from at positions that are given; null where there is none. Not to be closed. */
    @Nullable FileChannel channel();

    /** Gives it back; to be called once. */
    @Override
    void close();
}
