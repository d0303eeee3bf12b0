package io.reactivemq.log;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.log.LogFinding.Kind;
import io.reactivemq.log.TailScan.Flaw;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Reads logs as they lie on disk: takes no lock, opens files for reading only, and changes nothing. Every byte of every segment is looked
 * at, and every record parsed. Damage is a finding, not an error: the reading goes on behind it with the next batch that counts.
 *
 * <p>A log that a broker is writing to can be read, too; then its last batches may look like a torn tail, and what retention deletes meanwhile
 * like damage. Not safe for more than one thread.
 */
public final class LogInspector {

    /** Checkpoints, epochs and snapshots are far smaller. */
    private static final int SMALL_FILE_BYTES_MAX = 64 << 20;

    private static final String MADE_AGAIN = "; the next opening makes it again from the log";

    private final FileStore store;
    private final Visitor visitor;

    /** What is told of, in the order in which it lies there. Nothing has to be implemented. */
    public interface Visitor {

        /** A log begins. */
        default void log(Path folder) {}

        /** A segment begins, of that many bytes. */
        default void segment(Path file, long baseOffset, long sizeInBytes) {}

        /** A batch that counts, at that byte of the segment. It may not be kept. */
        default void batch(Path file, long position, RecordBatch batch) {}

        /** Something is not as it should be. */
        default void finding(LogFinding finding) {}
    }

    public LogInspector(FileStore store, Visitor visitor) {
        this.store = store;
        this.visitor = visitor;
    }

    /**
     * The folders of logs: the directory itself if it holds segments or a checkpoint, else those directly in it that do, in the order of their names.
     *
     * @throws MqException INVALID_CONFIG naming the directory, if it is none or none of this holds
     */
    public List<Path> logsIn(Path directory) {
        if (!store.isDirectory(directory)) {
            throw new MqException(
                    ErrorCode.INVALID_CONFIG,
                    directory + (store.exists(directory) ? " is not a directory" : " does not exist"));
        }
        if (isLog(directory)) {
            return List.of(directory);
        }
        List<Path> logs = store.list(directory).stream()
                .filter(path -> store.isDirectory(path) && isLog(path))
                .toList();
        if (logs.isEmpty()) {
            throw new MqException(
                    ErrorCode.INVALID_CONFIG,
                    directory
                            + " holds no log: expected a data directory with folders <topic>-<partition>, or one such folder");
        }
        return logs;
    }

    private boolean isLog(Path directory) {
        return store.list(directory).stream()
                .anyMatch(path -> path.endsWith(LogCheckpoint.FILE_NAME)
                        || IndexFormat.baseOffsetOf(path, IndexFormat.LOG_SUFFIX)
                                .isPresent());
    }

    /** Reads the log in that folder. Files that cannot be read are findings. */
    public LogSummary read(Path folder) {
        visitor.log(folder);
        return new Reading(folder).run();
    }

    /** Of one log. */
    private final class Reading {

        private final Path folder;
        private final List<LogFinding> findings = new ArrayList<>();
        private boolean damaged;
        private long bytes;
        private long batches;
        private long records;

        Reading(Path folder) {
            this.folder = folder;
        }

        LogSummary run() {
            if (store.exists(folder.resolve(UnfinishedRepair.FILE_NAME))) {
                damage(
                        folder.resolve(UnfinishedRepair.FILE_NAME),
                        0,
                        "a repair of the log has not ended: run it again");
            }
            NavigableMap<Long, Path> segments = segments();
            snapshots();
            LogCheckpoint checkpoint = checkpoint();
            LeaderEpochs epochs = epochs(checkpoint);
            if (checkpoint != null) {
                transactionIndexes(checkpoint);
            }
            long logStart =
                    checkpoint != null ? checkpoint.logStartOffset() : segments.isEmpty() ? 0 : segments.firstKey();
            while (segments.size() > 1
                    && segments.tailMap(segments.firstKey(), false).firstKey() <= logStart) {
                Path before = Objects.requireNonNull(segments.remove(segments.firstKey()));
                note(before, "lies before the log start offset " + logStart + "; the next opening deletes it");
            }
            if (segments.isEmpty()) {
                damage(folder, 0, "no segment");
            } else if (segments.firstKey() > logStart) {
                damage(
                        IndexFormat.logFile(folder, logStart),
                        0,
                        "missing: the log begins at offset " + logStart + ", the first segment at "
                                + segments.firstKey());
            }
            long next = segments.isEmpty() ? logStart : segments.firstKey();
            for (Map.Entry<Long, Path> segment : segments.entrySet()) {
                long base = segment.getKey();
                if (base != next) {
                    damage(segment.getValue(), 0, "the segment before it ends at offset " + next);
                }
                next = segment(base, segment.getValue(), base == segments.lastKey(), checkpoint, epochs);
            }
            if (checkpoint != null && !segments.isEmpty() && checkpoint.recoveryPoint() > next) {
                damage(
                        IndexFormat.logFile(folder, segments.lastKey()),
                        0,
                        "the log ends at offset " + next + ", but was forced up to " + checkpoint.recoveryPoint());
            }
            return new LogSummary(
                    folder,
                    segments.size(),
                    bytes,
                    batches,
                    records,
                    logStart,
                    next,
                    epochs == null ? -1 : epochs.latest(),
                    checkpoint != null && checkpoint.clean(),
                    checkpoint == null ? -1 : checkpoint.recoveryPoint(),
                    !damaged,
                    findings);
        }

