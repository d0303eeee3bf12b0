package io.reactivemq.log;

import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogEnd.ProducerPoint;
import io.reactivemq.log.OffsetTimeIndex.OffsetEntry;
import io.reactivemq.log.OffsetTimeIndex.TimeEntry;
import io.reactivemq.log.RecoveryReport.Origin;
import io.reactivemq.log.TailScan.Flaw;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens the folder of a partition: makes a log, or finds out what of the one that is there is data.
 *
 * <p>What is relied on. A segment is forced before the next one is made, so every segment but the last is whole. The checkpoint is written
 * after the force it tells of, so all below its recovery point is whole. What is behind that in the last segment may be there, in
 * part or not at all.
 *
 * <ul>
 *   <li>Closed segments: that each ends where the next begins, by the headers behind the last entry of its index. Bytes that are missing
 *       are damage.
 *   <li>From the recovery point on: every batch, by {@link TailScan}. A torn tail is cut from the last segment; anything else that
 *       does not count is damage.
 *   <li>What was scanned in the last segment is written once more, in place, and forced before anybody sees it: if the process
 *       was ended by a force that failed, the page cache may show bytes that never reached the disk and are not going to.
 *   <li>A log that was not closed gets a new leader epoch, so that nothing that was cut is ever taken for a part of it.
 * </ul>
 *
 * <p>Damage ends the opening with an error, and the files stay as they are; but index files, epochs and checkpoint are made again from
 * the segments whenever they are missing or not what they should be. A crash in the middle leaves what the next opening starts from again.
 */
final class LogRecovery {

    private static final Logger LOGGER = LoggerFactory.getLogger(LogRecovery.class);
    private static final int REWRITE_BYTES = 1 << 20;

    private final FileStore store;
    private final Path directory;
    private final TopicPartition partition;
    private final LogConfig config;
    private final Path epochsFile;
    private final Path checkpointFile;

    private final List<Segment> segments = new ArrayList<>();
    private @Nullable ProducerRecovery producers;
    private int rebuiltIndexes;
    private long scannedBytes;

    LogRecovery(FileStore store, Path directory, TopicPartition partition, LogConfig config) {
        this.store = store;
        this.directory = directory;
        this.partition = partition;
        this.config = config;
        this.epochsFile = directory.resolve(LeaderEpochs.FILE_NAME);
        this.checkpointFile = directory.resolve(LogCheckpoint.FILE_NAME);
    }

    /**
     * What a log goes on from.
     *
     * @param segments in order; the last is the active one
     * @param end where the log ends; all before it is forced
     * @param epochs the leader epochs
     * @param checkpoint as it is on file
     * @param producers what is known of the idempotent producers
     * @param closedTransactions of the closed segments, those that have aborted transactions
     * @param report what was found and done
     */
    record Opened(
            List<Segment> segments,
            LogEnd end,
            LeaderEpochs epochs,
            LogCheckpoint checkpoint,
            ProducerStates producers,
            List<TransactionIndex.State> closedTransactions,
            RecoveryReport report) {}

    Opened open() {
        boolean done = false;
        try {
            Opened opened = openFolder();
            done = true;
            return opened;
        } finally {
            if (!done) {
                segments.forEach(Segment::release);
            }
        }
    }

    private Opened openFolder() {
        List<Long> bases = new ArrayList<>();
        List<Path> files = store.exists(directory) ? store.list(directory) : List.of();
        if (SegmentSwap.recover(store, directory, files, this::readCheckpoint)) {
            files = store.list(directory);
        }
        for (Path path : files) {
            IndexFormat.baseOffsetOf(path, IndexFormat.LOG_SUFFIX).ifPresent(bases::add);
        }
        if (!bases.isEmpty()) {
            return recover(bases, files);
        }
        if (store.exists(checkpointFile)) {
            throw LogDamage.of(directory, 0, "segments of " + partition, "those that the checkpoint tells of", "none");
        }
        return create();
    }

    private Opened create() {
        store.createForcedDirectories(directory);
        Segment segment = newSegment(store, directory, 0, config);
        segments.add(segment);
        LeaderEpochs epochs = LeaderEpochs.startingAt(0, 0);
        LogEnd end = LogEnd.of(segment, 0, 0, new ProducerPoint(0, true));
        LogCheckpoint checkpoint = checkpoint(end, 0, GrowingIndex.State.EMPTY, epochs, List.of());
        writeEpochs(epochs);
        store.replaceFile(checkpointFile, checkpoint.encode());
        return new Opened(
                segments,
                end,
                epochs,
                checkpoint,
                new ProducerStates(partition),
                List.of(),
                new RecoveryReport(Origin.CREATED, 0, 0, null, -1, "", 0));
    }

