package io.reactivemq.operator.spill;

import static io.reactivemq.operator.spill.SpillFormat.SEGMENT_HEADER_BYTES;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.operator.spill.SpillFormat.Flaw;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What becomes of the files that are in a directory when a queue is opened there: they are taken up, deleted or refused. Of those that are
 * taken up the last one is read to its end, the others are only listed.
 */
final class SpillRecovery {

    private static final Logger LOGGER = LoggerFactory.getLogger(SpillRecovery.class);

    private static final int REWRITE_BYTES = 1 << 20;

    private final FileStore store;
    private final Path directory;
    private final SpillQueue.Config config;
    private final SpillPosition position;

    /** The queue's, oldest first. */
    private final Deque<SpillSegment> segments;

    SpillRecovery(
            FileStore store,
            Path directory,
            SpillQueue.Config config,
            SpillPosition position,
            Deque<SpillSegment> segments) {
        this.store = store;
        this.directory = directory;
        this.config = config;
        this.position = position;
        this.segments = segments;
    }

    /**
     * Adds the segments that are to be read to the queue's; the position from which on.
     *
     * @throws MqException as {@link SpillQueue#open} says
     */
    long run() {
        List<Path> files = new ArrayList<>();
        for (Path file : store.list(directory)) {
            if (SpillFormat.baseSequenceOf(file).isPresent()) {
                files.add(file);
            }
        }
        if (config.keep()) {
            return takeUp(files);
        }
        deleteLeftovers(files);
        return 0;
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

    private long takeUp(List<Path> files) {
        long consumed = position.read();
        for (int i = 0; i < files.size(); i++) {
            Path file = files.get(i);
            long base = baseOf(file);
            if (i + 1 < files.size()) {
                segments.add(new SpillSegment(file, base, store.size(file), baseOf(files.get(i + 1))));
            } else {
                addLast(file, base);
            }
        }
        SpillSegment first = segments.peekFirst();
        if (first == null || first.base <= consumed) {
            return consumed;
        }
        if (position.isKnown()) {
            throw SpillDamage.of(
                    SpillFormat.segmentFile(directory, consumed),
                    0,
                    new Flaw(
                            "the segment with element " + consumed,
                            "to be there",
                            "missing; the first begins at " + first.base),
                    "");
        }
        return first.base;
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
            segments.add(new SpillSegment(path, base, size, end));
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
}
