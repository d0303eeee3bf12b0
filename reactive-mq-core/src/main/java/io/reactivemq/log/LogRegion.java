package io.reactivemq.log;

import io.reactivemq.storage.HeldChannel;
import io.reactivemq.storage.StorageException;
import java.io.Closeable;
import java.nio.channels.WritableByteChannel;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Whole batches where they lie in a segment's file, for a channel to take them from there without their passing through the heap. Checksums are
 * left to whoever receives them, as Kafka leaves them to its consumers.
 *
 * <p>Has a lease of the segment until it is {@linkplain #close closed}: retention, compaction, deletion and the closing of the log let go
 * of the file only then, the bound on open files does not close it, and its bytes stay what they are, since nothing below the end of a log is ever cut
 * or written again while it is open. Of any thread; reading blocks on files.
 */
public final class LogRegion implements Closeable {

    private final @Nullable Segment segment;
    private final HeldChannel held;
    private final long position;
    private final int count;
    private final long baseOffset;
    private final long nextOffset;
    private final AtomicBoolean closed = new AtomicBoolean();

    private LogRegion(
            @Nullable Segment segment, HeldChannel held, long position, int count, long baseOffset, long nextOffset) {
        this.segment = segment;
        this.held = held;
        this.position = position;
        this.count = count;
        this.baseOffset = baseOffset;
        this.nextOffset = nextOffset;
    }

    /** There is nothing to read. */
    static LogRegion empty() {
        return new LogRegion(null, HeldChannel.NONE, 0, 0, -1, -1);
    }

    /** Takes over the caller's lease of the segment. */
    static LogRegion of(Segment segment, int from, int to, long baseOffset, long nextOffset) {
        return new LogRegion(segment, segment.file().holdChannel(), from, to - from, baseOffset, nextOffset);
    }

    /** Where the batches begin in the file. */
    public long position() {
        return position;
    }

    /** Their bytes; 0 where there is nothing between the offsets that were asked for. */
    public int count() {
        return count;
    }

    /** Of the first batch; -1 where there is nothing. */
    public long baseOffset() {
        return baseOffset;
    }

    /** The batches end before this offset; -1 where there is nothing. */
    public long nextOffset() {
        return nextOffset;
    }

    /**
     * Holds the file's channel, for a transport that hands it to the operating system with {@link #position} and {@link #count}; there is
     * none in memory and where there is nothing, then {@link #transferTo} serves. It is only lent: not to be closed, nor used once this is
     * closed.
     */
    public HeldChannel lent() {
        checkOpen();
        return held;
    }

    /**
     * Hands bytes to a channel, as many as it takes.
     *
     * @param done how many of them it has had
     * @return how many it took, which may be 0
     * @throws StorageException if reading or the channel fails
     */
    public long transferTo(long done, WritableByteChannel target) {
        checkOpen();
        if (done < 0 || done > count) {
            throw new IllegalArgumentException("done: expected 0 to " + count + ", actual " + done);
        }
        return segment == null || done == count ? 0 : segment.file().transferTo(position + done, count - done, target);
    }

    private void checkOpen() {
        if (closed.get()) {
            throw new IllegalStateException(this + " is closed; it may be somebody else's by now");
        }
    }

    /** Gives the lease back, whenever it is called first. Where it was the last one of a segment that the log has let go of, its files are deleted. */
    @Override
    public void close() {
        close(Runnable::run);
    }

    /**
     * As {@link #close()}, from a thread that must not block.
     *
     * @param disposer runs what is to be done to files, where that is left to this one
     */
    public void close(Executor disposer) {
        if (closed.compareAndSet(false, true) && segment != null) {
            try {
                held.close();
            } finally {
                segment.release(disposer);
            }
        }
    }

    @Override
    public String toString() {
        return "LogRegion[" + (segment == null ? "empty" : segment.file().path()) + ", " + count + " bytes at "
                + position + "]";
    }
}
