package io.reactivemq.log;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.record.BatchFilter;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** Writes the segment that takes the place of others, under a name that no reader looks for. Not for several threads. */
final class SegmentWriter {

    private static final int BUFFER_BYTES_MIN = 1 << 12;
    private static final int BUFFER_BYTES_MAX = 1 << 20;

    private final FileStore store;
    private final Path directory;
    private final long baseOffset;
    private final int indexIntervalBytes;
    private final StoredFile file;
    private final GrowingIndex index;
    private final BatchFilter filter = new BatchFilter();
    private final ByteBuffer buffer;
    private final ByteBuffer gap = ByteBuffer.allocate(BatchHeader.BYTES);
    private long written;

    // offsets whose records are gone, not written yet
    private long gapFrom;
    private long gapTo = -1;
    private int gapEpoch;

    /** @param bytesExpected about how many come */
    SegmentWriter(FileStore store, Path directory, long baseOffset, int indexIntervalBytes, long bytesExpected) {
        this.buffer = ByteBuffer.allocate((int) Math.max(BUFFER_BYTES_MIN, Math.min(BUFFER_BYTES_MAX, bytesExpected)));
        this.store = store;
        this.directory = directory;
        this.baseOffset = baseOffset;
        this.indexIntervalBytes = indexIntervalBytes;
        this.index = new GrowingIndex(indexIntervalBytes);
        this.file = store.open(SegmentSwap.cleanedFile(directory, baseOffset), OpenMode.CREATE);
        file.truncate(0);
    }

    /** Adds a batch; the bytes are copied. */
    void add(ByteBuffer batch) {
        flushGap();
        put(batch);
    }

    /** Leaves out the records between two offsets, inclusive, which lie behind all that was added. */
    void leaveOut(long from, long to, int epoch) {
        if (gapTo < 0
                || epoch != gapEpoch) { // a batch is of one epoch, so that the epochs can be found in the log again
            flushGap();
            gapFrom = from;
            gapEpoch = epoch;
        }
        gapTo = to;
    }

    private void flushGap() {
        if (gapTo >= 0) {
            filter.writeGap(gap.clear(), gapFrom, gapTo, gapEpoch);
            gapTo = -1;
            put(gap.flip());
        }
    }

    private void put(ByteBuffer batch) {
        int size = batch.remaining();
        long position = written + buffer.position();
        if (position + size > Integer.MAX_VALUE) {
            throw new MqException(
                    ErrorCode.KAFKA_STORAGE_ERROR,
                    file.path() + ": the compacted segment would be larger than " + Integer.MAX_VALUE
                            + " bytes; a smaller segment.bytes leaves room");
        }
        int relativeLast = (int) (BatchHeader.lastOffset(batch, batch.position()) - baseOffset);
        index.add((int) position, relativeLast, BatchHeader.maxTimestamp(batch, batch.position()));
        if (size > buffer.remaining()) {
            flush();
        }
        if (size > buffer.remaining()) {
            file.write(batch.duplicate(), written);
            written += size;
        } else {
            buffer.put(batch.duplicate());
        }
    }

    private void flush() {
        buffer.flip();
        int length = buffer.remaining();
        file.write(buffer, written);
        written += length;
        buffer.clear();
    }

    /** Bytes so far. */
    long size() {
        return written + buffer.position() + (gapTo < 0 ? 0 : BatchHeader.BYTES);
    }

    /** The segment, on disk whatever happens, but for its name. */
    Segment finish() {
        flushGap();
        flush();
        file.force();
        TransactionIndex none = new TransactionIndex(store, directory, baseOffset);
        return new Segment(store, directory, baseOffset, file, index, none, (int) written, indexIntervalBytes);
    }

    /** Lets go of the file, and deletes it. */
    void discard() {
        file.close();
        SegmentSwap.deleteUnfinished(store, directory, baseOffset);
    }
}
