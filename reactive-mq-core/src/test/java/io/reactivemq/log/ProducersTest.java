package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.produced;
import static io.reactivemq.log.Batches.readAll;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.RecoveryReport.Origin;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import io.reactivemq.storage.StorageException.Operation;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("K06 idempotent producers:")
class ProducersTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path FOLDER = Path.of("/data/t-0");
    private static final Path COPY = Path.of("/data/copy");
    private static final LogConfig CONFIG = LogConfig.defaults()
            .withSegmentBytes(1_000)
            .withIndexIntervalBytes(150)
            .withRecoveryPointBytes(300);
    private static final long ID = 7;

    private final FaultyFileStore store = new FaultyFileStore(FileStore.memory());
    private PartitionLog log = open(FOLDER);

    @AfterEach
    void close() {
        store.heal();
        log.close();
    }

    private PartitionLog open(Path folder) {
        return PartitionLog.open(store, folder, T0, CONFIG);
    }

    private void reopen() {
        log.close();
        log = open(FOLDER);
    }

    /** What a kill leaves. */
    private PartitionLog copy() {
        Folders.write(store, COPY, Folders.read(store, FOLDER));
        return open(COPY);
    }

    private List<Path> snapshots() {
        return store.list(FOLDER).stream()
                .filter(path -> path.toString().endsWith(ProducerSnapshot.SUFFIX))
                .toList();
    }

    private static long append(PartitionLog log, int epoch, int sequence, String... values) {
        return log.append(produced(ID, epoch, sequence, values), 0).baseOffset();
    }

    private static void assertRefused(PartitionLog log, ErrorCode code, ByteBuffer batch) {
        long end = log.logEndOffset();
        assertThatThrownBy(() -> log.append(batch, 0))
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(code));
        assertThat(log.logEndOffset()).isEqualTo(end);
    }

    private void appendMany(int from, int to) {
        for (int i = from; i < to; i++) {
            assertThat(append(log, 0, i, "value " + i)).isEqualTo(i);
        }
    }

    private static void assertGoesOn(PartitionLog log, int next) {
        assertRefused(log, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, produced(ID, 0, next + 1, "x"));
        assertThat(log.append(produced(ID, 0, next - 1, "value " + (next - 1)), 0))
                .isEqualTo(new AppendInfo(next - 1, next, -1, true));
        assertThat(append(log, 0, next, "value " + next)).isEqualTo(next);
    }

    @Test
    @DisplayName("a repetition is told, with the first one's offsets and time, and nothing is written")
    void repetition() {
        log.configure(CONFIG.withTimestampType(TimestampType.LOG_APPEND_TIME));
        assertThat(log.append(produced(ID, 0, 0, "a", "b"), 500)).isEqualTo(new AppendInfo(0, 2, 500));
        long size = log.sizeInBytes();

        assertThat(log.append(produced(ID, 0, 0, "a", "b"), 900)).isEqualTo(new AppendInfo(0, 2, 500, true));

        assertThat(log.sizeInBytes()).isEqualTo(size);
    }

    @Test
    @DisplayName("after a failed write the same batch is appended, and is no repetition")
    void failedWrite() {
        append(log, 0, 0, "a");
        store.failIf((operation, path) -> operation == Operation.WRITE);
        ByteBuffer second = produced(ID, 0, 1, "b");
        assertThatThrownBy(() -> log.append(second, 0)).isInstanceOf(MqException.class);
        store.heal();

        assertThat(log.append(second, 0)).isEqualTo(new AppendInfo(1, 2, -1));

        assertThat(readAll(log)).containsExactly("0:a", "1:b");
    }

    @Test
    @DisplayName("a log that was closed knows them without reading the batches of its last segment")
    void closed() {
        appendMany(0, 40);
        long active = log.segments().get(log.segments().size() - 1).baseOffset();
        log.close();
        store.failIf(
                (operation, path) -> operation == Operation.READ && path.equals(IndexFormat.logFile(FOLDER, active)));
        log = open(FOLDER);
        store.heal();

        assertThat(log.recovery().origin()).isEqualTo(Origin.CLEAN);
        assertThat(store.exists(ProducerSnapshot.file(FOLDER, 40))).isTrue();
        assertGoesOn(log, 40);
    }

    @Test
    @DisplayName(
            "a log that was killed knows them from a snapshot and the batches behind it, whichever snapshots are lost")
    void killed() {
        appendMany(0, 40);
        log.force();
        assertThat(snapshots()).hasSizeGreaterThan(4);
        Map<String, byte[]> files = Folders.read(store, FOLDER);
        for (int lost = 0; lost <= snapshots().size(); lost++) {
            Map<String, byte[]> some = new TreeMap<>(files);
            List<String> names = files.keySet().stream()
                    .filter(name -> name.endsWith(ProducerSnapshot.SUFFIX))
                    .toList();
            // the newest first; one torn, the others gone
            for (int i = 0; i < lost; i++) {
                String name = names.get(names.size() - 1 - i);
                if (i % 2 == 0) {
                    some.remove(name);
                } else {
                    byte[] torn = Objects.requireNonNull(files.get(name)).clone();
                    torn[torn.length - 1] ^= 1;
                    some.put(name, torn);
                }
            }
            Folders.write(store, COPY, some);
            try (PartitionLog copy = open(COPY)) {
                assertThat(copy.recovery().origin()).isEqualTo(Origin.UNCLEAN);
                assertGoesOn(copy, 40);
            }
            store.deleteRecursively(COPY);
        }
    }

    @Test
    @DisplayName("without the checkpoint they are found by reading the log")
    void withoutCheckpoint() {
        appendMany(0, 40);
        Map<String, byte[]> files = Folders.read(store, FOLDER);
        files.remove(LogCheckpoint.FILE_NAME);
        files.keySet().removeIf(name -> name.endsWith(ProducerSnapshot.SUFFIX));
        Folders.write(store, COPY, files);
        try (PartitionLog copy = open(COPY)) {
            assertGoesOn(copy, 40);
        }
    }

    @Test
    @DisplayName("a snapshot of what a crash has taken back is not believed, also once the log has grown past it")
    void snapshotOfLostBatches() {
        appendMany(0, 4);
        log.force();
        Map<String, byte[]> before = Folders.read(store, FOLDER);
        append(log, 0, 4, "lost".repeat(100));
        append(log, 0, 5, "lost");
        Map<String, byte[]> after = Folders.read(store, FOLDER);
        Map<String, byte[]> crashed = new TreeMap<>(before);
        after.forEach((name, content) -> {
            if (name.endsWith(ProducerSnapshot.SUFFIX)) {
                crashed.put(name, content);
            }
        });
        assertThat(crashed).hasSizeGreaterThan(before.size());
        Folders.write(store, COPY, crashed);

        try (PartitionLog copy = open(COPY)) {
            assertThat(append(copy, 0, 4, "other")).isEqualTo(4);
            assertThat(copy.append(batch("of nobody"), 0).baseOffset()).isEqualTo(5);
        }
        try (PartitionLog copy = open(COPY)) {
            assertThat(append(copy, 0, 5, "next")).isEqualTo(6);
            assertRefused(copy, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, produced(ID, 0, 7, "x"));
        }
    }

    @Test
    @DisplayName("snapshots are those of the segments, and few within one")
    void fewSnapshots() {
        log.configure(CONFIG.withSegmentBytes(10_000));
        appendMany(0, 300);
        assertThat(snapshots().size()).isLessThanOrEqualTo(log.segments().size() + 2);
        log.deleteSegmentsBefore(250);
        for (int i = 0; i < 5; i++) {
            reopen();
            append(log, 0, 300 + i, "value");
            assertThat(snapshots().size()).isLessThanOrEqualTo(log.segments().size() + 3);
        }
        assertThat(snapshots())
                .allSatisfy(path -> assertThat(ProducerSnapshot.offsetOf(path).getAsLong())
                        .isGreaterThanOrEqualTo(log.logStartOffset()));
        assertGoesOn(log, 305);
    }

    @Test
    @DisplayName("one that has been silent for long is forgotten, and one whose time is not known is so a term later")
    void expiry() {
        log.configure(CONFIG.withProducerIdExpirationMs(1_000));
        log.append(produced(ID, 0, 0, "a"), 10_000);
        log.append(produced(ID + 1, 0, 0, "b"), 10_500);

        log.expireProducers(11_000);
        assertThat(log.append(produced(ID, 0, 5, "c"), 11_000))
                .as("nothing is known of it")
                .isEqualTo(new AppendInfo(2, 3, -1));
        assertRefused(log, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, produced(ID + 1, 0, 2, "x"));

        try (PartitionLog killed = copy()) {
            killed.configure(CONFIG.withProducerIdExpirationMs(1_000));
            killed.expireProducers(50_000);
            assertRefused(killed, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, produced(ID + 1, 0, 2, "x"));
            killed.expireProducers(51_000);
            assertThat(killed.append(produced(ID + 1, 0, 2, "d"), 51_000).duplicate())
                    .isFalse();
        }
    }

    @Test
    @DisplayName("a log without them writes no snapshot, and reads nothing for them when it is opened")
    void none() {
        for (int i = 0; i < 100; i++) {
            log.append(batch("value " + i), 0);
        }
        reopen();
        assertThat(snapshots()).isEmpty();
    }
}
