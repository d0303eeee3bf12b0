package io.reactivemq.log;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.log.OffsetTimeIndex.OffsetEntry;
import io.reactivemq.log.OffsetTimeIndex.TimeEntry;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordWalk;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A file of batches whose offsets begin at its base offset, with its index. The active segment of a log grows; when it is
 * full, another object with the same file, open for reading only, takes its place.
 *
 * <p>Who uses a segment holds a lease: the log one for as long as the segment is part of it, each reader one for the length
 * of a read. When the last lease is given back the files are closed, and deleted if the log has let go of them.
 */
final class Segment {

    private static final Logger LOGGER = LoggerFactory.getLogger(Segment.class);
    private static final long UNKNOWN = Long.MIN_VALUE;
    private static final ByteBuffer EMPTY = ByteBuffer.allocate(0).asReadOnlyBuffer();

    private final FileStore store;
    private final Path directory;
    private final long baseOffset;
    private final StoredFile file;
    private final int indexIntervalBytes;
    private final TransactionIndex transactions;
    private final AtomicInteger leases = new AtomicInteger(1);

    /** Null before its first use; replaced where it turns out to be damaged. Guarded by this for writes. */
    private volatile @Nullable OffsetTimeIndex index;

    /** Reads the index where that was not done yet. Guarded by this. */
    private @Nullable Supplier<? extends OffsetTimeIndex> unread;

    /** What a walk over the whole segment has found; it stays until the log is opened anew, or a verification says otherwise. Guarded by this. */
    private @Nullable MqException damage;

    /** A damaged index: readers may be using it until the last lease is given back. */
    private volatile @Nullable OffsetTimeIndex replaced;

    /**
     * Written by the log's writer. Bytes behind it are nobody's business. Invariant: it is published before the index entries of the bytes
     * before it, so who reads an entry and then the size finds the batch.
     */
    private volatile int size;

    /** Of a closed segment, once it is known. */
    private volatile long maxTimestampMs = UNKNOWN;

    /** Data records in it; not known where negative. Of the active segment, written by the writer. */
    private volatile long records = -1;

    /** The writer's: the largest timestamp of the first batch; not known yet, or no batch: UNKNOWN. */
    private long firstTimestampMs = UNKNOWN;

    /** Written by the writer; -1: not since the log was opened. */
    private volatile long lastWrittenMs = -1;

    /** Guarded by this. */
    private boolean deleteAtLastRelease;

    private volatile boolean disposed;

    /** Another segment has, or is about to have, this one's names. Guarded by this for writes. */
    private volatile boolean aside;

    /** The same file while it was written to, whose readers may not have gone yet. */
    private @Nullable Segment former;

    Segment(
            FileStore store,
            Path directory,
            long baseOffset,
            StoredFile file,
            OffsetTimeIndex index,
            TransactionIndex transactions,
            int size,
            int indexIntervalBytes) {
        this.store = store;
        this.directory = directory;
        this.baseOffset = baseOffset;
        this.file = file;
        this.index = index;
        this.transactions = transactions;
        this.size = size;
        this.indexIntervalBytes = indexIntervalBytes;
    }

    /** As another, whose index is read by the first that uses it. */
    Segment(
            FileStore store,
            Path directory,
            long baseOffset,
            StoredFile file,
            Supplier<? extends OffsetTimeIndex> unread,
            TransactionIndex transactions,
            int size,
            int indexIntervalBytes) {
        this.store = store;
        this.directory = directory;
        this.baseOffset = baseOffset;
        this.file = file;
        this.unread = unread;
        this.transactions = transactions;
        this.size = size;
        this.indexIntervalBytes = indexIntervalBytes;
    }

    private OffsetTimeIndex index() {
        OffsetTimeIndex known = index;
        return known != null ? known : readIndex();
    }

    /**
     * Where the index was not read yet, finds out whether a closed segment ends where the next one begins.
     *
     * @throws MqException CORRUPT_MESSAGE where it does not
     */
    void requireWhole() {
        index();
    }