    /** Makes an empty segment whose name survives a crash. */
    static Segment newSegment(FileStore store, Path directory, long baseOffset, LogConfig config) {
        StoredFile file = store.open(IndexFormat.logFile(directory, baseOffset), OpenMode.CREATE);
        boolean done = false;
        try {
            if (file.size() > 0) {
                throw LogDamage.of(file.path(), 0, "bytes of a segment that is to be made", 0, file.size());
            }
            store.forceDirectory(directory);
            done = true;
        } finally {
            if (!done) {
                file.close();
            }
        }
        GrowingIndex index = new GrowingIndex(config.indexIntervalBytes());
        TransactionIndex transactions = new TransactionIndex(store, directory, baseOffset);
        return new Segment(store, directory, baseOffset, file, index, transactions, 0, config.indexIntervalBytes());
    }

    private Opened recover(List<Long> bases, List<Path> files) {
        LogCheckpoint recorded = readCheckpoint();
        long logStartOffset = recorded == null ? bases.get(0) : recorded.logStartOffset();
        dropSegmentsBelow(logStartOffset, recorded, bases);
        if (bases.get(0) > logStartOffset) {
            throw missing(logStartOffset, bases.get(0));
        }
        for (Path path : files) {
            deleteIfIndexBelow(path, bases.get(0));
        }
        int last = bases.size() - 1;
        int recoverySegment = 0;
        if (recorded != null) {
            recoverySegment = bases.indexOf(recorded.segment());
            if (recoverySegment < 0) {
                throw missing(recorded.segment(), bases.get(last));
            }
        }
        producers = new ProducerRecovery(store, directory, partition, recorded, bases.get(0), files);
        LeaderEpochs recordedEpochs = recorded == null ? null : readEpochs(recorded);
        LeaderEpochs epochs = recordedEpochs == null ? LeaderEpochs.startingAt(0, bases.get(0)) : recordedEpochs;
        boolean epochsKnown = recordedEpochs != null;

        for (int i = 0; i < last; i++) {
            boolean scanned = i >= recoverySegment;
            LogCheckpoint here = i == recoverySegment ? recorded : null;
            epochs = recoverClosed(bases.get(i), bases.get(i + 1), scanned, here, epochs, epochsKnown);
        }
        return recoverActive(bases.get(last), recoverySegment == last ? recorded : null, recorded, epochs, epochsKnown);
    }

    /**
     * Segments wholly below the log start offset were deleted before, and brought back by a crash; or a crash came before they were deleted. In
     * the second case they stay where they alone tell of the producers that wrote in them.
     */
    private void dropSegmentsBelow(long logStartOffset, @Nullable LogCheckpoint recorded, List<Long> bases) {
        int count = 0;
        while (count + 1 < bases.size()
                && bases.get(count + 1) <= logStartOffset
                && (recorded == null || bases.get(count) < recorded.segment())) {
            count++;
        }
        if (count == 0 || (!isKnownWithout(bases.get(count), recorded) && isUnbroken(bases.subList(0, count + 1)))) {
            return;
        }
        for (int i = 0; i < count; i++) {
            Segment.deleteFiles(store, directory, bases.remove(0));
        }
    }

    /** Whether what is known of the producers at an offset can be had without the log before it; it is made sure that it stays so. */
    private boolean isKnownWithout(long base, @Nullable LogCheckpoint recorded) {
        if (recorded != null
                && recorded.producers().none()
                && recorded.producers().offset() >= base) {
            return true;
        }
        List<ProducerState> snapshot = ProducerSnapshot.read(store, directory, base);
        if (snapshot == null) {
            return false;
        }
        ProducerSnapshot.replace(store, directory, base, snapshot);
        return true;
    }

    /** Whether the segments follow one another without a gap, the last only by its begin. */
    private boolean isUnbroken(List<Long> bases) {
        for (int i = 0; i + 1 < bases.size(); i++) {
            try (StoredFile file = store.open(IndexFormat.logFile(directory, bases.get(i)), OpenMode.READ)) {
                GrowingIndex index = new GrowingIndex(config.indexIntervalBytes());
                if (Segment.scanIndex(file, bases.get(i), bases.get(i), 0, sizeOf(file), index) != bases.get(i + 1)) {
                    return false;
                }
            } catch (MqException e) {
                LOGGER.info("{}: a segment below the log start offset is not whole any more", partition, e);
                return false;
            }
        }
        return true;
    }

