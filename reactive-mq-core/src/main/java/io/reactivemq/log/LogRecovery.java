package io.reactivemq.log;

import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogEnd.ProducerPoint;
import io.reactivemq.log.RecoveryReport.Origin;
import io.reactivemq.log.TailScan.Flaw;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
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
 *       are damage. Below the recovery point that is left to the first that uses the segment, and its index is not read before.
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

    /** The log starts there or later, whatever the checkpoint says. */
    private final long knownStart;

    /** The log has had this epoch; -1: nothing is known of that beside the folder. */
    private final int knownEpoch;

    private final LogFiles files;
    private final SegmentIndexes indexes;

    /** As it was before anything was changed in it, but for what {@link SegmentSwap} completes. */
    private LogFolder folder;

    private final List<Segment> segments = new ArrayList<>();
    private @Nullable ProducerRecovery producers;
    private int rebuiltIndexes;
    private long scannedBytes;

    /**
     * @param knownStart what is known beside the folder: the log starts at this offset or later; a new one at this
     * @param knownEpoch the same: the log has had this epoch, and does not have it again; -1: not known
     */
    LogRecovery(
            FileStore store,
            LogFolder folder,
            TopicPartition partition,
            LogConfig config,
            long knownStart,
            int knownEpoch) {
        this.knownStart = knownStart;
        this.knownEpoch = knownEpoch;
        this.store = store;
        this.folder = folder;
        this.directory = folder.path();
        this.partition = partition;
        this.config = config;
        this.files = new LogFiles(store, directory, partition);
        this.indexes = new SegmentIndexes(store, directory, partition, config.indexIntervalBytes());
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
        if (SegmentSwap.recover(store, folder, () -> files.readCheckpoint(folder))) {
            folder = LogFolder.of(store, directory);
        }
        List<Long> bases = new ArrayList<>(folder.offsets(IndexFormat.LOG_SUFFIX));
        if (!bases.isEmpty()) {
            return recover(bases);
        }
        if (folder.has(LogCheckpoint.FILE_NAME)) {
            throw LogDamage.of(directory, 0, "segments of " + partition, "those that the checkpoint tells of", "none");
        }
        return create();
    }

    private Opened create() {
        store.createForcedDirectories(directory);
        Segment segment = newSegment(store, directory, knownStart, config);
        segments.add(segment);
        LeaderEpochs epochs = LeaderEpochs.startingAt(knownEpoch + 1, knownStart);
        LogEnd end = LogEnd.of(segment, 0, knownStart, new ProducerPoint(knownStart, true));
        LogCheckpoint checkpoint = checkpoint(end, knownStart, GrowingIndex.State.EMPTY, epochs, List.of());
        files.write(epochs);
        files.write(checkpoint);
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

    private Opened recover(List<Long> bases) {
        LogCheckpoint recorded = files.readCheckpoint(folder);
        if (recorded != null && recorded.logStartOffset() < knownStart) {
            recorded = recorded.withLogStartOffset(knownStart);
            files.write(recorded); // before what lies below it goes
        }
        long logStartOffset = logStartOffset(recorded, bases.get(0));
        FormerSegments former = new FormerSegments(store, directory, partition, config);
        former.drop(logStartOffset, recorded, bases);
        if (bases.get(0) > logStartOffset) {
            throw missing(logStartOffset, bases.get(0));
        }
        former.dropFilesBelow(bases.get(0), folder);
        int last = bases.size() - 1;
        int recoverySegment = 0;
        if (recorded != null) {
            recoverySegment = bases.indexOf(recorded.segment());
            if (recoverySegment < 0) {
                throw missing(recorded.segment(), bases.get(last));
            }
        }
        producers = new ProducerRecovery(store, folder, partition, recorded, bases.get(0));
        LeaderEpochs recordedEpochs = recorded == null ? null : files.readEpochs(folder, recorded);
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
        boolean asRecorded = !scanned && epochsKnown && hasIndex(base);
        LeaderEpochs epochs = before;
        Path path = IndexFormat.logFile(directory, base);
        int size;
        // Given up again: a closed segment holds no resource of the operating system until it is read.
        try (StoredFile file = store.open(path, OpenMode.READ)) {
            size = sizeOf(file);
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
        }
        StoredFile file = store.open(path, OpenMode.READ);
        SegmentIndexes reader = indexes;
        if (asRecorded) {
            segments.add(segment(base, file, () -> reader.ofClosed(file, base, size, nextBase), size));
            return epochs;
        }
        OffsetTimeIndex index;
        if (scanned) {
            // A crash may have come before the index was forced: then what it says at its end proves nothing.
            index = indexes.ofClosedScanned(file, base, size, nextBase);
        } else {
            index = indexes.ofClosed(file, base, size, nextBase);
            if (!hasIndex(base)) {
                rebuiltIndexes++;
            }
        }
        segments.add(segment(base, file, index, size));
        return epochs;
    }

    private long logStartOffset(@Nullable LogCheckpoint recorded, long firstBase) {
        return recorded == null ? Math.max(firstBase, knownStart) : recorded.logStartOffset();
    }

    private boolean hasIndex(long base) {
        return folder.has(base, IndexFormat.OFFSET_INDEX_SUFFIX) && folder.has(base, IndexFormat.TIME_INDEX_SUFFIX);
    }

    private Segment segment(long base, StoredFile file, OffsetTimeIndex index, int size) {
        TransactionIndex transactions = producers().transactionIndex(base);
        return new Segment(store, directory, base, file, index, transactions, size, config.indexIntervalBytes());
    }

    private Segment segment(long base, StoredFile file, Supplier<? extends OffsetTimeIndex> unread, int size) {
        TransactionIndex transactions = producers().transactionIndex(base);
        return new Segment(store, directory, base, file, unread, transactions, size, config.indexIntervalBytes());
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
            if (!epochsKnown) {
                epochs = observeEpochs(file, from, epochs);
            }
            TailScan scan = new TailScan(file, from, size, expectedOffset, epochs, epochsKnown);
            Flaw flaw = null;
            LogCheckpoint asRecorded = here != null
                            && clean
                            && epochsKnown
                            && hasIndex(base)
                            && here.index().isKnown()
                    ? here
                    : null;
            if (asRecorded != null) {
                SegmentIndexes reader = indexes;
                segment = segment(base, file, () -> reader.ofClosedLog(file, asRecorded), size);
            } else {
                GrowingIndex index = activeIndex(file, base, from, expectedOffset, here, clean);
                while (scan.next()) {
                    index.add(scan.batchPosition(), (int) (scan.batchLastOffset() - base), scan.batchMaxTimestamp());
                    if (!epochsKnown) {
                        epochs = epochs.observing(scan.lastEpoch(), scan.batchBaseOffset());
                    }
                }
                flaw = scan.flaw();
                refuseIfBatchBehind(file, scan, flaw);
                segment = segment(base, file, index, scan.position());
            }
            int end = scan.position();
            scannedBytes += end - from;
            segments.add(segment);
            ProducerRecovery.Recovered known = producers().recover(segments, expectedOffset, scan.nextOffset());
            LogEnd logEnd = asRecorded != null
                    ? LogEnd.of(segment, asRecorded, known.point())
                    : LogEnd.of(segment, end, scan.nextOffset(), known.point());
            long logStartOffset = logStartOffset(recorded, segments.get(0).baseOffset());
            if (logStartOffset > logEnd.offset()) {
                throw LogDamage.of(file.path(), end, "end of the log", "at least " + logStartOffset, logEnd.offset());
            }
            int latest = Math.max(epochs.latest(), recorded == null ? knownEpoch : recorded.leaderEpoch());
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
            files.write(epochs);
            LogCheckpoint checkpoint = checkpoint(
                            logEnd,
                            logStartOffset,
                            segment.flushIndex(logEnd.offsetEntries(), logEnd.timeEntries()),
                            epochs,
                            known.transactions())
                    .withClean(clean);
            files.write(checkpoint);
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

    /** The index up to the recovery point. */
    private GrowingIndex activeIndex(
            StoredFile file, long base, int from, long expectedOffset, @Nullable LogCheckpoint here, boolean clean) {
        if (here != null) {
            GrowingIndex loaded = indexes.load(here, clean);
            if (loaded != null) {
                return loaded;
            }
            rebuiltIndexes++;
            indexes.warnNotRecorded(file);
        }
        return indexes.scan(file, base, from, expectedOffset);
    }

    private static void refuseIfBatchBehind(StoredFile file, TailScan scan, @Nullable Flaw flaw) {
        int behind = flaw == null ? -1 : scan.findBatchBehind();
        if (behind >= 0) {
            refuse(file, scan, flaw, "; the batch at byte " + behind + " counts");
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

    static int sizeOf(StoredFile file) {
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
