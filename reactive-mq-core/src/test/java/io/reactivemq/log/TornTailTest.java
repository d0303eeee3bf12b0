package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
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
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Behind the recovery point")
class TornTailTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path FOLDER = Path.of("/data/t-0");
    private static final String LOG = "00000000000000000000.log";
    private static final LogConfig CONFIG = LogConfig.defaults().withIndexIntervalBytes(100);

    private final FileStore store = FileStore.memory();
    private final List<String> all =
            List.of("0:base", "1:first", "2:second", "3:third a", "4:third b", "5:last a", "6:last b");
    private final List<String> allButTheLast = all.subList(0, 5);

    /** A log as a kill leaves it: epoch 1, one batch below the recovery point and four behind it. */
    private Map<String, byte[]> killed = Map.of();

    /** Where the batches begin, and the end. */
    private final int[] at = new int[6];

    @BeforeEach
    void kill() {
        try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
            log.append(batch("base"), 0);
            Folders.write(store, FOLDER.resolveSibling("killed"), Folders.read(store, FOLDER));
        }
        FileStore killedStore = FileStore.memory();
        Folders.write(killedStore, FOLDER, Folders.read(store, FOLDER.resolveSibling("killed")));
        PartitionLog log = PartitionLog.open(killedStore, FOLDER, T0, CONFIG);
        assertThat(log.leaderEpoch()).isOne();
        String[][] appends = {{"first"}, {"second"}, {"third a", "third b"}, {"last a", "last b"}};
        for (int i = 0; i < appends.length; i++) {
            at[i + 1] = (int) log.sizeInBytes();
            log.append(batch(appends[i]), 0);
        }
        at[5] = (int) log.sizeInBytes();
        assertThat(readAll(log)).isEqualTo(all);
        killed = Folders.read(killedStore, FOLDER);
    }

    private byte[] logBytes() {
        return killed.getOrDefault(LOG, new byte[0]);
    }

    private PartitionLog open(Map<String, byte[]> files) {
        Folders.write(store, FOLDER, files);
        return PartitionLog.open(store, FOLDER, T0, CONFIG);
    }

    private PartitionLog openWith(byte[] content) {
        return open(Folders.with(killed, LOG, content));
    }

    /** The log has been cut to there, takes appends and is whole when it is opened again. */
    private void assertCut(byte[] content, int position, List<String> records) {
        try (PartitionLog log = openWith(content)) {
            assertThat(log.recovery().origin()).isEqualTo(Origin.UNCLEAN);
            assertThat(log.recovery().cutBytes()).isEqualTo(content.length - position);
            if (content.length > position) {
                assertThat(log.recovery().cutFile()).isEqualTo(FOLDER.resolve(LOG));
                assertThat(log.recovery().cutPosition()).isEqualTo(position);
                assertThat(log.recovery().cutReason()).contains("expected");
            }
            assertThat(log.recovery().scannedBytes()).isEqualTo(position - at[1]);
            assertThat(store.size(FOLDER.resolve(LOG))).as("cut on disk").isEqualTo(position);
            assertThat(log.leaderEpoch()).isEqualTo(2);
            assertThat(log.forcedOffset()).isEqualTo(log.logEndOffset()).isEqualTo(records.size());
            assertThat(readAll(log)).isEqualTo(records);
            log.append(batch("next"), 0);
            log.verify();
        }
        try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
            assertThat(log.recovery().origin()).isEqualTo(Origin.CLEAN);
            assertThat(readAll(log)).hasSize(records.size() + 1).startsWith(records.toArray(String[]::new));
            log.verify();
        }
    }

    private void assertRefused(Map<String, byte[]> files, String... words) {
        assertThatThrownBy(() -> open(files)).isInstanceOfSatisfying(MqException.class, e -> {
            assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE);
            assertThat(e).hasMessageContainingAll(FOLDER.toString(), "expected", "actual");
            assertThat(e).hasMessageContainingAll(words);
        });
        assertThat(Folders.read(store, FOLDER).keySet()).isEqualTo(files.keySet());
        Folders.read(store, FOLDER)
                .forEach((name, content) -> assertThat(content).as(name).isEqualTo(files.get(name)));
    }

    @Test
    @DisplayName("what a kill leaves is all there")
    void whole() {
        assertCut(logBytes(), at[5], all);
    }

    @Test
    @DisplayName("a last batch cut off at any byte is cut away")
    void cutAtEveryByte() {
        for (int length = at[4]; length < at[5]; length++) {
            assertCut(Arrays.copyOf(logBytes(), length), at[4], allButTheLast);
        }
    }

    @Test
    @DisplayName("the tail may be cut off anywhere behind the recovery point")
    void cutFurtherBack() {
        assertCut(Arrays.copyOf(logBytes(), at[1]), at[1], all.subList(0, 1));
        assertCut(Arrays.copyOf(logBytes(), at[2] + 1), at[2], all.subList(0, 2));
        assertCut(Arrays.copyOf(logBytes(), at[3] + 70), at[3], all.subList(0, 3));
    }

    @Test
    @DisplayName("a last batch of which any number of bytes is zeros, and zeros behind it, are cut away")
    void zeros() {
        for (int length = at[4]; length < at[5]; length++) {
            byte[] content = Arrays.copyOf(logBytes(), length);
            if (Arrays.equals(Arrays.copyOf(content, at[5]), logBytes())) {
                continue; // the bytes that are gone were zeros
            }
            assertCut(Arrays.copyOf(content, at[5]), at[4], allButTheLast);
            assertCut(Arrays.copyOf(content, at[5] + 3_000), at[4], allButTheLast);
        }
        assertCut(Arrays.copyOf(logBytes(), at[5] + 1), at[5], all);
        assertCut(Arrays.copyOf(logBytes(), at[5] + 100_000), at[5], all);
    }

    @Test
    @DisplayName("garbage behind the last batch, and in its place, is cut away")
    void garbage() {
        for (int seed = 0; seed < 300; seed++) {
            Random random = new Random(seed);
            byte[] garbage = new byte[1 + random.nextInt(500)];
            random.nextBytes(garbage);
            assertCut(concat(logBytes(), garbage), at[5], all);
            int keep = at[4] + random.nextInt(at[5] - at[4]);
            assertCut(concat(Arrays.copyOf(logBytes(), keep), garbage), at[4], allButTheLast);
        }
    }

    @Test
    @DisplayName("stale batches behind the tail, with a good checksum but an old offset or an old epoch, are cut away")
    void stale() {
        byte[] older = Arrays.copyOfRange(logBytes(), at[2], at[4]);
        assertCut(concat(logBytes(), older), at[5], all);
        assertCut(concat(Arrays.copyOf(logBytes(), at[4] + 30), older), at[4], allButTheLast);
        byte[] oldEpoch = Arrays.copyOfRange(logBytes(), at[4], at[5]);
        ByteBuffer.wrap(oldEpoch).putLong(0, 7).putInt(12, 0);
        assertCut(concat(logBytes(), oldEpoch), at[5], all);
        ByteBuffer.wrap(oldEpoch).putLong(0, 100).putInt(12, 0);
        assertCut(concat(logBytes(), oldEpoch), at[5], all);
        ByteBuffer.wrap(oldEpoch).putLong(0, 5).putInt(12, 1);
        assertCut(concat(logBytes(), oldEpoch), at[5], all);
    }

    @Test
    @DisplayName("a damaged batch with one that counts behind it is damage: refused, and nothing is changed")
    void damage() {
        for (int bit = at[3] * 8; bit < at[4] * 8; bit++) {
            assertRefused(Folders.withBitFlipped(killed, LOG, bit), LOG, "byte " + at[3], "counts");
        }
        byte[] zeros = logBytes().clone();
        Arrays.fill(zeros, at[2], at[4], (byte) 0);
        assertRefused(Folders.with(killed, LOG, zeros), LOG, "byte " + at[2]);
    }

    @Test
    @DisplayName("a batch that is gone, with the next one in its place or behind garbage of any length, is damage")
    void hole() {
        byte[] before = Arrays.copyOf(logBytes(), at[3]);
        byte[] after = Arrays.copyOfRange(logBytes(), at[4], at[5]);
        for (int length = 0; length < 300; length++) {
            assertRefused(Folders.with(killed, LOG, concat(before, new byte[length], after)), LOG, "byte " + at[3]);
        }
        byte[] far = concat(before, new byte[3 << 20], after);
        assertRefused(Folders.with(killed, LOG, far), LOG, "byte " + at[3]);
    }

    @Test
    @DisplayName(
            "a bit flipped in the last batch, with nothing behind it, looks like a torn tail, except for an epoch that never was")
    void flipInLastBatch() {
        int epochAt = at[4] + 12;
        int refused = 0;
        for (int bit = at[4] * 8; bit < at[5] * 8; bit++) {
            Map<String, byte[]> files = Folders.withBitFlipped(killed, LOG, bit);
            boolean raisesEpoch =
                    bit >= epochAt * 8 && bit < (epochAt + 4) * 8 && bit != (epochAt + 3) * 8 && bit != epochAt * 8 + 7;
            boolean raisesOffset = bit >= at[4] * 8 && bit < (at[4] + 8) * 8 && baseOffset(files) > 5;
            if (raisesEpoch || raisesOffset) {
                assertRefused(files, LOG, "byte " + at[4]);
                refused++;
            } else {
                assertCut(files.getOrDefault(LOG, new byte[0]), at[4], allButTheLast);
            }
        }
        assertThat(refused).isEqualTo(30 + 61);
    }

    private long baseOffset(Map<String, byte[]> files) {
        return ByteBuffer.wrap(files.getOrDefault(LOG, new byte[8])).getLong(at[4]);
    }

    @Test
    @DisplayName("headers made to look like batches by the thousand end the search, not the machine")
    void searchIsBounded() {
        ByteBuffer tail = ByteBuffer.allocate(8 << 20);
        while (tail.remaining() >= 24) {
            int remaining = tail.remaining();
            tail.putLong(7)
                    .putInt(remaining - 12)
                    .putInt(1)
                    .put((byte) 2)
                    .putInt(1)
                    .put(new byte[3]);
        }
        assertRefused(Folders.with(killed, LOG, concat(logBytes(), tail.array())), LOG, "byte " + at[5]);
    }

    @Test
    @DisplayName("bytes missing below the recovery point are damage")
    void missingBytes() {
        for (int length = 0; length < at[1]; length++) {
            assertRefused(
                    Folders.with(killed, LOG, Arrays.copyOf(logBytes(), length)),
                    LOG,
                    "byte " + length,
                    "at least " + at[1],
                    "actual " + length);
        }
    }

    @Test
    @DisplayName("on disk as in memory")
    void onDisk(@org.junit.jupiter.api.io.TempDir Path directory) {
        Path folder = directory.resolve("t-0");
        for (int length = at[4]; length < at[5]; length += 7) {
            Folders.write(FileStore.disk(), folder, Folders.with(killed, LOG, Arrays.copyOf(logBytes(), length)));
            try (PartitionLog log = PartitionLog.open(FileStore.disk(), folder, T0, CONFIG)) {
                assertThat(readAll(log)).isEqualTo(allButTheLast);
                assertThat(FileStore.disk().size(folder.resolve(LOG))).isEqualTo(at[4]);
            }
        }
    }

    private static byte[] concat(byte[]... parts) {
        ByteBuffer all = ByteBuffer.allocate(
                Arrays.stream(parts).mapToInt(part -> part.length).sum());
        for (byte[] part : parts) {
            all.put(part);
        }
        return all.array();
    }
}
