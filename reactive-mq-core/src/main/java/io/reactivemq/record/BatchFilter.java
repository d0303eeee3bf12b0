package io.reactivemq.record;

import io.reactivemq.Compression;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Takes records out of a batch, as compaction does: {@link #look} first, then {@link #write}. What is left of a batch keeps its offsets, so
 * also its base offset and last offset delta, its producer and sequence, its leader epoch and its compression, unless readers would take what is
 * left for a bomb: then it is gzip. The max timestamp is that of the records that are left. Not for several threads.
 */
public final class BatchFilter {

    private static final long NO_TIMESTAMP = -1;
    private static final int VARLONG_BYTES_MAX = 10;

    private final CRC32C crc = new CRC32C();

    // of the batch that was looked at last
    private @Nullable RecordBatch looked;
    private ByteBuffer records = ByteBuffer.allocate(0);
    /** Where the records that are kept begin and end, in turn. Invariant: 2 * kept of them count. */
    private int[] bounds = new int[64];

    private int kept;
    private int tombstones;
    private long maxTimestamp;

    /** The next batch is written into it; grows to the largest. */
    private byte[] array = new byte[1 << 12];

    /**
     * Decides about each record of a batch.
     *
     * @param context what the batch belongs to; begins the error's message
     * @param keep whether the record that the cursor is at is kept
     * @throws MqException CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE where the records can't be read
     */
    public void look(RecordBatch next, String context, Predicate<RecordCursor> keep) {
        looked = next;
        kept = 0;
        tombstones = 0;
        maxTimestamp = NO_TIMESTAMP;
        RecordCursor cursor = next.records(context);
        records = cursor.bytes();
        int start = cursor.position();
        while (cursor.next()) {
            int end = cursor.position();
            if (keep.test(cursor)) {
                if (bounds.length < 2 * kept + 2) {
                    bounds = Arrays.copyOf(bounds, 2 * bounds.length);
                }
                bounds[2 * kept] = start;
                bounds[2 * kept + 1] = end;
                kept++;
                maxTimestamp = Math.max(maxTimestamp, cursor.timestampMs());
                if (!cursor.hasValue()) {
                    tombstones++;
                }
            }
            start = end;
        }
    }

    /** How many records are kept. */
    public int kept() {
        return kept;
    }

    /** How many of those have no value. */
    public int tombstones() {
        return tombstones;
    }

    /**
     * The batch with the records that are kept, 1 or more; the buffer is the filter's and holds until the next call.
     *
     * @param newDeleteHorizonMs the time from which on the batch's tombstones may go, which takes the place of the base timestamp;
     *     -1: as it is
     */
    public ByteBuffer write(long newDeleteHorizonMs) {
        RecordBatch batch = Objects.requireNonNull(looked, "look first");
        int size =
                newDeleteHorizonMs < 0 ? copyRecords() : copyRecordsShifted(batch.baseTimestamp() - newDeleteHorizonMs);
        byte[] written = array;
        Compression compression = batch.compression();
        if (compression != Compression.NONE) {
            Codec.Compressed compressed = Codec.compressReadable(compression, array, RecordBatch.HEADER_BYTES, size);
            compression = compressed.compression();
            written = compressed.bytes().array();
            size = written.length;
        }
        ByteBuffer to = ByteBuffer.wrap(written, 0, size);
        batch.copyHeader(to);
        short attributes = batch.codedAs(compression);
        to.putShort(RecordBatch.ATTRIBUTES_AT, attributes);
        if (newDeleteHorizonMs >= 0) {
            to.putShort(RecordBatch.ATTRIBUTES_AT, (short) (attributes | RecordBatch.DELETE_HORIZON_MASK));
            to.putLong(RecordBatch.BASE_TIMESTAMP_AT, newDeleteHorizonMs);
        }
        to.putInt(RecordBatch.COUNT_AT, kept);
        if (batch.timestampType() == TimestampType.CREATE_TIME) {
            to.putLong(RecordBatch.MAX_TIMESTAMP_AT, maxTimestamp);
        }
        finish(to);
        return to;
    }

    /** Bytes are copied as they are: neither offsets nor timestamps are counted from anything that has changed. */
    private int copyRecords() {
        long bytes = RecordBatch.HEADER_BYTES;
        for (int i = 0; i < kept; i++) {
            bytes += bounds[2 * i + 1] - bounds[2 * i];
        }
        makeRoom(bytes);
        int at = RecordBatch.HEADER_BYTES;
        for (int i = 0; i < kept; i++) {
            int from = bounds[2 * i];
            int to = bounds[2 * i + 1];
            while (i + 1 < kept && bounds[2 * i + 2] == to) {
                to = bounds[2 * ++i + 1]; // neighbours go together
            }
            records.get(from, array, at, to - from);
            at += to - from;
        }
        return at;
    }

    /** With the shift added to each record's timestamp delta. */
    private int copyRecordsShifted(long shift) {
        long bytes = RecordBatch.HEADER_BYTES;
        for (int i = 0; i < kept; i++) {
            bytes += bounds[2 * i + 1] - bounds[2 * i] + 2L * VARLONG_BYTES_MAX;
        }
        makeRoom(bytes);
        int at = RecordBatch.HEADER_BYTES;
        for (int i = 0; i < kept; i++) {
            int from = behindVarint(bounds[2 * i]);
            int deltaAt = from + 1; // behind the record's attributes
            int restAt = behindVarint(deltaAt);
            int restBytes = bounds[2 * i + 1] - restAt;
            long delta = varlong(deltaAt) + shift;
            at = Varints.write(array, at, 1 + Varints.sizeOf(delta) + restBytes);
            array[at++] = records.get(from);
            at = Varints.write(array, at, delta);
            records.get(restAt, array, at, restBytes);
            at += restBytes;
        }
        return at;
    }

    private int behindVarint(int from) {
        int at = from;
        while (records.get(at) < 0) {
            at++;
        }
        return at + 1;
    }

    private long varlong(int from) {
        long bits = 0;
        int shift = 0;
        int at = from;
        byte b;
        do {
            b = records.get(at++);
            bits |= (b & 0x7fL) << shift;
            shift += 7;
        } while (b < 0);
        return Varints.unzigzag(bits);
    }

    private void makeRoom(long bytes) {
        if (bytes > array.length) {
            array = new byte[(int) Math.min(Integer.MAX_VALUE - 8, Math.max(bytes, 2L * array.length))];
        }
    }

    /**
     * What is left of a batch whose last sequence number must stay known, without records; the buffer is the filter's and holds
     * until the next call.
     */
    public ByteBuffer writeEmpty(RecordBatch emptied) {
        makeRoom(RecordBatch.HEADER_BYTES);
        ByteBuffer to = ByteBuffer.wrap(array, 0, RecordBatch.HEADER_BYTES);
        emptied.copyHeader(to);
        to.putShort(RecordBatch.ATTRIBUTES_AT, (short)
                (emptied.attributes() & (RecordBatch.TRANSACTIONAL_MASK | RecordBatch.CONTROL_MASK)));
        to.putLong(RecordBatch.BASE_TIMESTAMP_AT, NO_TIMESTAMP);
        to.putLong(RecordBatch.MAX_TIMESTAMP_AT, NO_TIMESTAMP);
        to.putInt(RecordBatch.COUNT_AT, 0);
        finish(to);
        return to;
    }

    /**
     * Writes an empty batch of no producer, which stands for offsets whose records are gone, at the buffer's position.
     *
     * @param lastOffset inclusive; at most 2^31 - 1 behind the first
     */
    public void writeGap(ByteBuffer to, long firstOffset, long lastOffset, int leaderEpoch) {
        ByteBuffer gap = to.slice(to.position(), RecordBatch.HEADER_BYTES);
        gap.putLong(RecordBatch.BASE_OFFSET_AT, firstOffset);
        gap.putInt(RecordBatch.LEADER_EPOCH_AT, leaderEpoch);
        gap.put(RecordBatch.MAGIC_AT, RecordBatch.MAGIC);
        gap.putShort(RecordBatch.ATTRIBUTES_AT, (short) 0);
        gap.putInt(RecordBatch.LAST_OFFSET_DELTA_AT, Math.toIntExact(lastOffset - firstOffset));
        gap.putLong(RecordBatch.BASE_TIMESTAMP_AT, NO_TIMESTAMP);
        gap.putLong(RecordBatch.MAX_TIMESTAMP_AT, NO_TIMESTAMP);
        gap.putLong(RecordBatch.PRODUCER_ID_AT, RecordBatch.NO_PRODUCER_ID);
        gap.putShort(RecordBatch.PRODUCER_EPOCH_AT, RecordBatch.NO_PRODUCER_EPOCH);
        gap.putInt(RecordBatch.BASE_SEQUENCE_AT, RecordBatch.NO_SEQUENCE);
        gap.putInt(RecordBatch.COUNT_AT, 0);
        finish(gap);
        to.position(to.position() + RecordBatch.HEADER_BYTES);
    }

    /** Length and CRC, of what is between 0 and the limit. */
    private void finish(ByteBuffer written) {
        written.putInt(RecordBatch.LENGTH_AT, written.limit() - RecordBatch.LENGTH_OVERHEAD_BYTES);
        crc.reset();
        crc.update(written.slice(RecordBatch.ATTRIBUTES_AT, written.limit() - RecordBatch.ATTRIBUTES_AT));
        written.putInt(RecordBatch.CRC_AT, (int) crc.getValue());
    }
}
