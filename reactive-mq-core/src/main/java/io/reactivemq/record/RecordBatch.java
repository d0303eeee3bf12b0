package io.reactivemq.record;

import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/**
 * A view of one record batch inside a buffer. Nothing is copied and nothing decoded until it is asked for; the buffer's
 * own position, limit and byte order are neither used nor changed after creation.
 *
 * <p>All numbers are big-endian.
 *
 * <pre>
 * byte  size field              notes
 *    0     8 base offset        offset of the first record; outside the CRC, the log patches it
 *    8     4 length             bytes behind this field: the batch's size minus 12
 *   12     4 leader epoch       outside the CRC, the log patches it
 *   16     1 magic              2
 *   17     4 crc                CRC-32C of everything behind this field
 *   21     2 attributes         bits 0-2 compression (0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd), 3 timestamp type
 *                               (0 create, 1 log append), 4 transactional, 5 control, 6 the base timestamp is a
 *                               delete horizon, 7-15 reserved, zero
 *   23     4 last offset delta  last offset minus base offset; count - 1 until compaction takes records away
 *   27     8 base timestamp     what the records' timestamp deltas are added to
 *   35     8 max timestamp      of the records; with log append time the time of the append
 *   43     8 producer id        -1: none
 *   51     2 producer epoch     -1: none
 *   53     4 base sequence      -1: none
 *   57     4 count              of the records
 *   61       records            compressed as a whole where the attributes say so
 *
 * record:  length varint (of what follows), attributes byte (unused), timestamp delta varlong, offset delta varint,
 *          key length varint (-1: null), key, value length varint (-1: null), value, header count varint, headers
 * header:  key length varint, key in UTF-8, value length varint (-1: null), value
 * </pre>
 *
 * <p>A varint is zigzag encoded, seven bits a byte, least significant first; padding is taken, more than 5 bytes (10 for
 * a varlong) is not.
 */
public final class RecordBatch {

    /** Bytes before the first record. */
    public static final int HEADER_BYTES = 61;
    /** Bytes that the length field does not count: the base offset and itself. */
    public static final int LENGTH_OVERHEAD_BYTES = 12;

    private static final int LENGTH_MIN = HEADER_BYTES - LENGTH_OVERHEAD_BYTES;
    private static final int LENGTH_MAX = Integer.MAX_VALUE - LENGTH_OVERHEAD_BYTES;

    public static final byte MAGIC = 2;
    public static final int BASE_OFFSET_AT = 0;
    public static final int LENGTH_AT = 8;
    public static final int LEADER_EPOCH_AT = 12;
    public static final int MAGIC_AT = 16;
    public static final int CRC_AT = 17;
    public static final int ATTRIBUTES_AT = 21;
    public static final int LAST_OFFSET_DELTA_AT = 23;
    static final int BASE_TIMESTAMP_AT = 27;
    public static final int MAX_TIMESTAMP_AT = 35;
    public static final int PRODUCER_ID_AT = 43;
    public static final int PRODUCER_EPOCH_AT = 51;
    public static final int BASE_SEQUENCE_AT = 53;
    public static final int COUNT_AT = 57;
    static final int NO_LEADER_EPOCH = -1;
    public static final long NO_PRODUCER_ID = -1;
    public static final short NO_PRODUCER_EPOCH = -1;
    public static final int NO_SEQUENCE = -1;

    private static final int COMPRESSION_MASK = 0x07;
    private static final int LOG_APPEND_TIME_MASK = 0x08;
    public static final int TRANSACTIONAL_MASK = 0x10;
    public static final int CONTROL_MASK = 0x20;
    static final int DELETE_HORIZON_MASK = 0x40;
    private static final int RESERVED_MASK = 0xff80;
    private static final Compression[] COMPRESSIONS = Compression.values();

    private final ByteBuffer buffer;
    private final int start;
    private final int size;

    private RecordBatch(ByteBuffer buffer, int start, int size) {
        this.buffer = buffer;
        this.start = start;
        this.size = size;
    }

    /**
     * The batch whose first byte is at that index of the buffer. Checks that the length field is possible and that the
     * buffer has that many bytes before its limit; {@link #validate()} checks the rest.
     */
    public static RecordBatch at(ByteBuffer buffer, int position) {
        ByteBuffer view = buffer.duplicate();
        return of(view, position);
    }

