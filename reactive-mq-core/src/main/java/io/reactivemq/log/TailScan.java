package io.reactivemq.log;

import io.reactivemq.record.RecordBatch;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Reads a segment byte by byte and says which of its bytes are the log's. A batch counts if its checksum is right, its base
 * offset is the next one and its leader epoch the one that was current: the last two because bytes that a crash brought back, or that
 * a recycled file still holds, can be batches with a perfect checksum.
 *
 * <p>Where the first batch that does not count is the end of a segment's data, everything depends on what is behind it. Nothing
 * that counts: a tail that a crash tore while it was written, which nobody was promised. A batch that counts: the log was whole
 * beyond this point once, and it is damage. The search for such a batch looks at every byte, since the damaged batch's length can't
 * be trusted.
 */
final class TailScan {

    private static final int WINDOW_BYTES = 1 << 20;

    /**
     * How much checksumming the search does per byte of the tail. Only bytes made to look like headers of batches cost that much; then
     * the tail is taken for damage, and somebody has to look.
     */
    private static final int SEARCH_EFFORT_MAX = 64;

    private final StoredFile file;
    private final int end;
    private final LeaderEpochs epochs;
    private final boolean epochsKnown;
    private final CRC32C crc = new CRC32C();

    private ByteBuffer window = ByteBuffer.allocate(0);
    private int windowPosition;
    private int position;
    private long expectedOffset;
    private int lastEpoch;
    private @Nullable Flaw flaw;

    // of the batch that next() found
    private int batchPosition;
    private long batchBaseOffset;
    private long batchLastOffset;
    private long batchMaxTimestamp;

    /**
     * @param position where the first batch begins
     * @param expectedOffset its base offset
     * @param epochsKnown whether the epochs are those that were recorded; else they are what the log shows so far, and later ones are
     *     taken as they come
     */
    TailScan(StoredFile file, int position, int end, long expectedOffset, LeaderEpochs epochs, boolean epochsKnown) {
        this.file = file;
        this.position = position;
        this.end = end;
        this.expectedOffset = expectedOffset;
        this.epochs = epochs;
        this.epochsKnown = epochsKnown;
        this.lastEpoch = epochs.epochOf(expectedOffset);
    }

    /** Moves to the next batch that counts; false at the end or at the first that does not, which {@link #flaw} then describes. */
    boolean next() {
        if (position == end) {
            return false;
        }
        Flaw found = flawAt(position);
        if (found != null) {
            flaw = found;
            return false;
        }
        int at = position - windowPosition;
        batchPosition = position;
        batchBaseOffset = BatchHeader.baseOffset(window, at);
        batchLastOffset = BatchHeader.lastOffset(window, at);
        batchMaxTimestamp = BatchHeader.maxTimestamp(window, at);
        lastEpoch = BatchHeader.leaderEpoch(window, at);
        expectedOffset = batchLastOffset + 1;
        position += (int) BatchHeader.size(window, at);
        return true;
    }

    int batchPosition() {
        return batchPosition;
    }

    long batchBaseOffset() {
        return batchBaseOffset;
    }

    long batchLastOffset() {
        return batchLastOffset;
    }

    long batchMaxTimestamp() {
        return batchMaxTimestamp;
    }

    /** Behind the last batch that counts. */
    int position() {
        return position;
    }

    /** The offset behind the last batch that counts. */
    long nextOffset() {
        return expectedOffset;
    }

    /** The epoch of the last batch that counts. */
    int lastEpoch() {
        return lastEpoch;
    }

    /** What is wrong with the bytes at {@link #position}; null at the end. */
    @Nullable Flaw flaw() {
        return flaw;
    }

    /** Where behind the flaw a batch begins that counts; -1: nowhere, the tail is torn. */
    int findBatchBehind() {
        return findBatchBehind(position);
    }

