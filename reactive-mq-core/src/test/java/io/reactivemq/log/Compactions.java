package io.reactivemq.log;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.Compression;
import io.reactivemq.Headers;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordCursor;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.record.TransactionMarker.Outcome;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Compacts logs, and reads them as those do who want the last value of each key. */
final class Compactions {

    static final LogCleaner CLEANER = new LogCleaner(LogCleaner.MAP_BYTES_DEFAULT, new SplittableRandom(1));

    /** A day for tombstones, and whatever is dirty is compacted. */
    static final Compaction EAGER = Compaction.DEFAULT.withMinCleanableDirtyRatio(0);

    private Compactions() {}

    /** All that can be compacted is, in as many passes as that takes; returns how many. */
    static int compact(PartitionLog log, Compaction rules, LogCleaner cleaner, long nowMs) {
        int passes = 0;
        boolean partial = false;
        do {
            try (CompactionRun run = begin(log, rules, cleaner, partial, nowMs)) {
                if (run == null) {
                    break;
                }
                finish(log, run);
                partial = run.isPartial();
                passes++;
            }
        } while (partial);
        return passes;
    }

    static int compact(PartitionLog log, long nowMs) {
        return compact(log, EAGER, CLEANER, nowMs);
    }

    static @Nullable CompactionRun begin(
            PartitionLog log, Compaction rules, LogCleaner cleaner, boolean partial, long nowMs) {
        long stable = Math.min(log.firstUnstableOffset(), log.logEndOffset());
        return log.beginCompaction(rules, cleaner, stable, partial, nowMs, () -> false);
    }

    static void finish(PartitionLog log, CompactionRun run) {
        while (run.next()) {
            if (!log.replace(run)) {
                return;
            }
        }
        log.recordCompaction(run);
    }

    /**
     * A record as a test writes and finds it.
     *
     * @param value null: it is a tombstone
     */
    record Entry(
            long offset,
            long timestampMs,
            String key,
            @Nullable String value) {}

    /** A batch of records; a value of null is a tombstone. */
    static ByteBuffer keyed(Compression compression, long timestampMs, List<Entry> entries) {
        RecordBatchBuilder builder = new RecordBatchBuilder(256, 1 << 24, compression);
        for (Entry entry : entries) {
            String value = entry.value;
            builder.tryAppend(
                    entry.timestampMs < 0 ? timestampMs : entry.timestampMs,
                    entry.key.getBytes(UTF_8),
                    value == null ? null : value.getBytes(UTF_8),
                    Headers.empty());
        }
        return builder.build();
    }

    /** A batch of one record. */
    static ByteBuffer keyed(String key, @Nullable String value) {
        return keyed(Compression.NONE, 1_000, List.of(new Entry(-1, -1, key, value)));
    }

    /** The committed records of the log, read as a consumer reads them, each as it is stored. */
    static List<Entry> committed(PartitionLog log) {
        long end = Math.min(log.firstUnstableOffset(), log.logEndOffset());
        List<Entry> entries = new ArrayList<>();
        Map<Long, List<Long>> aborted = new HashMap<>();
        for (AbortedTransaction each : log.abortedTransactions(log.logStartOffset(), end)) {
            aborted.computeIfAbsent(each.producerId(), id -> new ArrayList<>()).add(each.firstOffset());
        }
        Set<Long> inAborted = new HashSet<>();
        long offset = log.logStartOffset();
        while (offset < end) {
            ByteBuffer bytes = log.read(offset, 500, end);
            if (!bytes.hasRemaining()) {
                throw new AssertionError("nothing at " + offset + " of " + log);
            }
            for (RecordBatch batch : RecordBatches.of(bytes)) {
                batch.validate();
                long id = batch.producerId();
                long last = batch.lastOffset();
                if (aborted.getOrDefault(id, new ArrayList<>()).removeIf(first -> first <= last)) {
                    inAborted.add(id);
                }
                if (batch.isControl()) {
                    if (batch.count() > 0 && TransactionMarker.of(batch, "").outcome() == Outcome.ABORT) {
                        inAborted.remove(id);
                    }
                } else if (!batch.isTransactional() || !inAborted.contains(id)) {
                    add(batch, offset, entries);
                }
                offset = batch.nextOffset();
            }
        }
        return entries;
    }

    private static void add(RecordBatch batch, long fromOffset, List<Entry> entries) {
        RecordCursor records = batch.records();
        while (records.next()) {
            ByteBuffer key = records.key();
            ByteBuffer value = records.value();
            if (records.offset() >= fromOffset) {
                entries.add(new Entry(
                        records.offset(),
                        records.timestampMs(),
                        key == null ? "" : UTF_8.decode(key).toString(),
                        value == null ? null : UTF_8.decode(value).toString()));
            }
        }
    }

    /** What is left of the keys when all entries were replayed. */
    static Map<String, String> replay(List<Entry> entries) {
        Map<String, String> state = new TreeMap<>();
        for (Entry entry : entries) {
            String value = entry.value;
            if (value == null) {
                state.remove(entry.key);
            } else {
                state.put(entry.key, value);
            }
        }
        return state;
    }

    /** {@code offset:key=value} of the committed records. */
    static List<String> texts(PartitionLog log) {
        return committed(log).stream()
                .map(entry -> entry.offset + ":" + entry.key + "=" + entry.value)
                .toList();
    }
}