        /** By their base offsets; of a compaction that was interrupted as the next opening completes it. */
        private NavigableMap<Long, Path> segments() {
            NavigableMap<Long, Path> segments = new TreeMap<>();
            List<Path> files = store.list(folder);
            for (Path path : files) {
                IndexFormat.baseOffsetOf(path, IndexFormat.LOG_SUFFIX).ifPresent(base -> segments.put(base, path));
                if (SegmentSwap.isLeftOver(path)) {
                    note(path, "left over from a compaction; the next opening deletes it");
                }
            }
            for (Path path : files) {
                SegmentSwap.interrupted(path).ifPresent(base -> complete(segments, base, path));
            }
            return segments;
        }

        private void complete(NavigableMap<Long, Path> segments, long base, Path swap) {
            note(swap, "a compaction that was interrupted; the next opening completes it");
            try {
                long end = SegmentSwap.endOf(store, swap, base);
                if (segments.containsKey(end)) {
                    segments.subMap(base, end).clear();
                    segments.put(base, swap);
                }
            } catch (MqException e) {
                damage(swap, 0, e.getMessage());
            }
        }

        private void snapshots() {
            for (Path file : store.list(folder)) {
                if (ProducerSnapshot.offsetOf(file).isEmpty()) {
                    continue;
                }
                ByteBuffer content = smallFile(file);
                if (content == null || ProducerSnapshot.decode(content) == null) {
                    note(file, "damaged; the next opening takes what it says of producers from the log");
                }
            }
        }

        /** Null where it is not there, cannot be read, or is larger than any such file. */
        private @Nullable ByteBuffer smallFile(Path file) {
            try {
                return store.exists(file) && store.size(file) <= SMALL_FILE_BYTES_MAX ? store.readFile(file) : null;
            } catch (StorageException e) {
                note(file, "cannot be read: " + e.getMessage());
                return null;
            }
        }

        private @Nullable LogCheckpoint checkpoint() {
            Path file = folder.resolve(LogCheckpoint.FILE_NAME);
            if (!store.exists(file)) {
                note(file, "missing; the next opening scans the whole log");
                return null;
            }
            ByteBuffer content = smallFile(file);
            LogCheckpoint checkpoint = content == null ? null : LogCheckpoint.decode(content);
            if (checkpoint == null) {
                note(file, "damaged; the next opening scans the whole log");
            }
            return checkpoint;
        }

        private @Nullable LeaderEpochs epochs(@Nullable LogCheckpoint checkpoint) {
            Path file = folder.resolve(LeaderEpochs.FILE_NAME);
            ByteBuffer content = smallFile(file);
            LeaderEpochs epochs = content == null ? null : LeaderEpochs.decode(content);
            if (content == null || epochs == null) {
                note(file, (store.exists(file) ? "damaged" : "missing") + MADE_AGAIN);
                return null;
            }
            if (checkpoint != null && LeaderEpochs.crcOf(content) != checkpoint.leaderEpochsCrc()) {
                note(file, "not what the checkpoint tells of" + MADE_AGAIN);
                return null;
            }
            return epochs;
        }

