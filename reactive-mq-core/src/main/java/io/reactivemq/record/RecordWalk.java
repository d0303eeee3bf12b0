package io.reactivemq.record;

import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Looks through the records of one batch from the first to the last, and holds no more of them than a window of 16 KiB, whatever they
 * decompress to: for a batch that is to be stored or compacted and not to be used. Each record is parsed whole, its headers included; values are passed
 * over, and keys, where nobody asks for them: who does holds one of them at a time.
 * {@link RecordCursor}, which reads them, takes and refuses the same batches. Not thread-safe; to be closed.
 */
public final class RecordWalk implements AutoCloseable {

    private static final int WINDOW_BYTES = 16 << 10;
    private static final int VARINT_BYTES_MAX = 5;
    private static final int VARLONG_BYTES_MAX = 10;
    private static final int HEADER_BYTES_MIN = 2;
    private static final byte[] NO_BYTES = {};

    /** Of {@link #keyAt}: the key is not in the window. */
    private static final int COPIED = -1;

    private final RecordBatch batch;
    private final String context;
    private final InputStream from;
    private final OutputStream copy;
    private final boolean withKeys;
    private final int count;
    private final int lastOffsetDelta;
    private final long baseOffset;
    private final long baseTimestamp;
    private final boolean logAppendTime;
    private final byte[] window;

    /** How many bytes came before those in the window. */
    private long passed;

    private int at;
    private int filled;

    private int index = -1;
    private int offsetDelta = -1;
    private long timestampDelta;
    private boolean hasValue;

    // of the record's key: where it begins in the window, or COPIED
    private int keyLength = -1;
    private int keyAt = COPIED;
    private byte[] keyCopy = NO_BYTES;
    private @Nullable ByteBuffer windowView;

    /**
     * @param from the records without compression; closed with this
     * @param sizeHint how many bytes those may be, where that is less than a window
     * @param copy what is read is written to it, too
     * @param withKeys whether {@link #key} may be asked for
     */
    RecordWalk(
            RecordBatch batch, String context, InputStream from, long sizeHint, OutputStream copy, boolean withKeys) {
        this.batch = batch;
        this.context = context;
        this.from = from;
        this.copy = copy;
        this.withKeys = withKeys;
        this.count = batch.count();
        this.lastOffsetDelta = batch.lastOffsetDelta();
        this.baseOffset = batch.baseOffset();
        this.baseTimestamp = batch.baseTimestamp();
        this.logAppendTime = batch.timestampType() == TimestampType.LOG_APPEND_TIME;
        this.window = new byte[(int) Math.max(1, Math.min(WINDOW_BYTES, sizeHint))];
    }

    /**
     * Moves to the next record; false behind the last.
     *
     * @throws MqException CORRUPT_MESSAGE where the bytes are no record, where an offset does not come after the one before it and, behind the last
     *     record, where bytes are left
     */
    public boolean next() {
        if (index + 1 >= count) {
            if (at < filled || fill()) {
                throw corrupt("bytes behind the last of " + count + " records", "0", "some");
            }
            return false;
        }
        index++;
        readRecord();
        return true;
    }

    /** Of the record that {@link #next} came to. */
    public long offset() {
        return baseOffset + offsetDelta;
    }

    /** As {@link RecordCursor#timestampMs}. */
    public long timestampMs() {
        return logAppendTime ? batch.maxTimestamp() : baseTimestamp + timestampDelta;
    }

    /** Whether the record that {@link #next} came to has a key, of no bytes perhaps. */
    public boolean hasKey() {
        return keyLength >= 0;
    }

    /** Whether the record that {@link #next} came to has a value, of no bytes perhaps. */
    public boolean hasValue() {
        return hasValue;
    }

