package io.reactivemq.operator.spill;

import static io.reactivemq.operator.spill.SpillFormat.ELEMENT_HEADER_BYTES;
import static io.reactivemq.operator.spill.SpillFormat.FRAME_HEADER_BYTES;
import static io.reactivemq.operator.spill.SpillFormat.SEGMENT_HEADER_BYTES;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.operator.spill.SpillFormat.Flaw;
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
import java.util.OptionalLong;
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

    private static final int REWRITE_BYTES = 1 << 20;

    private final FileStore store;
    private final Path directory;
    private final Config config;

    /** Oldest first; the last may be the one that is written. */
    private final Deque<Segment> segments = new ArrayDeque<>();

    /** Below the consumed position, and still there because deleting them failed. */
    private final List<Segment> undeleted = new ArrayList<>();

    /** Made when it is needed: many a queue is only read, or has nothing to do at all. */
    private ByteBuffer frame = ByteBuffer.allocate(0);

    private @Nullable StoredFile writer;
    private @Nullable StoredFile positionFile;
    private @Nullable Segment reading;
    private @Nullable StoredFile reader;
    private @Nullable FrameScan scan;
    private ByteBuffer payload = ByteBuffer.allocate(0);
    private long payloadPosition;

    /** Invariant: consumed <= readSequence <= readable <= written. */
    private long written;

    private long readable;
    private long readSequence;
    private long consumed;

    private long diskBytes;

    /** How much of the last segment is readable. */
    private long readableBytes;

    /** As it is on file: the last one that was recorded; -1: none. */
    private long recorded = -1;

    private int nextSlot;
    private boolean positionNameForced;
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

    private static final class Segment {
        final Path path;
        final long base;
        /** Invariant: what is behind these bytes in the file does not count. */
        long size;
        /** The sequence behind the last element. */
        long end;

        Segment(Path path, long base, long size, long end) {
            this.path = path;
            this.base = base;
            this.size = size;
            this.end = end;
        }
    }

    private SpillQueue(FileStore store, Path directory, Config config) {
        this.store = store;
        this.directory = directory;
        this.config = config;
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

    // --- what is there -------------------------------------------------------------------------------------------

    private void recover() {
        List<Path> files = new ArrayList<>();
        for (Path file : store.list(directory)) {
            if (SpillFormat.baseSequenceOf(file).isPresent()) {
                files.add(file);
            }
        }
        if (config.keep()) {
            takeUp(files);
        } else {
            deleteLeftovers(files);
        }
    }

    /** Of a former process that did not want them kept, or that died before it had written anything. */
    private void deleteLeftovers(List<Path> files) {
        for (Path file : files) {
            if (isToBeKept(file)) {
                throw new MqException(
                        ErrorCode.INVALID_REQUEST,
                        directory + " holds elements that a former subscription with recoverOnSubscribe has left ("
                                + file + "); take them up with recoverOnSubscribe, or delete the files");
            }
        }
        if (!files.isEmpty()) {
            LOGGER.warn("{}: {} spill files of a process that has ended are deleted", directory, files.size());
            files.forEach(store::delete);
        }
    }

    /** A file that can't be understood is not deleted either. */
    private boolean isToBeKept(Path path) {
        try (StoredFile file = store.open(path, OpenMode.READ)) {
            long size = file.size();
            if (size < SEGMENT_HEADER_BYTES) {
                return false;
            }
            ByteBuffer header = file.read(0, SEGMENT_HEADER_BYTES);
            Flaw flaw = SpillFormat.flawOfSegment(header, header.position(), baseOf(path));
            if (flaw != null && !isZero(header)) {
                throw SpillDamage.of(path, 0, flaw, "");
            }
            return flaw == null && SpillFormat.keeps(header, header.position());
        }
    }

    private void takeUp(List<Path> files) {
        consumed = recordedPosition();
        for (int i = 0; i < files.size(); i++) {
            Path file = files.get(i);
            long base = baseOf(file);
            if (i + 1 < files.size()) {
                segments.add(new Segment(file, base, store.size(file), baseOf(files.get(i + 1))));
            } else {
                addLast(file, base);
            }
        }
        Segment first = segments.peekFirst();
        if (first != null && first.base > consumed) {
            if (recorded >= 0) {
                throw SpillDamage.of(
                        SpillFormat.segmentFile(directory, consumed),
                        0,
                        new Flaw(
                                "the segment with element " + consumed,
                                "to be there",
                                "missing; the first begins at " + first.base),
                        "");
            }
            consumed = first.base;
        }
        Segment last = segments.peekLast();
        written = Math.max(consumed, last == null ? 0 : last.end);
        readable = written;
        readSequence = consumed;
        segments.forEach(segment -> diskBytes += segment.size);
        deleteConsumed();
    }

    private static long baseOf(Path file) {
        return SpillFormat.baseSequenceOf(file).orElseThrow();
    }

    private static boolean isZero(ByteBuffer bytes) {
        for (int i = bytes.position(); i < bytes.limit(); i++) {
            if (bytes.get(i) != 0) {
                return false;
            }
        }
        return true;
    }

    /** Reads the segment that was written last to its end, and cuts what a crash has torn. */
    private void addLast(Path path, long base) {
        try (StoredFile file = store.open(path, OpenMode.WRITE)) {
            long size = file.size();
            Flaw flaw;
            FrameScan frames = new FrameScan(file, Math.min(size, SEGMENT_HEADER_BYTES), size, base);
            if (size < SEGMENT_HEADER_BYTES) {
                flaw = new Flaw("bytes of the segment's header", SEGMENT_HEADER_BYTES, size);
            } else {
                ByteBuffer header = file.read(0, SEGMENT_HEADER_BYTES);
                flaw = SpillFormat.flawOfSegment(header, header.position(), base);
                while (flaw == null && frames.next()) {
                    // to the end
                }
            }
            boolean headless = flaw != null;
            flaw = headless ? flaw : frames.flaw();
            if (flaw == null) {
                if (config.forced()) {
                    makeDurable(file, size);
                }
                add(path, base, size, frames.nextSequence());
                return;
            }
            long behind = size < SEGMENT_HEADER_BYTES ? -1 : frames.findFrameBehind();
            if (behind >= 0) {
                throw SpillDamage.of(
                        path, headless ? 0 : frames.position(), flaw, "; the frame at byte " + behind + " counts");
            }
            long keptBytes = headless ? 0 : frames.position();
            LOGGER.warn(
                    "{}: cut {} bytes of a torn tail from {}, which now ends at byte {} ({})",
                    directory,
                    size - keptBytes,
                    path,
                    keptBytes,
                    flaw);
            file.truncate(keptBytes);
            if (config.forced()) {
                makeDurable(file, keptBytes);
            }
            add(path, base, keptBytes, frames.nextSequence());
        }
    }

    /** The next segment gets the name of one that has no element. */
    private void add(Path path, long base, long size, long end) {
        if (end == base) {
            store.delete(path);
        } else {
            segments.add(new Segment(path, base, size, end));
        }
    }

    /**
     * What was found is about to be delivered; the next crash must not take it away. It is written once more in place: if it was a failed
     * force that ended the process before, the page cache may show bytes that never reached the disk, and would say OK to a mere force.
     */
    private void makeDurable(StoredFile file, long end) {
        for (long position = 0; position < end; ) {
            ByteBuffer bytes = file.read(position, 1, (int) Math.min(REWRITE_BYTES, end - position));
            int length = bytes.remaining();
            file.write(bytes, position);
            position += length;
        }
        file.force();
        store.forceDirectory(directory);
    }

    private long recordedPosition() {
        Path path = directory.resolve(SpillFormat.POSITION_FILE);
        if (!store.exists(path)) {
            return 0;
        }
        ByteBuffer content = store.readFile(path);
        content = content.position() == 0 ? content : content.slice();
        OptionalLong first = SpillFormat.sequenceIn(content, 0);
        OptionalLong second = SpillFormat.sequenceIn(content, SpillFormat.SECOND_SLOT_AT);
        if (first.isEmpty() && second.isEmpty()) {
            LOGGER.warn("{}: {} is damaged; what the files still hold is delivered again", directory, path);
            return 0;
        }
        long sequence = Math.max(first.orElse(0), second.orElse(0));
        nextSlot = first.orElse(-1) == sequence ? 1 : 0;
        recorded = sequence;
        return sequence;
    }

    // --- how it stands -------------------------------------------------------------------------------------------

    /** How many elements are still to be read. */
    public long unread() {
        return readable - readSequence;
    }

    /** How many elements are in files, delivered or not. */
    public long unconsumed() {
        return written - consumed;
    }

    /** The sequence of the element that {@link #next} reads next. */
    public long readSequence() {
        return readSequence;
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
        Segment last = segments.peekLast();
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
        Segment segment = segments.getLast();
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
        Segment segment =
                new Segment(SpillFormat.segmentFile(directory, written), written, SEGMENT_HEADER_BYTES, written);
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
        Segment last = segments.peekLast();
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
        if (readSequence == readable) {
            return null;
        }
        // the end of the element before is the begin of the next, whatever its reader did to the view
        payload.clear();
        while (payloadPosition == payload.capacity()) {
            nextFrame();
        }
        payload.position((int) payloadPosition);
        int length = payload.remaining() < ELEMENT_HEADER_BYTES ? -1 : payload.getInt();
        if (length < 0 || length > payload.remaining()) {
            throw damage(new Flaw("length of element " + readSequence, "0 to " + payload.remaining(), length));
        }
        payload.limit(payload.position() + length);
        payloadPosition = payload.limit();
        readSequence++;
        return payload;
    }

    /** Where the element that {@link #next} gave is. */
    public String describeLast() {
        Segment segment = reading;
        FrameScan frames = scan;
        return segment == null || frames == null
                ? "element " + (readSequence - 1)
                : "element " + (readSequence - 1) + " in " + segment.path + ", in the frame that ends at byte "
                        + frames.position();
    }

    private void nextFrame() {
        for (; ; ) {
            FrameScan frames = openScan();
            if (frames.next()) {
                long skipped = readSequence - (frames.nextSequence() - frames.count());
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
            Segment segment = readSegment();
            if (frames.nextSequence() != segment.end) {
                throw damage(new Flaw("sequence behind the segment", segment.end, frames.nextSequence()));
            }
            closeReader();
        }
    }

    private FrameScan openScan() {
        FrameScan frames = scan;
        if (frames != null) {
            frames.extendTo(readSegment().size);
            return frames;
        }
        for (Segment segment : segments) {
            if (segment.end > readSequence) {
                return openScan(segment);
            }
        }
        throw new IllegalStateException("element " + readSequence + " is in none of the segments of " + directory);
    }

    private FrameScan openScan(Segment segment) {
        StoredFile file = store.open(segment.path, OpenMode.READ);
        reading = segment;
        reader = file;
        FrameScan frames = null;
        try {
            if (segment.size < SEGMENT_HEADER_BYTES) {
                throw damage(new Flaw("bytes of the segment", "at least " + SEGMENT_HEADER_BYTES, segment.size));
            }
            ByteBuffer header = file.read(0, SEGMENT_HEADER_BYTES);
            Flaw flaw = SpillFormat.flawOfSegment(header, header.position(), segment.base);
            if (flaw != null) {
                throw damage(flaw);
            }
            frames = new FrameScan(file, SEGMENT_HEADER_BYTES, segment.size, segment.base);
            scan = frames;
            return frames;
        } finally {
            if (frames == null) {
                closeReader();
            }
        }
    }

    private Segment readSegment() {
        Segment segment = reading;
        if (segment == null) {
            throw new IllegalStateException("no segment is being read");
        }
        return segment;
    }

    private MqException damage(Flaw flaw) {
        return SpillDamage.of(readSegment().path, scan == null ? 0 : scan.position(), flaw, "");
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
        if (recorded == consumed) {
            return true;
        }
        Segment first = segments.peekFirst();
        boolean deletes = first != null && first.end <= consumed;
        try {
            StoredFile file = positionFile;
            if (file == null) {
                file = store.open(directory.resolve(SpillFormat.POSITION_FILE), OpenMode.CREATE);
                positionFile = file;
                positionNameForced = false;
            }
            file.write(SpillFormat.slot(consumed), nextSlot == 0 ? 0 : SpillFormat.SECOND_SLOT_AT);
            if (config.forced() && deletes) {
                if (fenced) {
                    return false;
                }
                file.force();
                if (!positionNameForced) {
                    store.forceDirectory(directory);
                    positionNameForced = true;
                }
            }
            nextSlot = 1 - nextSlot;
            recorded = consumed;
            return true;
        } catch (StorageException e) {
            if (e.operation().isForce()) {
                fence();
                throw e;
            }
            LOGGER.warn("{}: the position could not be recorded", directory, e);
            return false;
        }
    }

    private void deleteConsumed() {
        for (Segment first = segments.peekFirst();
                first != null && first.end <= consumed;
                first = segments.peekFirst()) {
            if (segments.size() == 1) {
                if (consumed < written) {
                    break;
                }
                closeWriter();
            }
            segments.removeFirst();
            if (first == reading) {
                closeReader();
            }
            undeleted.add(first);
        }
        undeleted.removeIf(this::delete);
    }

    private boolean delete(Segment segment) {
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
        for (Segment segment : segments) {
            if (segment.end > readSequence) {
                return Math.min(segment.end, readable);
            }
        }
        return 0;
    }

    /** What has been read is let go, delivered or not, and its segments deleted, the last one too. */
    public void dropRead() {
        consumed(readSequence);
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
            Path position = directory.resolve(SpillFormat.POSITION_FILE);
            if (undeleted.isEmpty() && store.exists(position)) {
                store.delete(position);
            }
            if (config.keep() && config.forced()) {
                // whoever comes next counts from 0 again
                store.forceDirectory(directory);
            }
        }
    }

    private void closeFiles() {
        closeWriter();
        closeReader();
        StoredFile file = positionFile;
        positionFile = null;
        if (file != null) {
            close(file);
        }
    }

    private void closeWriter() {
        StoredFile file = writer;
        writer = null;
        if (file != null) {
            close(file);
        }
    }

    private void closeReader() {
        StoredFile file = reader;
        reader = null;
        reading = null;
        scan = null;
        payload = ByteBuffer.allocate(0);
        payloadPosition = 0;
        if (file != null) {
            close(file);
        }
    }

    private void close(StoredFile file) {
        try {
            file.close();
        } catch (StorageException e) {
            LOGGER.warn("{}: {} could not be closed", directory, file.path(), e);
        }
    }
}