    /** As {@link #at}, of a buffer which the batch may keep: big-endian, and nobody else moves its limit. */
    static RecordBatch of(ByteBuffer view, int position) {
        int available = view.limit() - position;
        if (position < 0 || available < HEADER_BYTES) {
            throw Corruption.of("batch at byte " + position, "size", "at least " + HEADER_BYTES + " bytes", available);
        }
        int length = view.getInt(position + LENGTH_AT);
        int lengthMax = available - LENGTH_OVERHEAD_BYTES;
        if (length < LENGTH_MIN || length > lengthMax) {
            throw Corruption.of("batch at byte " + position, "length", LENGTH_MIN + " to " + lengthMax, length);
        }
        return new RecordBatch(view, position, length + LENGTH_OVERHEAD_BYTES);
    }

    /**
     * The size of the batch that begins at that index of the buffer, from its first {@value #LENGTH_OVERHEAD_BYTES}
     * bytes: what a reader needs to know before it reads the whole. How much of the batch the buffer has is not looked at.
     *
     * @throws MqException CORRUPT_MESSAGE where those bytes are not there, or say less than a header or more than an int
     */
    public static int sizeInBytesAt(ByteBuffer buffer, int position) {
        int available = buffer.limit() - position;
        if (position < 0 || available < LENGTH_OVERHEAD_BYTES) {
            throw Corruption.of(
                    "batch at byte " + position, "size", "at least " + LENGTH_OVERHEAD_BYTES + " bytes", available);
        }
        int length = buffer.getInt(position + LENGTH_AT);
        if (buffer.order() == ByteOrder.LITTLE_ENDIAN) {
            length = Integer.reverseBytes(length);
        }
        if (length < LENGTH_MIN || length > LENGTH_MAX) {
            throw Corruption.of("batch at byte " + position, "length", LENGTH_MIN + " to " + LENGTH_MAX, length);
        }
        return length + LENGTH_OVERHEAD_BYTES;
    }

    public long baseOffset() {
        return buffer.getLong(start + BASE_OFFSET_AT);
    }

    /** Bytes of the whole batch, its header included. */
    public int sizeInBytes() {
        return size;
    }

    public int leaderEpoch() {
        return buffer.getInt(start + LEADER_EPOCH_AT);
    }

    public byte magic() {
        return buffer.get(start + MAGIC_AT);
    }

    /** The checksum as stored, an unsigned 32-bit number. */
    public long crc() {
        return buffer.getInt(start + CRC_AT) & 0xffffffffL;
    }

    public short attributes() {
        return buffer.getShort(start + ATTRIBUTES_AT);
    }

    public int lastOffsetDelta() {
        return buffer.getInt(start + LAST_OFFSET_DELTA_AT);
    }

    /** The offset of the last record, also where compaction has taken that record away. */
    public long lastOffset() {
        return baseOffset() + lastOffsetDelta();
    }

    /** The sequence number of the last record: sequences go from the largest int back to 0; -1 where there is none. */
    public int lastSequence() {
        return sequenceAfter(baseSequence(), lastOffsetDelta());
    }

    /** The sequence number so many records behind another; -1 behind none. */
    public static int sequenceAfter(int sequence, int records) {
        return sequence == NO_SEQUENCE ? NO_SEQUENCE : (int) (((long) sequence + records) & Integer.MAX_VALUE);
    }

    /** The offset behind the last record. */
    public long nextOffset() {
        return lastOffset() + 1;
    }

    public long baseTimestamp() {
        return buffer.getLong(start + BASE_TIMESTAMP_AT);
    }

    public long maxTimestamp() {
        return buffer.getLong(start + MAX_TIMESTAMP_AT);
    }

    /** The idempotent producer's id; -1 where there is none. */
    public long producerId() {
        return buffer.getLong(start + PRODUCER_ID_AT);
    }

    /** The idempotent producer's epoch; -1 where there is none. */
    public short producerEpoch() {
        return buffer.getShort(start + PRODUCER_EPOCH_AT);
    }

    /** The sequence number of the first record; -1 where there is none. */
    public int baseSequence() {
        return buffer.getInt(start + BASE_SEQUENCE_AT);
    }

