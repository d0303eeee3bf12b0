package io.reactivemq.operator.spill;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of spill files. All numbers are big-endian; each element has a sequence number, counted from 0 in a directory
 * that is new, without gaps.
 *
 * <pre>
 * segment file: &lt;base sequence, 20 digits&gt;.spill
 *    0   8  magic          "RMQSPILL"
 *    8   2  version        1
 *   10   2  flags          bit 0: whoever wrote it wants it taken up by who comes next
 *   12   8  base sequence  of the first element
 *   20   4  crc            CRC-32C of the bytes before
 *   24      frames
 *
 * frame
 *    0   4  crc            CRC-32C of the rest of the frame
 *    4   4  length         of the payload in bytes
 *    8   8  base sequence  of the first element
 *   16   4  count          elements in the payload
 *   20      payload        each element: 4 bytes of length, and its bytes
 *
 * position file: consumed, two slots, at 0 and at 512
 *    0   4  crc            CRC-32C of the rest of the slot
 *    4   4  magic          "RMQP"
 *    8   8  sequence       all elements below it have been delivered
 * </pre>
 *
 * <p>After a crash the last segment may end in the middle of a frame. Of the position file a crash may take one slot, the one that
 * was being written; the other has an earlier sequence, and elements are delivered again.
 */
final class SpillFormat {

    static final int SEGMENT_HEADER_BYTES = 24;
    static final int FRAME_HEADER_BYTES = 20;
    static final int ELEMENT_HEADER_BYTES = 4;
    static final int SLOT_BYTES = 16;
    /** The second slot is in a sector of its own. */
    static final int SECOND_SLOT_AT = 512;

    static final int FLAG_KEEP = 1;

    static final String SUFFIX = ".spill";
    static final String POSITION_FILE = "consumed";

    private static final long MAGIC = 0x524d_5153_5049_4c4cL;
    private static final short VERSION = 1;
    private static final int SLOT_MAGIC = 0x524d_5150;

    private static final int DIGITS = 20;

    private SpillFormat() {}

    static Path segmentFile(Path directory, long baseSequence) {
        return directory.resolve(String.format(Locale.ROOT, "%0" + DIGITS + "d", baseSequence) + SUFFIX);
    }

    /** The base sequence in a segment file's name; empty for any other file. */
    static OptionalLong baseSequenceOf(Path file) {
        String name = file.getFileName().toString();
        if (name.length() != DIGITS + SUFFIX.length() || !name.endsWith(SUFFIX)) {
            return OptionalLong.empty();
        }
        for (int i = 0; i < DIGITS; i++) {
            if (name.charAt(i) < '0' || name.charAt(i) > '9') {
                return OptionalLong.empty();
            }
        }
        try {
            return OptionalLong.of(Long.parseLong(name.substring(0, DIGITS)));
        } catch (NumberFormatException e) {
            return OptionalLong.empty();
        }
    }

    static ByteBuffer segmentHeader(long baseSequence, boolean keep) {
        ByteBuffer header = ByteBuffer.allocate(SEGMENT_HEADER_BYTES);
        header.putLong(MAGIC).putShort(VERSION).putShort((short) (keep ? FLAG_KEEP : 0));
        header.putLong(baseSequence);
        return header.putInt(crc(header, 0, header.position())).flip();
    }

    /** What is wrong with a segment's header; null where nothing is. */
    static @Nullable Flaw flawOfSegment(ByteBuffer header, int at, long baseSequence) {
        if (header.getLong(at) != MAGIC) {
            return new Flaw("magic of the segment", hex(MAGIC), hex(header.getLong(at)));
        }
        int storedCrc = header.getInt(at + 20);
        int crc = crc(header, at, 20);
        if (storedCrc != crc) {
            return new Flaw("crc of the segment's header", hex(storedCrc), hex(crc));
        }
        if (header.getShort(at + 8) != VERSION) {
            return new Flaw("version of the segment", VERSION, header.getShort(at + 8));
        }
        if (header.getLong(at + 12) != baseSequence) {
            return new Flaw("base sequence of the segment", baseSequence, header.getLong(at + 12));
        }
        return null;
    }

    static boolean keeps(ByteBuffer header, int at) {
        return (header.getShort(at + 10) & FLAG_KEEP) != 0;
    }

    /** Writes the header before a payload that is there already, from {@code at + 20} to the limit. */
    static void finishFrame(ByteBuffer frame, int at, long baseSequence, int count) {
        frame.putInt(at + 4, frame.limit() - at - FRAME_HEADER_BYTES);
        frame.putLong(at + 8, baseSequence);
        frame.putInt(at + 16, count);
        frame.putInt(at, crc(frame, at + 4, frame.limit() - at - 4));
    }

    static int frameCrc(ByteBuffer bytes, int at) {
        return bytes.getInt(at);
    }

    static int frameLength(ByteBuffer bytes, int at) {
        return bytes.getInt(at + 4);
    }

    static long frameSequence(ByteBuffer bytes, int at) {
        return bytes.getLong(at + 8);
    }

    static int frameCount(ByteBuffer bytes, int at) {
        return bytes.getInt(at + 16);
    }

    static ByteBuffer slot(long sequence) {
        ByteBuffer slot = ByteBuffer.allocate(SLOT_BYTES);
        slot.putInt(4, SLOT_MAGIC).putLong(8, sequence);
        return slot.putInt(0, crc(slot, 4, SLOT_BYTES - 4));
    }

    /** The sequence in a slot; empty where it holds none. */
    static OptionalLong sequenceIn(ByteBuffer content, int at) {
        if (content.limit() - at < SLOT_BYTES
                || content.getInt(at + 4) != SLOT_MAGIC
                || content.getInt(at) != crc(content, at + 4, SLOT_BYTES - 4)
                || content.getLong(at + 8) < 0) {
            return OptionalLong.empty();
        }
        return OptionalLong.of(content.getLong(at + 8));
    }

    static int crc(ByteBuffer bytes, int from, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes.duplicate().limit(from + length).position(from));
        return (int) crc.getValue();
    }

    static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }

    static String hex(int value) {
        return "0x" + Integer.toHexString(value);
    }

    /**
     * What is wrong with some bytes.
     *
     * @param field what was looked at
     * @param expected what it should be
     * @param actual what it is
     */
    record Flaw(String field, Object expected, Object actual) {
        @Override
        public String toString() {
            return field + ": expected " + expected + ", actual " + actual;
        }
    }
}