    /** Where from there on a batch begins that counts; -1: nowhere. */
    int findBatchBehind(int start) {
        long effort = (long) SEARCH_EFFORT_MAX * (end - position) + WINDOW_BYTES;
        for (int from = start; end - from >= BatchHeader.BYTES; ) {
            ByteBuffer bytes = file.read(from, BatchHeader.BYTES, Math.min(WINDOW_BYTES, end - from));
            int candidates = bytes.limit() - BatchHeader.BYTES + 1;
            for (int at = 0; at < candidates; at++) {
                if (BatchHeader.magic(bytes, at) != RecordBatch.MAGIC || !mayCount(bytes, at, from + at)) {
                    continue;
                }
                long size = BatchHeader.size(bytes, at);
                effort -= size;
                if (effort < 0 || hasItsChecksum(from + at, (int) size, BatchHeader.crc(bytes, at))) {
                    return from + at;
                }
            }
            from += candidates;
        }
        return -1;
    }

    private boolean mayCount(ByteBuffer bytes, int at, int filePosition) {
        long size = BatchHeader.size(bytes, at);
        if (size < BatchHeader.BYTES || size > end - filePosition || BatchHeader.lastOffsetDelta(bytes, at) < 0) {
            return false;
        }
        // An epoch that never was is no stale batch; believed only where a batch must begin, not inside of one.
        int epoch = BatchHeader.leaderEpoch(bytes, at);
        return BatchHeader.baseOffset(bytes, at) >= expectedOffset
                && epoch >= currentEpoch()
                && (!epochsKnown || epoch <= epochs.latest() || filePosition == position);
    }

    /** The epoch that the next batch was written in; where that was not recorded, a later one will do. */
    private int currentEpoch() {
        return epochsKnown ? epochs.epochOf(expectedOffset) : lastEpoch;
    }

    private @Nullable Flaw flawAt(int start) {
        int available = end - start;
        if (available < BatchHeader.BYTES) {
            return new Flaw("bytes of a batch", "at least " + BatchHeader.BYTES, available);
        }
        ByteBuffer bytes = windowAt(start, BatchHeader.BYTES);
        int at = start - windowPosition;
        long size = BatchHeader.size(bytes, at);
        if (size < BatchHeader.BYTES || size > available) {
            return new Flaw("size of the batch", BatchHeader.BYTES + " to " + available + " bytes", size);
        }
        if (BatchHeader.magic(bytes, at) != RecordBatch.MAGIC) {
            return new Flaw("magic of the batch", RecordBatch.MAGIC, BatchHeader.magic(bytes, at));
        }
        int storedCrc = BatchHeader.crc(bytes, at);
        if (!hasItsChecksum(start, (int) size, storedCrc)) {
            return new Flaw("crc of the batch", storedCrc & 0xffffffffL, crc.getValue());
        }
        bytes = windowAt(start, BatchHeader.BYTES);
        at = start - windowPosition;
        if (BatchHeader.baseOffset(bytes, at) != expectedOffset) {
            return new Flaw("base offset of the batch", expectedOffset, BatchHeader.baseOffset(bytes, at));
        }
        int epoch = BatchHeader.leaderEpoch(bytes, at);
        if (epochsKnown ? epoch != currentEpoch() : epoch < currentEpoch()) {
            return new Flaw("leader epoch of the batch", currentEpoch(), epoch);
        }
        return null;
    }

    private boolean hasItsChecksum(int start, int size, int storedCrc) {
        crc.reset();
        int from = start + RecordBatch.ATTRIBUTES_AT;
        int to = start + size;
        while (from < to) {
            ByteBuffer bytes = windowAt(from, 1);
            int at = from - windowPosition;
            int length = Math.min(to - from, bytes.limit() - at);
            crc.update(bytes.slice(at, length));
            from += length;
        }
        return (int) crc.getValue() == storedCrc;
    }

    /** A window with at least that many bytes from there on. */
    private ByteBuffer windowAt(int start, int lengthMin) {
        int at = start - windowPosition;
        if (at < 0 || window.limit() - at < lengthMin) {
            window = file.read(start, lengthMin, Math.min(WINDOW_BYTES, end - start));
            windowPosition = start;
        }
        return window;
    }

    /**
     * Why a batch does not count.
     *
     * @param field what was looked at
     * @param expected what it should be
     * @param actual what it is
     */
    record Flaw(String field, Object expected, Object actual) {
        @Override
        public String toString() {
            return field + ": expected " + expected + ", actual " + actual;
        }
    }
}
