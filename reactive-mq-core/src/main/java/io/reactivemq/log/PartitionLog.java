package io.reactivemq.log;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogConfig.RecordCheck;
import io.reactivemq.log.RecoveryReport.Origin;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException;
import java.io.Closeable;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The log of a partition: record batches one behind the other, in segments that are files of Kafka's format, each record at
 * the next offset.
 *
 * <pre>
 *   logStartOffset       forcedOffset        logEndOffset
 *        |                    |                   |
 *   -----+--------------------+-------------------+
 *        |  survives a loss   |  written, still   |  the next record
 *        |  of power          |  to be forced     |  goes here
 * </pre>
 *
 * <p>Appending and forcing are separate: {@link #append} returns when the bytes are written, {@link #force} when everything
 * that was appended before survives a loss of power. When to acknowledge, and what readers may see, is the caller's rule.
 *
 * <p><b>Threads.</b> One thread at a time appends, deletes, changes settings and closes. One thread at a time forces; it may do so
 * while another appends. Any number of threads read, without locks: they see what {@link #logEndOffset} told them of. All of
 * it blocks on files.
 *
 * <p><b>Failures.</b> An append that can't be written is cut back; the log is what it was before, and goes on when there is
 * room. If the cut fails too, or any force fails, the log is fenced: every later append and force is refused with
 * KAFKA_STORAGE_ERROR, reads go on. A force is never tried again, since the bytes it failed for may be gone from the page cache; only opening
 * the log anew finds out what is on disk.
 *
 * <p><b>After a crash</b> {@link #open} reads what lies behind the last recovery point: see {@link #recovery}.
 */
public final class PartitionLog implements Closeable {

    private static final Logger LOGGER = LoggerFactory.getLogger(PartitionLog.class);
    private static final long NO_TIMESTAMP = -1;

    private final FileStore store;
    private final Path directory;
    private final TopicPartition partition;
    private final RecoveryReport recovery;
    private volatile LogConfig config;

    /** Replaced as a whole by the writer. Invariant: at least one; the last is the active one. */
    private volatile Segment[] segments;

    /** Written by the writer when bytes, index and size are in place. */
    private volatile LogEnd end;

    /** Written by the writer. */
    private volatile LeaderEpochs epochs;

    /** Guarded by this for writes. Invariant: logStartOffset <= logEndOffset. */
    private volatile long logStartOffset;

    /** Guarded by this for writes. Invariant: forced.offset <= end.offset. */
    private volatile LogEnd forced;

    /** As it is on file. Guarded by this. */
    private LogCheckpoint checkpoint;

    /** Set once, by whoever sees a force fail first: why nothing is written any more. */
    private final AtomicReference<@Nullable Fence> fence = new AtomicReference<>();

    /**
     * Held for one force of a segment at a time. The system reports a lost page to one of two threads that force a file at once; the
     * other would go on as if nothing were wrong. The last lock to be taken.
     */
    private final Object forcing = new Object();

    /** The writer's: the file says that the log is open, as it must before the first append. */
    private boolean markedOpen;

    /** The writer's: an append was cut back, and the next one begins a new epoch. */
    private boolean cutBack;

    /** The writer's: a roll has failed, and there may be a file that says that the next segment begins at the end of the log. */
    private boolean rollUnfinished;

    private volatile boolean closed;

    private PartitionLog(
            FileStore store, Path directory, TopicPartition partition, LogConfig config, LogRecovery.Opened opened) {
        this.store = store;
        this.directory = directory;
        this.partition = partition;
        this.config = config;
        this.recovery = opened.report();
        this.segments = opened.segments().toArray(Segment[]::new);
        this.end = opened.end();
        this.forced = opened.end();
        this.epochs = opened.epochs();
        this.logStartOffset = opened.checkpoint().logStartOffset();
        this.checkpoint = opened.checkpoint();
    }

    /**
     * Opens the log, or makes it. What was found, and what was cut, is in {@link #recovery}.
     *
     * @param directory the partition's own folder, by custom {@code <topic>-<partition>}; made if missing. The
     *     directory it is in should be there, and forced
     * @throws MqException CORRUPT_MESSAGE naming file, position, expected and actual, if the log is damaged; nothing was changed then
     */
    public static PartitionLog open(FileStore store, Path directory, TopicPartition partition, LogConfig config) {
        return new PartitionLog(
                store, directory, partition, config, new LogRecovery(store, directory, partition, config).open());
    }

    public TopicPartition partition() {
        return partition;
    }

    /** What opening found and did. */
    public RecoveryReport recovery() {
        return recovery;
    }

    /** The offset of the first record. */
    public long logStartOffset() {
        return logStartOffset;
    }

    /** The offset of the next record: all below it is written. */
    public long logEndOffset() {
        return end.offset();
    }

    /** All below this offset survives a loss of power. */
    public long forcedOffset() {
        return forced.offset();
    }

    /** The epoch that appends are stamped with. Grows with every opening that found the log not closed. */
    public int leaderEpoch() {
        return epochs.latest();
    }

    /** Whether a failure has ended all writing; see the class's word on failures. */
    public boolean isFenced() {
        return fence.get() != null;
    }

    public LogConfig config() {
        return config;
    }

    /** Changes the settings; they hold from the next append on, the index interval from the next segment on. */
    public void configure(LogConfig newConfig) {
        config = newConfig;
    }

    /** The bytes of all batches, indexes not counted. */
    public long sizeInBytes() {
        long bytes = 0;
        for (Segment segment : segments) {
            bytes += segment.size();
        }
        return bytes;
    }

    /** The segments, oldest first; the last is the active one. */
    public List<SegmentInfo> segments() {
        Segment[] now = segments;
        LogEnd endNow = end;
        List<SegmentInfo> infos = new ArrayList<>(now.length);
        for (int i = 0; i < now.length; i++) {
            boolean active = i == now.length - 1;
            long next = active ? Math.max(endNow.offset(), now[i].baseOffset()) : now[i + 1].baseOffset();
            infos.add(new SegmentInfo(now[i].baseOffset(), next, now[i].size(), active));
        }
        return infos;
    }

    // --- appending -----------------------------------------------------------------------------------------------

    /**
     * Appends whole batches as they came: base offset and leader epoch are patched in the caller's buffer, and with log append time
     * the timestamps. All go into one segment. On any error the log is as it was, and the same buffer can be appended again.
     *
     * @param records the batches, in the buffer's remaining bytes; position and limit stay as they are
     * @param nowMs the time of the append
     * @throws MqException CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE for batches that can't be taken;
     *     KAFKA_STORAGE_ERROR where writing failed
     */
    public AppendInfo append(ByteBuffer records, long nowMs) {
        checkWritable();
        LogConfig settings = config;
        long offsetSpan = validate(records, settings);
        prepareForAppend();
        if (mustRoll(records.remaining(), offsetSpan, settings)) {
            roll();
        }
        long baseOffset = end.offset();
        if (settings.timestampType() == TimestampType.CREATE_TIME) {
            return new AppendInfo(baseOffset, write(records), NO_TIMESTAMP);
        }
        return new AppendInfo(baseOffset, writeWithAppendTime(records, nowMs), nowMs);
    }

    /** The senders' timestamps are put back where the write fails: a batch that claims the log's time is refused. */
    private long writeWithAppendTime(ByteBuffer records, long nowMs) {
        List<ByteBuffer> headers = new ArrayList<>();
        List<byte[]> asTheyCame = new ArrayList<>();
        int position = records.position();
        for (RecordBatch batch : RecordBatches.of(records)) {
            byte[] header = new byte[BatchHeader.BYTES];
            records.get(position, header);
            headers.add(records.slice(position, header.length));
            asTheyCame.add(header);
            position += batch.sizeInBytes();
            batch.setLogAppendTime(nowMs);
        }
        boolean written = false;
        try {
            long nextOffset = write(records);
            written = true;
            return nextOffset;
        } finally {
            for (int i = 0; !written && i < headers.size(); i++) {
                headers.get(i).put(asTheyCame.get(i));
            }
        }
    }

    /** Returns how many offsets the batches take. */
    private long validate(ByteBuffer records, LogConfig settings) {
        if (!records.hasRemaining()) {
            throw new MqException(ErrorCode.INVALID_RECORD, partition + ": an append of no batches");
        }
        String where = partition.toString();
        long offsetSpan = 0;
        for (RecordBatch batch : RecordBatches.of(records)) {
            if (batch.sizeInBytes() > settings.maxMessageBytes()) {
                throw new MqException(
                        ErrorCode.MESSAGE_TOO_LARGE,
                        partition + ": a batch of " + batch.sizeInBytes() + " bytes, more than the "
                                + settings.maxMessageBytes() + " of max.message.bytes");
            }
            batch.validateProduced(where);
            if (settings.recordCheck() == RecordCheck.RECORDS) {
                batch.validateRecords(where);
            }
            offsetSpan += batch.count();
        }
        if (offsetSpan > Integer.MAX_VALUE) {
            throw new MqException(
                    ErrorCode.INVALID_RECORD, partition + ": one append of " + offsetSpan + " records is too many");
        }
        return offsetSpan;
    }

    /** What must be on disk before the first append after opening, or after one was cut back. */
    private void prepareForAppend() {
        if (cutBack) {
            beginEpoch(epochs.latest() + 1);
            cutBack = false;
        }
        if (!markedOpen) {
            record(() -> {
                if (checkpoint.clean()) {
                    writeCheckpoint(checkpoint.withClean(false));
                }
            });
            markedOpen = true;
        }
    }

    private boolean mustRoll(int bytes, long offsetSpan, LogConfig settings) {
        LogEnd at = end;
        return at.position() > 0
                && (rollUnfinished
                        || (long) at.position() + bytes > settings.segmentBytes()
                        || at.offset() + offsetSpan - 1 - at.segment().baseOffset() > Integer.MAX_VALUE);
    }

    /** Gives the batches their offsets, writes them and makes them known; returns the offset behind them. */
    private long write(ByteBuffer records) {
        LogEnd at = end;
        Segment segment = at.segment();
        int epoch = epochs.latest();
        long offset = at.offset();
        for (RecordBatch batch : RecordBatches.of(records)) {
            batch.setBaseOffset(offset);
            batch.setLeaderEpoch(epoch);
            offset = batch.nextOffset();
        }
        boolean written = false;
        try {
            segment.file().write(records.duplicate(), at.position());
            written = true;
        } finally {
            if (!written) {
                cutBackTo(at);
            }
        }
        // In this order: a reader looks at the index first, and then finds in the segment whatever the index has.
        segment.publish(at.position() + records.remaining());
        GrowingIndex index = segment.growingIndex();
        int position = at.position();
        for (RecordBatch batch : RecordBatches.of(records)) {
            index.add(position, (int) (batch.lastOffset() - segment.baseOffset()), batch.maxTimestamp());
            position += batch.sizeInBytes();
        }
        end = LogEnd.of(segment, position, offset);
        return offset;
    }

    /**
     * Takes away what a failed write has left behind the end. The cut is forced: bytes that came back after a crash would stand where
     * the next batches are. It is never seen by a caller that this fails, the write's own error is thrown; the fence tells the next one.
     */
    private void cutBackTo(LogEnd at) {
        cutBack = true;
        try {
            at.segment().file().truncate(at.position());
            forceFile(at.segment());
        } catch (StorageException e) {
            fence("a failed append could not be cut back", e);
        } catch (MqException e) {
            LOGGER.debug("the force after the cut has fenced the log", e);
        }
    }

    /**
     * Closes the active segment, which is forced, and goes on in a new one, so that what is in the former can be deleted. Does nothing where
     * the active segment is empty.
     */
    public void roll() {
        checkWritable();
        LogEnd at = end;
        if (at.position() == 0) {
            return;
        }
        Segment full = at.segment();
        Segment next;
        forceFile(full);
        rollUnfinished = true;
        try {
            next = LogRecovery.newSegment(store, directory, at.offset(), config);
        } catch (StorageException e) {
            throw fenceIfForce(e);
        }
        Segment[] before = segments;
        Segment[] after = Arrays.copyOf(before, before.length + 1);
        boolean done = false;
        try {
            after[before.length - 1] = full.closed();
            done = true;
        } finally {
            if (!done) {
                next.release();
            }
        }
        after[before.length] = next;
        LogEnd begin = LogEnd.beginOf(next, at.offset());
        synchronized (this) {
            forced = begin;
        }
        segments = after;
        end = begin;
        rollUnfinished = false;
        full.release();
        record(() -> recordRecoveryPoint());
    }

    // --- forcing -------------------------------------------------------------------------------------------------

    /**
     * Returns when all that was appended before survives a loss of power; {@link #forcedOffset} then says so. One force serves every append
     * before it. A failure is final.
     *
     * @throws MqException KAFKA_STORAGE_ERROR if it fails, or something failed before
     */
    public void force() {
        checkWritable();
        LogEnd target = end;
        if (target.offset() <= forced.offset()) {
            return;
        }
        if (!target.segment().tryLease()) {
            return; // rolled in the meantime, which forces
        }
        try {
            forceFile(target.segment());
        } finally {
            target.segment().release();
        }
        try {
            synchronized (this) {
                if (target.offset() > forced.offset()) {
                    forced = target;
                }
                if (bytesBehindRecoveryPoint() > config.recoveryPointBytes()) {
                    recordRecoveryPoint();
                }
            }
        } catch (StorageException e) {
            if (e.operation().isForce()) {
                throw fence("the checkpoint could not be forced", e);
            }
            // What was to be recorded is forced all the same; the next force records it.
            LOGGER.warn("{}: the recovery point could not be recorded", partition, e);
        }
    }

    /** A failure fences before another force can begin. */
    private void forceFile(Segment segment) {
        synchronized (forcing) {
            checkWritable();
            try {
                segment.file().force();
            } catch (StorageException e) {
                throw fence("a force failed", e);
            }
        }
    }

    /** Guarded by this. */
    private long bytesBehindRecoveryPoint() {
        LogEnd at = forced;
        return at.segment().baseOffset() == checkpoint.segment()
                ? at.position() - (long) checkpoint.position()
                : Long.MAX_VALUE;
    }

    /** Guarded by this. */
    private void recordRecoveryPoint() {
        writeCheckpoint(recoveryPoint(logStartOffset));
    }

    /** Guarded by this. */
    private LogCheckpoint recoveryPoint(long startOffset) {
        LogEnd at = forced;
        GrowingIndex.State index = at.segment().flushIndex(at.offsetEntries(), at.timeEntries());
        return LogRecovery.checkpoint(at, startOffset, index, epochs);
    }

    /** Guarded by this. */
    private void writeCheckpoint(LogCheckpoint next) {
        store.replaceFile(directory.resolve(LogCheckpoint.FILE_NAME), next.encode());
        checkpoint = next;
    }

    /** Does what writes the small files, under the lock; a force among it that fails is final. */
    private void record(Runnable writing) {
        try {
            synchronized (this) {
                writing.run();
            }
        } catch (StorageException e) {
            throw fenceIfForce(e);
        }
    }

    /** The epochs' file is written first: a crash between the two leaves a checkpoint that says so. */
    private void beginEpoch(int epoch) {
        LeaderEpochs next = epochs.with(epoch, end.offset());
        record(() -> {
            store.replaceFile(directory.resolve(LeaderEpochs.FILE_NAME), next.encode());
            writeCheckpoint(checkpoint.withLeaderEpochs(epoch, LeaderEpochs.crcOf(next.encode())));
            epochs = next;
        });
    }

    // --- reading -------------------------------------------------------------------------------------------------

    /**
     * Whole batches as they are stored, the first being the one that holds the offset, all of one segment. In memory they are a view
     * of the log itself wherever they lie in one piece, read-only.
     *
     * @param offset the first offset wanted; records of the first batch may lie below it
     * @param maxBytes a bound; a first batch that is larger is returned all the same
     * @param endOffset exclusive: what readers may see; batches that reach beyond are left out
     * @return empty where there is nothing between the two offsets
     * @throws MqException OFFSET_OUT_OF_RANGE below the log start offset or above the log end offset; CORRUPT_MESSAGE where the log is
     *     damaged
     */
    public ByteBuffer read(long offset, int maxBytes, long endOffset) {
        while (true) {
            long logEndOffset = end.offset();
            if (offset < logStartOffset || offset > logEndOffset) {
                throw outOfRange(offset, logEndOffset);
            }
            long readEnd = Math.min(endOffset, logEndOffset);
            if (offset >= readEnd) {
                return ByteBuffer.allocate(0);
            }
            Segment[] now = segments;
            int i = floor(now, offset);
            if (i < 0 || !now[i].tryLease()) {
                checkOpen();
                continue; // deleted, or full and replaced by its closed self: look again
            }
            try {
                return now[i].read(offset, maxBytes, readEnd);
            } finally {
                now[i].release();
            }
        }
    }

    /**
     * The first record whose timestamp is at or after the given one. Records of compressed batches are not looked at one by one: the
     * batch's first stands for it.
     *
     * @param endOffset exclusive: what readers may see
     * @return its offset; -1 where there is none
     */
    public long offsetForTimestamp(long timestampMs, long endOffset) {
        long from = logStartOffset;
        long to = Math.min(endOffset, end.offset());
        while (from < to) {
            Segment[] now = segments;
            int i = Math.max(0, floor(now, from));
            if (!now[i].tryLease()) {
                checkOpen();
                from = Math.max(from, logStartOffset);
                continue;
            }
            try {
                long found = now[i].offsetForTimestamp(timestampMs, from);
                if (found >= 0) {
                    return found < to ? found : -1;
                }
            } finally {
                now[i].release();
            }
            if (i == now.length - 1) {
                return -1;
            }
            from = now[i + 1].baseOffset();
        }
        return -1;
    }

    /**
     * Reads the whole log as it is now and compares every byte that a checksum, an offset or an epoch covers.
     *
     * @throws MqException CORRUPT_MESSAGE naming file, position, expected and actual, at the first batch that is not as it was written
     */
    public void verify() {
        LogEnd to = end;
        Segment[] now = segments;
        for (int i = 0; i < now.length; i++) {
            Segment segment = now[i];
            boolean last = segment.baseOffset() == to.segment().baseOffset();
            if (!segment.tryLease()) {
                checkOpen();
                continue; // deleted in the meantime
            }
            try {
                int size = last ? to.position() : segment.size();
                TailScan scan = new TailScan(segment.file(), 0, size, segment.baseOffset(), epochs, true);
                while (scan.next()) {
                    // until the end or the first batch that does not count
                }
                TailScan.Flaw flaw = scan.flaw();
                if (flaw != null) {
                    throw LogDamage.of(
                            segment.file().path(), scan.position(), flaw.field(), flaw.expected(), flaw.actual());
                }
                long next = last ? to.offset() : now[i + 1].baseOffset();
                if (scan.nextOffset() != next) {
                    throw LogDamage.of(
                            segment.file().path(),
                            scan.position(),
                            "offset behind the segment",
                            next,
                            scan.nextOffset());
                }
            } finally {
                segment.release();
            }
            if (last) {
                return;
            }
        }
    }

    /** The last segment whose base offset is at or below the offset; -1: none. */
    private static int floor(Segment[] segments, long offset) {
        int low = 0;
        int high = segments.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (segments[middle].baseOffset() <= offset) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low - 1;
    }

    private MqException outOfRange(long offset, long logEndOffset) {
        return new MqException(
                ErrorCode.OFFSET_OUT_OF_RANGE,
                partition + ": offset " + offset + " is not between the log start offset " + logStartOffset
                        + " and the log end offset " + logEndOffset);
    }

    // --- deleting ------------------------------------------------------------------------------------------------

    /**
     * Deletes the closed segments all of whose records lie below the offset. The log then starts with the first segment that is left, also
     * after it is opened again: that is recorded before the first file goes. Readers that are at it finish their read.
     *
     * @return how many segments
     */
    public int deleteSegmentsBefore(long offset) {
        checkWritable();
        Segment[] before = segments;
        int count = 0;
        while (count < before.length - 1 && before[count + 1].baseOffset() <= offset) {
            count++;
        }
        if (count == 0) {
            return 0;
        }
        long start = Math.max(logStartOffset, before[count].baseOffset());
        record(() -> {
            if (checkpoint.segment() < start) {
                // Closed segments are forced, so the recovery point need not lie in one that goes.
                writeCheckpoint(recoveryPoint(start));
            } else {
                writeCheckpoint(checkpoint.withLogStartOffset(start));
            }
            logStartOffset = start;
        });
        segments = Arrays.copyOfRange(before, count, before.length);
        for (int i = 0; i < count; i++) {
            before[i].releaseAndDelete();
        }
        return count;
    }

    // --- closing -------------------------------------------------------------------------------------------------

    /**
     * Forces everything and records that the log was closed, so that the next opening has nothing to scan. A fenced log is only let go of.
     * Readers that are at it finish their read. Idempotent.
     *
     * @throws MqException KAFKA_STORAGE_ERROR if that fails; the log is closed all the same, and scanned when it is opened again
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        try {
            if (!isFenced()) {
                recordCleanShutdown();
            }
        } finally {
            closed = true;
            for (Segment segment : segments) {
                segment.release();
            }
        }
    }

    private void recordCleanShutdown() {
        LogEnd at = end;
        record(() -> {
            if (checkpoint.clean() && checkpoint.recoveryPoint() == at.offset()) {
                return;
            }
            if (at.segment().file().size() > at.position()) {
                at.segment().file().truncate(at.position());
            }
            forceFile(at.segment());
            forced = at;
            writeCheckpoint(recoveryPoint(logStartOffset).withClean(true));
        });
    }

    // --- failures ------------------------------------------------------------------------------------------------

    private void checkOpen() {
        if (closed) {
            throw new MqException(ErrorCode.KAFKA_STORAGE_ERROR, "the log of " + partition + " is closed");
        }
    }

    private void checkWritable() {
        checkOpen();
        Fence why = fence.get();
        if (why != null) {
            throw why.toException();
        }
    }

    private MqException fenceIfForce(StorageException e) {
        return e.operation().isForce() ? fence("a force failed", e) : e;
    }

    private MqException fence(String what, StorageException e) {
        Fence why = new Fence(
                "the log of " + partition + " takes no more writes: " + what + " (" + e.getMessage()
                        + "); open it again to find out what is on disk",
                e);
        if (fence.compareAndSet(null, why)) {
            LOGGER.error("{}", why.message, e);
        }
        return why.toException();
    }

    /** Why nothing is written any more. */
    private record Fence(String message, StorageException cause) {
        MqException toException() {
            return new MqException(ErrorCode.KAFKA_STORAGE_ERROR, message, cause);
        }
    }

    @Override
    public String toString() {
        return "PartitionLog[" + partition + ", offsets " + logStartOffset + " to " + end.offset() + ", forced to "
                + forced.offset() + ", " + segments.length + " segments in " + directory + ", leader epoch "
                + epochs.latest() + (recovery.origin() == Origin.UNCLEAN ? ", recovered" : "") + "]";
    }
}
