package io.reactivemq.log;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogInspector.Visitor;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Makes a log that is damaged one that opens, at the price of some of its records, while no broker has it open: who calls holds the lock of the data
 * directory. What is damaged is found by opening the log and verifying it; nothing here reads batches another way.
 *
 * <p>Nothing is lost: what is taken away goes to {@code <data>/set-aside/<topic>-<partition>.<n>}, which no broker looks into. And no offset is given out
 * twice as far as the files tell how far the log went: the next record goes where it ended, and the log has a new leader epoch, so that a
 * consumer which has seen more finds out. A crash in the middle leaves a log that no broker serves, and a repair goes on with, either kind of it: how far the log went is
 * written down before anything is taken away ({@link UnfinishedRepair}).
 */
public final class LogRepair {

    private static final String ASIDE = "set-aside";
    private static final int COPY_BYTES = 1 << 20;

    /** A bit that flipped in a batch's epoch, which is not under the checksum, must not use up all epochs there are. */
    private static final int EPOCH_PLAUSIBLE_MAX = 1 << 30;

    /** What is known of compaction speaks of offsets that may be gone. */
    private static final List<String> ABOUT_THE_END = List.of(LogCheckpoint.FILE_NAME, CleanerCheckpoint.FILE_NAME);

    private final FileStore store;
    private final Path folder;
    private final Path data;
    private final TopicPartition partition;

    private @Nullable Path aside;
    private long bytesAside;

    /**
     * @param folder of the partition, in its data directory
     * @throws MqException INVALID_CONFIG where its name is not {@code <topic>-<partition>}, or it is the metadata's: without that log nobody knows whose
     *     the others are, and with a part of it, what was given out or allowed since would be again
     */
    public LogRepair(FileStore store, Path folder) {
        this.store = store;
        this.folder = folder.toAbsolutePath().normalize();
        this.data = dataDirectory(folder);
        this.partition = partitionOf(this.folder);
    }

    /** The directory that the folder is in, whose lock is to be held. */
    public static Path dataDirectory(Path folder) {
        return Objects.requireNonNull(
                folder.toAbsolutePath().normalize().getParent(), "the root is no partition's folder");
    }

    /** For the message of an error: what to do about the log in that folder. */
    public static String advice(Path folder) {
        if (isMetadata(folder)) {
            return "restore " + folder + " from a copy; this log can't be repaired";
        }
        return "restore " + folder + " from a copy, or stop the broker and run 'rmq log repair --cut " + folder
                + "', which keeps the records before the damage, or the same with --set-aside, which begins the partition anew (--at OFFSET: there, or later)";
    }

    /**
     * What was done.
     *
     * @param damage what was wrong first; null: nothing, and nothing was changed that an opening does not change
     * @param logStartOffset where the log begins now
     * @param keptTo the offset behind the last record that was kept
     * @param nextOffset where the next record goes; the records between the two are not in the log any more
     * @param aside where that is which was taken away; null: nothing was
     * @param bytesAside how many bytes of segments
     */
    public record Report(
            @Nullable String damage,
            long logStartOffset,
            long keptTo,
            long nextOffset,
            @Nullable Path aside,
            long bytesAside) {}

    /**
     * Takes away the damage and all behind it. Batches without records stand for the offsets that are gone, as behind a compaction.
     *
     * @throws MqException CORRUPT_MESSAGE where nothing would be left, or the damage is not in a segment: then only {@link #setAside} helps
     */
    public Report cut() {
        if (!LogFolder.of(store, folder).hasSegments()) {
            throw hopeless("there is no segment in " + folder, null);
        }
        if (UnfinishedRepair.isUnreadable(store, folder)) {
            throw hopeless(
                    folder.resolve(UnfinishedRepair.FILE_NAME)
                            + " can't be read, and nothing else tells how far the log went",
                    null);
        }
        UnfinishedRepair known = known();
        while (true) {
            keepTail(known);
            Report report = null;
            LogDamage.Found damage = null;
            try (PartitionLog log = open(folder, known)) {
                log.verify();
                report = complete(log, known);
            } catch (LogDamage.Found found) {
                damage = found;
            }
            if (report != null) {
                UnfinishedRepair.delete(store, folder);
                return report;
            }
            if (damage != null) {
                known = known.damage().isEmpty() ? known.withDamage(damage.what()) : known;
                if (!cutAt(damage, known)) {
                    throw hopeless("no records before the damage can be kept: " + damage.what(), damage);
                }
            }
        }
    }