        /** Those with entries, which the checkpoint tells of. */
        private void transactionIndexes(LogCheckpoint checkpoint) {
            for (TransactionIndex.State state : checkpoint.transactionIndexes()) {
                Path file = IndexFormat.transactionIndexFile(folder, state.baseOffset());
                try {
                    if (TransactionIndex.load(store, folder, state) == null) {
                        note(file, (store.exists(file) ? "not what the checkpoint tells of" : "missing") + MADE_AGAIN);
                    }
                } catch (StorageException e) {
                    note(file, "cannot be read: " + e.getMessage());
                }
            }
        }

        /** Returns the offset behind it. */
        private long segment(
                long base, Path path, boolean last, @Nullable LogCheckpoint checkpoint, @Nullable LeaderEpochs epochs) {
            try (StoredFile file = store.open(path, OpenMode.READ)) {
                long size = file.size();
                visitor.segment(path, base, size);
                bytes += size;
                if (size > Integer.MAX_VALUE) {
                    damage(path, Integer.MAX_VALUE, "larger than a segment can be: " + size + " bytes");
                    return base;
                }
                boolean whole = !last || (checkpoint != null && checkpoint.clean());
                boolean indexed = whole && path.equals(IndexFormat.logFile(folder, base));
                IndexCheck index = indexed ? IndexCheck.of(store, folder, base) : null;
                int forced = last
                        ? checkpoint != null && checkpoint.segment() == base ? checkpoint.position() : 0
                        : (int) size;
                long next = batches(file, base, (int) size, forced, epochs, index);
                if (index != null) {
                    index.end().forEach(finding -> report(finding));
                }
                return next;
            } catch (StorageException e) {
                damage(path, 0, "cannot be read: " + e.getMessage());
                return base;
            }
        }

        /** @param forced everything before that byte was forced once */
        private long batches(
                StoredFile file,
                long base,
                int size,
                int forced,
                @Nullable LeaderEpochs epochs,
                @Nullable IndexCheck index) {
            boolean known = epochs != null;
            LeaderEpochs before = epochs == null ? LeaderEpochs.startingAt(0, base) : epochs;
            TailScan scan = new TailScan(file, 0, size, base, before, known);
            for (; ; ) {
                while (scan.next()) {
                    batch(file, scan, index);
                }
                Flaw flaw = scan.flaw();
                if (flaw == null) {
                    return scan.nextOffset();
                }
                int behind = scan.findBatchBehind();
                if (behind < 0 && scan.position() >= forced) {
                    report(new LogFinding(
                            Kind.TORN_TAIL,
                            file.path(),
                            scan.position(),
                            (size - scan.position()) + " bytes that are no batch (" + flaw
                                    + "); the next opening cuts them off"));
                    return scan.nextOffset();
                }
                damage(file.path(), scan.position(), flaw.toString());
                if (behind == scan.position()) {
                    behind = scan.findBatchBehind(behind + 1); // itself: only its place in the log is wrong
                }
                if (behind < 0) {
                    return scan.nextOffset();
                }
                ByteBuffer header = file.read(behind, BatchHeader.BYTES);
                scan = new TailScan(file, behind, size, BatchHeader.baseOffset(header, 0), before, known);
            }
        }

        private void batch(StoredFile file, TailScan scan, @Nullable IndexCheck index) {
            int position = scan.batchPosition();
            RecordBatch batch = RecordBatch.at(file.read(position, scan.position() - position), 0);
            batches++;
            records += batch.count();
            if (index != null) {
                index.batch(position, batch.lastOffset(), batch.maxTimestamp());
            }
            try {
                batch.validate(file.path().toString());
                batch.validateRecords(file.path().toString());
            } catch (MqException e) {
                if (e.errorCode() == ErrorCode.UNSUPPORTED_COMPRESSION_TYPE) {
                    note(file.path(), "the records at byte " + position + " were not looked at: " + e.getMessage());
                } else {
                    damage(file.path(), position, e.getMessage());
                }
            }
            visitor.batch(file.path(), position, batch);
        }

        private void damage(Path file, long position, @Nullable String what) {
            report(new LogFinding(Kind.DAMAGE, file, position, String.valueOf(what)));
        }

        private void note(Path file, String what) {
            report(new LogFinding(Kind.NOTE, file, 0, what));
        }

        private void report(LogFinding finding) {
            damaged |= finding.kind() == Kind.DAMAGE;
            if (findings.size() < LogSummary.FINDINGS_MAX) {
                findings.add(finding);
            }
            visitor.finding(finding);
        }
    }
}
