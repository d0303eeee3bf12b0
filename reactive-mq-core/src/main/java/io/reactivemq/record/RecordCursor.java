package io.reactivemq.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Walks the records of one batch, one at a time and without allocating: {@code while (cursor.next()) ...}. The accessors
 * speak of the record that the last {@link #next()} came to; calling one before, or after {@code next()} was false, gives
 * nothing defined. Not thread-safe.
 *
 * <p>{@link #next()} throws {@link MqException} CORRUPT_MESSAGE where the bytes are no record, where an offset does not
 * come after the one before it, and, behind the last record, where bytes are left.
 */
public final class RecordCursor {

    /** Length, attributes, timestamp delta, offset delta, key length, value length and header count, a byte each. */
    static final int RECORD_BYTES_MIN = 7;

    /** Key length and value length, a byte each. */
    private static final int HEADER_BYTES_MIN = 2;

    private final RecordBatch batch;
    private final ByteBuffer buffer;
    // the bytes of the buffer where it lets us have them; indexes are then the array's, else the buffer's
    private final byte @Nullable [] array;
    private final int end;
    private final int count;
    private final int lastOffsetDelta;
    private final long baseOffset;
    private final long baseTimestamp;
    private final boolean logAppendTime;
    private final long maxTimestamp;

    private int position;
    private int index = -1;
    private int recordEnd;
    private int offsetDelta = -1;
    private long timestampDelta;
    private int keyAt;
    private int keyLength;
    private int valueAt;
    private int valueLength;
    private int headersAt;
    private int headerCount;
    private @Nullable ByteBuffer keyView;
    private @Nullable ByteBuffer valueView;

    RecordCursor(RecordBatch batch, ByteBuffer buffer, int from, int end) {
        this.batch = batch;
        if (buffer.hasArray()) {
            this.array = buffer.array();
            this.buffer = ByteBuffer.wrap(array).asReadOnlyBuffer();
            this.position = from + buffer.arrayOffset();
            this.end = end + buffer.arrayOffset();
        } else {
            this.array = null;
            this.buffer = buffer.asReadOnlyBuffer();
            this.position = from;
            this.end = end;
        }
        this.count = batch.count();
        this.lastOffsetDelta = batch.lastOffsetDelta();
        this.baseOffset = batch.baseOffset();
        this.baseTimestamp = batch.baseTimestamp();
        this.logAppendTime = batch.timestampType() == TimestampType.LOG_APPEND_TIME;
        this.maxTimestamp = batch.maxTimestamp();
    }

    /** Moves to the next record; false behind the last. */
    public boolean next() {
        if (index + 1 >= count) {
            if (position != end) {
                throw corrupt("bytes behind the last of " + count + " records", "0", end - position);
            }
            return false;
        }
        index++;
        int length = readVarint(end, "record length");
        if (length < RECORD_BYTES_MIN - 1 || length > end - position) {
            throw corrupt("record length", (RECORD_BYTES_MIN - 1) + " to " + (end - position), length);
        }
        recordEnd = position + length;
        position++; // the record's attributes, which have no meaning yet
        timestampDelta = readVarlong(recordEnd, "timestamp delta");
        int delta = readVarint(recordEnd, "offset delta");
        if (delta <= offsetDelta || delta > lastOffsetDelta) {
            throw corrupt("offset delta", (offsetDelta + 1L) + " to " + lastOffsetDelta, delta);
        }
        offsetDelta = delta;
        keyLength = readLength("key length");
        keyAt = position;
        position += Math.max(0, keyLength);
        valueLength = readLength("value length");
        valueAt = position;
        position += Math.max(0, valueLength);
        headerCount = readVarint(recordEnd, "header count");
        int headerCountMax = (recordEnd - position) / HEADER_BYTES_MIN;
        if (headerCount < 0 || headerCount > headerCountMax) {
            throw corrupt("header count", "0 to " + headerCountMax, headerCount);
        }
        if (headerCount == 0 && position != recordEnd) {
            throw corrupt("bytes behind the record's last field", "0", recordEnd - position);
        }
        headersAt = position;
        position = recordEnd;
        return true;
    }

    public long offset() {
        return baseOffset + offsetDelta;
    }

    /** The record's own time, or the time of the append where the batch's timestamp type says so. */
    public long timestampMs() {
        return logAppendTime ? maxTimestamp : baseTimestamp + timestampDelta;
    }

    /**
     * The key's bytes between position and limit of a read-only buffer, or null. The cursor has one such buffer, so it
     * holds until the next {@link #next()} or {@code key()}.
     */
    public @Nullable ByteBuffer key() {
        if (keyLength < 0) {
            return null;
        }
        ByteBuffer view = keyView;
        if (view == null) {
            view = buffer.duplicate();
            keyView = view;
        }
        return view.limit(keyAt + keyLength).position(keyAt);
    }

    /**
     * The value's bytes between position and limit of a read-only buffer, or null. The cursor has one such buffer, so it
     * holds until the next {@link #next()} or {@code value()}.
     */
    public @Nullable ByteBuffer value() {
        if (valueLength < 0) {
            return null;
        }
        ByteBuffer view = valueView;
        if (view == null) {
            view = buffer.duplicate();
            valueView = view;
        }
        return view.limit(valueAt + valueLength).position(valueAt);
    }

    /** The headers, decoded anew at each call. Throws {@link MqException} CORRUPT_MESSAGE where the bytes are none. */
    public Headers headers() {
        return headerCount == 0 ? Headers.empty() : decodeHeaders();
    }

    private Headers decodeHeaders() {
        int next = position;
        position = headersAt;
        List<Header> headers = new ArrayList<>(headerCount);
        for (int i = 0; i < headerCount; i++) {
            int nameLength = readLength("header key length");
            if (nameLength < 0) {
                throw corrupt("header key length", "0 or more", nameLength);
            }
            String name = new String(copy(nameLength), UTF_8);
            int length = readLength("header value length");
            headers.add(length < 0 ? Header.of(name, (byte[]) null) : Header.of(name, copy(length)));
        }
        if (position != recordEnd) {
            throw corrupt("bytes behind the record's last header", "0", recordEnd - position);
        }
        position = next;
        return Headers.of(headers);
    }

    private byte[] copy(int length) {
        byte[] bytes = new byte[length];
        buffer.get(position, bytes);
        position += length;
        return bytes;
    }

    /** Reads the length of a field of this record: -1 for null, else no more than the record has left. */
    private int readLength(String field) {
        int length = readVarint(recordEnd, field);
        if (length < -1 || length > recordEnd - position) {
            throw corrupt(field, "-1 to " + (recordEnd - position), length);
        }
        return length;
    }

    private int byteAt(int at) {
        return array != null ? array[at] : buffer.get(at);
    }

    private int readVarint(int limit, String field) {
        int at = position;
        if (at < limit) {
            int b = byteAt(at);
            if (b >= 0) {
                position = at + 1;
                return Varints.unzigzag(b);
            }
        }
        return readLongerVarint(limit, field);
    }

    private int readLongerVarint(int limit, String field) {
        int bits = 0;
        for (int shift = 0; shift < 35; shift += 7) {
            if (position >= limit) {
                throw corrupt(field, "a whole varint before byte " + relative(limit), relative(position));
            }
            int b = byteAt(position++);
            if (shift == 28 && (b & 0xf0) != 0) {
                throw corrupt(field, "a varint of at most 32 bits, so a fifth byte of at most 15", b & 0xff);
            }
            bits |= (b & 0x7f) << shift;
            if (b >= 0) {
                return Varints.unzigzag(bits);
            }
        }
        throw new AssertionError("the fifth byte ends a varint or is refused");
    }

    private long readVarlong(int limit, String field) {
        int at = position;
        if (at < limit) {
            int b = byteAt(at);
            if (b >= 0) {
                position = at + 1;
                return Varints.unzigzag((long) b);
            }
        }
        return readLongerVarlong(limit, field);
    }

    private long readLongerVarlong(int limit, String field) {
        long bits = 0;
        for (int shift = 0; shift < 70; shift += 7) {
            if (position >= limit) {
                throw corrupt(field, "a whole varlong before byte " + relative(limit), relative(position));
            }
            int b = byteAt(position++);
            if (shift == 63 && (b & 0xfe) != 0) {
                throw corrupt(field, "a varlong of at most 64 bits, so a tenth byte of at most 1", b & 0xff);
            }
            bits |= (long) (b & 0x7f) << shift;
            if (b >= 0) {
                return Varints.unzigzag(bits);
            }
        }
        throw new AssertionError("the tenth byte ends a varlong or is refused");
    }

    /** An index as the distance from the batch's first byte. */
    private int relative(int at) {
        return at - (end - batch.sizeInBytes());
    }

    private MqException corrupt(String field, String expected, long actual) {
        return Corruption.of(
                batch.where() + ", record " + index + " near byte " + relative(position) + " of the batch",
                field,
                expected,
                actual);
    }
}
