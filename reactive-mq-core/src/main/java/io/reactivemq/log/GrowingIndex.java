package io.reactivemq.log;

import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The indexes of the segment that is written to, on the heap. Where entries go depends on nothing but the batches and the
 * interval, so that a scan of the segment makes the same index again.
 *
 * <p>An entry of the offset index is made for a batch that begins more than the interval behind the last indexed one (the
 * segment's begin at first); an entry of the time index at the same moment, if the largest timestamp so far has grown since the
 * last, and one more when the segment is closed.
 *
 * <p>One writer adds; any number of threads look up: they see the entries that were there when the count was published. The
 * files follow at {@link #flush}, never forced: an index is made again where it is wrong.
 */
final class GrowingIndex implements OffsetTimeIndex {

    private static final Logger LOGGER = LoggerFactory.getLogger(GrowingIndex.class);
    private static final int ENTRIES_MIN = 16;
    private static final long[] NONE = {};

    private final int intervalBytes;

    // written by the writer; an entry is relativeOffset << 32 | position
    private volatile long[] offsets = NONE;
    private volatile int offsetCount;
    // written by the writer; entry i is timestamp [2i], relative offset [2i + 1]
    private volatile long[] times = NONE;
    private volatile int timeCount;
    private volatile long maxTimestampMs = -1;
    // the writer's own
    private int maxTimestampOffset;
    private int lastIndexedPosition;

    // guarded by this: how many entries are in the files, and the checksum over them
    private int offsetsFlushed;
    private int timesFlushed;
    private CRC32C flushedCrc = new CRC32C();
    private CRC32C flushedTimesCrc = new CRC32C();

    GrowingIndex(int intervalBytes) {
        this.intervalBytes = intervalBytes;
    }

    /** Takes in the batch behind those that were added. */
    void add(int position, int lastRelativeOffset, long batchMaxTimestampMs) {
        if (batchMaxTimestampMs > maxTimestampMs) {
            maxTimestampOffset = lastRelativeOffset;
            maxTimestampMs = batchMaxTimestampMs;
        }
        if (position - lastIndexedPosition > intervalBytes) {
            addOffset(lastRelativeOffset, position);
            addMaxTimestamp();
        }
    }

    /**
     * The segment has got its last batch: adds the entry of the largest timestamp and brings the files up to date.
     *
     * @return the index to search from now on: that of the files, or this one if they can't be written
     */
    OffsetTimeIndex seal(FileStore store, Path offsetFile, Path timeFile) {
        addMaxTimestamp();
        State state = flush(store, offsetFile, timeFile, offsetCount, timeCount);
        boolean forced = !state.equals(State.UNKNOWN) && force(store, offsetFile) && force(store, timeFile);
        StoredIndex stored = !forced ? null : StoredIndex.open(store, offsetFile, timeFile);
        return stored == null ? this : stored;
    }

    /** Else a loss of power could leave holes in it that only who comes upon them would notice. */
    private static boolean force(FileStore store, Path path) {
        try (StoredFile file = store.open(path, OpenMode.WRITE)) {
            file.force();
            return true;
        } catch (StorageException e) {
            LOGGER.warn("the index file {} could not be forced; the index stays on the heap", path, e);
            return false;
        }
    }

    /** The largest timestamp of the segment; -1: none. */
    long maxTimestampMs() {
        return maxTimestampMs;
    }

    /** The writer's: the offset that {@link #maxTimestampMs} stands for. */
    int maxTimestampOffset() {
        return maxTimestampOffset;
    }

    int offsetCount() {
        return offsetCount;
    }

    int timeCount() {
        return timeCount;
    }

    @Override
    public @Nullable OffsetEntry floorOffset(int relativeOffset) {
        return floor(32, relativeOffset);
    }

    @Override
    public @Nullable OffsetEntry floorPosition(int position) {
        return floor(0, position);
    }

    /** @param shift of the field in an entry; both grow from entry to entry */
    private @Nullable OffsetEntry floor(int shift, int key) {
        int count = offsetCount;
        long[] entries = offsets;
        int low = 0;
        int high = count;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if ((int) (entries[middle] >>> shift) <= key) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low == 0 ? null : new OffsetEntry((int) (entries[low - 1] >>> 32), (int) entries[low - 1]);
    }

    @Override
    public @Nullable TimeEntry floorTimestamp(long timestampMs) {
        int count = timeCount;
        long[] entries = times;
        int low = 0;
        int high = count;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (entries[2 * middle] <= timestampMs) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low == 0 ? null : timeEntry(entries, low - 1);
    }

    @Override
    public @Nullable TimeEntry lastTime() {
        int count = timeCount;
        return count == 0 ? null : timeEntry(times, count - 1);
    }

    @Override
    public void close() {
        // holds no files open
    }

    /**
     * Brings the files up to date with the first so many entries; fewer than an earlier call said must not be asked for. What
     * fails here costs a rebuild when the log is opened, no more.
     *
     * @return what a checkpoint says about the files, to recognise them by
     */
    synchronized State flush(FileStore store, Path offsetFile, Path timeFile, int offsetsWanted, int timesWanted) {
        try {
            flushOffsets(store, offsetFile, offsetsWanted);
            flushTimes(store, timeFile, timesWanted);
            return new State(offsetsFlushed, timesFlushed, flushedCrc.getValue(), flushedTimesCrc.getValue());
        } catch (StorageException e) {
            LOGGER.warn("the index of a segment could not be written; it is made again when the log is opened", e);
            return State.UNKNOWN;
        }
    }

    /**
     * Reads back what {@link #flush} wrote.
     *
     * @param nothingBehind whether the files end there; else later entries may follow, which are left aside
     * @return null where the files are not what the state says
     */
    static @Nullable GrowingIndex load(
            FileStore store,
            Path offsetFile,
            Path timeFile,
            State state,
            boolean nothingBehind,
            int intervalBytes,
            TimeEntry max) {
        if (state.offsetCount < 0 || state.timeCount < 0) {
            return null;
        }
        ByteBuffer offsetBytes =
                readEntries(store, offsetFile, state.offsetCount * IndexFormat.OFFSET_ENTRY_BYTES, nothingBehind);
        ByteBuffer timeBytes =
                readEntries(store, timeFile, state.timeCount * IndexFormat.TIME_ENTRY_BYTES, nothingBehind);
        if (offsetBytes == null || timeBytes == null) {
            return null;
        }
        GrowingIndex index = new GrowingIndex(intervalBytes);
        index.flushedCrc.update(offsetBytes.duplicate());
        index.flushedTimesCrc.update(timeBytes.duplicate());
        if (index.flushedCrc.getValue() != state.offsetCrc || index.flushedTimesCrc.getValue() != state.timeCrc) {
            return null;
        }
        for (int i = 0; i < state.offsetCount; i++) {
            index.addOffset(offsetBytes.getInt(), offsetBytes.getInt());
        }
        for (int i = 0; i < state.timeCount; i++) {
            index.addTime(timeBytes.getLong(), timeBytes.getInt());
        }
        index.offsetsFlushed = state.offsetCount;
        index.timesFlushed = state.timeCount;
        index.maxTimestampOffset = max.relativeOffset();
        index.maxTimestampMs = max.timestampMs();
        return index;
    }

    private static @Nullable ByteBuffer readEntries(FileStore store, Path path, int length, boolean nothingBehind) {
        if (!store.exists(path)) {
            return length == 0 && !nothingBehind ? ByteBuffer.allocate(0) : null;
        }
        long size = store.size(path);
        if (size < length || (size > length && nothingBehind)) {
            return null;
        }
        try (StoredFile file = store.open(path, OpenMode.READ)) {
            return file.read(0, length);
        }
    }

    private void flushOffsets(FileStore store, Path path, int count) {
        long[] entries = offsets;
        try (StoredFile file = store.open(path, OpenMode.CREATE)) {
            if (file.size() < (long) offsetsFlushed * IndexFormat.OFFSET_ENTRY_BYTES) {
                offsetsFlushed = 0;
                flushedCrc = new CRC32C();
            }
            long end = (long) offsetsFlushed * IndexFormat.OFFSET_ENTRY_BYTES;
            if (file.size() > end) {
                file.truncate(end);
            }
            if (count > offsetsFlushed) {
                ByteBuffer bytes = ByteBuffer.allocate((count - offsetsFlushed) * IndexFormat.OFFSET_ENTRY_BYTES);
                for (int i = offsetsFlushed; i < count; i++) {
                    bytes.putLong(entries[i]);
                }
                file.write(bytes.flip(), end);
                flushedCrc.update(bytes.rewind());
                offsetsFlushed = count;
            }
        }
    }

    private void flushTimes(FileStore store, Path path, int count) {
        long[] entries = times;
        try (StoredFile file = store.open(path, OpenMode.CREATE)) {
            if (file.size() < (long) timesFlushed * IndexFormat.TIME_ENTRY_BYTES) {
                timesFlushed = 0;
                flushedTimesCrc = new CRC32C();
            }
            long end = (long) timesFlushed * IndexFormat.TIME_ENTRY_BYTES;
            if (file.size() > end) {
                file.truncate(end);
            }
            if (count > timesFlushed) {
                ByteBuffer bytes = ByteBuffer.allocate((count - timesFlushed) * IndexFormat.TIME_ENTRY_BYTES);
                for (int i = timesFlushed; i < count; i++) {
                    bytes.putLong(entries[2 * i]).putInt((int) entries[2 * i + 1]);
                }
                file.write(bytes.flip(), end);
                flushedTimesCrc.update(bytes.rewind());
                timesFlushed = count;
            }
        }
    }

    private void addOffset(int relativeOffset, int position) {
        int count = offsetCount;
        long[] entries = offsets;
        if (count == entries.length) {
            entries = Arrays.copyOf(entries, Math.max(ENTRIES_MIN, count * 2));
            offsets = entries;
        }
        entries[count] = (long) relativeOffset << 32 | position;
        lastIndexedPosition = position;
        offsetCount = count + 1;
    }

    private void addMaxTimestamp() {
        int count = timeCount;
        long last = count == 0 ? -1 : times[2 * (count - 1)];
        if (maxTimestampMs > last) {
            addTime(maxTimestampMs, maxTimestampOffset);
        }
    }

    private void addTime(long timestampMs, int relativeOffset) {
        int count = timeCount;
        long[] entries = times;
        if (2 * count == entries.length) {
            entries = Arrays.copyOf(entries, Math.max(2 * ENTRIES_MIN, count * 4));
            times = entries;
        }
        entries[2 * count] = timestampMs;
        entries[2 * count + 1] = relativeOffset;
        timeCount = count + 1;
    }

    private static TimeEntry timeEntry(long[] entries, int i) {
        return new TimeEntry(entries[2 * i], (int) entries[2 * i + 1]);
    }

    /**
     * What the index files hold, as a checkpoint records it.
     *
     * @param offsetCount entries of the offset index; -1: not known
     * @param timeCount entries of the time index; -1: not known
     * @param offsetCrc CRC-32C over the entries of the offset index
     * @param timeCrc CRC-32C over the entries of the time index
     */
    record State(int offsetCount, int timeCount, long offsetCrc, long timeCrc) {
        boolean isKnown() {
            return offsetCount >= 0 && timeCount >= 0;
        }

        static final State UNKNOWN = new State(-1, -1, 0, 0);
        static final State EMPTY = new State(0, 0, 0, 0);
    }
}
