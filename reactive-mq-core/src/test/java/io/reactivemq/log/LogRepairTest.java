package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.readAll;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogRepair.Report;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import io.reactivemq.storage.StorageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Rule 4: the repair of a damaged log of several segments")
class LogRepairTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path FOLDER = Path.of("/data/t-0");
    private static final Path ASIDE = Path.of("/data/set-aside/t-0.1");
    private static final int RECORDS = 60;
    private static final LogConfig CONFIG =
            LogConfig.defaults().withSegmentBytes(2_000).withIndexIntervalBytes(200);

    private final FileStore store = FileStore.memory();
    private final List<String> all = new ArrayList<>();
    private Map<String, byte[]> files = Map.of();
    private List<SegmentInfo> segments = List.of();

    @BeforeEach
    void build() {
        try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
            for (int i = 0; i < RECORDS; i++) {
                log.append(batch("value " + i), 0);
                all.add(i + ":value " + i);
            }
            segments = log.segments();
        }
        store.replaceFile(FOLDER.resolve("partition.metadata"), java.nio.ByteBuffer.wrap(new byte[] {1, 2}));
        files = Folders.read(store, FOLDER);
        assertThat(segments).hasSize(3);
    }

    private String segment(int i) {
        return String.format("%020d.log", segments.get(i).baseOffset());
    }

    private byte[] bytes(String name) {
        return Objects.requireNonNull(files.get(name));
    }

    private Map<String, byte[]> damaged(int segment, int at) {
        return Folders.withBitFlipped(files, segment(segment), 8 * at);
    }

    @Test
    @DisplayName(
            "cuts at the damage wherever it is: what is before stays, the offsets behind are not given out again, and every byte is kept")
    void cutAnywhere() {
        for (int segment = 0; segment < 3; segment++) {
            int size = bytes(segment(segment)).length;
            for (int at = 0; at < size; at += 41) {
                Map<String, byte[]> damaged = damaged(segment, at);
                Folders.write(store, FOLDER, damaged);
                long first = segments.get(0).baseOffset();
                long base = segments.get(segment).baseOffset();
                int each = size / (int) (segments.get(segment).nextOffset() - base);
                long hit = base + Math.min(at / each, segments.get(segment).nextOffset() - base - 1);
                if (hit <= first) {
                    assertThatThrownBy(() -> new LogRepair(store, FOLDER).cut())
                            .hasMessageContainingAll(
                                    "no records before the damage",
                                    segment(segment) + " at byte",
                                    "rmq log repair --set-aside " + FOLDER)
                            .message()
                            .as("what did not help is not advised")
                            .doesNotContain("--cut", "restore");
                    assertThat(Folders.read(store, FOLDER).get(segment(0))).isEqualTo(damaged.get(segment(0)));
                    continue;
                }
                Report report = new LogRepair(store, FOLDER).cut();
                assertThat(report.damage())
                        .as("byte %d of %d", at, segment)
                        .startsWith(FOLDER + "/" + segment(segment) + " at byte")
                        .doesNotContain("rmq log");
                assertThat(report.keptTo()).isLessThanOrEqualTo(hit).isGreaterThan(hit - 2);
                assertThat(report.nextOffset()).isEqualTo(RECORDS);
                assertThat(report.logStartOffset()).isZero();

                try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
                    assertThat(log.recovery().isClean()).isTrue();
                    assertThat(log.logEndOffset()).isEqualTo(RECORDS);
                    assertThat(log.leaderEpoch()).isPositive();
                    log.verify();
                    assertThat(readAll(log)).isEqualTo(all.subList(0, (int) report.keptTo()));
                    assertThat(log.append(batch("later"), 0).baseOffset()).isEqualTo(RECORDS);
                    assertThat(readAll(log)).hasSize((int) report.keptTo() + 1).endsWith(RECORDS + ":later");
                }
                assertNothingIsLost(damaged, Objects.requireNonNull(report.aside()), report.bytesAside());
                store.deleteRecursively(Objects.requireNonNull(report.aside()));
            }
        }
    }

    /** All bytes of the segments are in the folder or beside it. */
    private void assertNothingIsLost(Map<String, byte[]> before, Path aside, long bytesAside) {
        Map<String, byte[]> kept = Folders.read(store, FOLDER);
        Map<String, byte[]> away = Folders.read(store, aside);
        long moved = 0;
        for (int i = 0; i < 3; i++) {
            String name = segment(i);
            byte[] whole = Objects.requireNonNull(before.get(name));
            byte[] taken = away.get(name);
            String from = away.keySet().stream()
                    .filter(n -> n.startsWith(name + ".from-"))
                    .findFirst()
                    .orElse("");
            if (taken != null) {
                assertThat(taken).isEqualTo(whole);
                moved += taken.length;
            } else if (!from.isEmpty()) {
                int at = Integer.parseInt(from.substring(from.lastIndexOf('-') + 1));
                assertThat(away.get(from)).isEqualTo(Arrays.copyOfRange(whole, at, whole.length));
                assertThat(Arrays.copyOf(Objects.requireNonNull(kept.get(name)), at))
                        .isEqualTo(Arrays.copyOf(whole, at));
                moved += whole.length - at;
            } else {
                assertThat(Arrays.copyOf(Objects.requireNonNull(kept.get(name)), whole.length))
                        .isEqualTo(whole);
            }
        }
        assertThat(moved).isEqualTo(bytesAside);
    }

    @Test
    @DisplayName("cuts where bytes or a segment are missing, and keeps what is before")
    void missing() {
        Map<String, byte[]> shorter =
                Folders.with(files, segment(2), Arrays.copyOf(bytes(segment(2)), bytes(segment(2)).length - 10));
        Folders.write(store, FOLDER, shorter);
        Report report = new LogRepair(store, FOLDER).cut();
        assertThat(report.keptTo()).isEqualTo(RECORDS - 1);
        assertThat(report.nextOffset()).isEqualTo(RECORDS);
        assertNothingIsLost(shorter, Objects.requireNonNull(report.aside()), report.bytesAside());

        Folders.write(store, FOLDER, Folders.without(files, segment(1)));
        report = new LogRepair(store, FOLDER).cut();
        assertThat(report.keptTo()).isEqualTo(segments.get(1).baseOffset());
        assertThat(report.nextOffset()).isEqualTo(RECORDS);
        assertThat(Folders.read(store, Path.of("/data/set-aside/t-0.2")).get(segment(2)))
                .isEqualTo(bytes(segment(2)));
        try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
            assertThat(readAll(log)).isEqualTo(all.subList(0, (int) report.keptTo()));
        }
    }

    @Test
    @DisplayName("K23 keeps what was deleted before it deleted, without the checkpoint's help")
    void logStartStays() {
        long start = segments.get(1).baseOffset() + 2;
        Folders.write(store, FOLDER, files);
        try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
            log.deleteRecordsBefore(start);
        }
        byte[] last = Objects.requireNonNull(Folders.read(store, FOLDER).get(segment(2)));
        last[last.length - 1] ^= 1;
        Folders.write(store, FOLDER, Folders.with(Folders.read(store, FOLDER), segment(2), last));

        assertThat(new LogRepair(store, FOLDER).cut().logStartOffset()).isEqualTo(start);
        try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
            assertThat(readAll(log)).isEqualTo(all.subList((int) start, RECORDS - 1));
        }
    }

    @Test
    @DisplayName("changes nothing of a log that is whole")
    void whole() {
        assertThat(new LogRepair(store, FOLDER).cut()).isEqualTo(new Report(null, 0, RECORDS, RECORDS, null, 0));
        Map<String, byte[]> now = Folders.read(store, FOLDER);
        assertThat(now.keySet()).isEqualTo(files.keySet());
        now.forEach((name, content) -> assertThat(content).as(name).isEqualTo(files.get(name)));
    }

    @Test
    @DisplayName(
            "sets the whole partition aside: it begins anew where it ended, in a new epoch, also when that is tried twice")
    void setAside() {
        Map<String, byte[]> damaged = damaged(0, 30);
        Folders.write(store, FOLDER, damaged);
        Report report = new LogRepair(store, FOLDER).setAside(0);
        assertThat(report.nextOffset()).isEqualTo(RECORDS);
        assertThat(report.aside()).isEqualTo(ASIDE);
        assertAnew(RECORDS);
        Map<String, byte[]> away = new TreeMap<>(Folders.read(store, ASIDE));
        assertThat(away.keySet()).isEqualTo(damaged.keySet());
        away.forEach((name, content) -> assertThat(content).as(name).isEqualTo(damaged.get(name)));

        // a crash between the two renames: the folder is not there, and the new one waits
        store.rename(FOLDER, Path.of("/data/set-aside/t-0.new"));
        assertThat(new LogRepair(store, FOLDER).setAside(0).nextOffset()).isEqualTo(RECORDS + 1);
        assertAnew(RECORDS + 1);

        store.deleteRecursively(FOLDER);
        assertThat(new LogRepair(store, FOLDER).setAside(100).nextOffset()).isEqualTo(100);
        try (PartitionLog log = PartitionLog.open(store, LogFolder.of(store, FOLDER), T0, CONFIG, 99)) {
            assertThat(log.append(batch("anew"), 0).baseOffset()).isEqualTo(100);
        }
    }

    private void assertAnew(long end) {
        // a broker tells it whose it is: what the damaged folder said may have been damaged, too
        assertThat(Folders.read(store, FOLDER)).doesNotContainKey("partition.metadata");
        try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
            assertThat(log.recovery().isClean()).isTrue();
            assertThat(log.logEndOffset()).isEqualTo(end);
            assertThat(log.leaderEpoch()).isEqualTo(1);
            assertThat(log.append(batch("anew"), 0).baseOffset()).isEqualTo(end);
            log.verify();
        }
    }

    @Test
    @DisplayName(
            "begins where it is told to, though a repair before it has made an empty log that begins earlier, or half of one")
    void halfMade() {
        store.deleteRecursively(FOLDER);
        store.createForcedDirectories(Path.of("/data/set-aside/t-0.half"));
        assertThat(new LogRepair(store, FOLDER).setAside(100).nextOffset()).isEqualTo(100);

        store.rename(FOLDER, Path.of("/data/set-aside/t-0.new"));
        assertThat(new LogRepair(store, FOLDER).setAside(200).nextOffset()).isEqualTo(200);
    }

    @Test
    @DisplayName(
            "where a cut is of no use, what was cut before it was found so does not shorten the log that begins anew")
    void cutThenSetAside() {
        Map<String, byte[]> damaged = Folders.withBitFlipped(files, segment(0), 8 * 30);
        damaged = Folders.with(damaged, segment(2), Arrays.copyOf(bytes(segment(2)), bytes(segment(2)).length - 10));
        Folders.write(store, FOLDER, damaged);
        assertThatThrownBy(() -> new LogRepair(store, FOLDER).cut())
                .hasMessageContaining("rmq log repair --set-aside " + FOLDER);
        assertThatThrownBy(() -> PartitionLog.open(store, FOLDER, T0, CONFIG))
                .hasMessageContaining("unfinished-repair");
        assertThat(new LogRepair(store, FOLDER).setAside(0).nextOffset()).isEqualTo(RECORDS);
        assertAnew(RECORDS);
    }

    @Test
    @DisplayName("does not take a log for whole whose unfinished repair does not tell any more how far it went")
    void unfinishedAndDamaged() {
        store.replaceFile(FOLDER.resolve(UnfinishedRepair.FILE_NAME), java.nio.ByteBuffer.wrap(new byte[] {1}));
        assertThatThrownBy(() -> new LogRepair(store, FOLDER).cut())
                .hasMessageContainingAll("unfinished-repair", "--set-aside " + FOLDER);
        assertThat(store.exists(FOLDER.resolve(UnfinishedRepair.FILE_NAME))).isTrue();
        assertThat(new LogRepair(store, FOLDER).setAside(100).nextOffset()).isEqualTo(100);
    }

    @Test
    @DisplayName(
            "that is run again tells what is kept now, whatever came between: other damage, or a copy of the files from before")
    void runAgain() {
        Folders.write(store, FOLDER, damaged(2, 30));
        FaultyFileStore dying = new FaultyFileStore(store);
        dying.failIf((operation, path) ->
                operation == StorageException.Operation.DELETE && path.endsWith(UnfinishedRepair.FILE_NAME));
        assertThatThrownBy(() -> new LogRepair(dying, FOLDER).cut()).isInstanceOf(StorageException.class);
        Map<String, byte[]> unfinished = Folders.read(store, FOLDER);
        assertThat(unfinished).containsKey(UnfinishedRepair.FILE_NAME);

        Folders.write(store, FOLDER, Folders.withBitFlipped(unfinished, segment(1), 8 * 30));
        Report report = new LogRepair(store, FOLDER).cut();
        assertThat(report.keptTo()).isEqualTo(segments.get(1).baseOffset());
        assertThat(report.nextOffset()).isEqualTo(RECORDS);

        byte[] record = Objects.requireNonNull(unfinished.get(UnfinishedRepair.FILE_NAME));
        Folders.write(store, FOLDER, Folders.with(files, UnfinishedRepair.FILE_NAME, record));
        report = new LogRepair(store, FOLDER).cut();
        assertThat(report.keptTo()).isEqualTo(RECORDS);
        assertThat(report.nextOffset()).isEqualTo(RECORDS);
    }

    @Test
    @DisplayName("writes down what it has found though a folder's name has more than one line")
    void severalLines() {
        UnfinishedRepair found = new UnfinishedRepair(1, 2, 3, "in a\rb\nc: this");
        found.write(store, FOLDER);
        assertThat(UnfinishedRepair.read(store, FOLDER)).isEqualTo(found.withDamage("in a b c: this"));
    }

    @Test
    @DisplayName("has an epoch that none of the batches has, where nothing else tells of epochs")
    void epochOfBatches() {
        Folders.write(store, FOLDER, damaged(2, 30));
        new LogRepair(store, FOLDER).cut(); // a new epoch
        try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
            log.append(batch("in the second epoch"), 0);
        }
        store.delete(FOLDER.resolve(LogCheckpoint.FILE_NAME));
        store.delete(FOLDER.resolve(LeaderEpochs.FILE_NAME));
        assertThat(new LogRepair(store, FOLDER).setAside(0).nextOffset()).isEqualTo(RECORDS + 1);
        try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
            assertThat(log.leaderEpoch()).isEqualTo(2);
        }
    }

    @Test
    @DisplayName("knows of the batches behind one whose base offset is too large, which is not under the checksum")
    void baseOffsetFlipped() {
        Map<String, byte[]> open;
        FileStore written = FileStore.memory();
        try (PartitionLog log = PartitionLog.open(written, FOLDER, T0, LogConfig.defaults())) {
            for (int i = 0; i < RECORDS; i++) {
                log.append(batch("value " + i), 0);
            }
            open = Folders.read(written, FOLDER); // nothing of it was forced
        }
        String name = String.format("%020d.log", 0);
        int each = Objects.requireNonNull(open.get(name)).length / RECORDS;
        // a base offset that is 2^20 too large: byte 5 of the eight, of a batch in the middle
        Folders.write(store, FOLDER, Folders.withBitFlipped(open, name, 8 * (each * (RECORDS / 2) + 5) + 4));
        Report report = new LogRepair(store, FOLDER).cut();
        assertThat(report.keptTo()).isLessThanOrEqualTo(RECORDS / 2).isGreaterThan(RECORDS / 2 - 3);
        assertThat(report.nextOffset()).isEqualTo(RECORDS);
    }

    @Test
    @DisplayName("sets aside what can't be read, too")
    void unreadable() {
        Folders.write(store, FOLDER, damaged(0, 30));
        FaultyFileStore faulty = new FaultyFileStore(store);
        faulty.failIf((operation, path) -> operation == StorageException.Operation.READ
                && (path.endsWith(LogCheckpoint.FILE_NAME) || path.endsWith(LeaderEpochs.FILE_NAME))
                && path.startsWith(FOLDER));
        assertThatThrownBy(() -> new LogRepair(faulty, FOLDER).cut()).isInstanceOf(StorageException.class);
        faulty.failIf((operation, path) -> operation == StorageException.Operation.READ
                && (path.equals(FOLDER.resolve(LogCheckpoint.FILE_NAME))
                        || path.equals(FOLDER.resolve(LeaderEpochs.FILE_NAME)))
                && store.exists(FOLDER.resolve("partition.metadata"))); // those of the damaged log, not of the new one
        assertThat(new LogRepair(faulty, FOLDER).setAside(0).nextOffset()).isEqualTo(RECORDS);
    }

    @Test
    @DisplayName("refuses the log of the metadata, and what is no partition's folder")
    void refused() {
        assertThatThrownBy(() -> new LogRepair(store, Path.of("/data/__cluster_metadata-0")))
                .hasMessageContainingAll("metadata", "restore");
        assertThatThrownBy(() -> new LogRepair(store, Path.of("/data/orders")))
                .hasMessageContaining("<topic>-<partition>");
    }
}