    /** The log is whole as far as it goes; if it was cut, it goes on where it ended. */
    private Report complete(PartitionLog log, UnfinishedRepair known) {
        if (known.damage().isEmpty()) {
            return new Report(null, log.logStartOffset(), log.logEndOffset(), log.logEndOffset(), aside, bytesAside);
        }
        long kept = Math.max(log.logStartOffset(), endOfRecords());
        log.skipTo(known.end());
        return new Report(known.damage(), log.logStartOffset(), kept, log.logEndOffset(), aside, bytesAside);
    }

    /** The offset behind the last record that is there; 0: none is. A repair before this one may have put batches without records behind it. */
    private long endOfRecords() {
        long[] end = {0};
        new LogInspector(store, new Visitor() {
                    @Override
                    public void batch(Path file, long position, RecordBatch batch) {
                        if (batch.count() > 0) {
                            end[0] = Math.max(end[0], batch.nextOffset());
                        }
                    }
                })
                .read(folder);
        return end[0];
    }

    /**
     * Takes the partition's folder away and begins the log anew, without records, at the offset where it ended. The folder does not say then
     * which topic it is of; the broker tells it.
     *
     * @param atLeast it begins there or later: for who knows more than the files tell
     */
    public Report setAside(long atLeast) {
        Path fresh = data.resolve(ASIDE).resolve(partition + ".new");
        boolean isThere = store.exists(folder);
        if (isThere || !store.exists(fresh)) {
            UnfinishedRepair known = isThere ? known() : UnfinishedRepair.NONE;
            make(fresh, Math.max(known.end(), Math.max(known.logStartOffset(), atLeast)), known.leaderEpoch());
        }
        if (isThere) {
            bytesAside = LogFolder.of(store, folder).offsets(IndexFormat.LOG_SUFFIX).stream()
                    .mapToLong(base -> store.size(IndexFormat.logFile(folder, base)))
                    .sum();
            Path place = freshPlace();
            store.rename(folder, place);
            store.forceDirectory(data.resolve(ASIDE)); // where it is before where it was, so that it is somewhere
            store.forceDirectory(data);
            aside = place;
        }
        store.rename(fresh, folder);
        store.forceDirectory(data);
        store.forceDirectory(data.resolve(ASIDE));
        try (PartitionLog log = open(folder, UnfinishedRepair.NONE)) {
            log.skipTo(
                    Math.max(atLeast, log.logEndOffset())); // one that a repair before this has made may begin earlier
            long end = log.logEndOffset();
            return new Report("", end, end, end, aside, bytesAside);
        }
    }

    /** Makes an empty log, which has that name when it is whole. */
    private void make(Path fresh, long begin, int epoch) {
        Path half = fresh.resolveSibling(partition + ".half");
        for (Path former : List.of(fresh, half)) {
            if (store.exists(former)) {
                store.deleteRecursively(former);
            }
        }
        store.createForcedDirectories(half);
        open(half, new UnfinishedRepair(begin, begin, epoch, "")).close();
        store.rename(half, fresh);
        store.forceDirectory(data.resolve(ASIDE));
    }

    private PartitionLog open(Path directory, UnfinishedRepair known) {
        return PartitionLog.open(
                store,
                LogFolder.of(store, directory),
                partition,
                LogConfig.defaults(),
                known.logStartOffset(),
                known.leaderEpoch());
    }

