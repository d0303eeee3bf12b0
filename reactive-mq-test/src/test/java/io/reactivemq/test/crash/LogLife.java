package io.reactivemq.test.crash;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.AbortedTransaction;
import io.reactivemq.log.AppendInfo;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.log.RecoveryReport.Origin;
import io.reactivemq.log.SegmentInfo;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.TransactionMarker.Outcome;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException.Operation;
import io.reactivemq.test.simulation.RecordingStore;
import io.reactivemq.test.simulation.StorageFaults;
import io.reactivemq.test.simulation.StorageFaults.Errno;
import io.reactivemq.test.simulation.StorageFaults.Fault;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A log on a recording store, worked with by lot and beside a {@link Ledger}. What it does is all in the seed. */
final class LogLife {

    static final TopicPartition T0 = new TopicPartition("t", 0);
    static final Path DATA = Path.of("/data");
    static final Path FOLDER = DATA.resolve("t-0");

    /** Number 1 is only idempotent, the others have transactions. */
    private static final int PRODUCERS = 3;

    private final RecordingStore store;
    private final PlantedBug bug;
    private final FileStore files;
    private final Ledger ledger;
    private final Random random;
    private final LogConfig config;
    private @Nullable PartitionLog log;

    LogLife(RecordingStore store, Ledger ledger, PlantedBug bug, LogConfig config, Random random) {
        this.store = store;
        this.bug = bug;
        this.ledger = ledger;
        this.config = config;
        this.random = random;
        this.files = new TappedStore(store, bug);
    }

    /** Segments of a few batches, few bytes between index entries, and a checkpoint every now and then. */
    static LogConfig config(Random random) {
        return LogConfig.defaults()
                .withSegmentBytes(300 + random.nextInt(random.nextInt(4) == 0 ? 9_000 : 1_500))
                .withIndexIntervalBytes(random.nextInt(300))
                .withRecoveryPointBytes(1 + random.nextInt(1_500));
    }

    PartitionLog log() {
        if (log == null) {
            throw new IllegalStateException("not open");
        }
        return log;
    }

    Ledger ledger() {
        return ledger;
    }

    FileStore files() {
        return files;
    }

    LogConfig config() {
        return config;
    }

    // --- working ---------------------------------------------------------------------------------------------

    /** Makes the log and works with it for so many steps. */
    void live(int steps) {
        files.createForcedDirectories(DATA);
        open();
        for (int i = 0; i < steps; i++) {
            step(random.nextInt(40));
        }
        close();
        LogScan.checkIndexFiles(store, FOLDER, config.indexIntervalBytes());
    }

    private void step(int what) {
        if (what < 18) {
            append();
        } else if (what < 29) {
            force();
        } else if (what < 31) {
            roll();
        } else if (what < 33) {
            delete();
        } else if (what < 35) {
            open(); // after a kill: what was written is there, forced or not
        } else if (what < 36) {
            close();
            open();
        } else if (what < 39) {
            appendOnFullDisk();
        } else {
            forceOnBadDisk();
        }
    }

    private int now() {
        return store.changeCount();
    }

    void open() {
        bug.phase(PlantedBug.Phase.OPEN);
        PartitionLog opened = PartitionLog.open(files, FOLDER, T0, config);
        log = opened;
        long end = opened.logEndOffset();
        ledger.ended(now(), end);
        ledger.durable(now(), end);
        ledger.started(now(), opened.logStartOffset());
        ledger.epoch(now(), opened.leaderEpoch());
    }

    void append() {
        bug.phase(PlantedBug.Phase.APPEND);
        long end = log().logEndOffset();
        AppendInfo info = appendByLot(end);
        check(info.baseOffset() == end && !info.duplicate(), () -> "appended at " + info + ", expected " + end);
        appended();
        ledger.durable(now(), log().forcedOffset());
        if (bug.acknowledgesWritten()) {
            ledger.durable(now(), log().logEndOffset());
        }
    }

    /** Of nobody, of a producer that is only idempotent, or of one of two with transactions; the ledger is told before it is written. */
    private AppendInfo appendByLot(long end) {
        long id = (long) random.nextInt(2 * (PRODUCERS + 1)) - PRODUCERS;
        if (id <= 0) {
            return log().append(unnumbered(end), 0);
        }
        SentProducers producers = new SentProducers(ledger.batches());
        if (producers.isOpen(id) && random.nextInt(3) == 0) {
            Outcome outcome = random.nextBoolean() ? Outcome.ABORT : Outcome.COMMIT;
            return log().appendMarker(sending(end, SentBatch.marker(id, outcome, timestamp())), 0);
        }
        byte[] batch = SentBatch.batch(random, 1 + random.nextInt(3), 40, timestamp());
        return log().append(sending(end, SentBatch.produced(batch, id, producers.nextSequence(id), id > 1)), 0);
    }

    private long timestamp() {
        return 1_000L + random.nextInt(50);
    }

    private ByteBuffer sending(long offset, byte[] batch) {
        ledger.sending(now(), offset, ByteBuffer.wrap(batch));
        return ByteBuffer.wrap(batch.clone());
    }

