package io.reactivemq.operator.spill;

import static io.reactivemq.operator.spill.SpillFormat.ELEMENT_HEADER_BYTES;
import static io.reactivemq.operator.spill.SpillFormat.FRAME_HEADER_BYTES;

import io.reactivemq.operator.spill.SpillFormat.Flaw;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Reads the frames of a segment one after the other, and says which bytes are no frame that counts. A frame counts if its length
 * is possible, its checksum right and its base sequence the next one.
 *
 * <p>What is behind the first frame that does not count decides what it is. Nothing that counts: a tail that a crash tore
 * while it was written. A frame that counts: the file was whole beyond this point once, and it is damage. The search looks at every
 * byte, since the damaged frame's length can't be trusted.
 */
final class FrameScan {

    /** Small frames are read many at a time. A large one is read as a whole, with the header of the next. */
    private static final int WINDOW_BYTES = 64 << 10;

    private static final int SEARCH_WINDOW_BYTES = 1 << 20;

    /**
     * How much checksumming the search does per byte of the tail. Only bytes made to look like headers cost that much; then the
     * tail is taken for damage, and somebody has to look.
     */
    private static final int SEARCH_EFFORT_MAX = 64;

    /** No segment has more, so no frame in one is further away than that. */
    private static final long SEGMENT_ELEMENTS_MAX = SpillQueue.SEGMENT_BYTES_MAX / ELEMENT_HEADER_BYTES;

    private final StoredFile file;
    private ByteBuffer window = ByteBuffer.allocate(0);
    private long windowPosition;
    private long position;
    private long end;
    private long expectedSequence;
    private @Nullable Flaw flaw;

    // of the frame that next() found
    private int payloadAt;
    private int payloadBytes;
    private int count;

    FrameScan(StoredFile file, long position, long end, long expectedSequence) {
        this.file = file;
        this.position = position;
        this.end = end;
        this.expectedSequence = expectedSequence;
    }

    /** The file has grown to there. */
    void extendTo(long newEnd) {
        end = newEnd;
    }

    /** Moves to the next frame; false at the end or at one that does not count, which {@link #flaw} then describes. */
    boolean next() {
        if (position == end) {
            return false;
        }
        flaw = flawAt(position);
        if (flaw != null) {
            return false;
        }
        int at = (int) (position - windowPosition);
        payloadAt = at + FRAME_HEADER_BYTES;
        payloadBytes = SpillFormat.frameLength(window, at);
        count = SpillFormat.frameCount(window, at);
        expectedSequence += count;
        position += FRAME_HEADER_BYTES + payloadBytes;
        return true;
    }

    /** The elements of the frame, with their lengths: a read-only view, good until the next call. */
    ByteBuffer payload() {
        return window.asReadOnlyBuffer().limit(payloadAt + payloadBytes).position(payloadAt);
    }

    /** How many elements the frame has. */
    int count() {
        return count;
    }

    /** Behind the last frame that counts. */
    long position() {
        return position;
    }

    /** The sequence behind the last frame that counts. */
    long nextSequence() {
        return expectedSequence;
    }

    /** What is wrong with the bytes at {@link #position}; null at the end. */
    @Nullable Flaw flaw() {
        return flaw;
    }

    /** Where, from the flaw on, a frame begins that counts; -1: nowhere, the tail is torn. */
    long findFrameBehind() {
        long effort = SEARCH_EFFORT_MAX * (end - position) + SEARCH_WINDOW_BYTES;
        for (long from = position; end - from > FRAME_HEADER_BYTES; ) {
            ByteBuffer bytes = read(from, FRAME_HEADER_BYTES, (int) Math.min(SEARCH_WINDOW_BYTES, end - from));
            int candidates = bytes.limit() - FRAME_HEADER_BYTES + 1;
            for (int at = 0; at < candidates; at++) {
                if (!mayCount(bytes, at, from + at)) {
                    continue;
                }
                int size = FRAME_HEADER_BYTES + SpillFormat.frameLength(bytes, at);
                effort -= size;
                if (effort < 0
                        || SpillFormat.crc(read(from + at, size, size), 4, size - 4)
                                == SpillFormat.frameCrc(bytes, at)) {
                    return from + at;
                }
            }
            from += candidates;
        }
        return -1;
    }

    private boolean mayCount(ByteBuffer bytes, int at, long filePosition) {
        long sequence = SpillFormat.frameSequence(bytes, at);
        return sequence >= expectedSequence
                // elsewhere, each element that is gone has taken bytes
                && sequence - expectedSequence <= SEGMENT_ELEMENTS_MAX
                && isPossible(
                        SpillFormat.frameLength(bytes, at),
                        SpillFormat.frameCount(bytes, at),
                        end - filePosition - FRAME_HEADER_BYTES);
    }

    private static boolean isPossible(int length, int count, long lengthMax) {
        return length >= ELEMENT_HEADER_BYTES
                && length <= lengthMax
                && count > 0
                && count <= length / ELEMENT_HEADER_BYTES;
    }

    private @Nullable Flaw flawAt(long start) {
        long available = end - start;
        if (available < FRAME_HEADER_BYTES) {
            return new Flaw("bytes of a frame", "at least " + FRAME_HEADER_BYTES, available);
        }
        moveWindow(start, FRAME_HEADER_BYTES);
        int length = SpillFormat.frameLength(window, (int) (start - windowPosition));
        int count = SpillFormat.frameCount(window, (int) (start - windowPosition));
        long lengthMax = available - FRAME_HEADER_BYTES;
        if (length < ELEMENT_HEADER_BYTES || length > lengthMax) {
            return new Flaw("length of the frame", ELEMENT_HEADER_BYTES + " to " + lengthMax + " bytes", length);
        }
        if (!isPossible(length, count, lengthMax)) {
            return new Flaw("elements of the frame", "1 to " + length / ELEMENT_HEADER_BYTES, count);
        }
        moveWindow(start, FRAME_HEADER_BYTES + length);
        int at = (int) (start - windowPosition);
        int storedCrc = SpillFormat.frameCrc(window, at);
        int crc = SpillFormat.crc(window, at + 4, FRAME_HEADER_BYTES + length - 4);
        if (storedCrc != crc) {
            return new Flaw("crc of the frame", SpillFormat.hex(storedCrc), SpillFormat.hex(crc));
        }
        long sequence = SpillFormat.frameSequence(window, at);
        if (sequence != expectedSequence) {
            return new Flaw("base sequence of the frame", expectedSequence, sequence);
        }
        return null;
    }

    /** Sees to it that so many bytes from there on are in the window. */
    private void moveWindow(long start, int bytes) {
        long at = start - windowPosition;
        if (at < 0 || window.limit() - at < bytes) {
            long wanted = Math.max(WINDOW_BYTES, (long) bytes + FRAME_HEADER_BYTES);
            window = read(start, bytes, (int) Math.min(wanted, end - start));
            windowPosition = start;
        }
    }

    /** A store may give a view that does not begin at 0. */
    private ByteBuffer read(long from, int bytesMin, int bytesMax) {
        ByteBuffer bytes = file.read(from, bytesMin, bytesMax);
        return bytes.position() == 0 ? bytes : bytes.slice();
    }
}