    /** The checkpoint, what counts of the batches, those behind the damage too, and what a repair before this one has found. */
    private UnfinishedRepair known() {
        LogCheckpoint checkpoint = decoded(LogCheckpoint.FILE_NAME, LogCheckpoint::decode);
        LeaderEpochs epochs = decoded(LeaderEpochs.FILE_NAME, LeaderEpochs::decode);
        UnfinishedRepair before = UnfinishedRepair.read(store, folder);
        if (before == null) {
            before = UnfinishedRepair.NONE;
        }
        long[] end = {Math.max(before.end(), checkpoint == null ? 0 : checkpoint.recoveryPoint())};
        int[] epochOfBatches = {-1};
        new LogInspector(store, new Visitor() {
                    @Override
                    public void segment(Path file, long baseOffset, long sizeInBytes) {
                        end[0] = Math.max(end[0], baseOffset);
                    }

                    @Override
                    public void batch(Path file, long position, RecordBatch batch) {
                        long base = IndexFormat.baseOffsetOf(String.valueOf(file.getFileName()))
                                .orElse(0);
                        // base offset and epoch are not under the checksum: what no segment can have is damaged itself
                        if (batch.nextOffset() - base <= Integer.MAX_VALUE) {
                            end[0] = Math.max(end[0], batch.nextOffset());
                        }
                        if (batch.leaderEpoch() < EPOCH_PLAUSIBLE_MAX) {
                            epochOfBatches[0] = Math.max(epochOfBatches[0], batch.leaderEpoch());
                        }
                    }
                })
                .read(folder);
        int epoch = Math.max(checkpoint == null ? -1 : checkpoint.leaderEpoch(), epochs == null ? -1 : epochs.latest());
        return new UnfinishedRepair(
                Math.max(before.logStartOffset(), checkpoint == null ? 0 : checkpoint.logStartOffset()),
                end[0],
                Math.max(before.leaderEpoch(), epoch >= 0 ? epoch : epochOfBatches[0]),
                before.damage());
    }

    /** Null where the file is not there, can't be read, or is not whole. */
    private <T> @Nullable T decoded(String name, Function<ByteBuffer, @Nullable T> decode) {
        Path file = folder.resolve(name);
        try {
            return store.exists(file) ? decode.apply(store.readFile(file)) : null;
        } catch (StorageException e) {
            return null;
        }
    }

    /** False where nothing would be left, or nothing would change. */
    private boolean cutAt(LogDamage.Found damage, UnfinishedRepair known) {
        Path file = damage.file();
        if (IndexFormat.baseOffsetOf(file, IndexFormat.LOG_SUFFIX).isEmpty() || !folder.equals(file.getParent())) {
            return false;
        }
        long base = IndexFormat.baseOffsetOf(file, IndexFormat.LOG_SUFFIX).getAsLong();
        LogFolder files = LogFolder.of(store, folder);
        List<Long> bases = files.offsets(IndexFormat.LOG_SUFFIX);
        int position = files.has(base, IndexFormat.LOG_SUFFIX) ? wholeBatches(file, base, damage.position()) : 0;
        if (position == 0 && base <= bases.get(0)) {
            return false;
        }
        known.write(store, folder);
        boolean changed = moveFrom(position == 0 ? base : base + 1);
        for (String name : ABOUT_THE_END) {
            if (files.has(name)) {
                moveAside(folder.resolve(name));
                changed = true;
            }
        }
        boolean truncated = position > 0 && truncate(file, position);
        return truncated || changed;
    }

    /**
     * Takes away, with a copy, what does not count at the end of a log that is being cut: without its checkpoint, or its last segments, the opening would take that for what
     * a crash has torn, and cut it for good.
     */
    private void keepTail(UnfinishedRepair known) {
        List<Long> bases = LogFolder.of(store, folder).offsets(IndexFormat.LOG_SUFFIX);
        if (known.damage().isEmpty()) {
            return;
        }
        long base = bases.get(bases.size() - 1);
        Path last = IndexFormat.logFile(folder, base);
        long size = store.size(last);
        int position = wholeBatches(last, base, size);
        if (position > 0) {
            truncate(last, position);
        } else if (size > 0 && bases.size() > 1) {
            moveFrom(base);
        } else if (size > 0) {
            throw hopeless("no records before the damage can be kept: " + known.damage(), null);
        }
    }