    /** What a deletion that was interrupted has left: an index of a segment that is gone. */
    private void deleteIfIndexBelow(Path path, long firstBase) {
        for (String suffix : List.of(
                IndexFormat.OFFSET_INDEX_SUFFIX,
                IndexFormat.TIME_INDEX_SUFFIX,
                IndexFormat.TRANSACTION_INDEX_SUFFIX,
                ProducerSnapshot.SUFFIX,
                ProducerSnapshot.SUFFIX + ".tmp")) {
            OptionalLong base = IndexFormat.baseOffsetOf(path, suffix);
            if (base.isPresent() && base.getAsLong() < firstBase && store.exists(path)) {
                store.delete(path);
            }
        }
    }

    /**
     * Opens a segment that has a next one.
     *
     * @param scanned whether its bytes, from the recovery point on, are to be checked
     * @param here the checkpoint, if its recovery point lies in this segment
     * @return the epochs, with those of this segment where they are not known
     */
    private LeaderEpochs recoverClosed(
            long base,
            long nextBase,
            boolean scanned,
            @Nullable LogCheckpoint here,
            LeaderEpochs before,
            boolean epochsKnown) {
        LeaderEpochs epochs = before;
        // Given up again: a closed segment holds no resource of the operating system until it is read.
        try (StoredFile file = store.open(IndexFormat.logFile(directory, base), OpenMode.READ)) {
            int size = sizeOf(file);
            int from = here == null ? 0 : here.position();
            requireBytes(file, from, size);
            if (!epochsKnown) {
                epochs = observeEpochs(file, scanned ? from : size, epochs);
            }
            if (scanned) {
                TailScan scan =
                        new TailScan(file, from, size, here == null ? base : here.recoveryPoint(), epochs, epochsKnown);
                while (scan.next()) {
                    if (!epochsKnown) {
                        epochs = epochs.observing(scan.lastEpoch(), scan.batchBaseOffset());
                    }
                }
                refuse(file, scan, scan.flaw(), "; it was forced before the next segment was made");
                scannedBytes += size - from;
            }
            OffsetTimeIndex index = closedIndex(file, base, size, nextBase, scanned);
            segments.add(new Segment(
                    store,
                    directory,
                    base,
                    store.open(file.path(), OpenMode.READ),
                    index,
                    producers().transactionIndex(base),
                    size,
                    config.indexIntervalBytes()));
            return epochs;
        }
    }

    /** @param here the checkpoint, if its recovery point lies in this segment */
    private Opened recoverActive(
            long base,
            @Nullable LogCheckpoint here,
            @Nullable LogCheckpoint recorded,
            LeaderEpochs before,
            boolean epochsKnown) {
        LeaderEpochs epochs = before;
        StoredFile file = store.open(IndexFormat.logFile(directory, base), OpenMode.WRITE);
        Segment segment = null;
        try {
            int size = sizeOf(file);
            int from = here == null ? 0 : here.position();
            long expectedOffset = here == null ? base : here.recoveryPoint();
            requireBytes(file, from, size);
            boolean clean = here != null && here.clean() && size == from;
            GrowingIndex index = activeIndex(file, base, from, expectedOffset, here, clean);
            if (!epochsKnown) {
                epochs = observeEpochs(file, from, epochs);
            }
            TailScan scan = new TailScan(file, from, size, expectedOffset, epochs, epochsKnown);
            while (scan.next()) {
                index.add(scan.batchPosition(), (int) (scan.batchLastOffset() - base), scan.batchMaxTimestamp());
                if (!epochsKnown) {
                    epochs = epochs.observing(scan.lastEpoch(), scan.batchBaseOffset());
                }
            }
            Flaw flaw = scan.flaw();
            if (flaw != null) {
                int behind = scan.findBatchBehind();
                if (behind >= 0) {
                    refuse(file, scan, flaw, "; the batch at byte " + behind + " counts");
                }
            }
            int end = scan.position();
            scannedBytes += end - from;
            segment = new Segment(
                    store,
                    directory,
                    base,
                    file,
                    index,
                    producers().transactionIndex(base),
                    end,
                    config.indexIntervalBytes());
            segments.add(segment);
            ProducerRecovery.Recovered known = producers().recover(segments, expectedOffset, scan.nextOffset());
            LogEnd logEnd = LogEnd.of(segment, end, scan.nextOffset(), known.point());
            long logStartOffset = recorded == null ? segments.get(0).baseOffset() : recorded.logStartOffset();
            if (logStartOffset > logEnd.offset()) {
                throw LogDamage.of(file.path(), end, "end of the log", "at least " + logStartOffset, logEnd.offset());
            }
            int latest = Math.max(epochs.latest(), recorded == null ? 0 : recorded.leaderEpoch());
            rebuiltIndexes += known.rebuiltIndexes();
            if (here != null && clean && epochsKnown && rebuiltIndexes == 0) {
                return new Opened(
                        segments,
                        logEnd,
                        epochs,
                        here,
                        known.states(),
                        known.closedTransactions(),
                        report(Origin.CLEAN, file, 0, end, flaw));
            }
            if (!clean) {
                makeDurable(file, from, end, size, flaw);
                epochs = epochs.with(latest + 1, logEnd.offset());
            } else if (latest > epochs.latest()) {
                epochs = epochs.with(latest, logEnd.offset());
            }
            writeEpochs(epochs);
            LogCheckpoint checkpoint = checkpoint(
                            logEnd,
                            logStartOffset,
                            segment.flushIndex(logEnd.offsetEntries(), logEnd.timeEntries()),
                            epochs,
                            known.transactions())
                    .withClean(clean);
            store.replaceFile(checkpointFile, checkpoint.encode());
            return new Opened(
                    segments,
                    logEnd,
                    epochs,
                    checkpoint,
                    known.states(),
                    known.closedTransactions(),
                    report(clean ? Origin.CLEAN : Origin.UNCLEAN, file, size - end, end, flaw));
        } finally {
            if (segment == null) {
                file.close();
            }
        }
    }

