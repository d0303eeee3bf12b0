package io.reactivemq.test.crash;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.Headers;
import io.reactivemq.log.AbortedTransaction;
import io.reactivemq.log.CommittedRead;
import io.reactivemq.log.Compaction;
import io.reactivemq.log.CompactionRun;
import io.reactivemq.log.LogCleaner;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordCursor;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.record.TransactionMarker.Outcome;
import io.reactivemq.storage.FileStore;
import io.reactivemq.test.simulation.RecordingStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A log on a recording store that is appended to, forced, compacted, killed and opened by lot, and what must be in it at each change of the store. */
final class CompactedLife {

    private static final Compaction EAGER =
            Compaction.DEFAULT.withMinCleanableDirtyRatio(0).withDeleteRetentionMs(50);
    private static final int KEYS = 6;

    private static final long NO_TRANSACTION = -1;
    private static final int OPEN_MAX = 2;

    /**
     * A record that was sent.
     *
     * @param value null: a tombstone
     * @param transaction the producer's id, of which each has one transaction; or none
     * @param end it is the transaction's end; null: it is data
     */
    private record Sent(
            String key,
            @Nullable String value,
            long transaction,
            @Nullable Outcome end) {}

    /** From so many changes on, all below the offset must be there. */
    private record Durable(int changes, long end) {}

    private final RecordingStore store;
    private final FileStore files;
    private final PlantedBug bug;
    private final Random random;
    private final LogConfig config;

    /** By offset; what was sent and refused or lost is written over by what comes next. */
    private final List<Sent> sent;

    private final List<Durable> durable = new ArrayList<>();
    private @Nullable PartitionLog log;
    private long nowMs;
    private int compactions;

    CompactedLife(RecordingStore store, PlantedBug bug, Random random) {
        this(
                store,
                bug,
                random,
                LogConfig.defaults().withSegmentBytes(300).withIndexIntervalBytes(90),
                List.of(),
                0,
                0);
    }

    /** What goes on on another disk. */
    private CompactedLife(
            RecordingStore store,
            PlantedBug bug,
            Random random,
            LogConfig config,
            List<Sent> sent,
            long durableEnd,
            long nowMs) {
        this.store = store;
        this.bug = bug;
        this.random = random;
        this.config = config;
        this.files = new TappedStore(store, bug);
        this.sent = new ArrayList<>(sent);
        this.nowMs = nowMs;
        durable.add(new Durable(0, durableEnd));
    }

    /** The same on the disk that a crash after so many changes has left. */
    CompactedLife after(int changes, RecordingStore disk, PlantedBug nextBug) {
        return new CompactedLife(disk, nextBug, new Random(changes), config, sent, durableAt(changes), nowMs);
    }

    long durableAt(int changes) {
        long end = 0;
        for (Durable each : durable) {
            if (each.changes <= changes) {
                end = Math.max(end, each.end);
            }
        }
        return end;
    }

    int compactions() {
        return compactions;
    }

    private PartitionLog log() {
        if (log == null) {
            throw new IllegalStateException("not open");
        }
        return log;
    }

    void live(int steps) {
        files.createForcedDirectories(LogLife.DATA);
        open();
        for (int i = 0; i < steps; i++) {
            int what = random.nextInt(20);
            if (what < 8) {
                append(NO_TRANSACTION);
            } else if (what < 11) {
                appendWithin();
            } else if (what < 13) {
                end();
            } else if (what < 15) {
                bug.phase(PlantedBug.Phase.ROLL);
                log().roll();
            } else if (what < 19) {
                compact();
            } else {
                open(); // after a kill
            }
        }
        compact();
    }

    void open() {
        bug.phase(PlantedBug.Phase.OPEN);
        log = PartitionLog.open(files, LogLife.FOLDER, LogLife.T0, config);
        durable.add(new Durable(store.changeCount(), log().logEndOffset()));
    }