    private synchronized OffsetTimeIndex readIndex() {
        OffsetTimeIndex known = index;
        if (known == null) {
            known = unlessDamaged(Objects.requireNonNull(unread, "either the index or what reads it"));
            index = known;
            unread = null;
        }
        return known;
    }

    /** Does what walks over the segment, but not again where it has found damage. The lock is held. */
    private <T> T unlessDamaged(Supplier<T> walk) {
        MqException found = damage;
        if (found != null) {
            throw LogDamage.again(found);
        }
        try {
            return walk.get();
        } catch (MqException e) {
            if (e.errorCode() == ErrorCode.CORRUPT_MESSAGE) {
                damage = e;
            }
            throw e;
        }
    }

    /** All of it was looked at, and nothing is wrong: whatever was found before has been restored. */
    synchronized void isWhole() {
        damage = null;
    }

    long baseOffset() {
        return baseOffset;
    }

    StoredFile file() {
        return file;
    }

    int size() {
        return size;
    }

    /** The writer's: makes bytes and index entries known to readers. */
    void publish(int newSize, long nowMs) {
        lastWrittenMs = nowMs;
        size = newSize;
    }

    /** The index of the active segment. */
    GrowingIndex growingIndex() {
        if (index() instanceof GrowingIndex growing) {
            return growing;
        }
        throw new IllegalStateException("segment " + file.path() + " is closed");
    }

    TransactionIndex transactions() {
        return transactions;
    }

    /**
     * Brings the index files of the active segment up to date with that many entries; all of them where it has fewer: it was made again, with another
     * interval.
     */
    GrowingIndex.State flushIndex(int offsetCount, int timeCount) {
        GrowingIndex growing = growingIndex();
        return growing.flush(
                store,
                IndexFormat.offsetIndexFile(directory, baseOffset),
                IndexFormat.timeIndexFile(directory, baseOffset),
                Math.min(offsetCount, growing.offsetCount()),
                Math.min(timeCount, growing.timeCount()));
    }

    /** The segment that takes the place of this one, which has got its last batch and is forced. The log then releases this one. */
    Segment closed() {
        OffsetTimeIndex stored = seal(growingIndex());
        Segment closed = new Segment(
                store,
                directory,
                baseOffset,
                store.open(file.path(), OpenMode.READ),
                stored,
                transactions,
                size,
                indexIntervalBytes);
        closed.maxTimestampMs = growingIndex().maxTimestampMs();
        closed.former = this;
        closed.lastWrittenMs = lastWrittenMs;
        return closed;
    }

    /** The writer's: no reader has the file open by another handle than this one's. */
    boolean canMoveAside() {
        Segment before = former;
        if (before != null && before.leases.get() == 0) {
            former = null;
        }
        return former == null;
    }

    /**
     * The writer's: gives up the names of its files, for a compacted segment that takes its place. Readers that are at it go on. What is
     * left is to release it.
     */
    synchronized void moveAside() {
        aside = true;
        transactions.moveAside();
        if (index() instanceof StoredIndex stored) {
            stored.moveAside();
        } else {
            deleteIfExists(IndexFormat.offsetIndexFile(directory, baseOffset));
            deleteIfExists(IndexFormat.timeIndexFile(directory, baseOffset));
        }
        file.rename(SegmentSwap.deleted(file.path()));
    }

    /** The writer's: a compacted segment has got its names, and leaves its index to the files. */
    synchronized void sealIndex() {
        if (index() instanceof GrowingIndex growing) {
            maxTimestampMs = growing.maxTimestampMs();
            try {
                index = seal(growing);
            } catch (StorageException e) {
                LOGGER.warn(
                        "the index of {} stays on the heap, and is made again when the log is opened", file.path(), e);
            }
        }
    }

    private void deleteIfExists(Path path) {
        if (store.exists(path)) {
            store.delete(path);
        }
    }

    private OffsetTimeIndex seal(GrowingIndex growing) {
        return growing.seal(
                store,
                IndexFormat.offsetIndexFile(directory, baseOffset),
                IndexFormat.timeIndexFile(directory, baseOffset));
    }

    /** False where the segment is no longer part of the log; see {@link #release}. */
    boolean tryLease() {
        while (true) {
            int count = leases.get();
            if (count == 0) {
                return false;
            }
            if (leases.compareAndSet(count, count + 1)) {
                return true;
            }
        }
    }

