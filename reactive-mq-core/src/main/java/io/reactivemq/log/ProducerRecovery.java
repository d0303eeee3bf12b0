package io.reactivemq.log;

import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogEnd.ProducerPoint;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.storage.FileStore;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds out, when a log is opened, what its idempotent producers have done and which transactions were aborted: from the newest
 * snapshot that will do, and the headers of the batches behind it.
 *
 * <p>A snapshot will do if it is whole and lies at or below both the recovery point, behind which nothing but the log is believed, and the first
 * segment whose transaction index is not what the checkpoint says. Without one, the log is read from its begin. So each of these
 * files can be lost.
 */
final class ProducerRecovery {

    private static final Logger LOGGER = LoggerFactory.getLogger(ProducerRecovery.class);

    private final FileStore store;
    private final LogFolder folder;
    private final Path directory;
    private final TopicPartition partition;
    private final @Nullable LogCheckpoint recorded;
    private final long firstOffset;
    private final NavigableSet<Long> snapshots = new TreeSet<>();

    /** The log has to be replayed from here on at the latest. */
    private long replayFrom;

    private int rebuiltIndexes;

    /**
     * @param recorded the checkpoint; null: there is none
     * @param firstOffset the base offset of the first segment
     */
    ProducerRecovery(
            FileStore store,
            LogFolder folder,
            TopicPartition partition,
            @Nullable LogCheckpoint recorded,
            long firstOffset) {
        this.store = store;
        this.folder = folder;
        this.directory = folder.path();
        this.partition = partition;
        this.recorded = recorded;
        this.firstOffset = firstOffset;
        this.replayFrom = recorded == null ? firstOffset : recorded.recoveryPoint();
        snapshots.addAll(folder.offsets(ProducerSnapshot.SUFFIX));
        snapshots.headSet(firstOffset).clear(); // they have been deleted
    }

    /**
     * What opening goes on from.
     *
     * @param states what is known of the producers
     * @param point where that can be taken up again
     * @param transactions of all segments, those that have aborted transactions
     * @param closedTransactions the same without the active segment
     * @param rebuiltIndexes transaction indexes that were missing or damaged and were made again
     */
    record Recovered(
            ProducerStates states,
            ProducerPoint point,
            List<TransactionIndex.State> transactions,
            List<TransactionIndex.State> closedTransactions,
            int rebuiltIndexes) {}

    /** The index of a segment as the checkpoint has it. */
    TransactionIndex transactionIndex(long baseOffset) {
        TransactionIndex.State state = recorded == null ? null : recorded.transactionIndex(baseOffset);
        if (state != null) {
            TransactionIndex loaded = TransactionIndex.load(store, directory, state);
            if (loaded != null) {
                return loaded;
            }
            LOGGER.warn(
                    "{}: the transaction index of segment {} is not what was recorded; it is made again",
                    partition,
                    baseOffset);
            rebuiltIndexes++;
            replayFrom = Math.min(replayFrom, baseOffset);
        }
        return new TransactionIndex(store, directory, baseOffset);
    }

    /**
     * Replays what has to be.
     *
     * @param segments all of the log
     * @param recoveryPoint all below it was forced
     * @param endOffset where the log ends
     */
    Recovered recover(List<Segment> segments, long recoveryPoint, long endOffset) {
        dropSnapshotsBehind(recoveryPoint, endOffset);
        ProducerPoint point = beginning();
        ProducerStates states = new ProducerStates(partition);
        for (long offset : snapshots.headSet(replayFrom, true).descendingSet()) {
            List<ProducerState> snapshot = ProducerSnapshot.read(store, directory, offset);
            if (snapshot != null && offset >= point.offset()) {
                point = new ProducerPoint(offset, false);
                states = ProducerStates.restored(partition, snapshot);
                break;
            }
        }
        replay(segments, point.offset(), endOffset, states);
        if (states.isEmpty()) {
            point = new ProducerPoint(endOffset, true);
        }
        dropSnapshotsWithin(segments);
        return recovered(segments, states, point);
    }

    /** Where the log begins, or later, as long as nothing was known of producers. */
    private ProducerPoint beginning() {
        ProducerPoint noted = recorded == null ? null : recorded.producers();
        return noted != null && noted.none() && noted.offset() >= firstOffset && noted.offset() <= replayFrom
                ? noted
                : new ProducerPoint(firstOffset, true);
    }

