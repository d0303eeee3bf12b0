package io.reactivemq.record;

import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;

/**
 * Looks through the records of one batch from the first to the last, and holds no more of them than a window of 16 KiB, whatever they
 * decompress to: for a batch that is to be stored and not to be used. Each record is parsed whole, its headers included; keys and values are passed over.
 * {@link RecordCursor}, which reads them, takes and refuses the same batches. Not thread-safe; to be closed.
 */
public final class RecordWalk implements AutoCloseable {

    private static final int WINDOW_BYTES = 16 << 10;
    private static final int VARINT_BYTES_MAX = 5;
    private static final int VARLONG_BYTES_MAX = 10;
    private static final int HEADER_BYTES_MIN = 2;

    private final RecordBatch batch;
    private final String context;
    private final InputStream from;
    private final OutputStream copy;
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
    private boolean hasKey;

    /**
     * @param from the records without compression; closed with this
     * @param sizeHint how many bytes those may be, where that is less than a window
     * @param copy what is read is written to it, too
     */
    RecordWalk(RecordBatch batch, String context, InputStream from, long sizeHint, OutputStream copy) {
        this.batch = batch;
        this.context = context;
        this.from = from;
        this.copy = copy;
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
        return hasKey;
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
        int length = readVarint("record length");
        if (length < RecordCursor.RECORD_BYTES_MIN - 1) {
            throw corrupt("record length", "at least " + (RecordCursor.RECORD_BYTES_MIN - 1), length);
        }
        long end = position() + length;
        readByte(); // the record's attributes, which have no meaning yet
        timestampDelta = readVarlong("timestamp delta");
        int delta = readVarint("offset delta");
        if (delta <= offsetDelta || delta > lastOffsetDelta) {
            throw corrupt("offset delta", (offsetDelta + 1L) + " to " + lastOffsetDelta, delta);
        }
        offsetDelta = delta;
        hasKey = skipField("key length", -1, end) >= 0;
        skipField("value length", -1, end);
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

    /** Passes over a field and the length before it, which is returned. */
    private int skipField(String name, int min, long end) {
        int length = readVarint(name);
        if (length < min || length > end - position()) {
            throw corrupt(name, min + " to " + (end - position()), length);
        }
        int left = Math.max(0, length);
        while (left > filled - at) {
            left -= filled - at;
            at = filled;
            requireMore();
        }
        at += left;
        return length;
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