    void release() {
        release(Runnable::run);
    }

    /** @param disposer runs what the last lease leaves to be done, which blocks on files */
    void release(Executor disposer) {
        if (leases.decrementAndGet() == 0) {
            disposer.execute(this::dispose);
        }
    }

    /** The log's: lets go of the segment and its files. */
    void releaseAndDelete() {
        synchronized (this) {
            deleteAtLastRelease = true;
        }
        release();
    }

    /**
     * The log's, as it is closed: files of the segment that its last reader has not deleted yet stay. From then on they are those of whoever opens or
     * deletes the folder, and another topic may have files of these names.
     */
    synchronized void keepFiles() {
        deleteAtLastRelease = false;
    }

    /** Its files are closed and, where that was asked for, deleted. */
    boolean isDisposed() {
        return disposed;
    }

    /** What fails here is not the last reader's concern: all that counts was forced before, and the next opening tidies up. */
    private synchronized void dispose() {
        try {
            OffsetTimeIndex used = index;
            if (used != null) {
                used.close();
            }
            OffsetTimeIndex damaged = replaced;
            if (damaged != null) {
                damaged.close();
            }
            file.close();
            if (!deleteAtLastRelease) {
                return;
            }
            if (aside) {
                SegmentSwap.deleteAside(store, directory, baseOffset);
            } else {
                deleteFiles(store, directory, baseOffset);
            }
        } catch (StorageException e) {
            LOGGER.warn("letting go of segment {} failed", file.path(), e);
        } finally {
            disposed = true;
        }
    }

    /** Deletes what is there of a segment's files, and forces the directory. */
    static void deleteFiles(FileStore store, Path directory, long baseOffset) {
        for (Path path : List.of(
                IndexFormat.logFile(directory, baseOffset),
                IndexFormat.offsetIndexFile(directory, baseOffset),
                IndexFormat.timeIndexFile(directory, baseOffset),
                IndexFormat.transactionIndexFile(directory, baseOffset),
                ProducerSnapshot.file(directory, baseOffset))) {
            if (store.exists(path)) {
                store.delete(path);
            }
        }
        store.forceDirectory(directory);
    }

    /**
     * Whole batches, the first being the one that holds the offset or, where compaction has left none, the next behind it.
     *
     * @param maxBytes a bound, but for the first batch
     * @param endOffset batches that reach up to it or beyond are left out
     * @return empty where no batch of this segment lies between the offsets
     */
    ByteBuffer read(long offset, int maxBytes, long endOffset) {
        OffsetTimeIndex used = index();
        OffsetEntry entry = used.floorOffset(relative(offset));
        int end = size;
        int position = entry == null ? 0 : entry.position();
        long expectedOffset = entry == null ? baseOffset : -1;
        while (position != end) {
            if (position < 0 || end - position < BatchHeader.BYTES) {
                return rebuildIndex(used, entry, position, end).read(offset, maxBytes, endOffset);
            }
            ByteBuffer window = file.read(position, BatchHeader.BYTES, windowLength(maxBytes, end - position));
            if (entry != null && entry.position() == position && !isAt(entry, window)) {
                return rebuildIndex(used, entry, position, end).read(offset, maxBytes, endOffset);
            }
            int at = 0;
            while (window.limit() - at >= BatchHeader.BYTES) {
                int batchSize = BatchWalk.sizeOfBatch(file, window, at, position + at, end);
                checkOffset(position + at, expectedOffset, BatchHeader.baseOffset(window, at));
                long lastOffset = BatchHeader.lastOffset(window, at);
                if (lastOffset >= offset) {
                    return lastOffset >= endOffset ? EMPTY : batches(window, at, position, maxBytes, endOffset, end);
                }
                expectedOffset = lastOffset + 1;
                at += batchSize;
            }
            position += at;
        }
        return EMPTY;
    }

    /** Enough to get from an index entry to the batch and then all that is asked for, with one read. */
    private int windowLength(int maxBytes, int available) {
        return (int) Math.min(available, Math.max(BatchHeader.BYTES, (long) maxBytes + indexIntervalBytes));
    }