    /** Where the last of the batches that count before that byte ends. */
    private int wholeBatches(Path path, long base, long to) {
        try (StoredFile file = store.open(path, OpenMode.READ)) {
            int end = (int) Math.min(to, LogRecovery.sizeOf(file));
            TailScan scan = new TailScan(file, 0, end, base, LeaderEpochs.startingAt(0, base), false);
            while (scan.next()) {
                // up to the first that does not count
            }
            return scan.position();
        }
    }

    /** The segments from that offset on, and what lies beside them. */
    private boolean moveFrom(long base) {
        boolean moved = false;
        for (Path path : store.list(folder)) {
            String name = String.valueOf(path.getFileName());
            long own = IndexFormat.baseOffsetOf(name).orElse(-1);
            if (own >= base) {
                if (name.endsWith(IndexFormat.LOG_SUFFIX)) {
                    bytesAside += store.size(path);
                }
                moveAside(path);
                moved = true;
            }
        }
        return moved;
    }

    private boolean truncate(Path path, int position) {
        try (StoredFile file = store.open(path, OpenMode.WRITE)) {
            int size = LogRecovery.sizeOf(file);
            if (size == position) {
                return false;
            }
            Path copy = place().resolve(path.getFileName() + ".from-" + position);
            try (StoredFile to = store.open(copy, OpenMode.CREATE)) {
                to.truncate(0);
                for (int at = position; at < size; ) {
                    ByteBuffer bytes = file.read(at, 1, Math.min(COPY_BYTES, size - at));
                    int length = bytes.remaining();
                    to.write(bytes, at - position);
                    at += length;
                }
                to.force();
            }
            store.forceDirectory(place());
            bytesAside += size - position;
            file.truncate(position);
            file.force();
            return true;
        }
    }

    private void moveAside(Path path) {
        Path to = place().resolve(path.getFileName());
        for (int i = 2; store.exists(to); i++) {
            to = place().resolve(path.getFileName() + "." + i);
        }
        store.rename(path, to);
        store.forceDirectory(place());
        store.forceDirectory(folder);
    }

    private Path place() {
        Path known = aside;
        if (known == null) {
            known = freshPlace();
            store.createForcedDirectories(known);
            aside = known;
        }
        return known;
    }

    private Path freshPlace() {
        store.createForcedDirectories(data.resolve(ASIDE));
        for (int i = 1; ; i++) {
            Path place = data.resolve(ASIDE).resolve(partition + "." + i);
            if (!store.exists(place)) {
                return place;
            }
        }
    }

    private MqException hopeless(String why, @Nullable Throwable cause) {
        return new MqException(
                ErrorCode.CORRUPT_MESSAGE,
                partition + ": " + why + "; 'rmq log repair --set-aside " + folder + "' begins the partition anew",
                cause);
    }

    private static boolean isMetadata(Path folder) {
        return folder.endsWith("__cluster_metadata-0");
    }

    private static TopicPartition partitionOf(Path folder) {
        String name = String.valueOf(folder.getFileName());
        int dash = name.lastIndexOf('-');
        String number = name.substring(dash + 1);
        if (dash < 1 || !number.matches("[0-9]{1,9}")) {
            throw new MqException(
                    ErrorCode.INVALID_CONFIG,
                    folder + " is no partition's folder: expected <topic>-<partition>, actual " + name);
        }
        if (isMetadata(folder)) {
            throw new MqException(
                    ErrorCode.INVALID_CONFIG,
                    folder
                            + " is the log of the metadata and can't be repaired: without a part of it producer ids would be given "
                            + "out twice, and who was shut out would be let in; restore it from a copy");
        }
        return new TopicPartition(name.substring(0, dash), Integer.parseInt(number));
    }
}
