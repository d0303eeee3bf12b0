package io.reactivemq.consume;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Base64;

/**
 * Acknowledged offsets beyond a committed one, as runs in order. As text they are the metadata of the commit, so that whoever goes on from
 * it delivers only what was not acknowledged:
 *
 * <pre>
 *   rmq:acked:  base64url of varints:  gap to the first run, its length, gap to the next, its length, ...
 * </pre>
 *
 * <p>The text has at most the 4,096 bytes that a commit's metadata may have; the runs that don't fit in are left out and delivered again.
 * Other people's metadata is read as no runs.
 */
final class AckedRuns {

    static final AckedRuns NONE = new AckedRuns(new long[0]);

    private static final String PREFIX = "rmq:acked:";
    private static final int TEXT_BYTES_MAX = 4_096;
    private static final int BYTES_MAX = (TEXT_BYTES_MAX - PREFIX.length()) / 4 * 3;

    // first offset and the one behind the last, run by run
    private final long[] bounds;
    // the run that the last question was about or the next; questions come in order
    private int at;

    private AckedRuns(long[] bounds) {
        this.bounds = bounds;
    }

    /** The runs in a commit's metadata; none where it is not ours. */
    static AckedRuns parse(long committed, String metadata) {
        if (!metadata.startsWith(PREFIX) || metadata.length() > TEXT_BYTES_MAX) {
            return NONE;
        }
        byte[] bytes;
        try {
            bytes = Base64.getUrlDecoder().decode(metadata.substring(PREFIX.length()));
        } catch (IllegalArgumentException e) {
            return NONE;
        }
        long[] bounds = new long[bytes.length];
        int count = 0;
        long offset = committed;
        long value = 0;
        int shift = 0;
        for (byte next : bytes) {
            value |= (next & 0x7fL) << shift;
            shift += 7;
            if (next >= 0) {
                if (value <= 0 || offset + value < offset) {
                    return NONE;
                }
                offset += value;
                bounds[count++] = offset;
                value = 0;
                shift = 0;
            } else if (shift > 56) {
                return NONE;
            }
        }
        boolean whole = shift == 0 && count % 2 == 0;
        return whole && count > 0 ? new AckedRuns(Arrays.copyOf(bounds, count)) : NONE;
    }

    /** Whether the offset is in a run; asked for rising offsets. */
    boolean contains(long offset) {
        while (at < bounds.length && bounds[at + 1] <= offset) {
            at += 2;
        }
        return at < bounds.length && bounds[at] <= offset;
    }

    /** The first offset from that one on that is in no run. */
    long behind(long offset) {
        int low = 0;
        int high = bounds.length / 2;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (bounds[2 * middle + 1] <= offset) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return 2 * low < bounds.length && bounds[2 * low] <= offset ? bounds[2 * low + 1] : offset;
    }

    /** Writes what of the runs lies at or beyond that offset. */
    void writeFrom(long offset, Text text) {
        for (int i = 0; i < bounds.length; i += 2) {
            if (bounds[i + 1] > offset) {
                text.run(Math.max(bounds[i], offset), bounds[i + 1]);
            }
        }
    }

    /** Makes the text of runs that are given in order. */
    static final class Text {

        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(64);
        private long end;
        // the run that may still grow; from is negative where there is none
        private long from = -1;
        private long to;
        private boolean full;

        /** @param committed the offset that is committed with it */
        Text(long committed) {
            this.end = committed;
        }

        /** A run; it may touch the one before. */
        void run(long first, long behindLast) {
            if (from >= 0 && first == to) {
                to = behindLast;
                return;
            }
            flush();
            from = first;
            to = behindLast;
        }

        private void flush() {
            if (from == end) {
                // acknowledged since the offset was read; a gap of none can't be told
                from++;
            }
            if (from < 0 || from >= to || full) {
                return;
            }
            if (bytes.size() + varintBytes(from - end) + varintBytes(to - from) > BYTES_MAX) {
                full = true;
                return;
            }
            varint(from - end);
            varint(to - from);
            end = to;
        }

        private static int varintBytes(long value) {
            return (70 - Long.numberOfLeadingZeros(value)) / 7;
        }

        private void varint(long value) {
            long rest = value;
            while (rest > 0x7f) {
                bytes.write((int) ((rest & 0x7f) | 0x80));
                rest >>>= 7;
            }
            bytes.write((int) rest);
        }

        /** The metadata; empty without runs. */
        String finish() {
            flush();
            from = -1;
            return bytes.size() == 0
                    ? ""
                    : PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(bytes.toByteArray());
        }
    }
}