    /** The whole batches of the window from that index on; read anew where not even the first is whole in it. */
    private ByteBuffer batches(ByteBuffer window, int at, int windowPosition, int maxBytes, long endOffset, int end) {
        int first = (int) BatchHeader.size(window, at);
        if (window.limit() - at < first) {
            int start = windowPosition + at;
            ByteBuffer whole = file.read(start, first, Math.max(first, Math.min(maxBytes, end - start)));
            return batches(whole, 0, start, maxBytes, endOffset, end);
        }
        int to = at + first;
        long expectedOffset = BatchHeader.lastOffset(window, at) + 1;
        while (window.limit() - to >= BatchHeader.BYTES) {
            int batchSize = BatchWalk.sizeOfBatch(file, window, to, windowPosition + to, end);
            long lastOffset = BatchHeader.lastOffset(window, to);
            if (lastOffset >= endOffset || to - at + batchSize > maxBytes || window.limit() - to < batchSize) {
                break;
            }
            checkOffset(windowPosition + to, expectedOffset, BatchHeader.baseOffset(window, to));
            expectedOffset = lastOffset + 1;
            to += batchSize;
        }
        return window.slice(at, to - at);
    }

    /**
     * What {@link #read} would return, left where it is; of the batches only a few headers are read.
     *
     * @return a region that has its own lease; empty where no batch of this segment lies between the offsets
     */
    LogRegion region(long offset, int maxBytes, long endOffset) {
        int end = size;
        int from = positionOf(offset, end);
        if (from == end || !tryLease()) {
            return LogRegion.empty();
        }
        boolean done = false;
        try {
            LogRegion region = regionFrom(from, maxBytes, endOffset, end);
            done = region.count() > 0;
            return region;
        } finally {
            if (!done) {
                release();
            }
        }
    }

    /** Up to the last whole batch that keeps to the bounds; the index leads near to it, where what it says is so. */
    private LogRegion regionFrom(int from, int maxBytes, long endOffset, int end) {
        int to = from;
        OffsetTimeIndex used = index();
        OffsetEntry near = used.floorPosition((int) Math.min(end, (long) from + maxBytes));
        OffsetEntry visible = used.floorOffset(relative(endOffset - 1));
        if (near != null && visible != null) {
            OffsetEntry entry = near.position() <= visible.position() ? near : visible;
            if (entry.position() > from
                    && entry.position() <= end - BatchHeader.BYTES
                    && isAt(entry, file.read(entry.position(), BatchHeader.BYTES))) {
                to = entry.position();
            }
        }
        long nextOffset = -1;
        BatchWalk walk = new BatchWalk(file, to, end);
        while (walk.next()) {
            int next = walk.position() + walk.size();
            if (walk.lastOffset() >= endOffset || (next - from > maxBytes && to > from)) {
                nextOffset = nextOffset < 0 ? walk.baseOffset() : nextOffset;
                break;
            }
            to = next;
            nextOffset = walk.lastOffset() + 1;
        }
        if (to == from) {
            return LogRegion.empty();
        }
        long first = BatchHeader.baseOffset(file.read(from, BatchHeader.BYTES), 0);
        return LogRegion.of(this, from, to, first, nextOffset);
    }

    /** Compares the checksums of batches that were {@link #read}. */
    void checkCrcs(ByteBuffer records) {
        for (RecordBatch batch : RecordBatches.of(records)) {
            if (batch.computeCrc() != batch.crc()) {
                LogDamage.checkCrc(file.path(), positionOf(batch.lastOffset(), size), batch);
            }
        }
    }