    /**
     * The key's bytes between position and limit of a read-only buffer, or null. It holds until the next {@link #next()} or {@code key()}.
     *
     * @throws IllegalStateException where the walk is not one with keys
     */
    public @Nullable ByteBuffer key() {
        if (!withKeys) {
            throw new IllegalStateException("a walk without keys");
        }
        if (keyLength < 0) {
            return null;
        }
        if (keyAt == COPIED) {
            return ByteBuffer.wrap(keyCopy, 0, keyLength).asReadOnlyBuffer();
        }
        ByteBuffer view = windowView;
        if (view == null) {
            view = ByteBuffer.wrap(window).asReadOnlyBuffer();
            windowView = view;
        }
        return view.limit(keyAt + keyLength).position(keyAt);
    }

    /** Passes over the next record, which another walk has looked at: what is in it is not looked at. */
    void skipNext() {
        skip(readRecordLength());
    }

    /**
     * Copies the next record, which another walk has looked at: what is in it is not looked at.
     *
     * @param timestampShift added to its timestamp delta
     * @return how many bytes it has in the copy
     */
    long copyNext(OutputStream to, long timestampShift) throws IOException {
        int length = readRecordLength();
        long end = position() + length;
        byte attributes = readByte();
        long delta = readVarlong("timestamp delta") + timestampShift;
        int rest = (int) (end - position());
        int newLength = 1 + Varints.sizeOf(delta) + rest;
        byte[] begin = new byte[VARINT_BYTES_MAX + 1 + VARLONG_BYTES_MAX];
        int size = Varints.write(begin, 0, newLength);
        begin[size++] = attributes;
        size = Varints.write(begin, size, delta);
        to.write(begin, 0, size);
        copy(rest, to);
        return (long) size + rest;
    }

    private void copy(int bytes, OutputStream to) throws IOException {
        for (int left = bytes; left > 0; ) {
            if (at == filled) {
                requireMore();
            }
            int part = Math.min(left, filled - at);
            to.write(window, at, part);
            at += part;
            left -= part;
        }
    }

    /** How many bytes were read. */
    long bytesRead() {
        return passed + filled;
    }

    @Override
    public void close() {
        try {
            from.close();
        } catch (IOException e) {
            throw new UncheckedIOException("reading from memory", e);
        }
    }

    private void readRecord() {
        long end = readRecordLength() + position();
        readByte(); // the record's attributes, which have no meaning yet
        timestampDelta = readVarlong("timestamp delta");
        int delta = readVarint("offset delta");
        if (delta <= offsetDelta || delta > lastOffsetDelta) {
            throw corrupt("offset delta", (offsetDelta + 1L) + " to " + lastOffsetDelta, delta);
        }
        offsetDelta = delta;
        keyLength = withKeys ? readKey(end) : skipField("key length", -1, end);
        hasValue = skipField("value length", -1, end) >= 0;
        int headers = readVarint("header count");
        long left = end - position();
        if (headers == 0 ? left != 0 : headers < 0 || headers > left / HEADER_BYTES_MIN) {
            throw corrupt("header count", "none, or what fits into the " + left + " bytes left of the record", headers);
        }
        for (int i = 0; i < headers; i++) {
            skipField("header key length", 0, end);
            skipField("header value length", -1, end);
        }
        if (position() != end) {
            throw corrupt("bytes behind the record's last header", "0", end - position());
        }
    }

    private int readRecordLength() {
        keyLength = -1;
        keyAt = COPIED;
        int length = readVarint("record length");
        if (length < RecordCursor.RECORD_BYTES_MIN - 1) {
            throw corrupt("record length", "at least " + (RecordCursor.RECORD_BYTES_MIN - 1), length);
        }
        return length;
    }

    private int readFieldLength(String name, int min, long end) {
        int length = readVarint(name);
        if (length < min || length > end - position()) {
            throw corrupt(name, min + " to " + (end - position()), length);
        }
        return length;
    }

