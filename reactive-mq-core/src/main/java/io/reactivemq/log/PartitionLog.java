package io.reactivemq.log;

import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogConfig.RecordCheck;
import io.reactivemq.log.RecoveryReport.Origin;
import io.reactivemq.record.BatchFilter;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordWalk;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException;
import java.io.Closeable;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
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

    /** Read at a time where timestamps are looked at. */
    private static final int TIMESTAMPS_BYTES = 64 * 1024;

    private final FileStore store;
    private final Path directory;
    private final TopicPartition partition;
    private final RecoveryReport recovery;
    private volatile LogConfig config;

    /** What readers see. Written by the writer; the log start offset under this as well. */
    private final LogSegments segments;

    /** The writer's. */
    private final LogCompaction compaction;

    /** The writer's. */
    private final LogProducers producers;

    private final LogFence fence;

    /** What of it is forced, and recorded. */
    private final LogDurability durable;

    /** The writer's: the file says that the log is open, as it must before the first append. */
    private boolean markedOpen;

    /** The writer's: an append was cut back, and the next one begins a new epoch. */
    private boolean cutBack;

    /** The writer's: since the log was opened. */
    private long bytesAppended;

    /** The writer's: a roll has failed, and there may be a file that says that the next segment begins at the end of the log. */
    private boolean rollUnfinished;

    private PartitionLog(
            FileStore store, Path directory, TopicPartition partition, LogConfig config, LogRecovery.Opened opened) {
        this.store = store;
        this.directory = directory;
        this.partition = partition;
        this.config = config;
        this.recovery = opened.report();
        this.segments = new LogSegments(
                partition,
                opened.segments(),
                opened.end(),
                opened.epochs(),
                opened.checkpoint().logStartOffset());
        this.fence = new LogFence(partition);
        this.durable = new LogDurability(new LogFiles(store, directory, partition), segments, fence, opened);
        this.compaction = new LogCompaction(store, directory, segments);
        this.producers = new LogProducers(
                store, directory, partition, segments, opened.producers(), opened.end(), config.recoveryPointBytes());
    }

    /**
     * Opens the log, or makes it. What was found, and what was cut, is in {@link #recovery}.
     *
     * @param directory the partition's own folder, by custom {@code <topic>-<partition>}; made if missing. The
     *     directory it is in should be there, and forced
     * @throws MqException CORRUPT_MESSAGE naming file, position, expected and actual, if the log is damaged, or its repair has not ended. No
     *     record is cut or deleted then; a compaction that was interrupted may have been completed, and files of segments before the log start deleted
     */
    public static PartitionLog open(FileStore store, Path directory, TopicPartition partition, LogConfig config) {
        return open(store, LogFolder.of(store, directory), partition, config);
    }

    /** As {@link #open(FileStore, Path, TopicPartition, LogConfig)}, of a folder that was looked at a moment before. */
    public static PartitionLog open(FileStore store, LogFolder folder, TopicPartition partition, LogConfig config) {
        return open(store, folder, partition, config, 0);
    }

    /**
     * As {@link #open(FileStore, LogFolder, TopicPartition, LogConfig)}.
     *
     * @param knownStart an offset that records were {@linkplain #deleteRecordsBefore deleted} up to, as it is known beside the folder: the log
     *     starts there or later, whatever the folder tells, and is damaged where it ends before
     */
    public static PartitionLog open(
            FileStore store, LogFolder folder, TopicPartition partition, LogConfig config, long knownStart) {
        UnfinishedRepair.requireNone(folder);
        return open(store, folder, partition, config, knownStart, -1);
    }

    /** As {@link #open(FileStore, LogFolder, TopicPartition, LogConfig, long)}, for a repair: of a log that has had an epoch and does not have it again. */
    static PartitionLog open(
            FileStore store,
            LogFolder folder,
            TopicPartition partition,
            LogConfig config,
            long knownStart,
            int knownEpoch) {
        LogRecovery recovery = new LogRecovery(store, folder, partition, config, knownStart, knownEpoch);
        return new PartitionLog(store, folder.path(), partition, config, recovery.open());
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
        return segments.startOffset();
    }

    /** The offset of the next record: all below it is written. */
    public long logEndOffset() {
        return segments.end().offset();
    }

    /** All below this offset survives a loss of power. */
    public long forcedOffset() {
        return durable.offset();
    }

    /** Whether the records from there on are in the segment that is written to, whose index is on the heap once it was. */
    public boolean isInActiveSegment(long offset) {
        return offset >= segments.end().segment().baseOffset();
    }

    /** The epoch that appends are stamped with. Grows with every opening that found the log not closed. */
    public int leaderEpoch() {
        return segments.epochs().latest();
    }

    /**
     * The first offset of the open transaction that began first; {@link Long#MAX_VALUE} where none is open. Readers of committed
     * records stop there.
     */
    public long firstUnstableOffset() {
        long unstable = producers.states().firstUnstableOffset();
        return unstable == ProducerStates.NONE_OPEN ? unstable : Math.max(unstable, segments.startOffset());
    }

    /** Whether a failure has ended all writing; see the class's word on failures. */
    public boolean isFenced() {
        return fence.isRaised();
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
        return segments.sizeInBytes();
    }

    /** The writer's: the bytes of all batches that were appended since the log was opened, as they are stored. */
    public long bytesAppended() {
        return bytesAppended;
    }

    /** The segments, oldest first; the last is the active one. */
    public List<SegmentInfo> segments() {
        return segments.infos();
    }

    /** The largest timestamp of a segment of {@link #segments}; -1: none of its batches has one, or it is gone. */
    public long maxTimestampMs(SegmentInfo segment) {
        LogEnd end = segments.end();
        if (segment.baseOffset() == end.segment().baseOffset()) {
            return end.maxTimestampMs(); // without its index, which is not read before it is needed
        }
        return segments.ask(segment.baseOffset(), Segment::maxTimestampMs);
    }

    /** When a segment was last written to, which is its age where no record has a timestamp; -1: not known, or it is gone. */
    public long lastWrittenMs(SegmentInfo segment) {
        return segments.ask(segment.baseOffset(), Segment::lastWrittenMs);
    }

    /** The records of a segment that are of concern to consumers; -1: it is gone. */
    public long records(SegmentInfo segment) {
        return segments.ask(segment.baseOffset(), Segment::records);
    }

    /**
     * The offset from which on the log has that many records of concern to consumers, or a few more where not every offset has one; the log
     * start offset where it has no more than that.
     */
    public long offsetOfLast(long records) {
        List<SegmentInfo> infos = segments();
        long missing = records;
        for (int i = infos.size() - 1; i >= 0 && missing > 0; i--) {
            SegmentInfo info = infos.get(i);
            long there = records(info);
            if (there >= missing) {
                long wanted = missing;
                return Math.max(
                        logStartOffset(), segments.ask(info.baseOffset(), segment -> segment.offsetOfLast(wanted)));
            }
            missing -= Math.max(0, there);
        }
        return missing > 0 ? logStartOffset() : logEndOffset();
    }

    // --- appending -----------------------------------------------------------------------------------------------

    /**
     * Appends whole batches, as they came unless the log's {@link LogConfig#compression} says otherwise: base offset and leader epoch are patched in the
     * caller's buffer, and with log append time the timestamps. All go into one segment. On any error the log is as it was, and the same buffer can be appended again.
     *
     * <p>A batch that has a producer id comes alone. If it repeats one of the producer's last batches, nothing is written and the answer
     * is where that one went.
     *
     * @param records the batches, in the buffer's remaining bytes; position and limit stay as they are
     * @param nowMs the time of the append
     * @throws MqException CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE for batches that can't be taken;
     *     OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE for those a producer may not send now;
     *     UNSUPPORTED_COMPRESSION_TYPE where they are to be compressed anew or their records looked at, and a library for that is missing;
     *     KAFKA_STORAGE_ERROR where writing failed, or the segment that is written to is damaged; UNKNOWN_SERVER_ERROR where an error of the JVM
     *     came while records were looked at
     */
    public AppendInfo append(ByteBuffer records, long nowMs) {
        return append(records, RecordCheck.BATCH, nowMs);
    }

    /**
     * As {@link #append(ByteBuffer, long)}, of batches that are looked at at least that closely: the settings may ask for more. Where records are
     * looked at, a max timestamp that is not theirs is corrected in the caller's buffer.
     *
     * @throws MqException as {@link #append(ByteBuffer, long)}
     */
    public AppendInfo append(ByteBuffer records, RecordCheck check, long nowMs) {
        checkWritable();
        LogConfig settings = config;
        Incoming incoming = Incoming.ofClient(records, check, settings, partition, producers.states(), nowMs);
        ProducerState.Batch repeated = incoming.repeated();
        boolean appendTime = settings.timestampType() == TimestampType.LOG_APPEND_TIME;
        if (repeated != null) {
            long timeMs = appendTime ? repeated.appendTimeMs() : NO_TIMESTAMP;
            return new AppendInfo(repeated.firstOffset(), repeated.lastOffset() + 1, timeMs, true);
        }
        return append(incoming, settings, appendTime, nowMs);
    }

    /**
     * Appends a batch of a transaction that does not come from its producer but from a coordinator, in the producer's name: its sequence
     * numbers say nothing.
     *
     * @throws MqException INVALID_PRODUCER_EPOCH for an older producer's; those of {@link #append}
     */
    public AppendInfo appendUnnumbered(ByteBuffer records, long nowMs) {
        checkWritable();
        LogConfig settings = config;
        return append(
                Incoming.ofCoordinatorInTransaction(records, settings, partition, producers.states(), nowMs),
                settings,
                false,
                nowMs);
    }

    /**
     * Appends the end of a transaction, a control batch of {@link TransactionMarker}, for the transaction's coordinator.
     *
     * @throws MqException INVALID_RECORD for any other batch; INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED for an older one's;
     *     KAFKA_STORAGE_ERROR where writing failed
     */
    public AppendInfo appendMarker(ByteBuffer marker, long nowMs) {
        checkWritable();
        return append(Incoming.ofCoordinator(marker, partition, producers.states()), config, false, nowMs);
    }

    private AppendInfo append(Incoming incoming, LogConfig settings, boolean appendTime, long nowMs) {
        try {
            prepareForAppend();
            if (mustRoll(incoming.records().remaining(), incoming.offsetSpan(), incoming.maxTimestampMs(), settings)) {
                roll();
            }
        } catch (MqException e) {
            throw LogDamage.ofLogNotBatch(e);
        }
        long baseOffset = segments.end().offset();
        if (!appendTime) {
            return new AppendInfo(baseOffset, write(incoming, nowMs), NO_TIMESTAMP);
        }
        Runnable putBack = incoming.stampAppendTime(nowMs);
        try {
            return new AppendInfo(baseOffset, write(incoming, nowMs), nowMs);
        } finally {
            putBack.run(); // it may be sent again, and a batch that claims the log's time would be refused
        }
    }

    /**
     * The writer's: whether an append of these batches of a client does nothing on files but write them. Where it is not sure, as with more than one batch,
     * or one that is not whole, it is not.
     */
    public boolean isReadyFor(ByteBuffer records, long nowMs) {
        Segment active = segments.end().segment();
        if (!markedOpen || cutBack || !active.knowsFirstTimestamp() || records.remaining() < RecordBatch.HEADER_BYTES) {
            return false;
        }
        RecordBatch batch = RecordBatch.at(records, records.position());
        LogConfig settings = config;
        int bytes = records.remaining();
        return batch.sizeInBytes() == bytes
                && !settings.compression().changes(batch)
                && !mustRoll(bytes, batch.count(), Math.max(batch.maxTimestamp(), nowMs), settings)
                && !producers.isSnapshotDue((long) segments.end().position() + bytes);
    }

    /** What must be on disk before the first append after opening, or after one was cut back. */
    private void prepareForAppend() {
        requireIndex(segments.end().segment());
        if (cutBack) {
            durable.beginEpoch(segments.epochs().latest() + 1);
            cutBack = false;
        }
        if (!markedOpen) {
            durable.markOpen();
            markedOpen = true;
        }
    }

    /** The index of the active segment is read by now: what is wrong with it is told before anything is written. */
    private static void requireIndex(Segment active) {
        try {
            active.growingIndex();
        } catch (MqException e) {
            throw LogDamage.ofLogNotBatch(e);
        }
    }

    private boolean mustRoll(int bytes, long offsetSpan, long maxTimestampMs, LogConfig settings) {
        LogEnd at = segments.end();
        if (at.position() == 0) {
            return false;
        }
        long firstMs = at.segment().firstTimestampMs();
        return rollUnfinished
                || (long) at.position() + bytes > settings.segmentBytes()
                || at.offset() + offsetSpan - 1 - at.segment().baseOffset() > Integer.MAX_VALUE
                || (firstMs >= 0 && maxTimestampMs - firstMs > settings.segmentMs());
    }

    /** Gives the batches their offsets, writes them and makes them known; returns the offset behind them. */
    private long write(Incoming incoming, long nowMs) {
        ByteBuffer records = incoming.records();
        LogEnd at = segments.end();
        Segment segment = at.segment();
        int epoch = segments.epochs().latest();
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
        bytesAppended += records.remaining();
        if (at.position() == 0) {
            segment.beginsWith(RecordBatch.at(records, records.position()).maxTimestamp());
        }
        if (incoming.fromProducer()) {
            producers.appended(incoming, segment, nowMs);
        }
        // In this order: a reader looks at the index first, and then finds in the segment whatever the index has.
        segment.publish(at.position() + records.remaining(), nowMs);
        GrowingIndex index = segment.growingIndex();
        int position = at.position();
        for (RecordBatch batch : RecordBatches.of(records)) {
            index.add(position, (int) (batch.lastOffset() - segment.baseOffset()), batch.maxTimestamp());
            position += batch.sizeInBytes();
        }
        producers.snapshotIfDue(position, offset, config.recoveryPointBytes());
        segments.moveEnd(LogEnd.of(segment, position, offset, producers.pointAt(offset)));
        return offset;
    }

    /** The writer's: gives the next record that offset. Batches without records stand for the offsets before it, as behind a compaction. */
    void skipTo(long offset) {
        checkWritable();
        prepareForAppend();
        BatchFilter filter = new BatchFilter();
        for (LogEnd at = segments.end(); at.offset() < offset; at = segments.end()) {
            long span = Math.min(offset - at.offset(), Integer.MAX_VALUE);
            if (at.offset() + span - 1 - at.segment().baseOffset() > Integer.MAX_VALUE) {
                roll();
            }
            ByteBuffer gap = ByteBuffer.allocate(RecordBatch.HEADER_BYTES);
            filter.writeGap(gap, at.offset(), at.offset() + span - 1, leaderEpoch());
            write(Incoming.ofNothing(gap.flip(), span), 0);
        }
    }

    /** Forgets the producers that have not been heard of for so long; see {@link LogConfig#producerIdExpirationMs}. */
    public void expireProducers(long nowMs) {
        producers.states().expire(nowMs, config.producerIdExpirationMs());
    }

    /**
     * Takes away what a failed write has left behind the end. The cut is forced: bytes that came back after a crash would stand where
     * the next batches are. It is never seen by a caller that this fails, the write's own error is thrown; the fence tells the next one.
     */
    private void cutBackTo(LogEnd at) {
        cutBack = true;
        try {
            at.segment().file().truncate(at.position());
            durable.forceFile(at.segment());
        } catch (StorageException e) {
            fence.raise("a failed append could not be cut back", e);
        } catch (MqException e) {
            LOGGER.debug("the force after the cut has fenced the log", e);
        }
    }

    /**
     * Closes the active segment, which is forced, and goes on in a new one, so that what is in the former can be deleted. Does nothing where
     * the active segment is empty.
     *
     * @throws MqException KAFKA_STORAGE_ERROR where writing failed, or the segment is damaged
     */
    public void roll() {
        checkWritable();
        LogEnd at = segments.end();
        if (at.position() == 0) {
            return;
        }
        Segment full = at.segment();
        requireIndex(full);
        Segment next;
        durable.forceFile(full);
        rollUnfinished = true;
        try {
            next = LogRecovery.newSegment(store, directory, at.offset(), config);
        } catch (StorageException e) {
            throw fence.raiseIfForce(e);
        }
        Segment[] before = segments.all();
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
        TransactionIndex.State aborted = full.transactions().seal();
        segments.replaceAll(after);
        producers.rolled(at.offset(), config.recoveryPointBytes());
        LogEnd begin = LogEnd.of(next, 0, at.offset(), producers.pointAt(at.offset()));
        durable.rolled(begin, aborted);
        segments.moveEnd(begin);
        rollUnfinished = false;
        full.release();
        durable.recordRecoveryPoint();
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
        durable.force(config.recoveryPointBytes());
    }

    // --- reading -------------------------------------------------------------------------------------------------

    /**
     * Whole batches as they are stored, the first being the one that holds the offset, all of one segment. In memory they are a view
     * of the log itself wherever they lie in one piece, read-only.
     *
     * @param offset the first offset wanted; records of the first batch may lie below it
     * @param maxBytes a bound; a first batch that is larger is returned all the same
     * @param endOffset exclusive: what readers may see; batches that reach beyond are left out
     * @return empty where there is nothing between the two offsets, and where compaction has put one batch in the place of records on both sides
     *     of the end, which then is not the end any more
     * @throws MqException OFFSET_OUT_OF_RANGE below the log start offset or above the log end offset; CORRUPT_MESSAGE, naming file and
     *     position, where the log is damaged: nothing of what was asked for is returned then, and nothing is ever skipped
     */
    public ByteBuffer read(long offset, int maxBytes, long endOffset) {
        return segments.read(offset, maxBytes, endOffset, config.checkCrcs());
    }

    /**
     * Where the batches lie that {@link #read} would return, for a channel to take them from the file. Bounds and errors are those of read, but
     * checksums are not compared.
     *
     * @return to be closed
     */
    public LogRegion region(long offset, int maxBytes, long endOffset) {
        return segments.region(offset, maxBytes, endOffset);
    }

    /**
     * A region with what a reader of committed records leaves out of it, as {@link #readCommitted} for {@link #read}.
     *
     * @return its region is to be closed
     */
    public CommittedRegion committedRegion(long offset, int maxBytes, long endOffset) {
        return segments.committedRegion(offset, maxBytes, endOffset);
    }

    /**
     * As {@link #read}, with the transactions that a reader of committed records has to leave out of what was read: the two belong together, also
     * while the log is compacted.
     *
     * @param endOffset exclusive; at most {@link #firstUnstableOffset}
     */
    public CommittedRead readCommitted(long offset, int maxBytes, long endOffset) {
        return segments.readCommitted(offset, maxBytes, endOffset, config.checkCrcs());
    }

    /**
     * The transactions with records in a range of offsets that were aborted. Those whose records compaction has taken away are not among them.
     *
     * @param to exclusive; at most {@link #firstUnstableOffset}
     * @throws MqException CORRUPT_MESSAGE where an index was damaged since the log was opened
     */
    public List<AbortedTransaction> abortedTransactions(long from, long to) {
        return segments.abortedTransactions(from, to);
    }

    /**
     * The first record whose timestamp is at or after the given one.
     *
     * @param endOffset exclusive: what readers may see
     * @return its offset; -1 where there is none
     */
    public long offsetForTimestamp(long timestampMs, long endOffset) {
        return segments.offsetForTimestamp(timestampMs, endOffset);
    }

    /**
     * The writer's: the first of the records with the largest timestamp.
     *
     * @return its offset; -1 where no record has a timestamp
     */
    public long offsetOfMaxTimestamp() {
        List<SegmentInfo> infos = segments();
        long max = NO_TIMESTAMP;
        for (int i = 0; i < infos.size(); i++) {
            SegmentInfo info = infos.get(i);
            long behind = i + 1 < infos.size() ? infos.get(i + 1).baseOffset() : logEndOffset();
            boolean whole = info.baseOffset() >= logStartOffset();
            max = Math.max(max, whole ? maxTimestampMs(info) : maxTimestampMs(logStartOffset(), behind));
        }
        return max == NO_TIMESTAMP ? -1 : offsetForTimestamp(max, logEndOffset());
    }

    /** Of records of one segment, some of which were deleted before. */
    private long maxTimestampMs(long from, long to) {
        long max = NO_TIMESTAMP;
        ByteBuffer some = read(from, TIMESTAMPS_BYTES, to);
        while (some.hasRemaining()) {
            long next = from;
            for (RecordBatch batch : RecordBatches.of(some)) {
                if (batch.baseOffset() >= from) {
                    max = Math.max(max, batch.maxTimestamp());
                } else {
                    try (RecordWalk records = batch.walk(directory.toString())) {
                        while (records.next()) {
                            max = records.offset() < from ? max : Math.max(max, records.timestampMs());
                        }
                    }
                }
                next = batch.nextOffset();
            }
            if (next >= to) {
                return max;
            }
            some = read(next, TIMESTAMPS_BYTES, to);
        }
        return max;
    }

    /** A leader epoch, or the last before it that the log has records of; -1: none such, or the log has not come to it yet. */
    public int floorEpoch(int leaderEpoch) {
        return segments.epochs().floor(leaderEpoch);
    }

    /**
     * Where the records of a leader epoch end.
     *
     * @param endOffset where those of the latest end
     */
    public long endOfEpoch(int leaderEpoch, long endOffset) {
        return segments.epochs().endOf(leaderEpoch, endOffset);
    }

    /** The writer's: what is known of producers, by id. */
    public List<ProducerInfo> producers() {
        return producers.states().all().stream().map(ProducerInfo::of).toList();
    }

    /**
     * Reads the whole log as it is now and compares every byte that a checksum, an offset or an epoch covers. A segment that was damaged and is found
     * whole, since its file was restored, is read again from then on.
     *
     * @throws MqException CORRUPT_MESSAGE naming file, position, expected and actual, at the first batch that is not as it was written
     */
    public void verify() {
        segments.verify();
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
        Segment[] before = segments.all();
        int count = wholeSegmentsBelow(before, offset);
        if (count > 0) {
            moveStart(Math.max(segments.startOffset(), before[count].baseOffset()), count);
        }
        return count;
    }

    /**
     * Makes an offset the first one of the log, in the middle of a segment or batch too, also after it is opened again. Segments that lie below it
     * are deleted. Does nothing where the log starts there or later.
     *
     * @param offset at most the log end offset
     * @return the log start offset now
     */
    public long deleteRecordsBefore(long offset) {
        checkWritable();
        if (offset > segments.end().offset()) {
            throw new IllegalArgumentException(
                    partition + ": offset " + offset + " is beyond the log end offset " + logEndOffset());
        }
        if (offset > segments.startOffset()) {
            if (offset > durable.offset()) {
                force(); // else a loss of power could leave a log that ends before it starts
            }
            moveStart(offset, wholeSegmentsBelow(segments.all(), offset));
        }
        return segments.startOffset();
    }

    private static int wholeSegmentsBelow(Segment[] segments, long offset) {
        int count = 0;
        while (count < segments.length - 1 && segments[count + 1].baseOffset() <= offset) {
            count++;
        }
        return count;
    }

    /** Recorded first; then the segments go that lie below it whole. */
    private void moveStart(long start, int wholeSegments) {
        Segment[] before = segments.all();
        long firstBase = before[wholeSegments].baseOffset();
        if (wholeSegments > 0) {
            producers.keepWithoutSegmentsBefore(firstBase);
        }
        durable.moveStart(start, firstBase);
        if (wholeSegments > 0) {
            segments.replaceAll(Arrays.copyOfRange(before, wholeSegments, before.length));
            for (int i = 0; i < wholeSegments; i++) {
                segments.retire(before[i]);
            }
            producers.deletedSegmentsBefore(firstBase);
        }
    }

    // --- compacting ----------------------------------------------------------------------------------------------

    /**
     * Begins a pass of compaction, where one is worth while. It is to be closed, and one at a time: {@link CompactionRun#next} beside the writer, and
     * after each {@link #replace} by it, in turn; in the end {@link #recordCompaction}.
     *
     * @param stableOffset what is at or behind it is not touched: the last stable offset
     * @param partial whether the last pass left something dirty
     * @param stopped tells the pass to end early
     * @return null where it is not worth while
     */
    public @Nullable CompactionRun beginCompaction(
            Compaction rules,
            LogCleaner cleaner,
            long stableOffset,
            boolean partial,
            long nowMs,
            BooleanSupplier stopped) {
        checkWritable();
        // The checkpoint on file speaks of a byte of a segment: that segment stays as it is.
        long limit = Math.min(stableOffset, durable.checkpoint().segment());
        CompactionRun.Source source = compaction.source(rules, limit, producers.states(), partial, nowMs);
        return source == null
                ? null
                : new CompactionRun(
                        store, directory, config, source, cleaner, rules.deleteRetentionMs(), nowMs, stopped);
    }

    /**
     * Puts the segment that the run has written in the place of those it was made from. Readers that are in one of them go on there.
     *
     * @return false where one of those has been deleted meanwhile; nothing has changed then
     * @throws MqException KAFKA_STORAGE_ERROR; if the log is fenced then, the next opening finds out which of them is there
     */
    public boolean replace(CompactionRun run) {
        checkWritable();
        CompactionRun.Compacted compacted = run.compacted();
        List<Segment> sources = compacted.sources();
        Segment[] after = compaction.replaced(compacted);
        if (after == null) {
            return false;
        }
        try {
            sources.forEach(source -> source.transactions().keepOnHeap());
            SegmentSwap.commit(store, directory, compacted.segment());
        } catch (StorageException e) {
            throw fence.raiseIfForce(e);
        }
        run.handOver();
        segments.replaceAll(after);
        boolean done = false;
        try {
            SegmentSwap.finish(store, directory, sources, compacted.segment());
            done = true;
        } catch (StorageException e) {
            throw fence.raise("a compacted segment could not take the place of others", e);
        } finally {
            sources.forEach(done ? segments::retire : Segment::release);
        }
        compacted.segment().sealIndex();
        durable.forgetTransactions(sources);
        return true;
    }

    /** The run has come to its end: the next one goes on from there. */
    public void recordCompaction(CompactionRun run) {
        checkWritable();
        durable.record(() -> compaction.record(run.checkpoint()));
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
        if (segments.isClosed()) {
            return;
        }
        try {
            if (!isFenced()) {
                recordCleanShutdown();
            }
        } finally {
            segments.close();
        }
    }

    /** As {@link #close}, of a log whose files are about to be deleted: nothing is forced or recorded. Opened after all, it is scanned. */
    public void abandon() {
        if (!segments.isClosed()) {
            segments.close();
        }
    }

    private void recordCleanShutdown() {
        LogEnd at = segments.end();
        if (durable.isClosedAt(at)) {
            return;
        }
        if (producers.pointAt(at.offset()).offset() != at.offset()) {
            producers.snapshot(at.offset());
        }
        durable.recordCleanShutdown(
                LogEnd.of(at.segment(), at.position(), at.offset(), producers.pointAt(at.offset())));
    }

    // --- failures ------------------------------------------------------------------------------------------------

    private void checkWritable() {
        segments.checkOpen();
        fence.check();
    }

    /**
     * Takes no more writes, for the sake of an error that leaves it open how far a call had come; reads go on, and the next opening finds out.
     *
     * @return why every later write is refused
     */
    public MqException fence(Throwable unexpected) {
        return fence.raise("something went wrong in a write", unexpected);
    }

    @Override
    public String toString() {
        return "PartitionLog[" + partition + ", offsets " + logStartOffset() + " to " + logEndOffset() + ", forced to "
                + durable.offset() + ", " + segments.all().length + " segments in " + directory + ", leader epoch "
                + leaderEpoch() + (recovery.origin() == Origin.UNCLEAN ? ", recovered" : "") + "]";
    }
}
