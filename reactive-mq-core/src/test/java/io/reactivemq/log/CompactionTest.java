package io.reactivemq.log;

import static io.reactivemq.log.Batches.marker;
import static io.reactivemq.log.Compactions.CLEANER;
import static io.reactivemq.log.Compactions.EAGER;
import static io.reactivemq.log.Compactions.compact;
import static io.reactivemq.log.Compactions.keyed;
import static io.reactivemq.log.Compactions.texts;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.Compactions.Entry;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.TransactionMarker.Outcome;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StorageException.Operation;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("K09 compaction of a log:")
class CompactionTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path FOLDER = Path.of("/data/t-0");
    private static final long DAY = 24L * 60 * 60 * 1000;
    private static final LogConfig CONFIG =
            LogConfig.defaults().withSegmentBytes(1_000).withIndexIntervalBytes(100);

    private final FileStore store = FileStore.memory();
    private PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG);

    @AfterEach
    void close() {
        log.close();
    }

    private void reopen() {
        log.close();
        log = PartitionLog.open(store, FOLDER, T0, CONFIG);
    }

    private long append(ByteBuffer batch) {
        return log.append(batch, 0).baseOffset();
    }

    private static ByteBuffer transactional(long id, int sequence, String key, String value) {
        ByteBuffer batch = keyed(key, value);
        RecordBatch.at(batch, 0).setProducer(id, (short) 0, sequence, true);
        return batch;
    }

    private static ByteBuffer produced(long id, int sequence, String key, String value) {
        ByteBuffer batch = keyed(key, value);
        RecordBatch.at(batch, 0).setProducer(id, (short) 0, sequence, false);
        return batch;
    }

    private List<RecordBatch> batches() {
        List<RecordBatch> all = new ArrayList<>();
        for (long offset = log.logStartOffset(); offset < log.logEndOffset(); ) {
            for (RecordBatch batch : RecordBatches.of(log.read(offset, 1 << 20, log.logEndOffset()))) {
                all.add(batch);
                offset = batch.nextOffset();
            }
        }
        return all;
    }

    private List<String> files() {
        return store.list(FOLDER).stream()
                .map(path -> path.getFileName().toString())
                .toList();
    }

    @Test
    @DisplayName("the last value of each key stays, at its offset; the active segment is left alone")
    void lastValues() {
        append(keyed("a", "1"));
        append(keyed("b", "1"));
        append(keyed("a", "2"));
        log.roll();
        append(keyed("a", "3"));
        append(keyed("a", "4"));

        assertThat(compact(log, 0)).isOne();
        assertThat(texts(log)).containsExactly("1:b=1", "2:a=2", "3:a=3", "4:a=4");
        assertThat(compact(log, 0)).as("nothing is dirty").isZero();
        log.roll();
        assertThat(compact(log, 0)).isOne();
        assertThat(texts(log)).containsExactly("1:b=1", "4:a=4");
        assertThat(log.logStartOffset()).isZero();
        assertThat(log.logEndOffset()).isEqualTo(5);
        log.verify();
        reopen();
        assertThat(log.recovery().isClean()).isTrue();
        assertThat(log.recovery().rebuiltIndexes()).isZero();
        assertThat(texts(log)).containsExactly("1:b=1", "4:a=4");
        assertThat(compact(log, 0)).as("nothing is dirty").isZero();
        assertThat(append(keyed("c", "1"))).isEqualTo(5);
    }

    @Test
    @DisplayName(
            "a tombstone stays for delete.retention.ms after it was first compacted, and then goes without anything new")
    void tombstones() {
        append(keyed("a", "1"));
        append(keyed("b", "1"));
        append(keyed("a", null));
        log.roll();

        compact(log, 10_000);
        assertThat(texts(log)).containsExactly("1:b=1", "2:a=null");
        assertThat(compact(log, 10_000 + DAY - 1)).isZero();
        reopen();
        assertThat(compact(log, 10_000 + DAY - 1)).isZero();
        assertThat(compact(log, 10_000 + DAY)).isOne();
        assertThat(texts(log)).containsExactly("1:b=1");
        assertThat(compact(log, 10_000 + 3 * DAY)).isZero();
        log.verify();
    }

    @Test
    @DisplayName("max.compaction.lag.ms counts from the first record that is left, also where a gap comes before it")
    void lagBehindGap() {
        Compaction lazy = Compaction.DEFAULT.withMinCleanableDirtyRatio(1).withMaxLagMs(1_000);
        append(keyed("a", "1"));
        append(keyed("b", "1"));
        append(keyed("a", "2"));
        log.roll();
        compact(log, 0);
        assertThat(batches().get(0).maxTimestamp()).as("a gap").isEqualTo(-1);
        store.delete(FOLDER.resolve("cleaner-checkpoint"));
        reopen();
        assertThat(compact(log, lazy, Compactions.CLEANER, 2_000)).isZero();
        assertThat(compact(log, lazy, Compactions.CLEANER, 2_001)).isOne();
    }

    @Test
    @DisplayName("the delete horizon is in the batch, and the timestamps of its records stay what they were")
    void horizon() {
        append(keyed(
                Compression.NONE,
                0,
                List.of(
                        new Entry(-1, 5_000, "a", null),
                        new Entry(-1, 4_000, "b", "1"),
                        new Entry(-1, 7_000, "c", "1"))));
        append(keyed("c", "2"));
        log.roll();
        compact(log, 10_000);

        RecordBatch first = batches().get(0);
        assertThat(first.deleteHorizonMs()).isEqualTo(10_000 + DAY);
        assertThat(first.maxTimestamp()).as("of the records that are left").isEqualTo(5_000);
        assertThat(Compactions.committed(log).subList(0, 2))
                .containsExactly(new Entry(0, 5_000, "a", null), new Entry(1, 4_000, "b", "1"));
        append(keyed("b", "2"));
        log.roll();
        compact(log, 20_000);
        assertThat(batches().get(0).deleteHorizonMs()).as("it is set once").isEqualTo(10_000 + DAY);
        assertThat(log.offsetForTimestamp(4_500, log.logEndOffset())).isZero();
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    @DisplayName("batches are rewritten in the compression they have")
    void compression(Compression compression) {
        for (int round = 0; round < 3; round++) {
            int from = round;
            append(keyed(
                    compression,
                    1_000,
                    IntStream.range(0, 100)
                            .filter(i -> i % (from + 1) == 0)
                            .mapToObj(i -> new Entry(-1, 1_000 + i, "key-" + i, "value-" + from + "-" + i))
                            .toList()));
        }
        append(keyed("last", null));
        var before = Compactions.replay(Compactions.committed(log));
        log.roll();
        compact(log, 0);

        List<Entry> left = Compactions.committed(log);
        assertThat(left).hasSize(101);
        assertThat(left)
                .allSatisfy(entry -> assertThat(entry.timestampMs())
                        .isEqualTo(
                                entry.key().equals("last")
                                        ? 1_000
                                        : 1_000 + Integer.parseInt(entry.key().substring(4))));
        assertThat(Compactions.replay(left)).isEqualTo(before);
        assertThat(batches().subList(0, 3))
                .allSatisfy(batch -> assertThat(batch.compression()).isEqualTo(compression));
        log.verify();
    }

    @Test
    @DisplayName(
            "records of aborted transactions go, those of committed ones are the last of their keys; an open one stops it")
    void transactions() {
        append(keyed("a", "1"));
        append(transactional(1, 0, "a", "aborted"));
        append(transactional(2, 0, "b", "committed"));
        log.appendMarker(marker(1, 0, Outcome.ABORT), 0);
        append(transactional(3, 0, "a", "open"));
        log.roll();
        log.appendMarker(marker(2, 0, Outcome.COMMIT), 0);
        append(keyed("b", "2"));
        log.roll();
        assertThat(compact(log, 0)).as("a transaction is open").isZero();

        log.appendMarker(marker(3, 0, Outcome.ABORT), 0);
        append(keyed("c", "1"));
        log.roll();
        compact(log, 0);
        assertThat(texts(log)).containsExactly("0:a=1", "6:b=2", "8:c=1");
        assertThat(log.abortedTransactions(0, log.logEndOffset())).isEmpty();
        reopen();
        assertThat(log.recovery().isClean()).isTrue();
        assertThat(texts(log)).containsExactly("0:a=1", "6:b=2", "8:c=1");
        assertThat(log.firstUnstableOffset()).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    @DisplayName(
            "a marker stays until nothing of its transaction is left and its horizon has passed, then goes; not the last word of a producer")
    void markers() {
        append(transactional(1, 0, "a", "1"));
        log.appendMarker(marker(1, 0, Outcome.COMMIT), 0);
        append(transactional(1, 1, "b", "1"));
        log.appendMarker(marker(1, 0, Outcome.COMMIT), 0);
        append(keyed("a", "2"));
        append(keyed("b", "2"));
        log.roll();
        compact(log, 0);
        assertThat(batches().stream().filter(RecordBatch::isControl))
                .as("they mark what was there")
                .hasSize(2);
        append(keyed("x", "1"));
        log.roll();
        compact(log, 0);
        assertThat(batches().get(1).deleteHorizonMs())
                .as("nothing of it is there any more")
                .isEqualTo(DAY);
        assertThat(compact(log, DAY - 1)).isZero();
        compact(log, DAY);
        assertThat(batches().stream().filter(RecordBatch::isControl)).hasSize(1);
        RecordBatch last = batches().get(1);
        assertThat(last.producerId()).isOne();
        assertThat(last.count())
                .as("the producer's last batch, for its sequence number")
                .isZero();
        assertThat(last.lastSequence()).isOne();

        log.appendMarker(new io.reactivemq.record.TransactionMarker(Outcome.ABORT, 0).toBatch(1, (short) 1, 0), 0);
        log.roll();
        for (int i = 1; i < 5; i++) {
            append(keyed("x", "1"));
            log.roll();
            compact(log, 2L * i * DAY);
        }
        List<RecordBatch> controls =
                batches().stream().filter(RecordBatch::isControl).toList();
        assertThat(controls).as("it has the producer's epoch").hasSize(1);
        assertThat(controls.get(0).producerEpoch()).isOne();
    }

    @Test
    @DisplayName(
            "what is known of idempotent producers can be found in a compacted log, whichever other files are lost")
    void producers() {
        for (int i = 0; i < 30; i++) {
            append(produced(1, i, "a", "v" + i));
            append(produced(2, i, "a", "w" + i));
        }
        append(keyed("a", "last"));
        log.roll();
        compact(log, 0);
        assertThat(texts(log)).containsExactly("60:a=last");
        log.close();
        for (Path path : store.list(FOLDER)) {
            if (!path.toString().endsWith(".log")) {
                store.delete(path);
            }
        }
        log = PartitionLog.open(store, FOLDER, T0, CONFIG);
        assertThat(log.append(produced(1, 29, "a", "v29"), 0).baseOffset())
                .as("a repetition")
                .isEqualTo(58);
        assertThatThrownBy(() -> append(produced(2, 40, "a", "gap")))
                .isInstanceOfSatisfying(
                        MqException.class,
                        e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER));
        assertThat(append(produced(2, 30, "a", "next"))).isEqualTo(61);
        assertThat(texts(log)).containsExactly("60:a=last", "61:a=next");
    }

    @Test
    @DisplayName("small segments become one, no larger than segment.bytes")
    void merged() {
        for (int i = 0; i < 400; i++) {
            append(keyed("key-" + i % 20, "value-" + i));
        }
        int before = log.segments().size();
        log.roll();
        compact(log, 0);
        append(keyed("x", "1"));
        log.roll();
        compact(log, 0);
        List<SegmentInfo> after = log.segments();
        assertThat(before).isGreaterThan(20);
        assertThat(after).hasSizeLessThan(8);
        assertThat(after.subList(0, after.size() - 1))
                .allSatisfy(segment -> assertThat(segment.sizeInBytes()).isLessThanOrEqualTo(1_000));
        assertThat(Compactions.committed(log)).hasSize(21);
        assertThat(files().stream().filter(name -> name.endsWith(".log"))).hasSize(after.size());
        assertThat(files())
                .noneMatch(name -> name.endsWith(".deleted") || name.endsWith(".swap") || name.endsWith(".cleaned"));
        log.verify();
        reopen();
        assertThat(Compactions.committed(log)).hasSize(21);
    }

    @Test
    @DisplayName("with a map that is too small it takes several passes, and comes to the same")
    void manyPasses() {
        LogCleaner tiny = new LogCleaner(64 * OffsetMap.SLOT_BYTES, new SplittableRandom(5));
        for (int i = 0; i < 900; i++) {
            append(keyed("key-" + i % 300, "value-" + i));
        }
        log.roll();
        assertThat(compact(log, EAGER, tiny, 0)).isGreaterThan(5);
        assertThat(texts(log))
                .containsExactlyElementsOf(IntStream.range(600, 900)
                        .mapToObj(i -> i + ":key-" + i % 300 + "=value-" + i)
                        .toList());
    }

    @Test
    @DisplayName(
            "begins when the dirty share is above min.cleanable.dirty.ratio, or a record older than max.compaction.lag.ms")
    void when() {
        Compaction half = EAGER.withMinCleanableDirtyRatio(0.5);
        append(keyed("a", "x".repeat(500)));
        log.roll();
        assertThat(compact(log, half, CLEANER, 2_000)).isOne();
        append(keyed("b", "x".repeat(400)));
        log.roll();
        assertThat(compact(log, half, CLEANER, 2_000)).as("less than half").isZero();
        assertThat(compact(log, half.withMaxLagMs(1_000), CLEANER, 2_000)).isZero();
        assertThat(compact(log, half.withMaxLagMs(999), CLEANER, 2_000)).isOne();
        append(keyed("b", "x".repeat(400)));
        append(keyed("c", "x".repeat(600)));
        log.roll();
        assertThat(compact(log, half.withMinLagMs(1_001), CLEANER, 2_000))
                .as("too young")
                .isZero();
        assertThat(compact(log, half.withMinLagMs(1_000), CLEANER, 2_000)).isOne();
        assertThat(texts(log)).extracting(text -> text.substring(0, 3)).containsExactly("0:a", "2:b", "3:c");
    }

    @Test
    @DisplayName("a reader of committed records never gets those of an aborted transaction without being told so")
    void readersOfCommitted() {
        FaultyFileStore hooked = new FaultyFileStore(FileStore.memory());
        try (PartitionLog read = PartitionLog.open(hooked, FOLDER, T0, CONFIG)) {
            read.append(keyed("a", "1"), 0);
            read.append(transactional(1, 0, "b", "aborted"), 0);
            read.appendMarker(marker(1, 0, Outcome.ABORT), 0);
            read.append(keyed("c", "1"), 0);
            read.roll();
            AtomicBoolean compacted = new AtomicBoolean();
            hooked.failIf((operation, path) -> {
                if (operation == Operation.READ
                        && path.toString().endsWith(".log")
                        && compacted.compareAndSet(false, true)) {
                    compact(read, 0);
                }
                return false;
            });

            CommittedRead found = read.readCommitted(0, 10_000, read.logEndOffset());

            assertThat(compacted).isTrue();
            List<Long> offered = new ArrayList<>();
            for (RecordBatch batch : RecordBatches.of(found.records())) {
                if (batch.count() > 0 && !batch.isControl()) {
                    offered.add(batch.baseOffset());
                }
            }
            if (found.aborted().isEmpty()) {
                assertThat(offered).containsExactly(0L, 3L);
            } else {
                assertThat(offered).containsExactly(0L, 1L, 3L);
            }
        }
    }

    @Test
    @DisplayName(
            "where what was to take their place is damaged, the opening deletes nothing of the segments it was made from")
    void damagedSwap() {
        append(keyed("a", "1"));
        log.roll();
        append(keyed("a", "2"));
        log.close();
        Path aside = FOLDER.resolve("00000000000000000000.log.deleted");
        store.rename(FOLDER.resolve("00000000000000000000.log"), aside);
        try (StoredFile swap = store.open(FOLDER.resolve("00000000000000000000.log.swap"), OpenMode.CREATE)) {
            swap.write(ByteBuffer.allocate(100), 0);
        }
        List<String> before = files();

        assertThatThrownBy(() -> PartitionLog.open(store, FOLDER, T0, CONFIG))
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE));
        assertThat(files()).isEqualTo(before);
    }

    @Test
    @DisplayName("a reader of a segment goes on in it while another takes its place")
    void readers() {
        for (int i = 0; i < 30; i++) {
            append(keyed("a", "value-" + i));
        }
        log.roll();
        ByteBuffer view = log.read(0, 1 << 20, 5);
        compact(log, 0);
        assertThat(Batches.decode(view)).hasSize(5);
        assertThat(texts(log)).containsExactly("29:a=value-29");
    }

    @Test
    @DisplayName("damage ends it with an error that names file and position, and nothing has changed")
    void damage() {
        for (int i = 0; i < 30; i++) {
            append(keyed("a", "value-" + i));
        }
        log.roll();
        Path first = IndexFormat.logFile(FOLDER, 0);
        try (StoredFile file = store.open(first, OpenMode.WRITE)) {
            ByteBuffer one =
                    ByteBuffer.allocate(1).put(0, (byte) (file.read(90, 1).get(0) ^ 1));
            file.write(one, 90);
        }
        List<String> before = files();
        assertThatThrownBy(() -> compact(log, 0))
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE))
                .hasMessageContaining(first.toString());
        assertThat(files()).isEqualTo(before);
    }

    @Test
    @DisplayName("it is stopped when that is asked for, and leaves nothing behind")
    void stopped() {
        for (int i = 0; i < 30; i++) {
            append(keyed("a", "value-" + i));
        }
        log.roll();
        List<String> before = files();
        int[] asked = new int[1];
        try (CompactionRun run =
                log.beginCompaction(EAGER, CLEANER, log.logEndOffset(), false, 0, () -> asked[0]++ > 40)) {
            CompactionRun begun = Objects.requireNonNull(run);
            assertThatThrownBy(begun::next).isInstanceOf(CancellationException.class);
        }
        assertThat(files()).isEqualTo(before);
        assertThat(texts(log)).hasSize(30);
    }

    @Test
    @DisplayName("a damaged cleaner checkpoint, or none, costs work and nothing else")
    void checkpoint() {
        append(keyed("a", "1"));
        append(keyed("a", "2"));
        log.roll();
        compact(log, 0);
        Path file = FOLDER.resolve(CleanerCheckpoint.FILE_NAME);
        byte[] content = new byte[store.readFile(file).remaining()];
        store.readFile(file).get(content);
        for (int i = 0; i <= content.length; i++) {
            log.close();
            if (i == content.length) {
                store.delete(file);
            } else {
                byte[] flipped = content.clone();
                flipped[i] ^= 2;
                store.replaceFile(file, ByteBuffer.wrap(flipped));
            }
            log = PartitionLog.open(store, FOLDER, T0, CONFIG);
            assertThat(compact(log, 0)).as("byte %d", i).isOne();
            assertThat(texts(log)).containsExactly("1:a=2");
        }
    }

    @Test
    @DisplayName("segments that were deleted meanwhile are not brought back")
    void deletedMeanwhile() {
        for (int i = 0; i < 30; i++) {
            append(keyed("a", "value-" + i));
        }
        log.roll();
        try (CompactionRun run = log.beginCompaction(EAGER, CLEANER, log.logEndOffset(), false, 0, () -> false)) {
            CompactionRun begun = Objects.requireNonNull(run);
            assertThat(begun.next()).isTrue();
            log.deleteSegmentsBefore(log.logEndOffset());
            assertThat(log.replace(begun)).isFalse();
        }
        assertThat(files()).noneMatch(name -> name.endsWith(".cleaned") || name.endsWith(".swap"));
        assertThat(log.logStartOffset()).isEqualTo(30);
        reopen();
        assertThat(log.logStartOffset()).isEqualTo(30);
    }
}