    /**
     * The first record that is at or behind the offset and whose timestamp is at or after the given one.
     *
     * @return its offset; -1 where this segment has none
     */
    long offsetForTimestamp(long timestampMs, long fromOffset) {
        if (maxTimestampMs() < timestampMs) {
            return -1;
        }
        OffsetTimeIndex used = index();
        TimeEntry time = used.floorTimestamp(timestampMs);
        int end = size;
        long startOffset = Math.max(fromOffset, time == null ? baseOffset : baseOffset + time.relativeOffset());
        int position = positionOf(startOffset, end);
        if (time != null && !isFirstWith(time, end)) {
            return rebuildIndex(used, time, position, end).offsetForTimestamp(timestampMs, fromOffset);
        }
        BatchWalk walk = new BatchWalk(file, position, end);
        while (walk.next()) {
            if (walk.maxTimestamp() >= timestampMs && walk.lastOffset() >= fromOffset) {
                long found = firstRecord(walk.position(), walk.size(), timestampMs, fromOffset);
                if (found >= 0) {
                    return found;
                }
            }
        }
        return -1;
    }

    /**
     * The writer's: the largest timestamp of the first batch, which the age of the segment counts from, and in a closed one of the first that
     * has one, since compaction may have left a gap before it; -1: none.
     */
    long firstTimestampMs() {
        if (firstTimestampMs == UNKNOWN) {
            if (size == 0) {
                return -1;
            }
            BatchWalk walk = new BatchWalk(file, 0, size);
            long first = -1;
            while (first < 0 && walk.next()) {
                first = walk.maxTimestamp();
                if (index() instanceof GrowingIndex) {
                    break;
                }
            }
            firstTimestampMs = first;
        }
        return firstTimestampMs;
    }

    /** The writer's: its first batch is written, which has that as its largest timestamp. */
    void beginsWith(long maxTimestampMs) {
        firstTimestampMs = maxTimestampMs;
    }

    /** The writer's: whether {@link #firstTimestampMs} is known without a look at the file. */
    boolean knowsFirstTimestamp() {
        return firstTimestampMs != UNKNOWN || size == 0;
    }

    /** When it was last written to, by the clock of who wrote; -1: not known. */
    long lastWrittenMs() {
        long known = lastWrittenMs;
        return known >= 0 ? known : store.lastModifiedMs(file.path());
    }

    /** How many records there are in the segment that are of concern to consumers; counted once, by the headers, if it is closed. */
    long records() {
        long known = records;
        if (known >= 0) {
            return known;
        }
        boolean closed = !(index() instanceof GrowingIndex);
        long counted = 0;
        BatchWalk walk = new BatchWalk(file, 0, size);
        while (walk.next()) {
            counted += walk.dataRecords();
        }
        if (closed) {
            records = counted;
        }
        return counted;
    }

    /**
     * The offset from which on the segment has that many records of concern to consumers, or a few more where not every offset has one.
     *
     * @param wanted 1 or more, and at most {@link #records}
     */
    long offsetOfLast(long wanted) {
        long before = records() - wanted;
        BatchWalk walk = new BatchWalk(file, 0, size);
        while (walk.next()) {
            int count = walk.dataRecords();
            if (count > before) {
                boolean everyOffset = count == walk.lastOffsetDelta() + 1;
                return walk.baseOffset() + (everyOffset ? before : 0);
            }
            before -= count;
        }
        return baseOffset;
    }

    /** The largest timestamp of the segment; -1: none has one. */
    long maxTimestampMs() {
        OffsetTimeIndex used = index();
        if (used instanceof GrowingIndex growing) {
            return growing.maxTimestampMs();
        }
        long known = maxTimestampMs;
        if (known != UNKNOWN) {
            return known;
        }
        // The last entry should say it; that the file was not cut short, only the batches behind it can tell.
        TimeEntry last = used.lastTime();
        int end = size;
        if (last != null && !isFirstWith(last, end)) {
            return rebuildIndex(used, last, 0, end).maxTimestampMs();
        }
        long max = last == null ? -1 : last.timestampMs();
        BatchWalk walk =
                new BatchWalk(file, last == null ? 0 : positionOf(baseOffset + last.relativeOffset(), end), end);
        while (walk.next()) {
            if (walk.maxTimestamp() > max) {
                return rebuildIndex(used, last, walk.position(), end).maxTimestampMs();
            }
        }
        maxTimestampMs = max;
        return max;
    }

