package io.reactivemq.operator.spill;

import static io.reactivemq.operator.spill.SpillFormat.ELEMENT_HEADER_BYTES;
import static io.reactivemq.operator.spill.SpillFormat.FRAME_HEADER_BYTES;
import static io.reactivemq.operator.spill.SpillFormat.SEGMENT_HEADER_BYTES;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A queue of elements as bytes, in files: first in, first out, however long. Elements go in and come out in frames, many at a
 * time; what has been delivered is forgotten, a whole segment at a time.
 *
 * <pre>
 *   consumed            read               readable        written
 *      |                 |                    |               |
 *   ---+-----------------+--------------------+---------------+
 *      |  in the hands   |  to be read        |  to be forced |
 *      |  of the reader  |                    |               |
 * </pre>
 *
 * <p><b>Order of life.</b> {@link #append} writes a frame, {@link #force} makes what was written survive a loss of power (if the
 * queue is one that does; else what is appended can be read at once), {@link #next} reads elements, {@link #consumed} says up to
 * where they have been delivered. Segments wholly below that are deleted; the last one too when all is delivered.
 *
 * <p><b>Failures.</b> An append that fails is cut back, and can be tried again. If the cut fails, or any force, nothing is written
 * any more ({@link #isFenced}): what had not been forced is no longer part of the queue, and its elements are again those of the
 * caller; the rest can still be read. A segment that can't be deleted is tried again with the next.
 *
 * <p><b>After a crash</b> {@link #open} takes up what it finds: segments in the order of their names, from the position that was
 * recorded on. A torn tail of the last is cut. Bytes that are not what was written are an error that names file and position, when
 * the last segment is opened or when a former one is read, and nothing is deleted from then on.
 *
 * <p>For one thread at a time.
 */
public final class SpillQueue {

    /** The largest segment: positions in it are ints. */
    public static final long SEGMENT_BYTES_MAX = 1 << 30;

    /** What a segment costs besides the payload of one frame. */
    public static final int OVERHEAD_BYTES = SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + ELEMENT_HEADER_BYTES;

    private static final Logger LOGGER = LoggerFactory.getLogger(SpillQueue.class);

    /** What is written at once, where elements are small enough. */
    private static final int FRAME_BYTES = 256 << 10;

    private final FileStore store;
    private final Path directory;
    private final Config config;

    /** Oldest first; the last may be the one that is written. */
    private final Deque<SpillSegment> segments = new ArrayDeque<>();

    /** Below the consumed position, and still there because deleting them failed. */
    private final List<SpillSegment> undeleted = new ArrayList<>();

    /** Made when it is needed: many a queue is only read, or has nothing to do at all. */
    private ByteBuffer frame = ByteBuffer.allocate(0);

    private @Nullable StoredFile writer;
    private final SpillReader reader;
    private final SpillPosition position;

    /** Invariant: consumed <= the reader's sequence <= readable <= written. */
    private long written;

    private long readable;
    private long consumed;

    private long diskBytes;

    /** How much of the last segment is readable. */
    private long readableBytes;

    private boolean directoryChanged;
    private boolean fenced;

    /**
     * How a queue behaves.
     *
     * @param keep whether what is not consumed stays for whoever opens the directory next
     * @param forced whether elements are readable only when they have been forced to disk
     * @param segmentBytes how large a segment may get
     */
    public record Config(boolean keep, boolean forced, int segmentBytes) {

        /** The smallest segment: a few elements must fit in. */
        public static final int SEGMENT_BYTES_MIN = 1 << 10;

        public Config {
            if (segmentBytes < SEGMENT_BYTES_MIN || segmentBytes > SEGMENT_BYTES_MAX) {
                throw new IllegalArgumentException("segmentBytes must be between " + SEGMENT_BYTES_MIN + " and "
                        + SEGMENT_BYTES_MAX + ", but is " + segmentBytes);
            }
        }
    }

    private SpillQueue(FileStore store, Path directory, Config config) {
        this.store = store;
        this.directory = directory;
        this.config = config;
        this.reader = new SpillReader(store, segments);
        this.position = new SpillPosition(store, directory);
    }

    /**
     * Opens the queue in a directory, which is made if missing and must be nobody else's.
     *
     * @throws MqException CORRUPT_MESSAGE if the last segment is damaged; INVALID_REQUEST if the directory holds what somebody wanted
     *     to be kept and this queue is not one that keeps; KAFKA_STORAGE_ERROR. Nothing has changed then but a torn tail
     */
    public static SpillQueue open(FileStore store, Path directory, Config config) {
        SpillQueue queue = new SpillQueue(store, directory, config);
        boolean done = false;
        try {
            queue.recover();
            done = true;
            return queue;
        } finally {
            if (!done) {
                queue.closeFiles();
            }
        }
    }

    /** Makes a directory that {@link #open} can open. */
    public static void makeDirectory(FileStore store, Path directory, Config config) {
        if (config.forced()) {
            store.createForcedDirectories(directory);
        } else {
            store.createDirectories(directory);
        }
    }

    private void recover() {
        consumed = new SpillRecovery(store, directory, config, position, segments).run();
        SpillSegment last = segments.peekLast();
        written = Math.max(consumed, last == null ? 0 : last.end);
        readable = written;
        reader.startAt(consumed);
        segments.forEach(segment -> diskBytes += segment.size);
        deleteConsumed();
    }

    // --- how it stands -------------------------------------------------------------------------------------------

    /** How many elements are still to be read. */
    public long unread() {
        return readable - reader.sequence();
    }

    /** The sequence of the element that {@link #next} reads next. */
    public long readSequence() {
        return reader.sequence();
    }

    /** The sequence behind the last element that was written. */
    public long writtenSequence() {
        return written;
    }

    /** How large the files are. */
    public long diskBytes() {
        return diskBytes;
    }

    /** Whether nothing is written any more; see the class's word on failures. */
    public boolean isFenced() {
        return fenced;
    }

    // --- writing -------------------------------------------------------------------------------------------------

    /**
     * A buffer to put elements into, each with its length before it, from its position to its limit; at least so many bytes, which may
     * be one element that is larger than others. To be handed to {@link #append}, or forgotten.
     */
    public ByteBuffer frame(int payloadBytesMin) {
        int bytes = FRAME_HEADER_BYTES + payloadBytesMin;
        int usual = Math.min(FRAME_BYTES, config.segmentBytes() - SEGMENT_HEADER_BYTES);
        if (bytes > usual) {
            // of its own, and gone with it: heap, since direct memory is given back late
            return ByteBuffer.allocate(bytes).position(FRAME_HEADER_BYTES);
        }
        if (frame.capacity() == 0) {
            frame = ByteBuffer.allocateDirect(usual);
        }
        return frame.clear().position(FRAME_HEADER_BYTES);
    }

    /** By how much the files grow with this frame. */
    public long cost(ByteBuffer filled) {
        return (long) filled.position() + (mustRoll(filled.position()) ? SEGMENT_HEADER_BYTES : 0);
    }

    private boolean mustRoll(int frameBytes) {
        SpillSegment last = segments.peekLast();
        return writer == null || last == null || last.size + frameBytes > config.segmentBytes();
    }

    /**
     * Writes the elements that were put into the frame.
     *
     * @throws StorageException where that failed; the queue is what it was before
     */
    public void append(ByteBuffer filled, int count) {
        checkWritable();
        filled.flip();
        if (mustRoll(filled.limit())) {
            roll();
        }
        SpillSegment segment = segments.getLast();
        StoredFile file = openWriter();
        SpillFormat.finishFrame(filled, 0, written, count);
        boolean done = false;
        try {
            file.write(filled, segment.size);
            done = true;
        } finally {
            if (!done) {
                cutBack(file, segment.size);
            }
        }
        segment.size += filled.limit();
        diskBytes += filled.limit();
        written += count;
        segment.end = written;
        if (!config.forced()) {
            makeReadable();
        }
    }

    private void makeReadable() {
        readable = written;
        readableBytes = segments.getLast().size;
    }

    private void cutBack(StoredFile file, long size) {
        try {
            file.truncate(size);
            if (config.forced()) {
                file.force();
            }
        } catch (StorageException e) {
            LOGGER.warn("{}: a failed write could not be cut back; nothing is written any more", directory, e);
            fence();
        }
    }

    private void roll() {
        if (written > readable) {
            force();
        }
        closeWriter();
        SpillSegment segment =
                new SpillSegment(SpillFormat.segmentFile(directory, written), written, SEGMENT_HEADER_BYTES, written);
        boolean done = false;
        StoredFile file = store.open(segment.path, OpenMode.CREATE);
        try {
            file.truncate(0);
            file.write(SpillFormat.segmentHeader(written, config.keep()), 0);
            done = true;
        } finally {
            if (!done) {
                file.close();
                giveUp(segment.path);
            }
        }
        writer = file;
        directoryChanged = true;
        segments.add(segment);
        diskBytes += segment.size;
        readableBytes = segment.size;
    }

    /** A segment that could not be begun; what is left of it is written over by the next attempt, or cut by the next opening. */
    private void giveUp(Path path) {
        try {
            store.delete(path);
        } catch (StorageException e) {
            LOGGER.warn("{}: {} could not be deleted", directory, path, e);
        }
    }

    private StoredFile openWriter() {
        StoredFile file = writer;
        if (file == null) {
            throw new IllegalStateException("no segment is open for writing");
        }
        return file;
    }

    /** Returns when all that was appended can be read, which where that is asked for means that it survives a loss of power. */
    public void force() {
        if (written == readable) {
            return;
        }
        checkWritable();
        boolean done = false;
        try {
            openWriter().force();
            if (directoryChanged) {
                store.forceDirectory(directory);
                directoryChanged = false;
            }
            done = true;
        } finally {
            if (!done) {
                fence();
            }
        }
        makeReadable();
    }

    private void checkWritable() {
        if (fenced) {
            throw new MqException(
                    ErrorCode.KAFKA_STORAGE_ERROR,
                    directory
                            + ": nothing is written any more, since a force or the cut behind a failed write has failed");
        }
    }

    /** What was not forced belongs to the caller again; it is cut, so that it does not come twice after the next opening. */
    private void fence() {
        fenced = true;
        StoredFile file = writer;
        SpillSegment last = segments.peekLast();
        if (written == readable || file == null || last == null) {
            return;
        }
        written = readable;
        diskBytes -= last.size - readableBytes;
        last.end = readable;
        last.size = readableBytes;
        try {
            file.truncate(last.size);
        } catch (StorageException e) {
            LOGGER.warn("{}: {} could not be cut to what was forced", directory, last.path, e);
        }
    }

    // --- reading -------------------------------------------------------------------------------------------------

    /**
     * The next element's bytes; null where there is none to read. A read-only view that is good until the next call.
     *
     * @throws MqException CORRUPT_MESSAGE where the bytes are not what was written; then nothing is read any more
     */
    public @Nullable ByteBuffer next() {
        return reader.sequence() == readable ? null : reader.next();
    }

    /** Where the element that {@link #next} gave is. */
    public String describeLast() {
        return reader.describeLast();
    }

    // --- forgetting ----------------------------------------------------------------------------------------------

    /**
     * All elements below have been delivered. Deletes what is no longer needed, and records the position if that is asked for.
     *
     * @throws StorageException if a force failed. Other failures are tried again with the next call
     */
    public void consumed(long sequence) {
        consumed = Math.max(consumed, sequence);
        if (!config.keep() || record()) {
            deleteConsumed();
        }
    }

    /** False where it failed, and nothing may be deleted. */
    private boolean record() {
        if (position.isAt(consumed)) {
            return true;
        }
        if (!position.write(consumed)) {
            return false;
        }
        SpillSegment first = segments.peekFirst();
        if (config.forced() && first != null && first.end <= consumed) {
            // what is deleted must not be missed after a loss of power
            if (fenced) {
                return false;
            }
            try {
                position.force();
            } catch (StorageException e) {
                fence();
                throw e;
            }
        }
        position.written(consumed);
        return true;
    }

    private void deleteConsumed() {
        for (SpillSegment first = segments.peekFirst();
                first != null && first.end <= consumed;
                first = segments.peekFirst()) {
            if (segments.size() == 1) {
                if (consumed < written) {
                    break;
                }
                closeWriter();
            }
            segments.removeFirst();
            reader.leave(first);
            undeleted.add(first);
        }
        undeleted.removeIf(this::delete);
    }

    private boolean delete(SpillSegment segment) {
        try {
            store.delete(segment.path);
            diskBytes -= segment.size;
            return true;
        } catch (StorageException e) {
            LOGGER.warn("{}: {} could not be deleted; it will be tried again", directory, segment.path, e);
            return false;
        }
    }

    /** The sequence behind the segment that is read next: what {@link #dropRead} can let go once it is read. 0 where all is read. */
    public long endOfOldest() {
        for (SpillSegment segment : segments) {
            if (segment.end > reader.sequence()) {
                return Math.min(segment.end, readable);
            }
        }
        return 0;
    }

    /** What has been read is let go, delivered or not, and its segments deleted, the last one too. */
    public void dropRead() {
        consumed(reader.sequence());
    }

    /** Elements below it are not in files any more, or not needed. */
    public long consumedSequence() {
        return consumed;
    }

    /**
     * Ends the use of the directory.
     *
     * @param delete whether what is not consumed goes too
     */
    public void close(boolean delete) {
        boolean all = delete || consumed == written;
        try {
            if (config.keep() && !record()) {
                all = false;
            }
        } finally {
            closeFiles();
        }
        if (all) {
            consumed = written;
            undeleted.addAll(segments);
            segments.clear();
            undeleted.removeIf(this::delete);
            if (undeleted.isEmpty()) {
                position.delete();
            }
            if (config.keep() && config.forced()) {
                // whoever comes next counts from 0 again
                store.forceDirectory(directory);
            }
        }
    }

    private void closeFiles() {
        closeWriter();
        reader.close();
        position.close();
    }

    private void closeWriter() {
        StoredFile file = writer;
        writer = null;
        close(file);
    }

    /** What fails then can do no harm: what had to be forced has been. */
    static void close(@Nullable StoredFile file) {
        if (file != null) {
            try {
                file.close();
            } catch (StorageException e) {
                LOGGER.warn("{} could not be closed", file.path(), e);
            }
        }
    }
}
