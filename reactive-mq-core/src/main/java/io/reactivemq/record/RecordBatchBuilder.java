package io.reactivemq.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.ErrorCode;
import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Encodes records into one uncompressed batch after another. Reusable, not thread-safe. The buffer belongs to the builder
 * until {@link #build()} hands it over; the next record then begins a new one.
 */
public final class RecordBatchBuilder {

    /** What a JVM will allocate as one array. */
    private static final int ARRAY_BYTES_MAX = Integer.MAX_VALUE - 8;

    private static final byte[] NONE = new byte[0];

    private final int initialBytes;
    private final int maxBytes;
    private final CRC32C crc = new CRC32C();

    // Invariant: array is NONE or size <= array.length; size is 0 or at least HEADER_BYTES; count == 0 means size == 0
    private byte[] array = NONE;
    private int size;
    private int count;
    private long baseTimestamp;
    private long maxTimestamp;
    private byte[] encodedHeaders = NONE;
    private int encodedHeadersSize;

    /**
     * @param initialBytes what a batch's buffer begins with; it doubles as it fills
     * @param maxBytes the size, header included, that a batch of more than one record does not exceed
     */
    public RecordBatchBuilder(int initialBytes, int maxBytes) {
        if (initialBytes < RecordBatch.HEADER_BYTES || maxBytes < initialBytes) {
            throw new IllegalArgumentException("expected " + RecordBatch.HEADER_BYTES
                    + " <= initialBytes <= maxBytes, actual initialBytes " + initialBytes + ", maxBytes " + maxBytes);
        }
        this.initialBytes = initialBytes;
        this.maxBytes = maxBytes;
    }

    /**
     * Adds a record. The bytes are copied.
     *
     * @param timestampMs the record's create time, or -1 for none
     * @return false, and nothing has changed, if the record does not fit behind those that are there. An empty batch takes
     *     any record, also one larger than {@code maxBytes}: the broker judges the size.
     * @throws MqException MESSAGE_TOO_LARGE if the record alone would be larger than a buffer can be
     */
    public boolean tryAppend(long timestampMs, byte @Nullable [] key, byte @Nullable [] value, Headers headers) {
        if (timestampMs < -1) {
            throw new IllegalArgumentException("timestampMs is neither a time nor -1 for none: " + timestampMs);
        }
        long timestampDelta = count == 0 ? 0 : timestampMs - baseTimestamp;
        int keyLength = key == null ? -1 : key.length;
        int valueLength = value == null ? -1 : value.length;
        int headerCount = headers.size();
        if (headerCount == 0) {
            encodedHeadersSize = 0;
        } else {
            encodeHeaders(headers);
        }
        long bodyBytes = 1L
                + Varints.sizeOf(timestampDelta)
                + Varints.sizeOf(count)
                + Varints.sizeOf(keyLength)
                + Math.max(0, keyLength)
                + Varints.sizeOf(valueLength)
                + Math.max(0, valueLength)
                + Varints.sizeOf(headerCount)
                + encodedHeadersSize;
        int from = count == 0 ? RecordBatch.HEADER_BYTES : size;
        long newSize = from + Varints.sizeOf(bodyBytes) + bodyBytes;
        if (newSize > maxBytes && count > 0) {
            return false;
        }
        if (newSize > array.length) {
            grow(newSize);
        }
        byte[] to = array;
        int at = Varints.write(to, from, (int) bodyBytes);
        to[at++] = 0;
        at = Varints.write(to, at, timestampDelta);
        at = Varints.write(to, at, count);
        at = Varints.write(to, at, keyLength);
        if (key != null) {
            System.arraycopy(key, 0, to, at, keyLength);
            at += keyLength;
        }
        at = Varints.write(to, at, valueLength);
        if (value != null) {
            System.arraycopy(value, 0, to, at, valueLength);
            at += valueLength;
        }
        at = Varints.write(to, at, headerCount);
        if (headerCount != 0) {
            System.arraycopy(encodedHeaders, 0, to, at, encodedHeadersSize);
            at += encodedHeadersSize;
        }
        if (count == 0) {
            baseTimestamp = timestampMs;
            maxTimestamp = timestampMs;
        } else if (timestampMs > maxTimestamp) {
            maxTimestamp = timestampMs;
        }
        size = at;
        count++;
        return true;
    }

    /** Records in the batch so far. */
    public int count() {
        return count;
    }

    /** Bytes that {@link #build()} would give now; 0 while the batch is empty. */
    public int sizeInBytes() {
        return size;
    }

    public boolean isEmpty() {
        return count == 0;
    }

    /**
     * Finishes the batch and hands its buffer over, position 0 and limit its size: base offset and leader epoch 0, no
     * producer id, create time. The builder is then empty.
     */
    public ByteBuffer build() {
        if (count == 0) {
            throw new IllegalStateException("a batch needs at least one record");
        }
        ByteBuffer batch = ByteBuffer.wrap(array, 0, size);
        batch.putLong(RecordBatch.BASE_OFFSET_AT, 0);
        batch.putInt(RecordBatch.LENGTH_AT, size - RecordBatch.LENGTH_OVERHEAD_BYTES);
        batch.putInt(RecordBatch.LEADER_EPOCH_AT, 0);
        batch.put(RecordBatch.MAGIC_AT, RecordBatch.MAGIC);
        batch.putShort(RecordBatch.ATTRIBUTES_AT, (short) 0);
        batch.putInt(RecordBatch.LAST_OFFSET_DELTA_AT, count - 1);
        batch.putLong(RecordBatch.BASE_TIMESTAMP_AT, baseTimestamp);
        batch.putLong(RecordBatch.MAX_TIMESTAMP_AT, maxTimestamp);
        batch.putLong(RecordBatch.PRODUCER_ID_AT, RecordBatch.NO_PRODUCER_ID);
        batch.putShort(RecordBatch.PRODUCER_EPOCH_AT, RecordBatch.NO_PRODUCER_EPOCH);
        batch.putInt(RecordBatch.BASE_SEQUENCE_AT, RecordBatch.NO_SEQUENCE);
        batch.putInt(RecordBatch.COUNT_AT, count);
        crc.reset();
        crc.update(array, RecordBatch.ATTRIBUTES_AT, size - RecordBatch.ATTRIBUTES_AT);
        batch.putInt(RecordBatch.CRC_AT, (int) crc.getValue());
        array = NONE;
        size = 0;
        count = 0;
        return batch;
    }

    /**
     * Takes back a buffer that {@link #build()} of any builder gave and that nobody uses any more: the next batch is written
     * into it. Does nothing once that batch has begun.
     */
    public void reuse(ByteBuffer buffer) {
        if (buffer.arrayOffset() != 0) {
            throw new IllegalArgumentException("not a buffer of a builder: it begins inside an array");
        }
        if (count == 0) {
            array = buffer.array();
        }
    }

    private void grow(long bytesMin) {
        if (bytesMin > ARRAY_BYTES_MAX) {
            throw new MqException(
                    ErrorCode.MESSAGE_TOO_LARGE,
                    "a batch with this record: expected at most " + ARRAY_BYTES_MAX + " bytes, actual " + bytesMin);
        }
        long doubled = array.length == 0 ? initialBytes : 2L * array.length;
        long bytes = Math.max(bytesMin, Math.min(doubled, maxBytes));
        // NONE grows by a plain allocation; nothing is in it to be copied
        array = array.length == 0 ? new byte[(int) bytes] : Arrays.copyOf(array, (int) bytes);
    }

    private void encodeHeaders(Headers headers) {
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
            int to = Varints.write(encodedHeaders, (int) at, name.length);
            System.arraycopy(name, 0, encodedHeaders, to, name.length);
            to += name.length;
            to = Varints.write(encodedHeaders, to, value == null ? -1 : value.length);
            if (value != null) {
                System.arraycopy(value, 0, encodedHeaders, to, value.length);
                to += value.length;
            }
            at = to;
        }
        encodedHeadersSize = (int) at;
    }
}
