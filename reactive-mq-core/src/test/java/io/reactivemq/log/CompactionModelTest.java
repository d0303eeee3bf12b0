package io.reactivemq.log;

import static io.reactivemq.log.Batches.marker;
import static io.reactivemq.log.Compactions.EAGER;
import static io.reactivemq.log.Compactions.begin;
import static io.reactivemq.log.Compactions.committed;
import static io.reactivemq.log.Compactions.compact;
import static io.reactivemq.log.Compactions.keyed;
import static io.reactivemq.log.Compactions.replay;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.reactivemq.Compression;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.Compactions.Entry;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.TransactionMarker.Outcome;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
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
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Random appends, transactions, compactions at any moment and in any number of steps, time that goes on, and openings, beside a plain list of
 * what was appended. {@code -Dseed=} runs one again, {@code -Dlives=} more of them.
 */
@DisplayName("K09 whatever is appended and whenever it is compacted,")
class CompactionModelTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path FOLDER = Path.of("/data/t-0");
    private static final long DAY = 24L * 60 * 60 * 1000;
    private static final int LIVES = Integer.getInteger("lives", 150);
    private static final int STEPS = 120;
    private static final List<Compression> COMPRESSIONS = List.of(Compression.values());

    @Test
    @DisplayName(
            "the last value of each key is there, at its offset and time, and nothing that was deleted, aborted or never written")
    void lives() {
        Long replay = Long.getLong("seed");
        int compacted = 0;
        for (long seed = replay == null ? 0 : replay; seed < (replay == null ? LIVES : replay + 1); seed++) {
            Life life = new Life(seed);
            try {
                compacted += life.live();
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("seed " + seed + ": " + life.story, e);
            }
        }
        assertThat(compacted).as("records that were taken away").isGreaterThan(replay == null ? 10 * LIVES : 0);
    }

    private static final class Life {

        private final Random random;
        private final List<String> story = new ArrayList<>();
        private final FileStore store = FileStore.memory();
        private final LogConfig config;
        private final LogCleaner cleaner;
        private PartitionLog log;
        private @Nullable CompactionRun run;
        private final int keys;
        private long nowMs = 1_000;

        /** What was appended and not aborted, by offset; what is in open transactions, by producer. */
        private final TreeMap<Long, Entry> data = new TreeMap<>();

        private final Map<Long, List<Entry>> open = new HashMap<>();
        private final Map<Long, Integer> sequences = new HashMap<>();

        /** When a pass first could have seen the offset: its tombstone stays a day from then. */
        private final Map<Long, Long> seenMs = new HashMap<>();

        Life(long seed) {
            random = new Random(seed);
            config = LogConfig.defaults()
                    .withSegmentBytes(300 + random.nextInt(1_500))
                    .withIndexIntervalBytes(random.nextInt(300))
                    .withRecoveryPointBytes(1 + random.nextInt(1_000));
            cleaner = new LogCleaner(
                    random.nextInt(3) == 0 ? OffsetMap.SLOT_BYTES : 1 << 16, // the least is too small for most
                    new SplittableRandom(seed));
            keys = random.nextInt(3) == 0 ? 150 : 15; // a map of 48 can be too small for them
            store.createDirectories(FileStore.parentOf(FOLDER));
            log = PartitionLog.open(store, FOLDER, T0, config);
        }

        int live() {
            for (int i = 0; i < STEPS; i++) {
                step(random.nextInt(30));
                if (random.nextInt(6) == 0) {
                    check();
                }
            }
            endRun();
            for (long id : List.copyOf(open.keySet())) {
                end(id, Outcome.COMMIT);
            }
            log.roll();
            story.add("all that can be");
            seen();
            compact(log, EAGER, cleaner, nowMs);
            nowMs += 2 * DAY;
            compact(log, EAGER, cleaner, nowMs);
            check();
            List<Entry> left = committed(log);
            Set<String> keys = new HashSet<>();
            assertThat(left)
                    .as("one of each key")
                    .allSatisfy(entry -> assertThat(keys.add(entry.key())).isTrue());
            assertThat(left).as("no tombstone").noneMatch(entry -> entry.value() == null);
            log.close();
            return data.size() - left.size();
        }

        private void step(int what) {
            if (what < 16) {
                append();
            } else if (what < 19 && !open.isEmpty()) {
                end(
                        List.copyOf(open.keySet()).get(random.nextInt(open.size())),
                        random.nextBoolean() ? Outcome.COMMIT : Outcome.ABORT);
            } else if (what == 19) {
                story.add("roll");
                log.roll();
            } else if (what == 20) {
                nowMs += random.nextInt((int) DAY);
                story.add("now " + nowMs);
            } else if (what < 26) {
                compactSomewhat();
            } else if (what == 26) {
                reopen();
            }
        }

        /** A batch of a few records: plain, of a producer, or in a transaction. */
        private void append() {
            long first = log.logEndOffset();
            long id = random.nextInt(6);
            List<Entry> entries = new ArrayList<>();
            int count = 1 + random.nextInt(4);
            for (int i = 0; i < count; i++) {
                String value = random.nextInt(4) == 0 ? null : "v" + (first + i) + "x".repeat(random.nextInt(20));
                entries.add(new Entry(first + i, nowMs + random.nextInt(50), "k" + random.nextInt(keys), value));
            }
            ByteBuffer batch =
                    keyed(COMPRESSIONS.get(random.nextInt(2) * random.nextInt(COMPRESSIONS.size())), 0, entries);
            boolean transactional = id < 3;
            if (id < 5) {
                int sequence = sequences.getOrDefault(id, 0);
                sequences.put(id, sequence + count);
                RecordBatch.at(batch, 0).setProducer(id, (short) 0, sequence, transactional);
            }
            log.append(batch, nowMs);
            story.add("append " + first + (transactional ? " in " + id : ""));
            if (transactional) {
                open.computeIfAbsent(id, key -> new ArrayList<>()).addAll(entries);
            } else {
                entries.forEach(entry -> data.put(entry.offset(), entry));
            }
        }

        private void end(long id, Outcome outcome) {
            story.add(outcome + " " + id);
            log.appendMarker(marker(id, 0, outcome), nowMs);
            List<Entry> entries = open.remove(id);
            if (outcome == Outcome.COMMIT && entries != null) {
                entries.forEach(entry -> data.put(entry.offset(), entry));
            }
        }

        /** A step of a pass, so that there are appends between two; sometimes it is given up. */
        private void compactSomewhat() {
            CompactionRun current = run;
            if (current == null) {
                run = begin(log, EAGER, cleaner, random.nextBoolean(), nowMs);
                if (run != null) {
                    story.add("begin");
                    seen();
                }
            } else if (random.nextInt(8) == 0) {
                endRun();
            } else if (current.next()) {
                story.add("replace");
                assertThat(log.replace(current)).isTrue();
            } else {
                story.add("end");
                log.recordCompaction(current);
                endRun();
            }
        }

        private void seen() {
            data.keySet().forEach(offset -> seenMs.putIfAbsent(offset, nowMs));
            open.values().forEach(entries -> entries.forEach(entry -> seenMs.putIfAbsent(entry.offset(), nowMs)));
        }

        private void endRun() {
            if (run != null) {
                run.close();
                run = null;
            }
        }

        /** After a close or a kill; whatever is not data may be lost. */
        private void reopen() {
            boolean clean = random.nextBoolean();
            endRun();
            log.force();
            Map<String, byte[]> files = Folders.read(store, FOLDER);
            log.close();
            if (!clean) {
                files.keySet()
                        .removeIf(name -> !name.endsWith(".log")
                                && !name.equals(LogCheckpoint.FILE_NAME)
                                && random.nextInt(3) == 0);
                Folders.write(store, FOLDER, files);
            }
            story.add(clean ? "closed" : "killed");
            log = PartitionLog.open(store, FOLDER, T0, config);
        }

        private void check() {
            log.verify();
            long stable = open.values().stream()
                    .mapToLong(entries -> entries.get(0).offset())
                    .min()
                    .orElse(Long.MAX_VALUE);
            assertThat(log.firstUnstableOffset()).isEqualTo(stable);
            List<Entry> all = List.copyOf(data.headMap(stable).values());
            List<Entry> left = committed(log);
            assertThat(all).as("offsets, times, keys, values").containsSubsequence(left);
            assertThat(replay(left)).isEqualTo(replay(all));
            Map<String, Entry> last = new HashMap<>();
            all.forEach(entry -> last.put(entry.key(), entry));
            Set<Entry> there = new HashSet<>(left);
            last.values().forEach(entry -> {
                Long seen = seenMs.get(entry.offset());
                if (entry.value() != null || seen == null || nowMs < seen + DAY) {
                    assertThat(there).contains(entry);
                }
            });
            sequences.forEach((id, next) -> {
                ByteBuffer repeated = keyed("gap", "");
                RecordBatch.at(repeated, 0).setProducer(id, (short) 0, next + 7, false);
                assertThat(catchThrowable(() -> log.append(repeated, nowMs)))
                        .as("a gap behind sequence %d of producer %d", next, id)
                        .isNotNull();
            });
        }
    }
}
