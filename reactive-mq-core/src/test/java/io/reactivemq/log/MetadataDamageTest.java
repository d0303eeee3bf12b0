package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.decode;
import static io.reactivemq.log.Batches.readAll;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.RecoveryReport.Origin;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A log that was closed, with three segments and three epochs:")
class MetadataDamageTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path FOLDER = Path.of("/data/t-0");
    private static final String CHECKPOINT = "recovery-checkpoint";
    private static final String EPOCHS = "leader-epoch-checkpoint";
    private static final LogConfig CONFIG =
            LogConfig.defaults().withSegmentBytes(2_000).withIndexIntervalBytes(200);

    private final FileStore store = FileStore.memory();
    private final List<String> all = new ArrayList<>();
    private final List<Long> timestamps = new ArrayList<>();
    private Map<String, byte[]> files = Map.of();
    private List<SegmentInfo> segments = List.of();

    @BeforeEach
    void build() {
        Random random = new Random(3);
        Path place = FOLDER;
        PartitionLog log = PartitionLog.open(store, place, T0, CONFIG);
        for (int i = 0; i < 60; i++) {
            if (i == 20 || i == 50) {
                place = FOLDER.resolveSibling("killed-" + i);
                Folders.write(store, place, Folders.read(store, FOLDER.resolveSibling(i == 20 ? "t-0" : "killed-20")));
                log = PartitionLog.open(store, place, T0, CONFIG);
            }
            long timestamp = 1_000 + 10L * i + random.nextInt(60);
            log.append(batch(timestamp, "value " + i), 0);
            timestamps.add(timestamp);
            all.add(i + ":value " + i);
        }
        segments = log.segments();
        log.close();
        files = Folders.read(store, place);
        assertThat(segments).hasSize(3);
        assertThat(new String(bytes(EPOCHS), java.nio.charset.StandardCharsets.UTF_8))
                .isEqualTo("0\n3\n0 0\n1 20\n2 50\n");
    }

    private byte[] bytes(String name) {
        return files.getOrDefault(name, new byte[0]);
    }

    private String segment(int i, String suffix) {
        return String.format("%020d", segments.get(i).baseOffset()) + suffix;
    }

    private PartitionLog open(Map<String, byte[]> changed) {
        Folders.write(store, FOLDER, changed);
        return PartitionLog.open(store, FOLDER, T0, CONFIG);
    }

    /** Every offset and every timestamp is found, in any order, and the log is whole. */
    private void assertAllIsThere(PartitionLog log) {
        assertThat(log.logStartOffset()).isZero();
        assertThat(log.logEndOffset()).isEqualTo(60);
        for (int offset = 59; offset >= 0; offset--) {
            assertThat(decode(log.read(offset, 1, 60))).containsExactly(all.get(offset));
        }
        for (long timestamp = 990; timestamp < 1_700; timestamp += 3) {
            long expected = -1;
            for (int i = 0; i < 60 && expected < 0; i++) {
                expected = timestamps.get(i) >= timestamp ? i : -1;
            }
            assertThat(log.offsetForTimestamp(timestamp, 60))
                    .as("timestamp %d", timestamp)
                    .isEqualTo(expected);
        }
        assertThat(readAll(log)).isEqualTo(all);
        log.verify();
    }

    private void assertRefused(Map<String, byte[]> changed, String... words) {
        assertThatThrownBy(() -> open(changed)).isInstanceOfSatisfying(MqException.class, e -> {
            assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE);
            assertThat(e).hasMessageContainingAll(words);
            assertThat(e).hasMessageContainingAll("expected", "actual");
        });
        assertThat(Folders.read(store, FOLDER).get(segment(0, ".log"))).isEqualTo(changed.get(segment(0, ".log")));
        assertThat(Folders.read(store, FOLDER).get(segment(2, ".log"))).isEqualTo(changed.get(segment(2, ".log")));
    }

    /** Of a closed segment, the first that reads it finds it; the log is there, and nothing of it is changed. */
    private void assertFoundWhenRead(Map<String, byte[]> changed, int segment) {
        String name = segment(segment, ".log");
        SegmentInfo damaged = segments.get(segment);
        try (PartitionLog log = open(changed)) {
            List<ThrowingCallable> readers = List.of(
                    () -> log.read(damaged.baseOffset(), 1, 60),
                    () -> log.read(damaged.nextOffset() - 1, 1, 60),
                    () -> log.region(damaged.nextOffset() - 1, 1, 60),
                    () -> log.maxTimestampMs(damaged),
                    () -> log.records(damaged),
                    log::verify);
            for (ThrowingCallable reader : readers) {
                assertThatThrownBy(reader).isInstanceOfSatisfying(MqException.class, e -> {
                    assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE);
                    assertThat(e).hasMessageContainingAll(name, "expected", "actual");
                });
            }
            assertThat(decode(log.read(59, 1, 60))).containsExactly(all.get(59));
            assertThat(log.logEndOffset()).isEqualTo(60);
        }
        for (int i = 0; i < 3; i++) {
            String other = segment(i, ".log");
            assertThat(Folders.read(store, FOLDER).get(other)).isEqualTo(changed.get(other));
        }
    }

    @Test
    @DisplayName("untouched, nothing is scanned or written")
    void untouched() {
        try (PartitionLog log = open(files)) {
            assertThat(log.recovery()).isEqualTo(new RecoveryReport(Origin.CLEAN, 0, 0, null, -1, "", 0));
            assertThat(log.leaderEpoch()).isEqualTo(2);
            assertAllIsThere(log);
        }
        assertSameFiles(Folders.read(store, FOLDER), files);
    }

    private static void assertSameFiles(Map<String, byte[]> actual, Map<String, byte[]> expected) {
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        actual.forEach((name, content) -> assertThat(content).as(name).isEqualTo(expected.get(name)));
    }

    @Test
    @DisplayName("index files are what a scan of the segment makes")
    void indexesEqualScan() {
        for (int i = 0; i < 3; i++) {
            ByteBuffer log = ByteBuffer.wrap(bytes(segment(i, ".log")));
            ByteBuffer offsets = ByteBuffer.allocate(1_000);
            ByteBuffer times = ByteBuffer.allocate(1_000);
            long base = segments.get(i).baseOffset();
            int indexed = 0;
            long max = -1;
            long maxOffset = 0;
            long lastTime = -1;
            for (int position = 0; position < log.limit(); position += log.getInt(position + 8) + 12) {
                long lastOffset = log.getLong(position) + log.getInt(position + 23);
                if (log.getLong(position + 35) > max) {
                    max = log.getLong(position + 35);
                    maxOffset = lastOffset;
                }
                if (position - indexed > 200) {
                    offsets.putInt((int) (lastOffset - base)).putInt(position);
                    indexed = position;
                    if (max > lastTime) {
                        times.putLong(max).putInt((int) (maxOffset - base));
                        lastTime = max;
                    }
                }
            }
            if (i < 2 && max > lastTime) {
                times.putLong(max).putInt((int) (maxOffset - base));
            }
            assertThat(bytes(segment(i, ".index"))).isEqualTo(Arrays.copyOf(offsets.array(), offsets.position()));
            assertThat(bytes(segment(i, ".timeindex"))).isEqualTo(Arrays.copyOf(times.array(), times.position()));
            assertThat(offsets.position()).isGreaterThan(8);
        }
    }

    @Test
    @DisplayName(
            "index files that are deleted, empty, cut short or not a whole number of entries are made again, the same")
    void indexesLost() {
        for (int i = 0; i < 3; i++) {
            for (String suffix : List.of(".index", ".timeindex")) {
                String name = segment(i, suffix);
                int size = bytes(name).length;
                int entry = suffix.equals(".index") ? 8 : 12;
                List<Map<String, byte[]>> states = new ArrayList<>();
                states.add(Folders.without(files, name));
                for (int length = 0; length < size; length++) {
                    states.add(Folders.with(files, name, Arrays.copyOf(bytes(name), length)));
                }
                states.add(Folders.with(files, name, new byte[size]));
                states.add(Folders.with(files, name, Arrays.copyOf(bytes(name), size + entry)));
                for (Map<String, byte[]> state : states) {
                    try (PartitionLog log = open(state)) {
                        assertThat(log.recovery().origin()).isEqualTo(Origin.CLEAN);
                        assertThat(log.recovery().scannedBytes()).isZero();
                        assertAllIsThere(log);
                    }
                    assertSameFiles(Folders.read(store, FOLDER), files);
                }
            }
        }
        Map<String, byte[]> none = new TreeMap<>(files);
        none.keySet().removeIf(name -> name.endsWith("index"));
        try (PartitionLog log = open(none)) {
            assertThat(log.recovery().rebuiltIndexes()).isEqualTo(3);
            assertAllIsThere(log);
        }
        assertSameFiles(Folders.read(store, FOLDER), files);
    }

    @Test
    @DisplayName("a bit flipped in an index file never leads a reader to another record")
    void indexBitFlips() {
        for (int i = 0; i < 3; i++) {
            for (String suffix : List.of(".index", ".timeindex")) {
                String name = segment(i, suffix);
                for (int bit = 0; bit < bytes(name).length * 8; bit++) {
                    try (PartitionLog log = open(Folders.withBitFlipped(files, name, bit))) {
                        assertThat(log.recovery().origin()).isEqualTo(Origin.CLEAN);
                        assertAllIsThere(log);
                    }
                }
            }
        }
    }

    @Test
    @DisplayName("without its checkpoint, or with any bit of it flipped, the log is scanned and complete")
    void checkpointLost() {
        List<Map<String, byte[]>> states = new ArrayList<>();
        states.add(Folders.without(files, CHECKPOINT));
        states.add(Folders.with(files, CHECKPOINT, new byte[0]));
        for (int length = 1; length < bytes(CHECKPOINT).length; length++) {
            states.add(Folders.with(files, CHECKPOINT, Arrays.copyOf(bytes(CHECKPOINT), length)));
        }
        for (int bit = 0; bit < bytes(CHECKPOINT).length * 8; bit++) {
            states.add(Folders.withBitFlipped(files, CHECKPOINT, bit));
        }
        for (Map<String, byte[]> state : states) {
            try (PartitionLog log = open(state)) {
                assertThat(log.recovery().origin()).isEqualTo(Origin.UNCLEAN);
                assertThat(log.recovery().scannedBytes()).isEqualTo(log.sizeInBytes());
                assertThat(log.leaderEpoch()).isEqualTo(3);
                assertThat(readAll(log)).isEqualTo(all);
                log.verify();
            }
            assertThat(new String(Folders.read(store, FOLDER).get(EPOCHS), java.nio.charset.StandardCharsets.UTF_8))
                    .isEqualTo("0\n4\n0 0\n1 20\n2 50\n3 60\n");
        }
    }

    @Test
    @DisplayName(
            "K23 records that were deleted stay so without its checkpoint, or with a former one, where the start is known beside it")
    void checkpointLostAfterDeletion() {
        int inTheSecond = (int) segments.get(1).baseOffset() + 3;
        byte[] former = bytes(CHECKPOINT);
        try (PartitionLog log = open(files)) {
            log.deleteRecordsBefore(inTheSecond);
        }
        Map<String, byte[]> deleted = Folders.read(store, FOLDER);
        List<Map<String, byte[]>> states = List.of(
                deleted,
                Folders.without(deleted, CHECKPOINT),
                Folders.with(deleted, CHECKPOINT, new byte[7]),
                Folders.without(files, CHECKPOINT), // none of it has reached the disk but what is known beside it
                Folders.with(files, CHECKPOINT, former));
        for (Map<String, byte[]> state : states) {
            Folders.write(store, FOLDER, state);
            for (int openings = 0; openings < 2; openings++) {
                try (PartitionLog log =
                        PartitionLog.open(store, LogFolder.of(store, FOLDER), T0, CONFIG, inTheSecond)) {
                    assertThat(log.logStartOffset()).isEqualTo(inTheSecond);
                    assertThatThrownBy(() -> log.read(inTheSecond - 1, 1, 60)).isInstanceOf(MqException.class);
                    assertThat(readAll(log)).isEqualTo(all.subList(inTheSecond, 60));
                }
            }
            try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
                assertThat(log.logEndOffset()).isEqualTo(60);
            }
        }
        // what is known may be older than what the log knows itself
        Folders.write(store, FOLDER, deleted);
        try (PartitionLog log = PartitionLog.open(store, LogFolder.of(store, FOLDER), T0, CONFIG, 1)) {
            assertThat(log.logStartOffset()).isEqualTo(inTheSecond);
        }
        // and a log that ends before it starts has lost records
        Folders.write(store, FOLDER, files);
        assertThatThrownBy(() -> PartitionLog.open(store, LogFolder.of(store, FOLDER), T0, CONFIG, 61))
                .hasMessageContainingAll("end of the log", "61");
    }

    @Test
    @DisplayName("without the epochs' file, or with any bit of it flipped, it is made again, the same")
    void epochsLost() {
        List<Map<String, byte[]>> states = new ArrayList<>();
        states.add(Folders.without(files, EPOCHS));
        states.add(Folders.with(files, EPOCHS, new byte[0]));
        for (int bit = 0; bit < bytes(EPOCHS).length * 8; bit++) {
            states.add(Folders.withBitFlipped(files, EPOCHS, bit));
        }
        for (Map<String, byte[]> state : states) {
            try (PartitionLog log = open(state)) {
                assertThat(log.recovery().origin()).isEqualTo(Origin.CLEAN);
                assertAllIsThere(log);
            }
            assertSameFiles(Folders.read(store, FOLDER), files);
        }
    }

    @Test
    @DisplayName("with nothing but the segments the log is complete")
    void onlySegments() {
        Map<String, byte[]> bare = new TreeMap<>(files);
        bare.keySet().removeIf(name -> !name.endsWith(".log"));
        try (PartitionLog log = open(bare)) {
            assertThat(log.recovery().origin()).isEqualTo(Origin.UNCLEAN);
            assertThat(log.leaderEpoch()).isEqualTo(3);
            assertAllIsThere(log);
        }
        assertThat(Folders.read(store, FOLDER).get(segment(0, ".index"))).isEqualTo(bytes(segment(0, ".index")));
        assertThat(Folders.read(store, FOLDER).get(segment(1, ".timeindex")))
                .isEqualTo(bytes(segment(1, ".timeindex")));
    }

    @Test
    @DisplayName("files of other names are left alone")
    void otherFiles() {
        Map<String, byte[]> more = new TreeMap<>(files);
        more.put("partition.metadata", new byte[] {1});
        more.put("7.log", new byte[] {2});
        more.put("99999999999999999999.log", new byte[] {3});
        more.put("0000000000000000000x.log", new byte[] {4});
        try (PartitionLog log = open(more)) {
            assertAllIsThere(log);
        }
        assertSameFiles(Folders.read(store, FOLDER), more);
    }

    @Test
    @DisplayName(
            "a segment that is missing is damage, whichever it is: found by opening, or by the first that reads the one before it")
    void missingSegment() {
        assertRefused(Folders.without(files, segment(0, ".log")), segment(0, ".log"), "missing");
        assertFoundWhenRead(Folders.without(files, segment(1, ".log")), 0);
        assertRefused(Folders.without(files, segment(2, ".log")), segment(2, ".log"), "missing");
        Map<String, byte[]> none = new TreeMap<>(files);
        none.keySet().removeIf(name -> name.endsWith(".log"));
        assertThatThrownBy(() -> open(none)).hasMessageContaining("damaged").hasMessageContaining(FOLDER.toString());
    }

    @Test
    @DisplayName(
            "bytes missing at the end of any segment are damage: found by opening, or by the first that reads a closed one")
    void missingBytes() {
        for (int i = 0; i < 3; i++) {
            String name = segment(i, ".log");
            int size = bytes(name).length;
            for (int length : new int[] {0, 1, size / 2, size - 100, size - 1}) {
                Map<String, byte[]> cut = Folders.with(files, name, Arrays.copyOf(bytes(name), length));
                if (i < 2) {
                    assertFoundWhenRead(cut, i);
                } else {
                    assertRefused(cut, name);
                }
            }
        }
    }

    @Test
    @DisplayName("bytes behind the end of a clean close make it an unclean one; zeros are cut away")
    void bytesBehindTheEnd() {
        String name = segment(2, ".log");
        try (PartitionLog log = open(Folders.with(files, name, Arrays.copyOf(bytes(name), bytes(name).length + 50)))) {
            assertThat(log.recovery().origin()).isEqualTo(Origin.UNCLEAN);
            assertThat(log.recovery().cutBytes()).isEqualTo(50);
            assertAllIsThere(log);
        }
        byte[] more = Arrays.copyOf(bytes(segment(0, ".log")), bytes(segment(0, ".log")).length + 50);
        assertFoundWhenRead(Folders.with(files, segment(0, ".log"), more), 0);
    }

    @Test
    @DisplayName("any bit flipped in a segment is found by verify, and no read returns it as good")
    void verifyFindsEveryBit() {
        for (int i = 0; i < 3; i++) {
            String name = segment(i, ".log");
            for (int bit = 0; bit < bytes(name).length * 8; bit += 3) {
                PartitionLog log;
                try {
                    log = open(Folders.withBitFlipped(files, name, bit));
                } catch (MqException e) {
                    assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE);
                    continue;
                }
                assertThatThrownBy(log::verify)
                        .as("bit %d of %s", bit, name)
                        .isInstanceOfSatisfying(
                                MqException.class,
                                e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE))
                        .hasMessageContainingAll(name, "at byte", "expected", "actual");
                log.close();
            }
        }
    }
}
