package io.reactivemq.log;

import io.reactivemq.MqException;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordWalk;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException;
import java.io.Closeable;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One pass of compaction over the closed segments of a log, beside its writer. First the dirty part, as much as fits, is read for the last offset of
 * each key; then all segments from the log's begin to there are written anew without what that supersedes, a few small ones
 * into one, and each time the writer puts the new segment in their place ({@link PartitionLog#replace}).
 *
 * <pre>
 *   begin          firstDirty          mapEnd           end           active segment
 *     |   compacted    |   in the map     |  next pass    |  not yet      |
 *     |                                   |
 *     +---- written anew, by segments ----+
 * </pre>
 *
 * <p>What stays of a batch with records of data:
 *
 * <table>
 * <caption>Records</caption>
 * <tr><td>of an aborted transaction</td><td>goes</td></tr>
 * <tr><td>at or behind {@code mapEnd}</td><td>stays</td></tr>
 * <tr><td>with a later one of its key</td><td>goes</td></tr>
 * <tr><td>without a value</td><td>goes once its batch's delete horizon has passed; the first pass that keeps it sets that</td></tr>
 * <tr><td>any other</td><td>stays</td></tr>
 * </table>
 *
 * A marker of a transaction stays until no batch of that is there any more, and from then on until its own horizon has passed. The
 * last batch of a producer that is not forgotten stays, if need be without records, since it has the last sequence number; its
 * last marker, where it has sent nothing since.
 *
 * <p>Offsets never change. Where batches are gone an empty one of no producer stands for their offsets, so that a log without gaps is
 * still one, and a gap damage.
 *
 * <p>Belongs to one thread at a time; not the writer's.
 */
public final class CompactionRun implements Closeable {

    private static final Logger LOGGER = LoggerFactory.getLogger(CompactionRun.class);

    private final FileStore store;
    private final Path directory;
    private final LogConfig config;
    private final Source source;
    private final LogCleaner cleaner;
    private final long deleteRetentionMs;
    private final long nowMs;
    private final BooleanSupplier stopped;

    /** Made once the dirty part was read. */
    private @Nullable BatchCompaction batches;

    private long mapEnd;
    private int nextSegment;
    private @Nullable SegmentWriter writing;
    private @Nullable Compacted compacted;
    private boolean closed;

    private long bytesRead;
    private long bytesBefore;
    private long bytesAfter;

    /**
     * What is to be compacted, as it was at a moment.
     *
     * @param log where readers find it
     * @param segments leased; the first of the log, closed, in order
     * @param firstDirty the offset up to which they are compacted
     * @param end the offset behind the last of them; all transactions with records before it have ended
     * @param producers the last batches of the producers
     */
    record Source(LogSegments log, List<Segment> segments, long firstDirty, long end, Map<Long, LastBatch> producers) {}

    /**
     * The last batch of a producer.
     *
     * @param lastOffset its last offset; -1: the last was a marker
     * @param epoch the producer's
     */
    record LastBatch(long lastOffset, short epoch) {
        boolean is(RecordBatch batch) {
            return lastOffset >= 0
                    ? batch.lastOffset() == lastOffset
                    : batch.isControl() && batch.producerEpoch() == epoch;
        }
    }

    /**
     * A segment that is to take the place of others.
     *
     * @param sources those others, one behind the other
     * @param segment the new one
     */
    record Compacted(List<Segment> sources, Segment segment) {}

    /** @param stopped asked often; once it is true, {@link #next} throws CancellationException */
    CompactionRun(
            FileStore store,
            Path directory,
            LogConfig config,
            Source source,
            LogCleaner cleaner,
            long deleteRetentionMs,
            long nowMs,
            BooleanSupplier stopped) {
        this.store = store;
        this.directory = directory;
        this.config = config;
        this.source = source;
        this.cleaner = cleaner;
        this.deleteRetentionMs = deleteRetentionMs;
        this.nowMs = nowMs;
        this.stopped = stopped;
        this.mapEnd = source.firstDirty;
    }

    /**
     * Writes the next segment that takes the place of others, for {@link PartitionLog#replace}. May take long: it reads and writes segments.
     *
     * @return false where nothing is left to do
     * @throws MqException CORRUPT_MESSAGE where the log is damaged; nothing was changed then
     */
    public boolean next() {
        BatchCompaction deciding = batches;
        if (deciding == null) {
            OffsetMap offsets = cleaner.newMap(source.end - source.firstDirty);
            readDirtyPart(offsets, transactionsFrom(source.firstDirty));
            deciding = new BatchCompaction(
                    offsets,
                    mapEnd,
                    transactionsFrom(source.segments.get(0).baseOffset()),
                    source.producers,
                    nowMs,
                    deleteRetentionMs > Long.MAX_VALUE - nowMs ? Long.MAX_VALUE : nowMs + deleteRetentionMs);
            batches = deciding;
        }
        while (nextSegment < source.segments.size()
                && source.segments.get(nextSegment).baseOffset() < mapEnd) {
            if (rewrite(nextGroup(), deciding)) {
                return true;
            }
        }
        return false;
    }

    /** The writer's: what {@link #next} has written. */
    Compacted compacted() {
        return Objects.requireNonNull(compacted, "next() was not called, or false");
    }

    /** The writer's: from now on it is the log's. */
    void handOver() {
        compacted = null;
        writing = null;
    }

    /** How far the log is compacted, once {@link #next} has found nothing left. */
    CleanerCheckpoint checkpoint() {
        BatchCompaction decided = batches;
        return new CleanerCheckpoint(mapEnd, decided == null ? Long.MAX_VALUE : decided.nextHorizonMs());
    }

    /** Whether there is more to compact than the map had room for. */
    public boolean isPartial() {
        return mapEnd < source.end;
    }

    /** What was done so far. */
    public CompactionStats stats() {
        BatchCompaction decided = batches;
        return decided == null
                ? new CompactionStats(bytesRead, 0, 0, 0, 0, 0, false)
                : new CompactionStats(
                        bytesRead,
                        bytesBefore,
                        bytesAfter,
                        decided.recordsBefore(),
                        decided.recordsAfter(),
                        decided.recordsWithoutKey(),
                        isPartial());
    }

    /** Gives back what it has hold of, and deletes what was not handed over. Idempotent. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        source.segments.forEach(Segment::release);
        discardUnfinished();
    }

    private void discardUnfinished() {
        SegmentWriter unfinished = writing;
        writing = null;
        compacted = null;
        if (unfinished != null) {
            try {
                unfinished.discard();
            } catch (StorageException e) {
                LOGGER.warn(
                        "what was left of a compaction in {} could not be deleted; the next opening does",
                        directory,
                        e);
            }
        }
    }

    private TransactionCleaning transactionsFrom(long offset) {
        return new TransactionCleaning(source.log.abortedTransactions(offset, source.end));
    }

    // --- the dirty part ------------------------------------------------------------------------------------------

    private void readDirtyPart(OffsetMap offsets, TransactionCleaning transactions) {
        for (Segment segment : source.segments) {
            String where = segment.file().path().toString();
            int size = segment.size();
            int from = segment.positionOf(Math.max(source.firstDirty, segment.baseOffset()), size);
            BatchReader reader = new BatchReader(segment.file(), from, size, -1, source.log.epochs());
            while (reader.next()) {
                checkStopped();
                RecordBatch batch = reader.batch();
                bytesRead += batch.sizeInBytes();
                if (!note(batch, where, offsets, transactions)) {
                    return;
                }
                mapEnd = batch.nextOffset();
            }
        }
    }

    /** False where the map is full; {@code mapEnd} is then the first offset that is not in it. */
    private boolean note(RecordBatch batch, String where, OffsetMap offsets, TransactionCleaning transactions) {
        if (batch.isControl()) {
            transactions.isMarkerOfNothing(batch.producerId(), batch.baseOffset());
            return true;
        }
        if (batch.isTransactional() && transactions.isAborted(batch.producerId(), batch.lastOffset())) {
            return true;
        }
        try (RecordWalk records = batch.walkWithKeys(where)) {
            while (records.next()) {
                ByteBuffer key = records.key();
                if (key != null && records.offset() >= source.firstDirty && !offsets.put(key, records.offset())) {
                    mapEnd = records.offset();
                    return false;
                }
            }
        }
        return true;
    }

    // --- writing anew --------------------------------------------------------------------------------------------

    /** Segments that together are no larger than one may be; one at least. */
    private List<Segment> nextGroup() {
        List<Segment> group = new ArrayList<>();
        long bytes = 0;
        while (nextSegment < source.segments.size()) {
            Segment segment = source.segments.get(nextSegment);
            long nextOffset = nextSegment + 1 == source.segments.size()
                    ? source.end
                    : source.segments.get(nextSegment + 1).baseOffset();
            bytes += segment.size();
            boolean fits = bytes <= config.segmentBytes()
                    && nextOffset - 1 - (group.isEmpty() ? 0 : group.get(0).baseOffset()) <= Integer.MAX_VALUE
                    && segment.baseOffset() < mapEnd;
            if (!fits && !group.isEmpty()) {
                break;
            }
            group.add(segment);
            nextSegment++;
        }
        return group;
    }

    /** False where it would be the same. */
    private boolean rewrite(List<Segment> group, BatchCompaction deciding) {
        long before = group.stream().mapToLong(Segment::size).sum();
        SegmentWriter to =
                new SegmentWriter(store, directory, group.get(0).baseOffset(), config.indexIntervalBytes(), before);
        writing = to;
        for (Segment segment : group) {
            segment.requireWhole();
            String where = segment.file().path().toString();
            BatchReader reader =
                    new BatchReader(segment.file(), 0, segment.size(), segment.baseOffset(), source.log.epochs());
            while (reader.next()) {
                checkStopped();
                deciding.compact(reader, where, to);
            }
        }
        bytesRead += before;
        bytesBefore += before;
        bytesAfter += to.size();
        boolean changed = deciding.takeChanged() || group.size() > 1 || to.size() != before;
        if (changed) {
            compacted = new Compacted(group, to.finish());
        } else {
            discardUnfinished();
        }
        return changed;
    }

    private void checkStopped() {
        if (stopped.getAsBoolean()) {
            throw new CancellationException("the compaction was stopped");
        }
    }
}