    private ProducerRecovery producers() {
        return Objects.requireNonNull(producers, "made before the first segment is opened");
    }

    private RecoveryReport report(Origin origin, StoredFile file, int cutBytes, int end, @Nullable Flaw flaw) {
        return new RecoveryReport(
                origin,
                scannedBytes,
                cutBytes,
                cutBytes == 0 ? null : file.path(),
                cutBytes == 0 ? -1 : end,
                flaw == null ? "" : flaw.toString(),
                rebuiltIndexes);
    }

    private void makeDurable(StoredFile file, int from, int end, int size, @Nullable Flaw flaw) {
        if (size > end) {
            LOGGER.warn(
                    "{}: cut {} bytes of a torn tail from {}, which now ends at byte {} ({})",
                    partition,
                    size - end,
                    file.path(),
                    end,
                    flaw);
            file.truncate(end);
        }
        for (int position = from; position < end; ) {
            ByteBuffer bytes = file.read(position, 1, Math.min(REWRITE_BYTES, end - position));
            int length = bytes.remaining();
            file.write(bytes, position);
            position += length;
        }
        file.force();
        store.forceDirectory(directory);
    }

    private GrowingIndex activeIndex(
            StoredFile file, long base, int from, long expectedOffset, @Nullable LogCheckpoint here, boolean clean) {
        if (here != null) {
            GrowingIndex loaded = GrowingIndex.load(
                    store,
                    IndexFormat.offsetIndexFile(directory, base),
                    IndexFormat.timeIndexFile(directory, base),
                    here.index(),
                    clean,
                    config.indexIntervalBytes(),
                    new TimeEntry(here.maxTimestampMs(), here.maxTimestampOffset()));
            if (loaded != null) {
                return loaded;
            }
            rebuiltIndexes++;
            LOGGER.warn("{}: the index of {} is not what was recorded; it is made again", partition, file.path());
        }
        GrowingIndex index = new GrowingIndex(config.indexIntervalBytes());
        long next = Segment.scanIndex(file, base, base, 0, from, index);
        if (next != expectedOffset) {
            throw LogDamage.of(file.path(), from, "offset at the recovery point", expectedOffset, next);
        }
        return index;
    }

    /** @param unforced whether a crash may have come before the index was forced: then what it says at its end proves nothing */
    private OffsetTimeIndex closedIndex(StoredFile file, long base, int size, long nextBase, boolean unforced) {
        Path offsetFile = IndexFormat.offsetIndexFile(directory, base);
        Path timeFile = IndexFormat.timeIndexFile(directory, base);
        long next = -1;
        StoredIndex stored = unforced ? null : StoredIndex.open(store, offsetFile, timeFile);
        if (stored != null) {
            next = endByIndex(stored, file, base, size);
            stored.close();
        }
        OffsetTimeIndex index = next < 0 ? null : StoredIndex.open(store, offsetFile, timeFile);
        if (index == null) {
            if (!unforced) {
                LOGGER.warn("{}: the index of {} is missing or damaged; it is made again", partition, file.path());
                rebuiltIndexes++;
            }
            GrowingIndex rebuilt = new GrowingIndex(config.indexIntervalBytes());
            next = Segment.scanIndex(file, base, base, 0, size, rebuilt);
            index = rebuilt.seal(store, offsetFile, timeFile);
        }
        if (next != nextBase) {
            index.close();
            throw LogDamage.of(
                    file.path(), size, "offset behind the segment", nextBase + ", where the next begins", next);
        }
        return index;
    }

