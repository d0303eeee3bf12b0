package io.reactivemq.log;

import io.reactivemq.log.CompactionRun.LastBatch;
import io.reactivemq.log.CompactionRun.Source;
import io.reactivemq.storage.FileStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** When a log is compacted, and how far it is. Belongs to the log's writer. */
final class LogCompaction {

    private final FileStore store;
    private final Path directory;
    private final LogSegments segments;

    /** Null until it is asked for: a log that is not compacted has no such file. */
    private @Nullable CleanerCheckpoint checkpoint;

    LogCompaction(FileStore store, Path directory, LogSegments segments) {
        this.store = store;
        this.directory = directory;
        this.segments = segments;
    }

    /**
     * The segments that may be compacted, if it is worth while.
     *
     * @param limit exclusive: nothing that reaches beyond is touched
     * @param partial whether a pass before has left something dirty, so that it is worth while in any case
     * @return null where it is not; else the segments are leased
     */
    @Nullable Source source(Compaction rules, long limit, ProducerStates producers, boolean partial, long nowMs) {
        Segment[] all = segments.all();
        long firstDirty = firstDirty(all);
        long end = all[0].baseOffset();
        long cleanBytes = 0;
        long dirtyBytes = 0;
        boolean overdue = checkpoint().deleteHorizonMs() <= nowMs;
        List<Segment> closed = new ArrayList<>();
        for (int i = 0; i + 1 < all.length; i++) {
            Segment segment = all[i];
            long nextOffset = all[i + 1].baseOffset();
            if (nextOffset > limit || !segment.canMoveAside()) {
                break;
            }
            if (nextOffset <= firstDirty) {
                cleanBytes += segment.size();
            } else if (rules.minLagMs() > 0 && nowMs - segment.maxTimestampMs() < rules.minLagMs()) {
                break;
            } else {
                dirtyBytes += segment.size();
                long firstMs = segment.firstTimestampMs();
                overdue |= firstMs >= 0 && nowMs - firstMs > rules.maxLagMs();
            }
            closed.add(segment);
            end = nextOffset;
        }
        double ratio = (double) dirtyBytes / Math.max(1, cleanBytes + dirtyBytes);
        boolean worthWhile = overdue || (dirtyBytes > 0 && (partial || ratio > rules.minCleanableDirtyRatio()));
        if (closed.isEmpty() || !worthWhile) {
            return null;
        }
        closed.forEach(Segment::tryLease); // the log has a lease of each, so it can't fail
        return new Source(segments, closed, Math.min(firstDirty, end), end, lastBatches(producers));
    }

    private long firstDirty(Segment[] all) {
        long recorded = checkpoint().firstDirtyOffset();
        long first = all[0].baseOffset();
        return recorded > segments.end().offset() ? first : Math.max(first, recorded);
    }

    private static Map<Long, LastBatch> lastBatches(ProducerStates producers) {
        Map<Long, LastBatch> last = new HashMap<>();
        for (ProducerState producer : producers.all()) {
            ProducerState.Batch batch = producer.lastBatch();
            last.put(
                    producer.producerId(),
                    new LastBatch(batch == null ? ProducerState.NO_OFFSET : batch.lastOffset(), producer.epoch()));
        }
        return last;
    }

    /** The log's segments with the compacted one in its place; null where those it is for are not all there any more. */
    Segment @Nullable [] replaced(CompactionRun.Compacted compacted) {
        Segment[] all = segments.all();
        List<Segment> sources = compacted.sources();
        int at = Arrays.asList(all).indexOf(sources.get(0));
        if (at < 0 || at + sources.size() >= all.length) {
            return null;
        }
        for (int i = 0; i < sources.size(); i++) {
            if (all[at + i] != sources.get(i)) {
                return null;
            }
        }
        Segment[] after = new Segment[all.length - sources.size() + 1];
        System.arraycopy(all, 0, after, 0, at);
        after[at] = compacted.segment();
        System.arraycopy(all, at + sources.size(), after, at + 1, after.length - at - 1);
        return after;
    }

    /** A pass has come to its end: the next one begins there. */
    void record(CleanerCheckpoint next) {
        store.replaceFile(file(), next.encode());
        checkpoint = next;
    }

    private CleanerCheckpoint checkpoint() {
        CleanerCheckpoint known = checkpoint;
        if (known == null) {
            known = CleanerCheckpoint.NOTHING;
            if (store.exists(file())) {
                ByteBuffer content = store.readFile(file());
                known = CleanerCheckpoint.decode(content);
            }
            checkpoint = known;
        }
        return known;
    }

    private Path file() {
        return directory.resolve(CleanerCheckpoint.FILE_NAME);
    }
}
