package io.reactivemq.log;

import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import java.nio.file.Path;
import java.util.List;
import java.util.NavigableSet;
import java.util.OptionalLong;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts a compacted segment in the place of others so that after a crash, at any moment, the log is there once: by Kafka's names.
 *
 * <pre>
 * step                                                   a crash behind it
 * 1  B.log.cleaned written and forced                    .cleaned is deleted: nothing has happened
 * 2  renamed to B.log.swap; directory forced             the others are deleted, .swap is renamed: all has happened
 * 3  the others renamed to .deleted; directory forced    the same
 *    where they are more than one
 * 4  .swap renamed to B.log                              the same, or .deleted is deleted
 * 5  indexes written; the others deleted,                the same; indexes are made again
 *    when their last reader has gone
 * </pre>
 *
 * The force of step 3 is for the others behind the first: without .swap nothing would tell that one which came back is not to be there. The first
 * loses its name to the new segment in any case. Step 4 needs none: whichever of its two names a crash leaves, the segment is found.
 *
 * B is the first of the others, and the new segment ends where the last of them did, so what a {@code .swap} stands for is found in it. The index
 * files are not swapped but made anew, since they can be.
 */
final class SegmentSwap {

    private static final Logger LOGGER = LoggerFactory.getLogger(SegmentSwap.class);

    private static final String CLEANED = ".cleaned";
    private static final String SWAP = ".swap";
    private static final String DELETED = ".deleted";

    private static final List<String> INDEX_SUFFIXES = List.of(
            IndexFormat.OFFSET_INDEX_SUFFIX, IndexFormat.TIME_INDEX_SUFFIX, IndexFormat.TRANSACTION_INDEX_SUFFIX);

    /** Of the files of which nothing is needed any more. */
    private static final List<String> LEFT_OVER_SUFFIXES = Stream.concat(
                    Stream.of(IndexFormat.LOG_SUFFIX), INDEX_SUFFIXES.stream())
            .flatMap(suffix -> Stream.of(suffix + CLEANED, suffix + DELETED))
            .toList();

    private SegmentSwap() {}

    static Path cleanedFile(Path directory, long baseOffset) {
        return IndexFormat.file(directory, baseOffset, IndexFormat.LOG_SUFFIX + CLEANED);
    }

    private static Path swapFile(Path directory, long baseOffset) {
        return IndexFormat.file(directory, baseOffset, IndexFormat.LOG_SUFFIX + SWAP);
    }

    static Path deleted(Path file) {
        return file.resolveSibling(file.getFileName() + DELETED);
    }

    /** Step 2: from then on it is done, if only by the next opening. */
    static void commit(FileStore store, Path directory, Segment compacted) {
        compacted.file().rename(swapFile(directory, compacted.baseOffset()));
        store.forceDirectory(directory);
    }

    /** Steps 3 and 4. Readers go on in the others, and are in the new one already. */
    static void finish(FileStore store, Path directory, List<Segment> others, Segment compacted) {
        for (Segment other : others) {
            other.moveAside();
            Path snapshot = ProducerSnapshot.file(directory, other.baseOffset());
            if (other.baseOffset() != compacted.baseOffset() && store.exists(snapshot)) {
                store.delete(snapshot);
            }
        }
        if (others.size() > 1) {
            store.forceDirectory(directory);
        }
        compacted.file().rename(IndexFormat.logFile(directory, compacted.baseOffset()));
    }

    /** Step 5: deletes the files of a segment that was moved aside. */
    static void deleteAside(FileStore store, Path directory, long baseOffset) {
        for (Path path : List.of(
                IndexFormat.logFile(directory, baseOffset),
                IndexFormat.offsetIndexFile(directory, baseOffset),
                IndexFormat.timeIndexFile(directory, baseOffset))) {
            deleteIfExists(store, deleted(path));
        }
    }

    /** Deletes what a swap has left that was not committed. */
    static void deleteUnfinished(FileStore store, Path directory, long baseOffset) {
        for (Path path : List.of(cleanedFile(directory, baseOffset), swapFile(directory, baseOffset))) {
            deleteIfExists(store, path);
        }
    }

    /**
     * For the opening of a log: does or undoes what a crash has interrupted.
     *
     * @param checkpoint reads it; null: there is none
     * @return whether anything has changed in the directory
     */
    static boolean recover(FileStore store, LogFolder folder, Supplier<@Nullable LogCheckpoint> checkpoint) {
        Path directory = folder.path();
        List<Long> swaps = folder.offsets(IndexFormat.LOG_SUFFIX + SWAP);
        if (!swaps.isEmpty()) {
            NavigableSet<Long> bases = new TreeSet<>(folder.offsets(IndexFormat.LOG_SUFFIX));
            for (long base : swaps) {
                complete(store, directory, base, bases, checkpoint);
            }
        }
        // last: until what takes their place was read, they are all that is left of the records
        boolean changed = !swaps.isEmpty();
        for (String suffix : LEFT_OVER_SUFFIXES) {
            for (long base : folder.offsets(suffix)) {
                store.delete(IndexFormat.file(directory, base, suffix));
                changed = true;
            }
        }
        if (changed) {
            store.forceDirectory(directory);
        }
        return changed;
    }

    /** The base offset of a segment that a crash has kept from taking its place; empty for any other file. */
    static OptionalLong interrupted(Path path) {
        return IndexFormat.baseOffsetOf(path, IndexFormat.LOG_SUFFIX + SWAP);
    }

    /** Whether it is a file of which nothing is needed any more. */
    static boolean isLeftOver(Path path) {
        for (String suffix : LEFT_OVER_SUFFIXES) {
            if (IndexFormat.baseOffsetOf(path, suffix).isPresent()) {
                return true;
            }
        }
        return false;
    }

    private static void complete(
            FileStore store,
            Path directory,
            long base,
            NavigableSet<Long> bases,
            Supplier<@Nullable LogCheckpoint> checkpoint) {
        Path swap = swapFile(directory, base);
        long nextOffset = endOf(store, swap, base);
        if (!bases.contains(nextOffset)) {
            LogCheckpoint recorded = checkpoint.get();
            if (recorded != null && nextOffset <= recorded.logStartOffset()) {
                store.delete(swap); // the segments it was for have been deleted since
                return;
            }
            throw LogDamage.of(swap, 0, "offset behind the segment", "that of a segment, one of " + bases, nextOffset);
        }
        LOGGER.warn("{}: a compaction that a crash has interrupted is completed", swap);
        for (long other : bases.subSet(base, nextOffset)) {
            deleteIfExists(store, IndexFormat.logFile(directory, other));
            if (other != base) {
                deleteIfExists(store, ProducerSnapshot.file(directory, other));
            }
            for (String suffix : INDEX_SUFFIXES) {
                deleteIfExists(store, IndexFormat.file(directory, other, suffix));
            }
        }
        for (String suffix : INDEX_SUFFIXES) {
            deleteIfExists(store, IndexFormat.file(directory, base, suffix));
        }
        store.forceDirectory(directory);
        store.rename(swap, IndexFormat.logFile(directory, base));
    }

    private static void deleteIfExists(FileStore store, Path path) {
        if (store.exists(path)) {
            store.delete(path);
        }
    }

    /** The offset behind the last batch of the file, all of whose bytes are read: before anything is deleted for its sake. */
    static long endOf(FileStore store, Path swap, long base) {
        try (StoredFile file = store.open(swap, OpenMode.READ)) {
            BatchReader reader = new BatchReader(file, 0, Math.toIntExact(file.size()), base, null);
            while (reader.next()) {
                // to the end
            }
            return reader.nextOffset();
        }
    }
}
