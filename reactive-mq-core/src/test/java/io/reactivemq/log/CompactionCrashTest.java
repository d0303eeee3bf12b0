package io.reactivemq.log;

import static io.reactivemq.log.Batches.marker;
import static io.reactivemq.log.Compactions.EAGER;
import static io.reactivemq.log.Compactions.committed;
import static io.reactivemq.log.Compactions.compact;
import static io.reactivemq.log.Compactions.keyed;
import static io.reactivemq.log.Compactions.replay;
import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.Compactions.Entry;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.TransactionMarker.Outcome;
import io.reactivemq.storage.CrashFileStore;
import io.reactivemq.storage.CrashFileStore.Loss;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StorageException.Operation;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Ends a compaction at each of its calls of the storage, and the process or the power with it; then the log is opened again. Keys that are
 * deleted, small segments that are merged, transactions and producers are in it.
 */
@DisplayName("K09 a compaction that is ended at any call of the storage:")
class CompactionCrashTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path FOLDER = Path.of("/data/t-0");
    private static final long DAY = 24L * 60 * 60 * 1000;
    private static final LogConfig CONFIG =
            LogConfig.defaults().withSegmentBytes(600).withIndexIntervalBytes(100);

    /** Losses of power tried at each call, each from its own seed. */
    private static final int LOSSES = Integer.getInteger("losses", 1);

    /** Of the calls of a recovery each so many-th is the last, a different one for each state that is recovered. */
    private static final int STRIDE = Integer.getInteger("stride", 5);

    private final Random random = new Random(7);

    /** A log that has been compacted once, and has become dirty again. */
    private Map<String, byte[]> files = Map.of();

    private List<Entry> entries = List.of();
    private long end;

    @BeforeEach
    void fill() {
        FileStore store = FileStore.memory();
        store.createDirectories(FileStore.parentOf(FOLDER));
        try (PartitionLog log = open(store)) {
            append(log, 24);
            log.roll();
            compact(log, 0);
            append(log, 24);
            log.roll();
            log.append(keyed("after", "1"), 0);
            entries = committed(log);
            end = log.logEndOffset();
        }
        files = Folders.read(store, FOLDER);
    }

    private void append(PartitionLog log, int count) {
        for (int i = 0; i < count; i++) {
            String key = "k" + random.nextInt(12);
            ByteBuffer batch = keyed(key, random.nextInt(4) == 0 ? null : "v" + log.logEndOffset());
            int kind = random.nextInt(5);
            long id = kind + 10L * log.logEndOffset();
            if (kind < 2) {
                RecordBatch.at(batch, 0).setProducer(id, (short) 0, 0, true);
            }
            log.append(batch, 0);
            if (kind < 2) {
                log.appendMarker(marker(id, 0, kind == 0 ? Outcome.COMMIT : Outcome.ABORT), 0);
            }
        }
    }

    private static PartitionLog open(FileStore store) {
        return PartitionLog.open(store, FOLDER, T0, CONFIG);
    }

    /** The log on a disk on which all of it is forced. */
    private CrashFileStore disk() {
        CrashFileStore disk = new CrashFileStore();
        disk.createForcedDirectories(FileStore.parentOf(FOLDER));
        Folders.write(disk, FOLDER, files);
        disk.forceDirectory(FileStore.parentOf(FOLDER));
        for (Path path : disk.list(FOLDER)) {
            try (StoredFile file = disk.open(path, OpenMode.WRITE)) {
                file.force();
            }
        }
        disk.forceDirectory(FOLDER);
        return disk;
    }

    /** Two passes, the second when the tombstones of the first may go. False where a call failed. */
    private static boolean compactTwice(PartitionLog log) {
        try {
            LogCleaner cleaner = new LogCleaner(1 << 20, new SplittableRandom(1));
            compact(log, EAGER, cleaner, 10_000);
            compact(log, EAGER, cleaner, 10_000 + DAY);
            return true;
        } catch (MqException e) {
            assertThat(e.errorCode()).isEqualTo(ErrorCode.KAFKA_STORAGE_ERROR);
            return false;
        }
    }

    private void check(PartitionLog log, String story) {
        assertThat(log.logStartOffset()).as(story).isZero();
        assertThat(log.logEndOffset()).as(story).isEqualTo(end);
        log.verify();
        List<Entry> left = committed(log);
        assertThat(entries).as(story).containsSubsequence(left);
        assertThat(replay(left)).as(story).isEqualTo(replay(entries));
        assertThat(log.firstUnstableOffset()).as(story).isEqualTo(Long.MAX_VALUE);
    }

    /** What opening does with what is there: all is as it should be, and can be compacted and opened once more. */
    private void reopen(FileStore store, String story) {
        try (PartitionLog log = open(store)) {
            check(log, story);
            assertThat(store.list(FOLDER))
                    .as(story)
                    .noneMatch(path -> path.toString().matches(".*\\.(cleaned|swap|deleted)"));
            assertThat(compactTwice(log)).isTrue();
            check(log, story);
            assertThat(committed(log).stream().filter(entry -> entry.value() == null))
                    .as(story)
                    .isEmpty();
        }
        try (PartitionLog log = open(store)) {
            assertThat(log.recovery().rebuiltIndexes()).as(story).isZero();
            check(log, story);
        }
    }

    private interface End {
        void after(CrashFileStore disk, String story);
    }

    /** Fails each call in turn, that one or all from it on, and then lets the world end. */
    private int everyCall(boolean allBehind, End theEnd) {
        for (int call = 0; ; call++) {
            CrashFileStore disk = disk();
            FaultyFileStore store = new FaultyFileStore(disk);
            store.writeBeforeFailure(random.nextInt(100));
            int failing = call;
            AtomicInteger calls = new AtomicInteger();
            List<String> story = new ArrayList<>();
            PartitionLog log = open(store);
            store.failIf((operation, path) -> {
                int at = calls.getAndIncrement();
                boolean fails = at == failing || (allBehind && at > failing);
                if (at == failing) {
                    story.add("call " + at + ", " + operation + " " + path.getFileName());
                }
                return fails;
            });
            boolean whole = compactTwice(log);
            if (story.isEmpty()) {
                assertThat(whole).isTrue();
                return call;
            }
            check(readable(log, store), story + ", while it is open");
            theEnd.after(disk, story + "");
        }
    }

    private static PartitionLog readable(PartitionLog log, FaultyFileStore store) {
        store.heal();
        return log;
    }

    @Test
    @DisplayName("a process that is killed finds all that counts, in order, and no key that was deleted")
    void killed() {
        assertThat(everyCall(true, this::reopen)).isGreaterThan(80);
    }

    @ParameterizedTest
    @EnumSource(Loss.class)
    @DisplayName("nor does a loss of power take anything, or bring anything back")
    void powerLost(Loss loss) {
        everyCall(true, (disk, story) -> {
            for (int seed = 0; seed < LOSSES; seed++) {
                reopen(disk.crash(new Random(seed), loss), story + ", " + loss + ", seed " + seed);
            }
        });
    }

    @Test
    @DisplayName("an opening that is ended as well, at any of its calls, is done by the next one")
    void recoveryEnded() {
        Map<String, CrashFileStore> states = new HashMap<>();
        everyCall(true, (disk, story) -> {
            CrashFileStore after = disk.crash(new Random(1), Loss.LATEST);
            String names = after.list(FOLDER).stream()
                    .map(path -> path.getFileName().toString())
                    .filter(name -> !name.endsWith("index"))
                    .toList()
                    .toString();
            states.putIfAbsent(names, after);
        });
        assertThat(states).hasSizeGreaterThan(10);
        int[] turn = new int[1];
        states.forEach((names, state) -> {
            boolean failed = true;
            for (int call = turn[0]++ % STRIDE; failed; call += STRIDE) {
                CrashFileStore disk = state.crash(new Random(1), Loss.LATEST);
                FaultyFileStore store = new FaultyFileStore(disk);
                int failing = call;
                AtomicInteger calls = new AtomicInteger();
                store.failIf((operation, path) -> calls.getAndIncrement() >= failing);
                try {
                    open(store).close();
                    failed = false;
                } catch (StorageException e) {
                    String story = names + ", recovery ended at call " + call;
                    try (PartitionLog log = open(disk.crash(new Random(call), Loss.ANY))) {
                        check(log, story);
                    }
                }
            }
        });
    }

    @Test
    @DisplayName("a log that it has failed in goes on, or is fenced and goes on when it is opened again")
    void failed() {
        everyCall(false, (disk, story) -> reopen(disk, story + " alone"));
    }

    @Test
    @DisplayName("with a full disk nothing is lost and nothing fenced, and it succeeds when there is room")
    void diskFull() {
        for (int call = 0; ; call++) {
            CrashFileStore disk = disk();
            FaultyFileStore store = new FaultyFileStore(disk);
            int failing = call;
            AtomicInteger writes = new AtomicInteger();
            PartitionLog log = open(store);
            store.failIf((operation, path) -> operation == Operation.WRITE && writes.getAndIncrement() >= failing);
            if (compactTwice(log) && writes.get() <= failing) {
                return;
            }
            store.heal();
            String story = "full at write " + call;
            assertThat(log.isFenced()).as(story).isFalse();
            check(log, story);
            assertThat(log.append(keyed("more", "1"), 0).baseOffset()).isEqualTo(end);
            assertThat(compactTwice(log)).as(story).isTrue();
            assertThat(replay(committed(log))).containsEntry("more", "1");
            log.close();
        }
    }
}