    /** How many records the header says are inside. */
    public int count() {
        return buffer.getInt(start + COUNT_AT);
    }

    public TimestampType timestampType() {
        return (attributes() & LOG_APPEND_TIME_MASK) == 0 ? TimestampType.CREATE_TIME : TimestampType.LOG_APPEND_TIME;
    }

    public boolean isTransactional() {
        return (attributes() & TRANSACTIONAL_MASK) != 0;
    }

    /** Whether the records are the broker's own, such as the markers that end a transaction, and no consumer's concern. */
    public boolean isControl() {
        return (attributes() & CONTROL_MASK) != 0;
    }

    /** The time from which compaction may take this batch's tombstones away; -1 where compaction has not set one. */
    public long deleteHorizonMs() {
        return (attributes() & DELETE_HORIZON_MASK) == 0 ? -1 : baseTimestamp();
    }

    /** How the records are compressed; CORRUPT_MESSAGE for a code that does not exist. */
    public Compression compression() {
        int code = attributes() & COMPRESSION_MASK;
        if (code >= COMPRESSIONS.length) {
            throw Corruption.of(where(""), "compression code", "0 to " + (COMPRESSIONS.length - 1), code);
        }
        return COMPRESSIONS[code];
    }

    static boolean isCompressed(short attributes) {
        return (attributes & COMPRESSION_MASK) != 0;
    }

    /** As {@link #validate(String)}, the error naming the batch by its position and base offset only. */
    public void validate() {
        validate("");
    }

    /**
     * Checks the header and the checksum: magic, CRC, attributes, count and last offset delta. The records inside are
     * not parsed.
     *
     * @param context what the batch belongs to, such as a file or topic-partition; begins the error's message
     * @throws MqException CORRUPT_MESSAGE, naming the field, what was expected and what is there
     */
    public void validate(String context) {
        if (magic() != MAGIC) {
            throw Corruption.of(where(context), "magic", String.valueOf(MAGIC), magic());
        }
        long actualCrc = computeCrc();
        if (actualCrc != crc()) {
            throw Corruption.of(
                    where(context),
                    "crc",
                    crc() + " (the stored one) over " + (size - ATTRIBUTES_AT) + " bytes",
                    actualCrc);
        }
        if ((attributes() & RESERVED_MASK) != 0) {
            throw Corruption.of(where(context), "attributes", "bits 7 to 15 zero", attributes());
        }
        int code = attributes() & COMPRESSION_MASK;
        if (code >= COMPRESSIONS.length) {
            throw Corruption.of(where(context), "compression code", "0 to " + (COMPRESSIONS.length - 1), code);
        }
        int countMax = code == 0 ? (size - HEADER_BYTES) / RecordCursor.RECORD_BYTES_MIN : Integer.MAX_VALUE;
        if (count() < 0 || count() > countMax) {
            throw Corruption.of(where(context), "count", "0 to " + countMax, count());
        }
        if (lastOffsetDelta() < Math.max(0, count() - 1)) {
            throw Corruption.of(
                    where(context), "last offset delta", "at least " + Math.max(0, count() - 1), lastOffsetDelta());
        }
    }

