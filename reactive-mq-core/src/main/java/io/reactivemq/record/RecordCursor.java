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
 * speak of the record that the last {@link #next()} came to; before the first and after {@code next()} was false they mean
 * nothing. Not thread-safe.
 *
 * <p>Records are decoded where they lie, fastest in a buffer that lets its array be had.
 *
 * <p>{@link #next()} throws {@link MqException} CORRUPT_MESSAGE where the bytes are no record, where an offset does not
 * come after the one before it, and, behind the last record, where bytes are left. After that the cursor is of no use.
 *
 * <p>Why the numbers are read without looking at the record's end: reading moves forward only, and every record must end
 * where its length says. So one check behind the last field finds whatever ran past the end, and the JVM's own check of
 * the bounds stands guard until then. The fields that move by more than a few bytes, the lengths, are checked at once.
 */
public final class RecordCursor {

    /** Length, attributes, timestamp delta, offset delta, key length, value length and header count, a byte each. */
    static final int RECORD_BYTES_MIN = 7;

    /** Key length and value length, a byte each. */
    private static final int HEADER_BYTES_MIN = 2;

    private static final int VARINT_BYTES_MAX = 5;
    private static final int VARLONG_BYTES_MAX = 10;

    private final RecordBatch batch;
    private final String context;
    private final ByteBuffer bytes; // read-only
    private final byte @Nullable [] array; // of that buffer, at the same indexes; null where it can't be had
    private final int start;
    private final int end;
    private final int count;
    private final int lastOffsetDelta;
    private final long baseOffset;
    private final long baseTimestamp;
    private final boolean logAppendTime;
    private final long maxTimestamp;

    // Invariant: between calls, where the next record begins
    private int position;
    private int index = -1;
    private int offsetDelta = -1;
    private long timestampDelta;
    private int keyAt;
    private int keyLength = -1;
    private int valueAt;
    private int valueLength = -1;
    private int headersAt;
    private int headerCount;
    private @Nullable ByteBuffer keyView;
    private @Nullable ByteBuffer valueView;

    /** Over the bytes of the buffer from start to end, which are the batch's records; the context begins error messages. */
    RecordCursor(RecordBatch batch, String context, ByteBuffer buffer, int start, int end) {
        this.batch = batch;
        this.context = context;
        if (buffer.hasArray()) {
            this.array = buffer.array();
            this.bytes = ByteBuffer.wrap(array).asReadOnlyBuffer();
            this.start = start + buffer.arrayOffset();
            this.end = end + buffer.arrayOffset();
        } else {
            this.array = null;
            this.bytes = buffer.asReadOnlyBuffer().clear();
            this.start = start;
            this.end = end;
        }
        this.position = this.start;
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
        try {
            readRecord();
        } catch (IndexOutOfBoundsException e) {
            throw corrupt("record", "to end at byte " + relative(end) + " or before", "no end");
        }
        return true;
    }

    private void readRecord() {
        int length = readVarint("record length");
        int recordEnd = position + length;
        if (length < RECORD_BYTES_MIN - 1 || length > end - position) {
            throw corrupt("record length", (RECORD_BYTES_MIN - 1) + " to " + (end - position), length);
        }
        position++; // the record's attributes, which have no meaning yet
        timestampDelta = readVarlong("timestamp delta");
        int delta = readVarint("offset delta");
        if (delta <= offsetDelta || delta > lastOffsetDelta) {
            throw corrupt("offset delta", (offsetDelta + 1L) + " to " + lastOffsetDelta, delta);
        }
        offsetDelta = delta;
        keyLength = readLength("key length", recordEnd);
        keyAt = position;
        position += Math.max(0, keyLength);
        valueLength = readLength("value length", recordEnd);
        valueAt = position;
        position += Math.max(0, valueLength);
        headerCount = readVarint("header count");
        headersAt = position;
        if (headerCount == 0 ? position != recordEnd : !headersFit(recordEnd)) {
            throw corrupt(
                    "header count",
                    "none, or what fits into the " + (recordEnd - position) + " bytes left of the record",
                    headerCount);
        }
        position = recordEnd;
    }

    private boolean headersFit(int recordEnd) {
        return headerCount > 0 && headerCount <= (recordEnd - position) / HEADER_BYTES_MIN;
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
            view = bytes.duplicate();
            keyView = view;
        }
        return view.limit(keyAt + keyLength).position(keyAt);
    }

    /** Whether {@link #key()} is not null. */
    public boolean hasKey() {
        return keyLength >= 0;
    }

    /** Whether {@link #value()} is not null. */
    public boolean hasValue() {
        return valueLength >= 0;
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
            view = bytes.duplicate();
            valueView = view;
        }
        return view.limit(valueAt + valueLength).position(valueAt);
    }

    /** The headers, decoded anew at each call. Throws {@link MqException} CORRUPT_MESSAGE where the bytes are none. */
    public Headers headers() {
        return headerCount == 0 ? Headers.empty() : decodeHeaders();
    }

    private Headers decodeHeaders() {
        int recordEnd = position;
        try {
            position = headersAt;
            List<Header> headers = new ArrayList<>(headerCount);
            for (int i = 0; i < headerCount; i++) {
                headers.add(readHeader(recordEnd));
            }
            if (position != recordEnd) {
                throw corrupt("bytes behind the record's last header", "0", recordEnd - position);
            }
            return Headers.of(headers);
        } catch (IndexOutOfBoundsException e) {
            throw corrupt("headers", "to end at byte " + relative(recordEnd), "no end");
        } finally {
            position = recordEnd;
        }
    }

    private Header readHeader(int recordEnd) {
        int nameLength = readLength("header key length", recordEnd);
        if (nameLength < 0) {
            throw corrupt("header key length", "0 or more", nameLength);
        }
        String name = new String(readBytes(nameLength), UTF_8);
        int length = readLength("header value length", recordEnd);
        if (length < 0) {
            return Header.of(name, (byte[]) null);
        }
        return Header.of(name, readBytes(length));
    }

    private byte[] readBytes(int length) {
        byte[] copy = new byte[length];
        bytes.get(position, copy);
        position += length;
        return copy;
    }

    private byte byteAt(int at) {
        byte[] direct = array;
        return direct != null ? direct[at] : bytes.get(at);
    }

    /** Reads the length of a field of this record: -1 for null, else no more than the record has left. */
    private int readLength(String field, int recordEnd) {
        int length = readVarint(field);
        if (length < -1 || length > recordEnd - position) {
            throw corrupt(field, "-1 to " + (recordEnd - position), length);
        }
        return length;
    }

    private int readVarint(String field) {
        int at = position;
        int first = byteAt(at);
        if (first >= 0) {
            position = at + 1;
            return Varints.unzigzag(first);
        }
        int second = byteAt(at + 1);
        if (second >= 0) {
            position = at + 2;
            return Varints.unzigzag((first & 0x7f) | (second << 7));
        }
        return readLongVarint(field);
    }

    private int readLongVarint(String field) {
        int bits = 0;
        for (int i = 0; i < VARINT_BYTES_MAX; i++) {
            int b = byteAt(position++);
            if (i == VARINT_BYTES_MAX - 1 && (b & 0xf0) != 0) {
                break;
            }
            bits |= (b & 0x7f) << (7 * i);
            if (b >= 0) {
                return Varints.unzigzag(bits);
            }
        }
        throw corrupt(field, "a varint of 32 bits, so a fifth byte of at most 15", byteAt(position - 1) & 0xff);
    }

    private long readVarlong(String field) {
        int at = position;
        long first = byteAt(at);
        if (first >= 0) {
            position = at + 1;
            return Varints.unzigzag(first);
        }
        long second = byteAt(at + 1);
        if (second >= 0) {
            position = at + 2;
            return Varints.unzigzag((first & 0x7f) | (second << 7));
        }
        return readLongVarlong(field);
    }

    private long readLongVarlong(String field) {
        long bits = 0;
        for (int i = 0; i < VARLONG_BYTES_MAX; i++) {
            int b = byteAt(position++);
            if (i == VARLONG_BYTES_MAX - 1 && (b & 0xfe) != 0) {
                break;
            }
            bits |= (long) (b & 0x7f) << (7 * i);
            if (b >= 0) {
                return Varints.unzigzag(bits);
            }
        }
        throw corrupt(field, "a varlong of 64 bits, so a tenth byte of at most 1", byteAt(position - 1) & 0xff);
    }

    /** An index of the array as a byte of the batch. */
    private int relative(int at) {
        return RecordBatch.HEADER_BYTES + at - start;
    }

    private MqException corrupt(String field, String expected, Object actual) {
        return Corruption.of(
                batch.where(context) + ", record " + index + " near byte " + relative(position) + " of the batch",
                field,
                expected,
                actual);
    }
}