    /** The offset behind the segment, from the last entry of its index on; -1 where the index is not that of the segment. */
    private long endByIndex(OffsetTimeIndex index, StoredFile file, long base, int size) {
        OffsetEntry entry = index.floorOffset(Integer.MAX_VALUE);
        int indexed = 0;
        long expected = base;
        if (entry != null) {
            indexed = entry.position();
            if (indexed < 0 || indexed > size - BatchHeader.BYTES) {
                return -1;
            }
            ByteBuffer header = file.read(indexed, BatchHeader.BYTES);
            expected = BatchHeader.baseOffset(header, 0);
            if (BatchHeader.magic(header, 0) != RecordBatch.MAGIC
                    || BatchHeader.lastOffset(header, 0) != base + entry.relativeOffset()) {
                return -1;
            }
        }
        BatchWalk walk = new BatchWalk(file, indexed, size);
        while (walk.next()) {
            if (walk.position() - indexed > config.indexIntervalBytes() || walk.baseOffset() != expected) {
                return -1; // entries are missing
            }
            expected = walk.lastOffset() + 1;
        }
        return expected;
    }

    private static LeaderEpochs observeEpochs(StoredFile file, int to, LeaderEpochs before) {
        LeaderEpochs epochs = before;
        BatchWalk walk = new BatchWalk(file, 0, to);
        while (walk.next()) {
            if (walk.leaderEpoch() < epochs.latest()) {
                throw LogDamage.of(
                        file.path(),
                        walk.position(),
                        "leader epoch of the batch",
                        "at least " + epochs.latest(),
                        walk.leaderEpoch());
            }
            epochs = epochs.observing(walk.leaderEpoch(), walk.baseOffset());
        }
        return epochs;
    }

    private static int sizeOf(StoredFile file) {
        long size = file.size();
        if (size > Integer.MAX_VALUE) {
            throw LogDamage.of(file.path(), size, "size of the segment", "at most " + Integer.MAX_VALUE, size);
        }
        return (int) size;
    }

    private static void requireBytes(StoredFile file, int expected, int actual) {
        if (actual < expected) {
            throw LogDamage.of(
                    file.path(), actual, "bytes of the segment that were forced", "at least " + expected, actual);
        }
    }

    private MqException missing(long base, long found) {
        return LogDamage.of(
                IndexFormat.logFile(directory, base), 0, "segment", "to be there", "missing; next is " + found);
    }

    private static void refuse(StoredFile file, TailScan scan, @Nullable Flaw flaw, String why) {
        if (flaw != null) {
            throw LogDamage.of(file.path(), scan.position(), flaw.field(), flaw.expected(), flaw.actual() + why);
        }
    }

    private @Nullable LogCheckpoint readCheckpoint() {
        if (!store.exists(checkpointFile)) {
            LOGGER.warn("{}: there is no {}; the whole log is scanned", partition, checkpointFile);
            return null;
        }
        LogCheckpoint checkpoint = LogCheckpoint.decode(store.readFile(checkpointFile));
        if (checkpoint == null) {
            LOGGER.warn("{}: {} is damaged; the whole log is scanned", partition, checkpointFile);
        }
        return checkpoint;
    }

    private @Nullable LeaderEpochs readEpochs(LogCheckpoint recorded) {
        LeaderEpochs epochs = null;
        if (store.exists(epochsFile)) {
            ByteBuffer content = store.readFile(epochsFile);
            if (LeaderEpochs.crcOf(content) == recorded.leaderEpochsCrc()) {
                epochs = LeaderEpochs.decode(content);
            }
        }
        if (epochs == null) {
            LOGGER.warn("{}: {} is not what was recorded; it is made again from the log", partition, epochsFile);
        }
        return epochs;
    }

    private void writeEpochs(LeaderEpochs epochs) {
        store.replaceFile(epochsFile, epochs.encode());
    }

    static LogCheckpoint checkpoint(
            LogEnd end,
            long logStartOffset,
            GrowingIndex.State index,
            LeaderEpochs epochs,
            List<TransactionIndex.State> transactions) {
        return new LogCheckpoint(
                false,
                logStartOffset,
                end.offset(),
                end.segment().baseOffset(),
                end.position(),
                end.maxTimestampMs(),
                end.maxTimestampOffset(),
                index,
                epochs.latest(),
                LeaderEpochs.crcOf(epochs.encode()),
                end.producers(),
                transactions);
    }
}
