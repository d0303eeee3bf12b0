package io.reactivemq.log;

import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The indexes of a closed segment, searched in their files: a log of many segments holds none of them on the heap. Safe for
 * many threads.
 */
final class StoredIndex implements OffsetTimeIndex {

    /** What is fetched at once when the search has come down to that many entries: about a page. */
    private static final int BLOCK_ENTRIES = 512;

    private final StoredFile offsets;
    private final int offsetCount;
    private final StoredFile times;
    private final int timeCount;

    private StoredIndex(StoredFile offsets, int offsetCount, StoredFile times, int timeCount) {
        this.offsets = offsets;
        this.offsetCount = offsetCount;
        this.times = times;
        this.timeCount = timeCount;
    }

    /** Opens the files; null where one is missing or its size is that of no index. */
    static @Nullable StoredIndex open(FileStore store, Path offsetFile, Path timeFile) {
        int offsetCount = entries(store, offsetFile, IndexFormat.OFFSET_ENTRY_BYTES);
        int timeCount = entries(store, timeFile, IndexFormat.TIME_ENTRY_BYTES);
        if (offsetCount < 0 || timeCount < 0) {
            return null;
        }
        return new StoredIndex(
                store.open(offsetFile, OpenMode.READ), offsetCount, store.open(timeFile, OpenMode.READ), timeCount);
    }

    private static int entries(FileStore store, Path file, int entryBytes) {
        if (!store.exists(file)) {
            return -1;
        }
        long size = store.size(file);
        return size % entryBytes == 0 && size <= Integer.MAX_VALUE ? (int) (size / entryBytes) : -1;
    }

    @Override
    public @Nullable OffsetEntry floorOffset(int relativeOffset) {
        return floor(0, relativeOffset);
    }

    @Override
    public @Nullable OffsetEntry floorPosition(int position) {
        return floor(Integer.BYTES, position);
    }

    /** @param at of the field in an entry; both grow from entry to entry */
    private @Nullable OffsetEntry floor(int at, int key) {
        int low = 0;
        int high = offsetCount;
        while (high - low > BLOCK_ENTRIES) {
            int middle = (low + high) >>> 1;
            if (readOffsets(middle, 1).getInt(at) <= key) {
                low = middle;
            } else {
                high = middle;
            }
        }
        if (low == high) {
            return null;
        }
        ByteBuffer block = readOffsets(low, high - low);
        OffsetEntry found = null;
        while (block.hasRemaining() && block.getInt(block.position() + at) <= key) {
            found = new OffsetEntry(block.getInt(), block.getInt());
        }
        return found;
    }

    @Override
    public @Nullable TimeEntry floorTimestamp(long timestampMs) {
        int low = 0;
        int high = timeCount;
        while (high - low > BLOCK_ENTRIES) {
            int middle = (low + high) >>> 1;
            if (readTimes(middle, 1).getLong() <= timestampMs) {
                low = middle;
            } else {
                high = middle;
            }
        }
        if (low == high) {
            return null;
        }
        ByteBuffer block = readTimes(low, high - low);
        TimeEntry found = null;
        while (block.hasRemaining()) {
            TimeEntry entry = new TimeEntry(block.getLong(), block.getInt());
            if (entry.timestampMs() > timestampMs) {
                break;
            }
            found = entry;
        }
        return found;
    }

    @Override
    public @Nullable TimeEntry lastTime() {
        if (timeCount == 0) {
            return null;
        }
        ByteBuffer entry = readTimes(timeCount - 1, 1);
        return new TimeEntry(entry.getLong(), entry.getInt());
    }

    /** Gives up the names of the files, and goes on with them. */
    void moveAside() {
        offsets.rename(SegmentSwap.deleted(offsets.path()));
        times.rename(SegmentSwap.deleted(times.path()));
    }

    @Override
    public void close() {
        offsets.close();
        times.close();
    }

    private ByteBuffer readOffsets(int from, int count) {
        return offsets.read((long) from * IndexFormat.OFFSET_ENTRY_BYTES, count * IndexFormat.OFFSET_ENTRY_BYTES);
    }

    private ByteBuffer readTimes(int from, int count) {
        return times.read((long) from * IndexFormat.TIME_ENTRY_BYTES, count * IndexFormat.TIME_ENTRY_BYTES);
    }
}
