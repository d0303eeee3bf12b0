package io.reactivemq.record;

import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Takes records out of a batch, as compaction does: {@link #look} first, then {@link #write}. What is left of a batch keeps its offsets, so
 * also its base offset and last offset delta, its producer and sequence, its leader epoch and its compression, unless readers would take what is
 * left for a bomb: then it is gzip. The max timestamp is that of the records that are left. Not for several threads.
 *
 * <p>Records pass by as a {@link RecordWalk} reads them, when they are looked at and again when they are written: whatever a batch decompresses to, what is held
 * are the batch as it is stored, the one that is written, as it will be stored, a bit a record, the key of one record and what the codec needs.
 */
public final class BatchFilter {

    private static final long NO_TIMESTAMP = -1;
    private static final byte[] NO_HEADER = new byte[RecordBatch.HEADER_BYTES];

    /** Compressors take what is written one by one to their library, which is slow for a few bytes. */
    private static final int PIECE_BYTES = 1 << 13;

    private final CRC32C crc = new CRC32C();

    // of the batch that was looked at last
    private @Nullable RecordBatch looked;
    private String context = "";
    private final BitSet keeps = new BitSet();

    private int kept;
    private int tombstones;
    private long maxTimestamp;

    /** The next batch is written into it; grows to the largest. */
    private final Written written = new Written();

    /**
     * Decides about each record of a batch.
     *
     * @param where what the batch belongs to; begins the error's message
     * @param keep whether the record that the walk, one with keys, is at is kept
     * @throws MqException CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE where the records can't be read
     */
    public void look(RecordBatch next, String where, Predicate<RecordWalk> keep) {
        looked = next;
        kept = 0;
        tombstones = 0;
        maxTimestamp = NO_TIMESTAMP;
        context = where;
        keeps.clear();
        try (RecordWalk walk = next.walkWithKeys(where)) {
            for (int i = 0; walk.next(); i++) {
                if (keep.test(walk)) {
                    keeps.set(i);
                    kept++;
                    maxTimestamp = Math.max(maxTimestamp, walk.timestampMs());
                    tombstones += walk.hasValue() ? 0 : 1;
                }
            }
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
        long shift = newDeleteHorizonMs < 0 ? 0 : batch.baseTimestamp() - newDeleteHorizonMs;
        Compression compression = batch.compression();
        long plainBytes = copyRecords(batch, compression, shift);
        if (compression != Compression.NONE && plainBytes > Codec.bytesMax(written.size() - RecordBatch.HEADER_BYTES)) {
            compression = Compression.GZIP;
            copyRecords(batch, compression, shift);
        }
        ByteBuffer to = written.bytes();
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

    /** Writes the records that are kept behind room for a header; returns how many bytes they are without compression. */
    private long copyRecords(RecordBatch batch, Compression compression, long timestampShift) {
        written.reset();
        written.write(NO_HEADER, 0, NO_HEADER.length);
        long plainBytes = 0;
        try (RecordWalk walk = batch.walk(context);
                OutputStream to = new BufferedOutputStream(
                        Codec.compressing(compression, Codec.defaultLevel(compression), written), PIECE_BYTES)) {
            for (int i = 0; i < keeps.length(); i++) {
                if (keeps.get(i)) {
                    plainBytes += walk.copyNext(to, timestampShift);
                } else {
                    walk.skipNext();
                }
                if (compression != Compression.NONE && plainBytes > Codec.DECOMPRESSED_BYTES_MAX) {
                    throw new MqException(
                            ErrorCode.MESSAGE_TOO_LARGE,
                            batch.where(context) + ": what is kept of it would be more than "
                                    + Codec.DECOMPRESSED_BYTES_MAX + " bytes when decompressed");
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory", e);
        }
        return plainBytes;
    }

    /**
     * What is left of a batch whose last sequence number must stay known, without records; the buffer is the filter's and holds
     * until the next call.
     */
    public ByteBuffer writeEmpty(RecordBatch emptied) {
        written.reset();
        written.write(NO_HEADER, 0, NO_HEADER.length);
        ByteBuffer to = written.bytes();
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
    private void finish(ByteBuffer batch) {
        batch.putInt(RecordBatch.LENGTH_AT, batch.limit() - RecordBatch.LENGTH_OVERHEAD_BYTES);
        crc.reset();
        crc.update(batch.slice(RecordBatch.ATTRIBUTES_AT, batch.limit() - RecordBatch.ATTRIBUTES_AT));
        batch.putInt(RecordBatch.CRC_AT, (int) crc.getValue());
    }

    /** Lets its bytes be had without a copy. */
    private static final class Written extends ByteArrayOutputStream {

        Written() {
            super(1 << 12);
        }

        ByteBuffer bytes() {
            return ByteBuffer.wrap(buf, 0, count);
        }
    }
}