    /** One batch or a few. */
    private ByteBuffer unnumbered(long end) {
        int batches = random.nextInt(4) == 0 ? 1 + random.nextInt(3) : 1;
        ByteBuffer all = ByteBuffer.allocate(64 << 10);
        long offset = end;
        for (int i = 0; i < batches; i++) {
            int valueBytesMax = random.nextInt(20) == 0 ? 5_000 : random.nextInt(8) == 0 ? 600 : 40;
            ByteBuffer batch =
                    sending(offset, SentBatch.batch(random, 1 + random.nextInt(3), valueBytesMax, timestamp()));
            offset += batch.getInt(RecordBatch.LAST_OFFSET_DELTA_AT) + 1L;
            all.put(batch);
        }
        return all.flip();
    }

    private void appended() {
        ledger.epoch(now(), log().leaderEpoch() + 1);
    }

    void force() {
        bug.phase(PlantedBug.Phase.FORCE);
        log().force();
        ledger.durable(now(), log().forcedOffset());
        check(log().forcedOffset() == log().logEndOffset(), () -> "forced to " + log());
    }

    void roll() {
        bug.phase(PlantedBug.Phase.ROLL);
        log().roll();
        ledger.durable(now(), log().forcedOffset());
    }

    /** What was to be written was not, as far as the log can tell: where it is fenced, only opening it again can. */
    void refused() {
        if (!log().isFenced()) {
            ledger.ended(now(), log().logEndOffset());
        }
    }

    /** Whole segments, or records up to any offset. */
    void delete() {
        bug.phase(PlantedBug.Phase.DELETE);
        List<SegmentInfo> segments = log().segments();
        long start = log().logStartOffset();
        if (random.nextBoolean()) {
            long to = segments.get(random.nextInt(segments.size())).baseOffset();
            ledger.deleting(now(), to);
            log().deleteSegmentsBefore(to);
            check(log().logStartOffset() == Math.max(to, start), () -> "start is " + log());
        } else {
            long to = start + random.nextInt((int) (log().logEndOffset() - start) / 2 + 1);
            ledger.deleting(now(), to);
            log().deleteRecordsBefore(to);
            check(log().logStartOffset() == to, () -> "start is " + log());
        }
        ledger.started(now(), log().logStartOffset());
    }

    void close() {
        bug.phase(PlantedBug.Phase.CLOSE);
        ledger.epoch(now(), log().leaderEpoch());
        log().close();
        ledger.durable(now(), log().logEndOffset());
    }

    /** Refused, and the log is as it was; or, where it can't even be cut back, closed to writers. */
    private void appendOnFullDisk() {
        bug.phase(PlantedBug.Phase.APPEND);
        long end = log().logEndOffset();
        int bytes = random.nextInt(3) == 0 ? Integer.MAX_VALUE : random.nextInt(300);
        store.failWith(on(Operation.WRITE, ".log", new Fault(Errno.ENOSPC, bytes)));
        try {
            long answered = appendByLot(end).nextOffset();
            // Only a log that does not look at what the disk says comes here.
            ledger.durable(now(), answered);
        } catch (MqException e) {
            check(e.errorCode() == ErrorCode.KAFKA_STORAGE_ERROR, () -> "refused with " + e);
            check(log().logEndOffset() == end, () -> "an append that failed moved the end of " + log());
            if (bug.acknowledgesFailed()) {
                ledger.durable(now(), ledger.last().writtenEnd());
            } else {
                refused();
            }
        } finally {
            store.failWith(StorageFaults.NONE);
        }
        if (log().isFenced()) {
            open();
        }
    }

    private void forceOnBadDisk() {
        bug.phase(PlantedBug.Phase.FORCE);
        if (log().forcedOffset() == log().logEndOffset()) {
            append();
            bug.phase(PlantedBug.Phase.FORCE);
        }
        boolean[] failed = new boolean[1];
        Fault fault = new Fault(Errno.EIO, 0);
        store.failWith((operation, path) -> {
            if (failed[0] || operation != Operation.FORCE || !path.toString().endsWith(".log")) {
                return null;
            }
            failed[0] = true;
            return fault;
        });
        try {
            log().force();
            ledger.durable(now(), log().forcedOffset());
        } catch (MqException e) {
            check(e.errorCode() == ErrorCode.KAFKA_STORAGE_ERROR && log().isFenced(), () -> "not fenced: " + e);
            open();
        } finally {
            store.failWith(StorageFaults.NONE);
        }
    }

    static StorageFaults on(Operation operation, String nameEnd, Fault fault) {
        return (called, path) -> called == operation && path.toString().endsWith(nameEnd) ? fault : null;
    }

    // --- looking ---------------------------------------------------------------------------------------------