    /** One batch, forced at once, so that a crash leaves all of it or nothing, and nothing is damage. */
    private void append(long transaction) {
        RecordBatchBuilder builder = new RecordBatchBuilder(256, 1 << 16);
        int count = 1 + random.nextInt(3);
        int offset = beginAppend();
        int sequence = (int)
                sent.stream().filter(each -> each.transaction == transaction).count();
        for (int i = 0; i < count; i++) {
            String key = "k" + random.nextInt(KEYS);
            String value = random.nextInt(4) == 0 ? null : "v" + (offset + i);
            byte[] bytes = value == null ? null : value.getBytes(UTF_8);
            builder.tryAppend(nowMs, key.getBytes(UTF_8), bytes, Headers.empty());
            sent.add(new Sent(key, value, transaction, null));
        }
        ByteBuffer batch = builder.build();
        if (transaction != NO_TRANSACTION) {
            RecordBatch.at(batch, 0).setProducer(transaction, (short) 0, sequence, true);
        } else if (random.nextInt(4) == 0) {
            RecordBatch.at(batch, 0).setProducer(7 + offset, (short) 0, 0, false);
        }
        log().append(batch, nowMs++);
        force();
    }

    /** What was not there any more when the log was opened was not sent. */
    private int beginAppend() {
        bug.phase(PlantedBug.Phase.APPEND);
        int offset = (int) log().logEndOffset();
        sent.subList(Math.min(offset, sent.size()), sent.size()).clear();
        return offset;
    }

    private void force() {
        bug.phase(PlantedBug.Phase.FORCE);
        log().force();
        durable.add(new Durable(store.changeCount(), log().forcedOffset()));
    }

    /** A batch of an open transaction, or the first of a new one. */
    private void appendWithin() {
        List<Long> open = List.copyOf(openAt(log().logEndOffset()).keySet());
        boolean begins = open.isEmpty() || (open.size() < OPEN_MAX && random.nextBoolean());
        append(begins ? 1_000 + log().logEndOffset() : open.get(random.nextInt(open.size())));
    }

    /** The end of an open transaction, where there is one. */
    private void end() {
        List<Long> open = List.copyOf(openAt(log().logEndOffset()).keySet());
        if (open.isEmpty()) {
            append(NO_TRANSACTION);
            return;
        }
        long ending = open.get(random.nextInt(open.size()));
        Outcome outcome = random.nextBoolean() ? Outcome.COMMIT : Outcome.ABORT;
        beginAppend();
        sent.add(new Sent("", null, ending, outcome));
        log().appendMarker(new TransactionMarker(outcome, 0).toBatch(ending, (short) 0, nowMs), nowMs++);
        force();
    }

    /** The first offset of each transaction that is open where the log ends there. */
    private Map<Long, Long> openAt(long end) {
        Map<Long, Long> open = new TreeMap<>();
        for (int i = 0; i < end; i++) {
            Sent each = sent.get(i);
            if (each.end != null) {
                open.remove(each.transaction);
            } else if (each.transaction != NO_TRANSACTION) {
                open.putIfAbsent(each.transaction, (long) i);
            }
        }
        return open;
    }

    private long stableAt(long end) {
        return openAt(end).values().stream().mapToLong(each -> each).min().orElse(end);
    }

    void compact() {
        bug.phase(PlantedBug.Phase.COMPACT);
        nowMs += random.nextInt(60);
        LogCleaner cleaner = new LogCleaner(1 << 20, new SplittableRandom(1));
        try (CompactionRun run =
                log().beginCompaction(EAGER, cleaner, stableAt(log().logEndOffset()), false, nowMs, () -> false)) {
            if (run == null) {
                return;
            }
            while (run.next()) {
                log().replace(run);
            }
            log().recordCompaction(run);
            compactions++;
        }
    }