    /**
     * {@link #validate(String)}, and what else holds of a batch as a producer sends it: it has records, with no offset
     * missing among them; it is no control batch; its time is create time and nothing in it has been compacted; a sequence goes
     * with a producer id.
     *
     * @throws MqException CORRUPT_MESSAGE as validate; INVALID_TIMESTAMP for a batch that claims log append time;
     *     INVALID_RECORD for the rest
     */
    public void validateProduced(String context) {
        validate(context);
        if (count() == 0) {
            throw Corruption.of(ErrorCode.INVALID_RECORD, where(context), "count", "at least 1", 0);
        }
        if (lastOffsetDelta() != count() - 1) {
            throw Corruption.of(
                    ErrorCode.INVALID_RECORD,
                    where(context),
                    "last offset delta",
                    (count() - 1) + ", one less than the count",
                    lastOffsetDelta());
        }
        if (timestampType() != TimestampType.CREATE_TIME) {
            throw Corruption.of(
                    ErrorCode.INVALID_TIMESTAMP, where(context), "timestamp type", "CREATE_TIME", timestampType());
        }
        if ((attributes() & (CONTROL_MASK | DELETE_HORIZON_MASK)) != 0) {
            throw Corruption.of(
                    ErrorCode.INVALID_RECORD,
                    where(context),
                    "attributes",
                    "no control batch and no delete horizon, which only a broker writes",
                    attributes());
        }
        if (isTransactional() && producerId() < 0) {
            throw Corruption.of(
                    ErrorCode.INVALID_RECORD,
                    where(context),
                    "producer id",
                    "0 or more, since the batch belongs to a transaction",
                    producerId());
        }
        if (producerId() >= 0 && (producerEpoch() < 0 || baseSequence() < 0)) {
            throw Corruption.of(
                    ErrorCode.INVALID_RECORD,
                    where(context),
                    "producer epoch and base sequence",
                    "both 0 or more, since there is a producer id",
                    producerEpoch() + " and " + baseSequence());
        }
    }

    /**
     * Parses every record, headers included: exactly the header's count of them fills the batch, their offsets ascend
     * within it, and none is later than its max timestamp. Goes with {@link #validate(String)}, costs what reading costs, and no more than a
     * {@link RecordWalk}'s memory.
     *
     * @throws MqException CORRUPT_MESSAGE naming the record and the field; UNSUPPORTED_COMPRESSION_TYPE where the library to
     *     decompress the records is missing
     */
    public void validateRecords(String context) {
        try (RecordWalk walk = walk(context)) {
            while (walk.next()) {
                if (walk.timestampMs() > maxTimestamp()) {
                    throw Corruption.of(
                            where(context) + ", record at offset " + walk.offset(),
                            "timestamp",
                            "at most the batch's max timestamp " + maxTimestamp(),
                            walk.timestampMs());
                }
            }
        }
    }

    /**
     * A walk to before the first record, for looking at what a batch has without holding it all. The context begins error messages.
     *
     * @throws MqException UNSUPPORTED_COMPRESSION_TYPE where the library to decompress the records is missing; CORRUPT_MESSAGE where they are
     *     compressed otherwise than the batch says
     */
    public RecordWalk walk(String context) {
        return walk(context, OutputStream.nullOutputStream(), false);
    }

    /** As {@link #walk}, with the key of the record that it is at. */
    public RecordWalk walkWithKeys(String context) {
        return walk(context, OutputStream.nullOutputStream(), true);
    }

    private RecordWalk walk(String context, OutputStream copy, boolean withKeys) {
        Compression compression = compression();
        long sizeHint = compression == Compression.NONE ? size - HEADER_BYTES : Integer.MAX_VALUE;
        return new RecordWalk(
                this, context, Codec.decompressing(compression, stored(), where(context)), sizeHint, copy, withKeys);
    }

    /** The bytes behind the header. */
    private ByteBuffer stored() {
        return buffer.duplicate().limit(start + size).position(start + HEADER_BYTES);
    }

    /** Gives the batch its place in a log. Outside the CRC. */
    public void setBaseOffset(long baseOffset) {
        buffer.putLong(start + BASE_OFFSET_AT, baseOffset);
    }

    /** Stamps the batch with the epoch it was appended in. Outside the CRC. */
    public void setLeaderEpoch(int leaderEpoch) {
        buffer.putInt(start + LEADER_EPOCH_AT, leaderEpoch);
    }

    /**
     * Makes the batch one of an idempotent producer, and computes the CRC again.
     *
     * @param baseSequence the sequence number of the first record
     * @param transactional whether it belongs to a transaction
     */
    public void setProducer(long producerId, short producerEpoch, int baseSequence, boolean transactional) {
        stamp(producerId, producerEpoch, baseSequence, transactional ? TRANSACTIONAL_MASK : 0);
    }

    void stamp(long producerId, short producerEpoch, int baseSequence, int attributeBits) {
        buffer.putShort(start + ATTRIBUTES_AT, (short) (attributes() | attributeBits));
        buffer.putLong(start + PRODUCER_ID_AT, producerId);
        buffer.putShort(start + PRODUCER_EPOCH_AT, producerEpoch);
        buffer.putInt(start + BASE_SEQUENCE_AT, baseSequence);
        buffer.putInt(start + CRC_AT, (int) computeCrc());
    }

