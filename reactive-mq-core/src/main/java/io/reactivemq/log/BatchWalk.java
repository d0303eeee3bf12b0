package io.reactivemq.log;

import io.reactivemq.record.RecordBatch;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;

/**
 * Walks the headers of the batches between two positions of a segment, without reading what is between them where that is
 * far. Trusts nothing: a header that cannot be is damage. Checksums are {@link TailScan}'s concern.
 */
final class BatchWalk {

    /** What is read at once: one header of a large batch does not cost much, and of small batches more and more come with one read. */
    private static final int WINDOW_BYTES_MIN = 1 << 10;

    private static final int WINDOW_BYTES_MAX = 16 << 10;

    private final StoredFile file;
    private final int end;
    private ByteBuffer window = ByteBuffer.allocate(0);
    private int windowPosition;
    private int windowBytes = WINDOW_BYTES_MIN;
    private int position;
    private int at;
    private int size;

    /** @param start where a batch begins */
    BatchWalk(StoredFile file, int start, int end) {
        this.file = file;
        this.end = end;
        this.position = start;
    }

    /** Moves to the first, then to the next batch; false at the end. */
    boolean next() {
        position += size;
        size = 0;
        if (position == end) {
            return false;
        }
        at = position - windowPosition;
        if (at < 0 || window.limit() - at < BatchHeader.BYTES) {
            if (end - position < BatchHeader.BYTES) {
                throw LogDamage.of(
                        file.path(), position, "bytes of a batch", "at least " + BatchHeader.BYTES, end - position);
            }
            if (position > windowPosition && at <= window.limit()) {
                windowBytes = Math.min(WINDOW_BYTES_MAX, 2 * windowBytes); // the last one was used to its end
            }
            window = file.read(position, BatchHeader.BYTES, Math.min(windowBytes, end - position));
            windowPosition = position;
            at = 0;
        }
        size = sizeOfBatch(file, window, at, position, end);
        return true;
    }

    /** Where the batch begins in the file. */
    int position() {
        return position;
    }

    int size() {
        return size;
    }

    long baseOffset() {
        return BatchHeader.baseOffset(window, at);
    }

    long lastOffset() {
        return BatchHeader.lastOffset(window, at);
    }

    int leaderEpoch() {
        return BatchHeader.leaderEpoch(window, at);
    }

    long maxTimestamp() {
        return BatchHeader.maxTimestamp(window, at);
    }

    int lastOffsetDelta() {
        return BatchHeader.lastOffsetDelta(window, at);
    }

    long producerId() {
        return BatchHeader.producerId(window, at);
    }

    short producerEpoch() {
        return BatchHeader.producerEpoch(window, at);
    }

    int baseSequence() {
        return BatchHeader.baseSequence(window, at);
    }

    boolean isControl() {
        return BatchHeader.isControl(window, at);
    }

    boolean isTransactional() {
        return BatchHeader.isTransactional(window, at);
    }

    /** Records in the batch that are of concern to consumers. */
    int dataRecords() {
        return isControl() ? 0 : BatchHeader.count(window, at);
    }

    /** The size of the batch whose header is at that index of the buffer, checked against where the log's bytes end. */
    static int sizeOfBatch(StoredFile file, ByteBuffer buffer, int at, int position, int end) {
        long size = BatchHeader.size(buffer, at);
        if (size < BatchHeader.BYTES || size > end - position) {
            throw LogDamage.of(
                    file.path(),
                    position,
                    "size of the batch",
                    BatchHeader.BYTES + " to " + (end - position) + " bytes",
                    size);
        }
        if (BatchHeader.magic(buffer, at) != RecordBatch.MAGIC) {
            throw LogDamage.of(
                    file.path(), position, "magic of the batch", RecordBatch.MAGIC, BatchHeader.magic(buffer, at));
        }
        if (BatchHeader.lastOffsetDelta(buffer, at) < 0) {
            throw LogDamage.of(
                    file.path(),
                    position,
                    "last offset delta of the batch",
                    "0 or more",
                    BatchHeader.lastOffsetDelta(buffer, at));
        }
        return (int) size;
    }
}
