package io.reactivemq.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Encodes records into one batch after another, compressed as a whole where that is wished. Reusable, not thread-safe. The buffer belongs to the builder
 * until {@link #build()} hands it over; the next record then begins a new one. A batch that fills little of its buffer is
 * handed over as a copy of its own size instead, so that a slow stream of small batches does not hold large buffers.
 */
public final class RecordBatchBuilder {

    /** What a JVM will allocate as one array. */
    private static final int ARRAY_BYTES_MAX = Integer.MAX_VALUE - 8;

    /** Where it is compressed: what readers take. */
    private static final int COMPRESSIBLE_BYTES_MAX = RecordBatch.HEADER_BYTES + Codec.DECOMPRESSED_BYTES_MAX;

    /** What attributes, timestamp delta, offset delta, key length, value length and header count take at least. */
    private static final int NUMBER_BYTES_MIN = 6;

    /** What they take at most: a byte, a varlong and four varints. */
    private static final int NUMBER_BYTES_MAX = 1 + 10 + 4 * 5;

    private static final int FIELD_BYTES_OF_TWO_BYTE_LENGTH_MIN = (1 << 6) - NUMBER_BYTES_MIN;
    private static final int FIELD_BYTES_OF_TWO_BYTE_LENGTH_MAX = (1 << 13) - 1 - NUMBER_BYTES_MAX;

    private static final int DOES_NOT_FIT = -1;

    private static final byte[] NONE = new byte[0];

    private final int maxBytes;
    private final int arrayBytesMax;
    private final Compression compression;
    private final CRC32C crc = new CRC32C();

    // Invariant: array is NONE or size <= array.length. The array is longer than maxBytes only if its one record fills
    // it, so a record that fits into the array also keeps the bound. size is where the next record begins.
    private byte[] array = NONE;
    private int freshBytes; // what a new array begins with: what the last full one came to
    private int size = RecordBatch.HEADER_BYTES;
    private int count;
    private long baseTimestamp;
    private long maxTimestamp;
    private byte[] encodedHeaders = NONE;

    /**
     * @param initialBytes what the first batch's buffer begins with; it doubles as it fills
     * @param maxBytes the size, header included, that a batch of more than one record does not exceed
     */
    public RecordBatchBuilder(int initialBytes, int maxBytes) {
        this(initialBytes, maxBytes, Compression.NONE);
    }

    /**
     * @param initialBytes what the first batch's buffer begins with; it doubles as it fills
     * @param maxBytes the size, header included and not compressed, that a batch of more than one record does not exceed
     * @param compression how batches are compressed; one that would come out so small that readers refuse it (see {@link RecordBatch#records})
     *     is compressed with gzip instead
     */
    public RecordBatchBuilder(int initialBytes, int maxBytes, Compression compression) {
        if (initialBytes < RecordBatch.HEADER_BYTES || maxBytes < initialBytes) {
            throw new IllegalArgumentException("expected " + RecordBatch.HEADER_BYTES
                    + " <= initialBytes <= maxBytes, actual initialBytes " + initialBytes + ", maxBytes " + maxBytes);
        }
        this.arrayBytesMax = compression == Compression.NONE ? ARRAY_BYTES_MAX : COMPRESSIBLE_BYTES_MAX;
        this.freshBytes = Math.min(initialBytes, arrayBytesMax);
        this.maxBytes = Math.min(maxBytes, arrayBytesMax);
        this.compression = compression;
    }

    /**
     * Adds a record. The bytes are copied.
     *
     * @param timestampMs the record's create time, or -1 for none
     * @return false, and nothing has changed, if the record does not fit behind those that are there. An empty batch takes
     *     any record, also one larger than {@code maxBytes}: the broker judges the size.
     * @throws MqException MESSAGE_TOO_LARGE if the record alone would be larger than a buffer can be, or than what readers decompress
     */
    public boolean tryAppend(long timestampMs, byte @Nullable [] key, byte @Nullable [] value, Headers headers) {
        if (timestampMs < -1) {
            throw invalidTimestamp(timestampMs);
        }
        if (count == 0) {
            baseTimestamp = timestampMs;
            maxTimestamp = timestampMs;
        }
        long timestampDelta = timestampMs - baseTimestamp;
        int keyLength = key == null ? -1 : key.length;
        int valueLength = value == null ? -1 : value.length;
        int headerCount = headers.size();
        int headersBytes = headerCount == 0 ? 0 : encodeHeaders(headers);
        long fieldBytes = (long) Math.max(0, keyLength) + Math.max(0, valueLength) + headersBytes;
        int from = size;
        // A record of middling size has a length of two bytes whatever its numbers take; where there is room for the
        // largest, nothing needs to be measured first. All others are measured.
        int lengthBytes = 2;
        if (fieldBytes < FIELD_BYTES_OF_TWO_BYTE_LENGTH_MIN
                || fieldBytes > FIELD_BYTES_OF_TWO_BYTE_LENGTH_MAX
                || from + 2 + NUMBER_BYTES_MAX + fieldBytes > array.length) {
            lengthBytes = makeRoom(fieldBytes, timestampDelta, keyLength, valueLength, headerCount);
            if (lengthBytes == DOES_NOT_FIT) {
                return false;
            }
        }
        byte[] to = array;
        int at = from + lengthBytes;
        to[at++] = 0;
        at = Varints.write(to, at, timestampDelta);
        at = Varints.write(to, at, count);
        at = writeNullable(to, at, key);
        at = writeNullable(to, at, value);
        at = Varints.write(to, at, headerCount);
        if (headerCount != 0) {
            at = write(to, at, encodedHeaders, headersBytes);
        }
        Varints.write(to, from, at - from - lengthBytes);
        maxTimestamp = Math.max(maxTimestamp, timestampMs);
        size = at;
        count++;
        return true;
    }

    /** Measures the record, makes room for it, and returns the bytes of its length varint; or DOES_NOT_FIT. */
    private int makeRoom(long fieldBytes, long timestampDelta, int keyLength, int valueLength, int headerCount) {
        long bodyBytes = fieldBytes
                + 1
                + Varints.sizeOf(timestampDelta)
                + Varints.sizeOf(count)
                + Varints.sizeOf(keyLength)
                + Varints.sizeOf(valueLength)
                + Varints.sizeOf(headerCount);
        int lengthBytes = Varints.sizeOf(bodyBytes);
        long newSize = size + lengthBytes + bodyBytes;
        if (newSize > maxBytes && count > 0) {
            return DOES_NOT_FIT;
        }
        if (newSize > array.length) {
            grow(newSize);
        }
        return lengthBytes;
    }

    /** Records in the batch so far. */
    public int count() {
        return count;
    }

    /** Bytes that {@link #build()} would give now, were it not for compression; 0 while the batch is empty. */
    public int sizeInBytes() {
        return count == 0 ? 0 : size;
    }

    public boolean isEmpty() {
        return count == 0;
    }

    /**
     * Finishes the batch and hands its buffer over, position 0 and limit its size, as Kafka's own producer would
     * write it: base offset 0, no leader epoch, no producer id (each -1), create time. The builder is then empty.
     */
    public ByteBuffer build() {
        return build(RecordBatch.NO_PRODUCER_ID, RecordBatch.NO_PRODUCER_EPOCH, RecordBatch.NO_SEQUENCE, false);
    }

    /** As {@link #build()}, of an idempotent producer; see {@link RecordBatch#setProducer}. */
    public ByteBuffer build(long producerId, short producerEpoch, int baseSequence, boolean transactional) {
        if (count == 0) {
            throw new IllegalStateException("a batch needs at least one record");
        }
        byte[] built = array;
        int builtSize = size;
        Compression used = compression;
        if (compression != Compression.NONE) {
            Codec.Compressed compressed = Codec.compressReadable(compression, array, RecordBatch.HEADER_BYTES, size);
            used = compressed.compression();
            built = compressed.bytes().array();
            builtSize = built.length;
        } else if (size < array.length / 2) {
            // a small batch of a slow stream: it is handed over in a buffer of its own size, and this one stays
            built = Arrays.copyOf(array, size);
        } else {
            freshBytes = Math.min(array.length, maxBytes);
            array = NONE;
        }
        ByteBuffer batch = ByteBuffer.wrap(built, 0, builtSize);
        writeHeader(batch);
        batch.putShort(RecordBatch.ATTRIBUTES_AT, (short)
                (used.code() | (transactional ? RecordBatch.TRANSACTIONAL_MASK : 0)));
        batch.putLong(RecordBatch.PRODUCER_ID_AT, producerId);
        batch.putShort(RecordBatch.PRODUCER_EPOCH_AT, producerEpoch);
        batch.putInt(RecordBatch.BASE_SEQUENCE_AT, baseSequence);
        crc.reset();
        crc.update(built, RecordBatch.ATTRIBUTES_AT, builtSize - RecordBatch.ATTRIBUTES_AT);
        batch.putInt(RecordBatch.CRC_AT, (int) crc.getValue());
        size = RecordBatch.HEADER_BYTES;
        count = 0;
        return batch;
    }

    /** All but the producer and the CRC. */
    private void writeHeader(ByteBuffer batch) {
        batch.putLong(RecordBatch.BASE_OFFSET_AT, 0);
        batch.putInt(RecordBatch.LENGTH_AT, batch.limit() - RecordBatch.LENGTH_OVERHEAD_BYTES);
        batch.putInt(RecordBatch.LEADER_EPOCH_AT, RecordBatch.NO_LEADER_EPOCH);
        batch.put(RecordBatch.MAGIC_AT, RecordBatch.MAGIC);
        batch.putInt(RecordBatch.LAST_OFFSET_DELTA_AT, count - 1);
        batch.putLong(RecordBatch.BASE_TIMESTAMP_AT, baseTimestamp);
        batch.putLong(RecordBatch.MAX_TIMESTAMP_AT, maxTimestamp);
        batch.putInt(RecordBatch.COUNT_AT, count);
    }

    /**
     * Takes back a buffer that {@link #build()} of any builder gave and that nobody uses any more: the next batch is written
     * into it. Does nothing once that batch has begun, where the builder has a larger buffer already, or where this one is too
     * large to be kept.
     */
    public void reuse(ByteBuffer buffer) {
        if (buffer.arrayOffset() != 0) {
            throw new IllegalArgumentException("not a buffer of a builder: it begins inside an array");
        }
        byte[] offered = buffer.array();
        if (count == 0 && offered.length > array.length && offered.length <= maxBytes) {
            array = offered;
        }
    }

    private void grow(long bytesMin) {
        if (bytesMin > arrayBytesMax) {
            throw new MqException(
                    ErrorCode.MESSAGE_TOO_LARGE,
                    "a batch with this record: expected at most " + arrayBytesMax + " bytes, actual " + bytesMin);
        }
        long bytes = Math.max(bytesMin, array.length == 0 ? freshBytes : Math.min(2L * array.length, maxBytes));
        array = count == 0 ? new byte[(int) bytes] : Arrays.copyOf(array, (int) bytes);
    }

    /** Writes the headers into {@link #encodedHeaders} and returns their size. */
    private int encodeHeaders(Headers headers) {
        long at = 0;
        for (Header header : headers) {
            byte[] name = header.key().getBytes(UTF_8);
            byte[] value = header.value();
            long end = at + 10L + name.length + (value == null ? 0 : value.length);
            if (end > ARRAY_BYTES_MAX) {
                throw new MqException(
                        ErrorCode.MESSAGE_TOO_LARGE,
                        "the headers of a record: expected at most " + ARRAY_BYTES_MAX + " bytes, actual more");
            }
            if (end > encodedHeaders.length) {
                encodedHeaders = Arrays.copyOf(encodedHeaders, (int)
                        Math.min(ARRAY_BYTES_MAX, Math.max(end, 2L * encodedHeaders.length)));
            }
            at = writeNullable(encodedHeaders, writeNullable(encodedHeaders, (int) at, name), value);
        }
        return (int) at;
    }

    private static IllegalArgumentException invalidTimestamp(long timestampMs) {
        return new IllegalArgumentException("timestampMs is neither a time nor -1 for none: " + timestampMs);
    }

    /** Writes length and bytes, or the length -1 for null, and returns the index behind. */
    private static int writeNullable(byte[] to, int at, byte @Nullable [] bytes) {
        return bytes == null
                ? Varints.write(to, at, -1)
                : write(to, Varints.write(to, at, bytes.length), bytes, bytes.length);
    }

    private static int write(byte[] to, int at, byte[] bytes, int length) {
        System.arraycopy(bytes, 0, to, at, length);
        return at + length;
    }
}