    private Recovered recovered(List<Segment> segments, ProducerStates states, ProducerPoint point) {
        List<TransactionIndex.State> closed = new ArrayList<>();
        for (Segment segment : segments.subList(0, segments.size() - 1)) {
            if (segment.transactions().count() > 0) {
                closed.add(segment.transactions().seal());
            } else {
                deleteEmpty(segment);
            }
        }
        List<TransactionIndex.State> all = new ArrayList<>(closed);
        Segment active = segments.get(segments.size() - 1);
        if (active.transactions().count() > 0) {
            all.add(active.transactions().flush(active.transactions().count()));
        } else {
            deleteEmpty(active);
        }
        return new Recovered(states, point, all, closed, rebuiltIndexes);
    }

    private void deleteEmpty(Segment segment) {
        if (folder.has(segment.baseOffset(), IndexFormat.TRANSACTION_INDEX_SUFFIX)) {
            segment.transactions().deleteIfEmpty();
        }
    }

    /**
     * A snapshot that lies behind the end tells of what a crash has taken, and would be wrong once the log has grown past it again. Those behind
     * the recovery point may: the log between was scanned, but not by who wrote them.
     */
    private void dropSnapshotsBehind(long recoveryPoint, long endOffset) {
        boolean dropped = false;
        for (Long offset = snapshots.pollLast(); offset != null; offset = snapshots.pollLast()) {
            if (offset <= recoveryPoint && offset <= endOffset) {
                snapshots.add(offset);
                break;
            }
            store.delete(ProducerSnapshot.file(directory, offset));
            dropped = true;
        }
        if (dropped) {
            store.forceDirectory(directory);
        }
    }

    /** Of the snapshots within a segment, which former openings have left, the newest is enough. */
    private void dropSnapshotsWithin(List<Segment> segments) {
        Segment[] all = segments.toArray(Segment[]::new);
        for (Long offset : snapshots.isEmpty() ? snapshots : snapshots.headSet(snapshots.last())) {
            int i = LogSegments.floor(all, offset);
            if (i < 0 || all[i].baseOffset() != offset) {
                store.delete(ProducerSnapshot.file(directory, offset));
            }
        }
    }

    /** What is known of the producers at the base offset of a segment, from the snapshots and segments before it. */
    static ProducerStates stateAt(
            FileStore store, Path directory, TopicPartition partition, Segment[] segments, long base) {
        int end = LogSegments.floor(segments, base);
        int begin = end;
        ProducerStates states = null;
        while (states == null) {
            List<ProducerState> snapshot =
                    begin == end ? null : ProducerSnapshot.read(store, directory, segments[begin].baseOffset());
            if (snapshot != null) {
                states = ProducerStates.restored(partition, snapshot);
            } else if (begin == 0) {
                states = new ProducerStates(partition);
            } else {
                begin--;
            }
        }
        for (Segment segment : Arrays.asList(segments).subList(begin, end)) {
            replay(segment, segment.baseOffset(), states, null);
        }
        return states;
    }

    private static void replay(List<Segment> segments, long from, long endOffset, ProducerStates states) {
        if (from >= endOffset) {
            return;
        }
        Segment[] all = segments.toArray(Segment[]::new);
        for (int i = Math.max(0, LogSegments.floor(all, from)); i < all.length; i++) {
            replay(all[i], from, states, all[i].transactions());
        }
    }

    /** @param index takes what it does not have yet; null: not wanted */
    private static void replay(Segment segment, long from, ProducerStates states, @Nullable TransactionIndex index) {
        int end = segment.size();
        BatchWalk walk = new BatchWalk(segment.file(), segment.positionOf(from, end), end);
        while (walk.next()) {
            long producerId = walk.producerId();
            if (producerId < 0) {
                continue;
            }
            short epoch = walk.producerEpoch();
            if (!walk.isControl()) {
                states.update(
                        producerId,
                        epoch,
                        walk.baseSequence(),
                        walk.baseOffset(),
                        walk.lastOffsetDelta(),
                        walk.isTransactional(),
                        -1);
                continue;
            }
            RecordBatch batch = RecordBatch.at(segment.file().read(walk.position(), walk.size()), 0);
            TransactionMarker marker =
                    TransactionMarker.of(batch, segment.file().path().toString());
            AbortedTransaction aborted = states.end(producerId, epoch, marker, walk.baseOffset(), -1);
            if (aborted != null && index != null && aborted.lastOffset() > index.lastOffset()) {
                index.add(aborted);
            }
        }
    }
}
