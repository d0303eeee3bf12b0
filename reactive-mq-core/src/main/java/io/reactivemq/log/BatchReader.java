package io.reactivemq.log;

import io.reactivemq.MqException;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Reads the batches between two positions of a segment, whole and with their checksums checked. Not for several threads. */
final class BatchReader {

    /** What is read at once, but for a larger batch. */
    static final int WINDOW_BYTES = 1 << 20;

    private final StoredFile file;
    private final int end;
    private final @Nullable LeaderEpochs epochs;
    private ByteBuffer window = ByteBuffer.allocate(0);
    private int windowPosition;
    private int position;
    private int size;

    /** Behind the batch; of the first one, if it is known. */
    private long nextOffset;

    /**
     * @param start where a batch begins
     * @param offset its base offset; -1: not known
     * @param epochs those of the log; null: not known
     */
    BatchReader(StoredFile file, int start, int end, long offset, @Nullable LeaderEpochs epochs) {
        this.file = file;
        this.position = start;
        this.end = end;
        this.nextOffset = offset;
        this.epochs = epochs;
    }

    /**
     * Moves to the first, then to the next batch; false at the end.
     *
     * @throws MqException CORRUPT_MESSAGE where the bytes are no batch as it was written
     */
    boolean next() {
        position += size;
        size = 0;
        if (position == end) {
            return false;
        }
        if (available() < BatchHeader.BYTES) {
            if (end - position < BatchHeader.BYTES) {
                throw LogDamage.of(
                        file.path(), position, "bytes of a batch", "at least " + BatchHeader.BYTES, end - position);
            }
            fill(BatchHeader.BYTES);
        }
        int batchSize = BatchWalk.sizeOfBatch(file, window, position - windowPosition, position, end);
        if (available() < batchSize) {
            fill(batchSize);
        }
        size = batchSize;
        RecordBatch batch = batch();
        LogDamage.checkCrc(file.path(), position, batch);
        checkOutsideOfCrc(batch);
        nextOffset = batch.nextOffset();
        return true;
    }

    private void checkOutsideOfCrc(RecordBatch batch) {
        if (nextOffset >= 0 && batch.baseOffset() != nextOffset) {
            throw LogDamage.of(file.path(), position, "base offset of the batch", nextOffset, batch.baseOffset());
        }
        if (epochs != null && batch.leaderEpoch() != epochs.epochOf(batch.baseOffset())) {
            throw LogDamage.of(
                    file.path(),
                    position,
                    "leader epoch of the batch",
                    epochs.epochOf(batch.baseOffset()),
                    batch.leaderEpoch());
        }
    }

    /** The offset behind the last batch that was read; before the first, the one that the reader was made with. */
    long nextOffset() {
        return nextOffset;
    }

    private int available() {
        int at = position - windowPosition;
        return at < 0 ? 0 : window.limit() - at;
    }

    private void fill(int bytesMin) {
        window = file.read(position, bytesMin, Math.max(bytesMin, Math.min(WINDOW_BYTES, end - position)));
        windowPosition = position;
    }

    /** The batch, in a buffer that nobody writes to; holds until the next {@link #next}. */
    RecordBatch batch() {
        return RecordBatch.at(window, position - windowPosition);
    }

    /** The bytes of the batch. */
    ByteBuffer bytes() {
        return window.slice(position - windowPosition, size);
    }
}