    private boolean isFirstWith(TimeEntry entry, int end) {
        int position = positionOf(baseOffset + entry.relativeOffset(), end);
        if (position == end) {
            return false;
        }
        ByteBuffer header = file.read(position, BatchHeader.BYTES);
        return BatchHeader.lastOffset(header, 0) == baseOffset + entry.relativeOffset()
                && BatchHeader.maxTimestamp(header, 0) == entry.timestampMs();
    }

    private long firstRecord(int position, int batchSize, long timestampMs, long fromOffset) {
        RecordBatch batch = RecordBatch.at(file.read(position, batchSize), 0);
        LogDamage.checkCrc(file.path(), position, batch);
        boolean everyOffset = batch.count() == batch.lastOffsetDelta() + 1;
        if (batch.timestampType() == TimestampType.LOG_APPEND_TIME && everyOffset) {
            return Math.max(batch.baseOffset(), fromOffset);
        }
        try (RecordWalk records = batch.walk(file.path().toString())) {
            while (records.next()) {
                if (records.timestampMs() >= timestampMs && records.offset() >= fromOffset) {
                    return records.offset();
                }
            }
        }
        return -1;
    }

    /** Where the batch begins that holds the offset; the end where there is none. */
    int positionOf(long offset, int end) {
        OffsetTimeIndex used = index();
        OffsetEntry entry = used.floorOffset(relative(offset));
        int position = entry == null ? 0 : entry.position();
        if (position < 0
                || position > end
                || (entry != null
                        && (end - position < BatchHeader.BYTES
                                || !isAt(entry, file.read(position, BatchHeader.BYTES))))) {
            return rebuildIndex(used, entry, position, end).positionOf(offset, end);
        }
        BatchWalk walk = new BatchWalk(file, position, end);
        while (walk.next()) {
            if (walk.lastOffset() >= offset) {
                return walk.position();
            }
        }
        return end;
    }

    private boolean isAt(OffsetEntry entry, ByteBuffer batch) {
        return BatchHeader.magic(batch, 0) == RecordBatch.MAGIC
                && BatchHeader.lastOffset(batch, 0) == baseOffset + entry.relativeOffset();
    }

    private void checkOffset(int position, long expected, long actual) {
        if (expected >= 0 && actual != expected) {
            throw LogDamage.of(file.path(), position, "base offset of the batch", expected, actual);
        }
    }

    private int relative(long offset) {
        return (int) Math.max(0, Math.min(Integer.MAX_VALUE, offset - baseOffset));
    }

    /**
     * Makes the index again from the headers of the batches. If it was on the heap, where it can't be wrong, the segment itself is
     * damaged, and the walk over it or, if that finds nothing, this method says so.
     */
    private synchronized Segment rebuildIndex(OffsetTimeIndex damaged, @Nullable Object entry, int position, int end) {
        if (index != damaged) {
            return this; // another reader was faster
        }
        GrowingIndex rebuilt = unlessDamaged(() -> {
            GrowingIndex anew = new GrowingIndex(indexIntervalBytes);
            scanIndex(file, baseOffset, baseOffset, 0, end, anew);
            if (damaged instanceof GrowingIndex) {
                throw LogDamage.of(file.path(), position, "batch that the index has", String.valueOf(entry), "another");
            }
            return anew;
        });
        LOGGER.warn("the index of {} was damaged; it has been made again from the segment", file.path());
        replaced = damaged;
        index = aside ? rebuilt : seal(rebuilt);
        return this;
    }

    /**
     * Adds the batches between two positions to an index.
     *
     * @param expectedOffset the base offset of the first of them
     * @return the offset behind the last one
     * @throws MqException if a batch does not begin where the one before it ends
     */
    static long scanIndex(StoredFile file, long baseOffset, long expectedOffset, int from, int to, GrowingIndex index) {
        long expected = expectedOffset;
        BatchWalk walk = new BatchWalk(file, from, to);
        while (walk.next()) {
            if (walk.baseOffset() != expected) {
                throw LogDamage.of(
                        file.path(), walk.position(), "base offset of the batch", expected, walk.baseOffset());
            }
            expected = walk.lastOffset() + 1;
            index.add(walk.position(), (int) (walk.lastOffset() - baseOffset), walk.maxTimestamp());
        }
        return expected;
    }
}