    /** Says what the latest timestamp of the records is, and computes the CRC again. */
    public void setMaxTimestamp(long timestampMs) {
        buffer.putLong(start + MAX_TIMESTAMP_AT, timestampMs);
        buffer.putInt(start + CRC_AT, (int) computeCrc());
    }

    /** Makes the time of the append the timestamp of every record, and computes the CRC again. */
    public void setLogAppendTime(long appendTimeMs) {
        buffer.putShort(start + ATTRIBUTES_AT, (short) (attributes() | LOG_APPEND_TIME_MASK));
        setMaxTimestamp(appendTimeMs);
    }

    /**
     * A cursor before the first record. Compressed records are decompressed at once, into a buffer of the cursor's own of at most 256 MiB.
     *
     * @throws MqException UNSUPPORTED_COMPRESSION_TYPE where the library for it is missing; CORRUPT_MESSAGE where the records can't be
     *     decompressed
     */
    public RecordCursor records() {
        String context = "";
        Compression compression = compression();
        if (compression == Compression.NONE) {
            return new RecordCursor(this, context, buffer, start + HEADER_BYTES, start + size);
        }
        ByteBuffer records = Codec.decompress(compression, stored(), where(context));
        return new RecordCursor(this, context, records, 0, records.limit());
    }

    /** See {@link StoredCompression#apply}. */
    ByteBuffer compressedAs(
            Compression to, int level, int bytesMax, String context, Consumer<? super RecordWalk> look) {
        BoundedOutput written = new BoundedOutput(
                Math.min(size, bytesMax),
                bytesMax,
                () -> new MqException(
                        ErrorCode.MESSAGE_TOO_LARGE,
                        where(context) + ": more than " + bytesMax + " bytes when compressed as " + to.configName()));
        written.write(new byte[HEADER_BYTES], 0, HEADER_BYTES);
        long plainBytes;
        try (OutputStream compressing = Codec.compressing(to, level, written);
                RecordWalk walk = walk(context, compressing, false)) {
            look.accept(walk);
            plainBytes = walk.bytesRead();
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory", e);
        }
        ByteBuffer bytes = ByteBuffer.wrap(written.toByteArray());
        if (to != Compression.NONE && plainBytes > Codec.bytesMax(bytes.limit() - HEADER_BYTES)) {
            throw new MqException(
                    ErrorCode.MESSAGE_TOO_LARGE,
                    where(context) + ": " + plainBytes + " bytes would be " + bytes.limit() + " when compressed as "
                            + to.configName() + ", and readers refuse what becomes so much more; send smaller batches");
        }
        copyHeader(bytes);
        bytes.putInt(LENGTH_AT, bytes.limit() - LENGTH_OVERHEAD_BYTES).putShort(ATTRIBUTES_AT, codedAs(to));
        return bytes.putInt(CRC_AT, (int) of(bytes, 0).computeCrc());
    }

    /** The attributes, with another compression. */
    short codedAs(Compression compression) {
        return (short) ((attributes() & ~COMPRESSION_MASK) | compression.code());
    }

    /** Copies the bytes before the records to the begin of a buffer. */
    void copyHeader(ByteBuffer to) {
        to.put(0, buffer, start, HEADER_BYTES);
    }

    /** The checksum of the bytes as they are; {@link #crc} is what it was when they were written. */
    public long computeCrc() {
        CRC32C crc = new CRC32C();
        int from = start + ATTRIBUTES_AT;
        int length = size - ATTRIBUTES_AT;
        if (buffer.hasArray()) {
            crc.update(buffer.array(), buffer.arrayOffset() + from, length);
        } else {
            crc.update(buffer.slice(from, length));
        }
        return crc.getValue();
    }

    String where(String context) {
        return (context.isEmpty() ? "" : context + ": ") + "batch at byte " + start + " with base offset "
                + baseOffset();
    }

    @Override
    public String toString() {
        return "RecordBatch[offsets " + baseOffset() + " to " + lastOffset() + ", " + count() + " records, " + size
                + " bytes, leader epoch " + leaderEpoch() + "]";
    }
}
