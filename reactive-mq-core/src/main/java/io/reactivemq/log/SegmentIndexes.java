package io.reactivemq.log;

import io.reactivemq.TopicPartition;
import io.reactivemq.log.OffsetTimeIndex.OffsetEntry;
import io.reactivemq.log.OffsetTimeIndex.TimeEntry;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The index of a segment of a log that is opened: what the files hold, or made again from the segment where they are missing or not what
 * they should be. Holds nothing of the opening, so that it can be asked later.
 */
final class SegmentIndexes {

    private static final Logger LOGGER = LoggerFactory.getLogger(SegmentIndexes.class);

    private final FileStore store;
    private final Path directory;
    private final TopicPartition partition;
    private final int intervalBytes;

    SegmentIndexes(FileStore store, Path directory, TopicPartition partition, int intervalBytes) {
        this.store = store;
        this.directory = directory;
        this.partition = partition;
        this.intervalBytes = intervalBytes;
    }

    /**
     * The entries of the active segment below the recovery point, from the files.
     *
     * @param nothingBehind whether the log was closed, and the files end there
     * @return null where the files are not what the checkpoint says
     */
    @Nullable GrowingIndex load(LogCheckpoint recorded, boolean nothingBehind) {
        long base = recorded.segment();
        return GrowingIndex.load(
                store,
                IndexFormat.offsetIndexFile(directory, base),
                IndexFormat.timeIndexFile(directory, base),
                recorded.index(),
                nothingBehind,
                intervalBytes,
                new TimeEntry(recorded.maxTimestampMs(), recorded.maxTimestampOffset()));
    }

    /** The same, from the segment: its bytes up to a position, behind which that offset is the next. */
    GrowingIndex scan(StoredFile file, long base, int to, long nextOffset) {
        GrowingIndex index = new GrowingIndex(intervalBytes);
        long next = Segment.scanIndex(file, base, base, 0, to, index);
        if (next != nextOffset) {
            throw LogDamage.of(file.path(), to, "offset at the recovery point", nextOffset, next);
        }
        return index;
    }

    /** Of the active segment of a log that was closed. */
    GrowingIndex ofClosedLog(StoredFile file, LogCheckpoint recorded) {
        GrowingIndex index = load(recorded, true);
        if (index == null) {
            warnNotRecorded(file);
            long base = recorded.segment();
            index = scan(file, base, recorded.position(), recorded.recoveryPoint());
            index.flush(
                    store,
                    IndexFormat.offsetIndexFile(directory, base),
                    IndexFormat.timeIndexFile(directory, base),
                    index.offsetCount(),
                    index.timeCount());
        }
        return index;
    }

    void warnNotRecorded(StoredFile file) {
        LOGGER.warn("{}: the index of {} is not what was recorded; it is made again", partition, file.path());
    }

    /**
     * Of a closed segment, which is to end where the next begins. The batches behind the last entry tell.
     *
     * @throws io.reactivemq.MqException CORRUPT_MESSAGE where it ends elsewhere
     */
    OffsetTimeIndex ofClosed(StoredFile file, long base, int size, long nextBase) {
        OffsetTimeIndex index = StoredIndex.open(store, offsetFile(base), timeFile(base));
        if (index != null) {
            boolean done = false;
            try {
                long next = endByIndex(index, file, base, size);
                if (next >= 0) {
                    requireEnd(file, size, nextBase, next);
                    done = true;
                    return index;
                }
            } finally {
                if (!done) {
                    index.close();
                }
            }
        }
        LOGGER.warn("{}: the index of {} is missing or damaged; it is made again", partition, file.path());
        return ofClosedScanned(file, base, size, nextBase);
    }

    /** As {@link #ofClosed}, where what the files say proves nothing. */
    OffsetTimeIndex ofClosedScanned(StoredFile file, long base, int size, long nextBase) {
        GrowingIndex rebuilt = new GrowingIndex(intervalBytes);
        requireEnd(file, size, nextBase, Segment.scanIndex(file, base, base, 0, size, rebuilt));
        return rebuilt.seal(store, offsetFile(base), timeFile(base));
    }

    private static void requireEnd(StoredFile file, int size, long nextBase, long next) {
        if (next != nextBase) {
            throw LogDamage.of(
                    file.path(), size, "offset behind the segment", nextBase + ", where the next begins", next);
        }
    }

    /** The offset behind the segment, from the last entry of its index on; -1 where the index is not that of the segment. */
    private long endByIndex(OffsetTimeIndex index, StoredFile file, long base, int size) {
        OffsetEntry entry = index.floorOffset(Integer.MAX_VALUE);
        int indexed = 0;
        long expected = base;
        if (entry != null) {
            indexed = entry.position();
            if (indexed < 0 || indexed > size - BatchHeader.BYTES) {
                return -1;
            }
            ByteBuffer header = file.read(indexed, BatchHeader.BYTES);
            expected = BatchHeader.baseOffset(header, 0);
            if (BatchHeader.magic(header, 0) != RecordBatch.MAGIC
                    || BatchHeader.lastOffset(header, 0) != base + entry.relativeOffset()) {
                return -1;
            }
        }
        BatchWalk walk = new BatchWalk(file, indexed, size);
        while (walk.next()) {
            if (walk.position() - indexed > intervalBytes || walk.baseOffset() != expected) {
                return -1; // entries are missing
            }
            expected = walk.lastOffset() + 1;
        }
        return expected;
    }

    private Path offsetFile(long base) {
        return IndexFormat.offsetIndexFile(directory, base);
    }

    private Path timeFile(long base) {
        return IndexFormat.timeIndexFile(directory, base);
    }
}