    /** What was promised is there, nothing else is, and the files are in order. */
    void checkOpened(Ledger.Promise before) {
        PartitionLog opened = log();
        long start = opened.logStartOffset();
        long end = opened.logEndOffset();
        check(
                end >= before.durableEnd(),
                () -> "lost: acknowledged to " + before.durableEnd() + ", there is " + opened);
        check(end <= before.writtenEnd(), () -> "phantom: written to " + before.writtenEnd() + ", there is " + opened);
        check(start >= before.startMin(), () -> "deleted below " + before.startMin() + ", and back again: " + opened);
        check(start <= before.startMax(), () -> "deleted to " + before.startMax() + " at most, but " + opened);
        check(opened.forcedOffset() == end, () -> "served and not forced: " + opened);
        check(
                opened.leaderEpoch() >= before.epochMin(),
                () -> "expected an epoch from " + before.epochMin() + " on: " + opened);
        checkFiles();
        checkRecords();
        checkProducers();
        opened.verify();
    }

    private void checkFiles() {
        List<SegmentInfo> segments = log().segments();
        long first = segments.get(0).baseOffset();
        for (Path path : store.list(FOLDER)) {
            String name = String.valueOf(path.getFileName());
            if (Character.isDigit(name.charAt(0))) {
                long base = Long.parseLong(name.substring(0, name.indexOf('.')));
                check(base >= first, () -> name + " should have been deleted with its segment");
            }
        }
        SegmentInfo active = segments.get(segments.size() - 1);
        long length = store.size(FOLDER.resolve(name(active.baseOffset())));
        check(
                length == active.sizeInBytes(),
                () -> "the last segment has " + length + " bytes on disk, in the log " + active);
    }

    private static String name(long baseOffset) {
        return "0".repeat(20 - Long.toString(baseOffset).length()) + baseOffset + ".log";
    }

    /** Every batch as it was sent, found from every offset, and for each timestamp the record that a scan finds. */
    void checkRecords() {
        List<SentBatch> batches = ledger.batches();
        long start = log().logStartOffset();
        long end = log().logEndOffset();
        long offset = start;
        for (SentBatch batch : batches) {
            if (batch.nextOffset() <= start || batch.baseOffset() >= end) {
                continue; // the latter: refused by a log that is fenced, and may be there when it is opened again
            }
            check(batch.baseOffset() <= offset, "nothing was sent at " + offset);
            ByteBuffer read = log().read(offset, 1, end);
            check(
                    batch.isReadAs(read) && read.remaining() == batch.size(),
                    "at " + offset + " there is another batch than was sent");
            offset = batch.nextOffset();
        }
        check(offset == end, "sent to " + offset + ", the end is " + end);
        for (long timestamp = 1_000; timestamp < 1_054; timestamp += 3) {
            long expected = LogScan.offsetForTimestamp(batches, timestamp, start, end);
            long found = log().offsetForTimestamp(timestamp, end);
            check(found == expected, "for timestamp " + timestamp + " offset " + found + ", by a scan " + expected);
        }
    }

    /** What the log knows of producers and transactions is what is in it: nothing is appended twice, and nothing left out. */
    private void checkProducers() {
        SentProducers expected = new SentProducers(ledger.batches());
        long start = log().logStartOffset();
        long unstable = expected.firstUnstableOffset(start);
        check(
                log().firstUnstableOffset() == unstable,
                () -> "open transactions from " + log().firstUnstableOffset() + " on, in the records from " + unstable
                        + " on");
        long stable = Math.min(log().logEndOffset(), unstable);
        List<AbortedTransaction> aborted = log().abortedTransactions(start, stable);
        check(
                aborted.equals(expected.aborted(start, stable)),
                () -> "aborted " + aborted + ", in the records " + expected.aborted(start, stable));
        for (long id = 1; id <= PRODUCERS; id++) {
            SentBatch last = expected.lastOf(id);
            if (last != null) {
                AppendInfo again = log().append(copy(last.bytes()), 0);
                check(
                        again.duplicate() && again.baseOffset() == last.baseOffset(),
                        () -> "sent again: " + again + ", first appended at " + last.baseOffset());
                checkGap(id, expected.nextSequence(id));
            }
        }
    }

    private void checkGap(long id, int nextSequence) {
        byte[] batch = SentBatch.batch(new Random(id), 1, 10, 1_000);
        try {
            log().append(ByteBuffer.wrap(SentBatch.produced(batch, id, nextSequence + 1, id > 1)), 0);
        } catch (MqException e) {
            check(e.errorCode() == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, () -> "a gap in the sequence: " + e);
            return;
        }
        throw new AssertionError("a gap in the sequence of producer " + id + " behind " + nextSequence + " was taken");
    }

    private static ByteBuffer copy(ByteBuffer bytes) {
        return ByteBuffer.allocate(bytes.limit()).put(bytes.duplicate()).flip();
    }

    /** Goes on where it was opened, closes in good order, and is there again. */
    void goOn() {
        append();
        force();
        checkRecords();
        close();
        open();
        check(log().recovery().origin() == Origin.CLEAN, () -> "closed in good order, and found " + log().recovery());
        checkRecords();
    }

    static void check(boolean holds, String otherwise) {
        check(holds, () -> otherwise);
    }

    static void check(boolean holds, Supplier<String> otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise.get());
        }
    }
}