    /** As {@link #skipField} of the key, whose bytes stay. */
    private int readKey(long end) {
        int length = readFieldLength("key length", -1, end);
        if (length <= filled - at) {
            keyAt = at;
            at += Math.max(0, length);
            return length;
        }
        for (int copied = 0; copied < length; ) {
            if (at == filled) {
                requireMore();
            }
            int part = Math.min(length - copied, filled - at);
            if (keyCopy.length < copied + part) { // grows as bytes come: the length may be a lie
                keyCopy = Arrays.copyOf(keyCopy, (int) Math.min(length, 2L * (copied + part)));
            }
            System.arraycopy(window, at, keyCopy, copied, part);
            at += part;
            copied += part;
        }
        return length;
    }

    /** Passes over a field and the length before it, which is returned. */
    private int skipField(String name, int min, long end) {
        int length = readFieldLength(name, min, end);
        skip(Math.max(0, length));
        return length;
    }

    private void skip(int bytes) {
        int left = bytes;
        while (left > filled - at) {
            left -= filled - at;
            at = filled;
            requireMore();
        }
        at += left;
    }

    /** Nearly all have one byte or two. */
    private int readVarint(String field) {
        if (filled - at >= 2) {
            int first = window[at];
            if (first >= 0) {
                at++;
                return Varints.unzigzag(first);
            }
            int second = window[at + 1];
            if (second >= 0) {
                at += 2;
                return Varints.unzigzag((first & 0x7f) | (second << 7));
            }
        }
        return readLongVarint(field);
    }

    private int readLongVarint(String field) {
        int bits = 0;
        for (int i = 0; i < VARINT_BYTES_MAX; i++) {
            int b = readByte();
            if (i == VARINT_BYTES_MAX - 1 && (b & 0xf0) != 0) {
                break;
            }
            bits |= (b & 0x7f) << (7 * i);
            if (b >= 0) {
                return Varints.unzigzag(bits);
            }
        }
        throw corrupt(field, "a varint of 32 bits, so a fifth byte of at most 15", window[at - 1] & 0xff);
    }

    private long readVarlong(String field) {
        if (at < filled && window[at] >= 0) {
            return Varints.unzigzag((long) window[at++]);
        }
        return readLongVarlong(field);
    }

    private long readLongVarlong(String field) {
        long bits = 0;
        for (int i = 0; i < VARLONG_BYTES_MAX; i++) {
            int b = readByte();
            if (i == VARLONG_BYTES_MAX - 1 && (b & 0xfe) != 0) {
                break;
            }
            bits |= (long) (b & 0x7f) << (7 * i);
            if (b >= 0) {
                return Varints.unzigzag(bits);
            }
        }
        throw corrupt(field, "a varlong of 64 bits, so a tenth byte of at most 1", window[at - 1] & 0xff);
    }

    private byte readByte() {
        if (at == filled) {
            requireMore();
        }
        return window[at++];
    }

    private void requireMore() {
        if (!fill()) {
            throw corrupt(
                    "record", "to end at byte " + (RecordBatch.HEADER_BYTES + position()) + " or before", "no end");
        }
    }

    /** Reads on where all of the window was used; false at the end. */
    private boolean fill() {
        try {
            keepKey();
            int read;
            do {
                read = from.read(window, 0, window.length);
            } while (read == 0);
            if (read < 0) {
                return false;
            }
            passed += filled;
            filled = read;
            at = 0;
            copy.write(window, 0, read);
            return true;
        } catch (IOException e) {
            throw new UncheckedIOException("reading and writing in memory", e);
        }
    }

    /** Before the window moves on. */
    private void keepKey() {
        if (keyAt == COPIED || keyLength <= 0) {
            return;
        }
        if (keyCopy.length < keyLength) {
            keyCopy = new byte[keyLength];
        }
        System.arraycopy(window, keyAt, keyCopy, 0, keyLength);
        keyAt = COPIED;
    }

    private long position() {
        return passed + at;
    }

    private MqException corrupt(String field, String expected, Object actual) {
        return Corruption.of(
                batch.where(context) + ", record " + index + " near byte " + (RecordBatch.HEADER_BYTES + position())
                        + " of the batch",
                field,
                expected,
                actual);
    }
}
