package io.reactivemq.log;

import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogEnd.ProducerPoint;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the {@link ProducerStates} of an open log up to date, and their snapshots: one at the begin of each segment, which goes with it, and a few
 * within the active one, so that who opens the log after a kill reads no more of it than behind a recovery point. Belongs to the log's
 * writer.
 */
final class LogProducers {

    private static final Logger LOGGER = LoggerFactory.getLogger(LogProducers.class);

    /** Snapshots within a segment that stay: one for the checkpoint on file, and one that the next will name. */
    private static final int WITHIN_MAX = 2;

    private final FileStore store;
    private final Path directory;
    private final TopicPartition partition;
    private final LogSegments segments;
    private final ProducerStates states;

    /** The last snapshot, or where nothing was known. */
    private ProducerPoint point;

    /** Behind which byte of the active segment the next snapshot is due. */
    private long duePosition;

    /** Snapshots that lie within a segment, oldest first. Grows with the first. */
    private final List<Long> within = new ArrayList<>(0);

    /** @param end where the log ends, as it was opened */
    LogProducers(
            FileStore store,
            Path directory,
            TopicPartition partition,
            LogSegments segments,
            ProducerStates states,
            LogEnd end,
            int intervalBytes) {
        this.store = store;
        this.directory = directory;
        this.partition = partition;
        this.segments = segments;
        this.states = states;
        this.point = end.producers();
        this.duePosition = (long) end.position() + intervalBytes;
        if (!point.none() && !isSegmentBase(point.offset())) {
            within.add(point.offset());
        }
    }

    ProducerStates states() {
        return states;
    }

    /** Where what is known can be taken up by who opens the log, if it ends there. */
    ProducerPoint pointAt(long offset) {
        return states.isEmpty() ? new ProducerPoint(offset, true) : point;
    }

    /** Takes in what was appended: it counts for what comes next from its producer, and for readers of committed records. */
    void appended(Incoming incoming, Segment segment, long nowMs) {
        RecordBatch batch =
                RecordBatch.at(incoming.records(), incoming.records().position());
        TransactionMarker marker = incoming.marker();
        if (marker == null) {
            states.update(
                    batch.producerId(),
                    batch.producerEpoch(),
                    batch.baseSequence(),
                    batch.baseOffset(),
                    batch.lastOffsetDelta(),
                    batch.isTransactional(),
                    nowMs);
            return;
        }
        AbortedTransaction aborted =
                states.end(batch.producerId(), batch.producerEpoch(), marker, batch.baseOffset(), nowMs);
        if (aborted != null) {
            segment.transactions().add(aborted);
        }
    }

    /**
     * Writes a snapshot if enough has been appended since the last.
     *
     * @param position where the active segment ends
     * @param offset where the log ends
     */
    void snapshotIfDue(int position, long offset, int intervalBytes) {
        if (isSnapshotDue(position)) {
            duePosition = (long) position + intervalBytes;
            snapshot(offset);
        }
    }

    /** @param position where the active segment ends, or is going to */
    boolean isSnapshotDue(long position) {
        return position > duePosition;
    }

    /** A segment begins at that offset. */
    void rolled(long offset, int intervalBytes) {
        duePosition = intervalBytes;
        snapshot(offset);
    }

    /** Writes a snapshot of the log's end, unless there is one. What fails costs the next opening time, no more. */
    void snapshot(long offset) {
        if (states.isEmpty() || !ProducerSnapshot.write(store, directory, offset, states.all())) {
            return;
        }
        point = new ProducerPoint(offset, false);
        if (isSegmentBase(offset)) {
            return;
        }
        within.add(offset);
        if (within.size() > WITHIN_MAX) {
            delete(within.remove(0));
        }
    }

    /**
     * Before the segments before that one are deleted. From then on its snapshot is all that tells of the producers which wrote there: it has
     * to survive a loss of power. If it could not be written at the time, it is made from the segments that are still there.
     */
    void keepWithoutSegmentsBefore(long base) {
        if (states.isEmpty()) {
            return;
        }
        List<ProducerState> there = ProducerSnapshot.read(store, directory, base);
        if (there == null) {
            there = ProducerRecovery.stateAt(store, directory, partition, segments.all(), base)
                    .all();
        }
        ProducerSnapshot.replace(store, directory, base, there);
    }

    /** The segments before that one are deleted. */
    void deletedSegmentsBefore(long base) {
        while (!within.isEmpty() && within.get(0) < base) {
            delete(within.remove(0));
        }
    }

    private boolean isSegmentBase(long offset) {
        Segment[] now = segments.all();
        int i = LogSegments.floor(now, offset);
        return i >= 0 && now[i].baseOffset() == offset;
    }

    private void delete(long offset) {
        if (isSegmentBase(offset)) {
            return; // the log was rolled just there
        }
        try {
            store.delete(ProducerSnapshot.file(directory, offset));
        } catch (StorageException e) {
            LOGGER.warn("{}: a snapshot that is not needed any more could not be deleted", partition, e);
        }
    }
}
