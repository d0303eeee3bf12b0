package io.reactivemq.log;

import io.reactivemq.log.CompactionRun.LastBatch;
import io.reactivemq.record.BatchFilter;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordWalk;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Decides what stays of each batch of a log, from its first on, and hands that to the segment that is being written. {@link CompactionRun}
 * has the rules.
 */
final class BatchCompaction {

    private final OffsetMap offsets;
    private final long mapEnd;
    private final TransactionCleaning transactions;
    private final Map<Long, LastBatch> producers;
    private final long nowMs;
    private final long newHorizonMs;
    private final BatchFilter filter = new BatchFilter();
    private final Predicate<RecordWalk> keep = this::keeps;

    // of the batch that is looked at
    private boolean tombstonesGo;

    private boolean changed;
    private long nextHorizonMs = Long.MAX_VALUE;
    private long recordsBefore;
    private long recordsAfter;
    private long recordsWithoutKey;

    /**
     * @param offsets the last offset of each key before {@code mapEnd}
     * @param transactions of the whole log
     * @param newHorizonMs from when on what is kept for the last time may go
     */
    BatchCompaction(
            OffsetMap offsets,
            long mapEnd,
            TransactionCleaning transactions,
            Map<Long, LastBatch> producers,
            long nowMs,
            long newHorizonMs) {
        this.offsets = offsets;
        this.mapEnd = mapEnd;
        this.transactions = transactions;
        this.producers = producers;
        this.nowMs = nowMs;
        this.newHorizonMs = newHorizonMs;
    }

    /** Takes the batch that the reader is at. */
    void compact(BatchReader reader, String where, SegmentWriter to) {
        RecordBatch batch = reader.batch();
        recordsBefore += batch.count();
        if (batch.isControl()) {
            compactMarker(reader, batch, where, to);
        } else if (batch.isTransactional() && transactions.isAborted(batch.producerId(), batch.lastOffset())) {
            leaveOut(batch, to);
        } else if (batch.baseOffset() >= mapEnd) {
            keepAll(reader, batch, to);
        } else {
            compactData(reader, batch, where, to);
        }
    }

    private void compactMarker(BatchReader reader, RecordBatch batch, String where, SegmentWriter to) {
        boolean ofNothing = transactions.isMarkerOfNothing(batch.producerId(), batch.baseOffset());
        long horizonMs = batch.deleteHorizonMs();
        if (!ofNothing || isLastOfProducer(batch)) {
            keepAll(reader, batch, to);
        } else if (horizonMs < 0) {
            filter.look(batch, where, record -> true);
            noteHorizon(newHorizonMs);
            keepFiltered(newHorizonMs, to);
        } else if (horizonMs > nowMs) {
            noteHorizon(horizonMs);
            keepAll(reader, batch, to);
        } else {
            leaveOut(batch, to);
        }
    }

    private void compactData(BatchReader reader, RecordBatch batch, String where, SegmentWriter to) {
        long horizonMs = batch.deleteHorizonMs();
        tombstonesGo = horizonMs >= 0 && horizonMs <= nowMs;
        filter.look(batch, where, keep);
        if (filter.tombstones() > 0) {
            noteHorizon(horizonMs);
        }
        boolean toSetHorizon = filter.tombstones() > 0 && horizonMs < 0 && batch.nextOffset() <= mapEnd;
        if (filter.kept() == 0) {
            leaveOut(batch, to);
        } else if (toSetHorizon) {
            noteHorizon(newHorizonMs);
            keepFiltered(newHorizonMs, to);
        } else if (filter.kept() == batch.count()) {
            keepAll(reader, batch, to);
        } else {
            keepFiltered(-1, to);
        }
    }

    private boolean keeps(RecordWalk record) {
        if (record.offset() >= mapEnd) {
            return true;
        }
        ByteBuffer key = record.key();
        if (key == null) {
            recordsWithoutKey++;
            return false;
        }
        return offsets.offsetOf(key) <= record.offset() && (record.hasValue() || !tombstonesGo);
    }

    private void noteHorizon(long horizonMs) {
        if (horizonMs > nowMs) {
            nextHorizonMs = Math.min(nextHorizonMs, horizonMs);
        }
    }

    private void keepAll(BatchReader reader, RecordBatch batch, SegmentWriter to) {
        recordsAfter += batch.count();
        to.add(reader.bytes());
    }

    private void keepFiltered(long newDeleteHorizonMs, SegmentWriter to) {
        changed = true;
        recordsAfter += filter.kept();
        to.add(filter.write(newDeleteHorizonMs));
    }

    /** All records go; the batch stays where it is needed for its sequence number. */
    private void leaveOut(RecordBatch batch, SegmentWriter to) {
        if (isLastOfProducer(batch)) {
            changed |= batch.count() > 0;
            to.add(filter.writeEmpty(batch));
            return;
        }
        changed |= batch.count() > 0 || batch.producerId() >= 0;
        to.leaveOut(batch.baseOffset(), batch.lastOffset(), batch.leaderEpoch());
    }

    private boolean isLastOfProducer(RecordBatch batch) {
        LastBatch last = producers.get(batch.producerId());
        return last != null && last.is(batch);
    }

    /** Whether, since the last call, anything but the size may tell that what was written differs from what was read. */
    boolean takeChanged() {
        boolean was = changed;
        changed = false;
        return was;
    }

    /** When the first of what stays for its delete horizon may go. */
    long nextHorizonMs() {
        return nextHorizonMs;
    }

    long recordsBefore() {
        return recordsBefore;
    }

    long recordsAfter() {
        return recordsAfter;
    }

    long recordsWithoutKey() {
        return recordsWithoutKey;
    }
}
