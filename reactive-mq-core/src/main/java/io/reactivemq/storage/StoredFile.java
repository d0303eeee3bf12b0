package io.reactivemq.storage;

import java.io.Closeable;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;

/**
 * An open file. One thread writes, truncates and forces (a force may run beside writes, and serves those that had returned
 * before it began); any number of threads read. Bytes are seen by a reader that learned of them from the writer through a
 * happens-before edge; what lies beyond is the readers' duty not to touch.
 *
 * <p>All failures are {@link StorageException}; after {@link #close} every call but {@link #close} fails.
 */
public interface StoredFile extends Closeable {

    /** The file's name now. */
    Path path();

    /**
     * Gives the file another name in its directory, atomically; a file that has that name loses it. Unlike {@link FileStore#rename} it may be done
     * while others read: they go on with this file, whatever gets its former name. The name survives a loss of power once the
     * directory is forced.
     */
    void rename(Path to);

    /** Bytes in the file. */
    long size();

    /**
     * Writes the buffer's remaining bytes there; its position moves to its limit. Behind the end of the file the gap reads
     * as zeros. After a failure any part of the range may have been written.
     */
    void write(ByteBuffer source, long position);

    /**
     * Reads at least {@code lengthMin} and at most {@code lengthMax} bytes: as many as the file has and can be had at once. On
     * disk they are in a buffer of the caller's own; in memory they are a read-only view without copying wherever
     * {@code lengthMin} bytes lie in one piece. Such a view stays as it is for as long as nobody writes or truncates there.
     *
     * @return a buffer whose remaining bytes were read
     * @throws StorageException also if the file ends before {@code position + lengthMin}
     */
    ByteBuffer read(long position, int lengthMin, int lengthMax);

    /** Exactly that many bytes; see {@link #read(long, int, int)}. */
    default ByteBuffer read(long position, int length) {
        return read(position, length, length);
    }

    /**
     * Hands bytes to a channel, on disk without bringing them into the JVM where the channel allows it.
     *
     * @return how many bytes the channel took, which may be fewer than asked for, 0 at the end of the file
     */
    long transferTo(long position, long count, WritableByteChannel target);

    /**
     * Opens the file for reading, where it is not, and keeps it open until that is closed.
     *
     * @return {@link HeldChannel#NONE} where it has no channel of its own
     */
    default HeldChannel holdChannel() {
        return HeldChannel.NONE;
    }

    /** Cuts the file to that length; a longer file than it is stays as it is. */
    void truncate(long size);

    /**
     * Returns when all that was written before survives a loss of power, its length included. A failure is final: the bytes
     * may be gone from the page cache and a second force would say OK without them.
     */
    void force();

    /** Idempotent. */
    @Override
    void close();
}
