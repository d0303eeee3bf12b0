package io.reactivemq.operator.spill;

import static io.reactivemq.operator.spill.SpillFormat.ELEMENT_HEADER_BYTES;
import static io.reactivemq.operator.spill.SpillFormat.SEGMENT_HEADER_BYTES;

import io.reactivemq.MqException;
import io.reactivemq.operator.spill.SpillFormat.Flaw;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * The reading end of a queue: goes through the queue's segments, which may grow meanwhile, from element to element, and checks each frame as it
 * comes to it.
 */
final class SpillReader {

    private final FileStore store;

    /** The queue's, oldest first. */
    private final Deque<SpillSegment> segments;

    /** Of the element that is read next. */
    private long sequence;

    private @Nullable SpillSegment reading;
    private @Nullable StoredFile file;
    private @Nullable FrameScan scan;
    private ByteBuffer payload = ByteBuffer.allocate(0);
    private long payloadPosition;

    SpillReader(FileStore store, Deque<SpillSegment> segments) {
        this.store = store;
        this.segments = segments;
    }

    /** Before it has read anything: where it begins. */
    void startAt(long first) {
        sequence = first;
    }

    /** The sequence of the element that {@link #next} reads next. */
    long sequence() {
        return sequence;
    }

    /**
     * The next element's bytes; to be called where there is one. A read-only view that is good until the next call.
     *
     * @throws MqException CORRUPT_MESSAGE where the bytes are not what was written; then nothing is read any more
     */
    ByteBuffer next() {
        // the end of the element before is the begin of the next, whatever its reader did to the view
        payload.clear();
        while (payloadPosition == payload.capacity()) {
            nextFrame();
        }
        payload.position((int) payloadPosition);
        int length = payload.remaining() < ELEMENT_HEADER_BYTES ? -1 : payload.getInt();
        if (length < 0 || length > payload.remaining()) {
            throw damage(new Flaw("length of element " + sequence, "0 to " + payload.remaining(), length));
        }
        payload.limit(payload.position() + length);
        payloadPosition = payload.limit();
        sequence++;
        return payload;
    }

    /** Where the element that {@link #next} gave is. */
    String describeLast() {
        SpillSegment segment = reading;
        FrameScan frames = scan;
        return segment == null || frames == null
                ? "element " + (sequence - 1)
                : "element " + (sequence - 1) + " in " + segment.path + ", in the frame that ends at byte "
                        + frames.position();
    }

    private void nextFrame() {
        for (; ; ) {
            FrameScan frames = openScan();
            if (frames.next()) {
                long skipped = sequence - (frames.nextSequence() - frames.count());
                if (skipped >= frames.count()) {
                    continue; // delivered to a former process
                }
                payload = frames.payload().slice();
                payloadPosition = 0;
                for (; skipped > 0; skipped--) {
                    payloadPosition += ELEMENT_HEADER_BYTES + payload.getInt((int) payloadPosition);
                }
                return;
            }
            Flaw flaw = frames.flaw();
            if (flaw != null) {
                throw damage(flaw);
            }
            SpillSegment segment = segment();
            if (frames.nextSequence() != segment.end) {
                throw damage(new Flaw("sequence behind the segment", segment.end, frames.nextSequence()));
            }
            close();
        }
    }

    private FrameScan openScan() {
        FrameScan frames = scan;
        if (frames != null) {
            frames.extendTo(segment().size);
            return frames;
        }
        for (SpillSegment segment : segments) {
            if (segment.end > sequence) {
                return openScan(segment);
            }
        }
        throw new IllegalStateException("element " + sequence + " is in none of the segments");
    }

    private FrameScan openScan(SpillSegment segment) {
        StoredFile opened = store.open(segment.path, OpenMode.READ);
        reading = segment;
        file = opened;
        FrameScan frames = null;
        try {
            if (segment.size < SEGMENT_HEADER_BYTES) {
                throw damage(new Flaw("bytes of the segment", "at least " + SEGMENT_HEADER_BYTES, segment.size));
            }
            ByteBuffer header = opened.read(0, SEGMENT_HEADER_BYTES);
            Flaw flaw = SpillFormat.flawOfSegment(header, header.position(), segment.base);
            if (flaw != null) {
                throw damage(flaw);
            }
            frames = new FrameScan(opened, SEGMENT_HEADER_BYTES, segment.size, segment.base);
            scan = frames;
            return frames;
        } finally {
            if (frames == null) {
                close();
            }
        }
    }

    private SpillSegment segment() {
        SpillSegment segment = reading;
        if (segment == null) {
            throw new IllegalStateException("no segment is being read");
        }
        return segment;
    }

    private MqException damage(Flaw flaw) {
        return SpillDamage.of(segment().path, scan == null ? 0 : scan.position(), flaw, "");
    }

    /** The segment is about to be deleted. */
    void leave(SpillSegment segment) {
        if (segment == reading) {
            close();
        }
    }

    void close() {
        StoredFile opened = file;
        file = null;
        reading = null;
        scan = null;
        payload = ByteBuffer.allocate(0);
        payloadPosition = 0;
        SpillQueue.close(opened);
    }
}