    /** The last value of each key, nothing that was not sent, each at its offset, no gap, and no file that should be gone. */
    void check(long durableEnd) {
        long end = log().logEndOffset();
        LogLife.check(end >= durableEnd, () -> "lost: acknowledged to " + durableEnd + ", there is " + log());
        LogLife.check(end <= sent.size(), () -> "phantom: sent to " + sent.size() + ", there is " + log());
        LogLife.check(log().logStartOffset() == 0, () -> "nothing was deleted: " + log());
        log().verify();
        long stable = stableAt(end);
        LogLife.check(
                Math.min(log().firstUnstableOffset(), end) == stable,
                () -> "the first open transaction begins at " + stable + ", the log says "
                        + log().firstUnstableOffset());
        Set<Long> aborted = new HashSet<>();
        for (Sent each : sent.subList(0, (int) end)) {
            if (each.end == Outcome.ABORT) {
                aborted.add(each.transaction);
            }
        }
        Map<String, String> expected = new HashMap<>();
        for (Sent each : sent.subList(0, (int) stable)) {
            if (each.end == null && !aborted.contains(each.transaction)) {
                apply(expected, each);
            }
        }
        Map<String, String> found = new HashMap<>();
        long next = 0;
        while (next < stable) {
            CommittedRead read = log().readCommitted(next, 1 << 10, stable);
            LogLife.check(read.records().hasRemaining(), "nothing committed at " + next);
            for (RecordBatch batch : RecordBatches.of(read.records())) {
                LogLife.check(batch.baseOffset() == next, "expected a batch of offset " + next + ": " + batch);
                if (!isAborted(batch, read.aborted())) {
                    checkRecords(batch, found);
                }
                next = batch.nextOffset();
            }
        }
        LogLife.check(found.equals(expected), () -> "what is left of the keys is " + found + ", expected " + expected);
        checkUnstable(next, end);
        for (Path path : store.list(LogLife.FOLDER)) {
            String name = path.toString();
            LogLife.check(
                    !name.endsWith(".cleaned") && !name.endsWith(".swap") && !name.endsWith(".deleted"),
                    () -> "left: " + path);
        }
    }

    private static boolean isAborted(RecordBatch batch, List<AbortedTransaction> aborted) {
        return batch.isTransactional() && aborted.stream().anyMatch(each -> each.producerId() == batch.producerId());
    }

    /** Behind the begin of an open transaction all is as it was sent. */
    private void checkUnstable(long from, long end) {
        for (long next = from; next < end; ) {
            ByteBuffer read = log().read(next, 1 << 10, end);
            LogLife.check(read.hasRemaining(), "nothing at " + next);
            for (RecordBatch batch : RecordBatches.of(read)) {
                LogLife.check(
                        batch.baseOffset() == next && batch.count() == batch.lastOffsetDelta() + 1,
                        "expected all from offset " + next + ": " + batch);
                checkRecords(batch, new HashMap<>());
                next = batch.nextOffset();
            }
        }
    }

    private void checkRecords(RecordBatch batch, Map<String, String> found) {
        if (batch.isControl()) {
            return;
        }
        RecordCursor records = batch.records();
        while (records.next()) {
            Sent record = new Sent(
                    String.valueOf(text(records.key())),
                    text(records.value()),
                    batch.isTransactional() ? batch.producerId() : NO_TRANSACTION,
                    null);
            LogLife.check(
                    record.equals(sent.get((int) records.offset())),
                    "at " + records.offset() + " there is " + record + ", sent was "
                            + sent.get((int) records.offset()));
            apply(found, record);
        }
    }

    private static @Nullable String text(@Nullable ByteBuffer bytes) {
        return bytes == null ? null : UTF_8.decode(bytes).toString();
    }

    private static void apply(Map<String, String> state, Sent record) {
        String value = record.value;
        if (value == null) {
            state.remove(record.key);
        } else {
            state.put(record.key, value);
        }
    }

    /** Takes more, is compacted, closes in good order, and is there again. */
    void goOn() {
        append(NO_TRANSACTION);
        end();
        bug.phase(PlantedBug.Phase.ROLL);
        log().roll();
        compact();
        check(log().logEndOffset());
        bug.phase(PlantedBug.Phase.CLOSE);
        log().close();
        open();
        check(log().logEndOffset());
    }
}
