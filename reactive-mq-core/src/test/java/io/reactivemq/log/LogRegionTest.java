package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.decode;
import static io.reactivemq.log.Batches.readAll;
import static io.reactivemq.log.Compactions.compact;
import static io.reactivemq.log.Compactions.keyed;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StorageException.Operation;
import io.reactivemq.storage.StoredFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("A region of a log")
class LogRegionTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final LogConfig SMALL =
            LogConfig.defaults().withSegmentBytes(1_000).withIndexIntervalBytes(150);

    @TempDir
    Path directory;

    private enum Where {
        MEMORY,
        DISK;

        /** On disk with room for two open files. */
        FileStore store() {
            return switch (this) {
                case MEMORY -> FileStore.memory();
                case DISK -> FileStore.disk(2);
            };
        }
    }

    private PartitionLog open(FileStore store, LogConfig config) {
        return PartitionLog.open(store, directory.resolve("t-0"), T0, config);
    }

    private static ByteBuffer bytes(LogRegion region) {
        ByteArrayOutputStream taken = new ByteArrayOutputStream();
        WritableByteChannel target = Channels.newChannel(taken);
        for (long done = 0; done < region.count(); ) {
            long more = region.transferTo(done, target);
            assertThat(more).isPositive();
            done += more;
        }
        return ByteBuffer.wrap(taken.toByteArray());
    }

    private static List<String> records(LogRegion region) {
        return decode(bytes(region));
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("has the bytes that a read would return, whatever the offsets and bounds")
    void asRead(Where where) {
        Random random = new Random(7);
        try (PartitionLog log = open(where.store(), SMALL)) {
            for (int i = 0; i < 200; i++) {
                String[] values = new String[1 + random.nextInt(3)];
                for (int v = 0; v < values.length; v++) {
                    values[v] = "v".repeat(1 + random.nextInt(i % 50 == 0 ? 1_500 : 60));
                }
                log.append(batch(values), 0);
            }
            long end = log.logEndOffset();
            for (int i = 0; i < 2_000; i++) {
                long offset = random.nextLong(end + 1);
                long endOffset = random.nextBoolean() ? end : random.nextLong(end + 1);
                int maxBytes = 1 + random.nextInt(1_500);
                ByteBuffer read = log.read(offset, maxBytes, endOffset);
                try (LogRegion region = log.region(offset, maxBytes, endOffset)) {
                    ByteBuffer taken = bytes(region);
                    // A read stops where its window of the file does; a region does not.
                    assertThat(taken.remaining())
                            .as("from %d up to %d, %d bytes", offset, endOffset, maxBytes)
                            .isGreaterThanOrEqualTo(read.remaining());
                    assertThat(taken.slice(0, read.remaining())).isEqualTo(read);
                    List<String> records = decode(taken);
                    if (!records.isEmpty()) {
                        String last = records.get(records.size() - 1);
                        assertThat(Long.parseLong(last.substring(0, last.indexOf(':'))))
                                .isLessThan(endOffset);
                        assertThat(taken.remaining()).isLessThanOrEqualTo(Math.max(maxBytes, read.remaining()));
                    }
                }
            }
            assertThatThrownBy(() -> log.region(end + 1, 1, end + 2))
                    .isInstanceOfSatisfying(
                            MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.OFFSET_OUT_OF_RANGE));
        }
    }

    @Test
    @DisplayName(
            "on disk lends the channel of the file, at the position where the batches are; in memory there is none")
    void channel() throws IOException {
        try (PartitionLog log = open(FileStore.disk(2), SMALL)) {
            log.append(batch("a"), 0);
            log.append(batch("b"), 0);
            try (LogRegion region = log.region(1, 1 << 20, 2)) {
                FileChannel channel = Objects.requireNonNull(region.lent().channel());
                ByteBuffer target = ByteBuffer.allocate(region.count());
                channel.read(target, region.position());
                assertThat(decode(target.flip())).containsExactly("1:b");
            }
        }
        try (PartitionLog log = open(FileStore.memory(), SMALL)) {
            log.append(batch("a"), 0);
            try (LogRegion region = log.region(0, 1 << 20, 1)) {
                assertThat(region.lent().channel()).isNull();
                assertThat(records(region)).containsExactly("0:a");
            }
        }
    }

    private static void fill(PartitionLog log, int batches) {
        for (int i = 0; i < batches; i++) {
            log.append(batch("value " + i), 0);
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("can be read to its end though retention has deleted its segment, whose files go with the lease")
    void retention(Where where) {
        FileStore store = where.store();
        try (PartitionLog log = open(store, SMALL)) {
            fill(log, 60);
            long second = log.segments().get(1).baseOffset();
            LogRegion region = log.region(0, 1 << 20, 60);
            log.deleteSegmentsBefore(log.segments().get(2).baseOffset());
            Path first = IndexFormat.logFile(directory.resolve("t-0"), 0);
            assertThat(store.exists(first)).isTrue();
            assertThat(store.exists(IndexFormat.logFile(directory.resolve("t-0"), second)))
                    .isFalse();
            assertThat(records(region)).hasSize((int) second).startsWith("0:value 0");
            region.close();
            region.close();
            assertThat(store.exists(first)).isFalse();
            assertThatThrownBy(() -> region.transferTo(0, Channels.newChannel(new ByteArrayOutputStream())))
                    .isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(region::lent).isInstanceOf(IllegalStateException.class);
            assertThat(readAll(log)).hasSize(60 - (int) log.logStartOffset());
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("that outlives its log takes no files with it: they may be another log's by then")
    void anotherLogsFiles(Where where) {
        FileStore store = where.store();
        PartitionLog log = open(store, SMALL);
        fill(log, 60);
        LogRegion region = log.region(0, 1 << 20, 60);
        log.deleteSegmentsBefore(log.segments().get(2).baseOffset());
        log.close();
        store.deleteRecursively(directory.resolve("t-0"));
        try (PartitionLog another = open(store, SMALL)) {
            fill(another, 60);
            region.close();
            assertThat(store.exists(IndexFormat.logFile(directory.resolve("t-0"), 0)))
                    .isTrue();
            assertThat(readAll(another)).hasSize(60);
        }
        try (PartitionLog again = open(store, SMALL)) {
            assertThat(readAll(again)).hasSize(60).startsWith("0:value 0");
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "that is the last at a deleted segment leaves its files to an executor, where it is given back from a thread that must not block")
    void disposer(Where where) {
        FileStore store = where.store();
        try (PartitionLog log = open(store, SMALL)) {
            fill(log, 60);
            LogRegion region = log.region(0, 1 << 20, 60);
            log.deleteSegmentsBefore(log.segments().get(2).baseOffset());
            List<Runnable> tasks = new ArrayList<>();
            region.close(tasks::add);
            Path first = IndexFormat.logFile(directory.resolve("t-0"), 0);
            assertThat(store.exists(first)).isTrue();
            assertThat(tasks).hasSize(1);
            tasks.get(0).run();
            assertThat(store.exists(first)).isFalse();
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("is what it was after a compaction has put another segment in the place of its own")
    void compaction(Where where) {
        FileStore store = where.store();
        try (PartitionLog log = open(store, SMALL)) {
            for (int i = 0; i < 40; i++) {
                log.append(keyed("k", "value " + i), 0);
            }
            log.roll();
            LogRegion region = log.region(0, 1 << 20, 40);
            assertThat(compact(log, 0)).isEqualTo(1);
            Path aside = SegmentSwap.deleted(IndexFormat.logFile(directory.resolve("t-0"), 0));
            assertThat(store.exists(aside)).isTrue();
            assertThat(records(region)).hasSizeGreaterThan(5).startsWith("0:value 0", "1:value 1");
            region.close();
            assertThat(store.exists(aside)).isFalse();
            assertThat(readAll(log)).containsExactly("39:value 39");
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("of the segment that grows keeps a compaction from it until it is closed, also when that is full")
    void active(Where where) {
        try (PartitionLog log = open(where.store(), LogConfig.defaults())) {
            log.append(keyed("k", "1"), 0);
            log.append(keyed("k", "2"), 0);
            LogRegion region = log.region(0, 1 << 20, 2);
            log.append(keyed("k", "3"), 0);
            log.roll();
            assertThat(compact(log, 0)).isZero();
            assertThat(records(region)).containsExactly("0:1", "1:2");
            region.close();
            assertThat(compact(log, 0)).isEqualTo(1);
            assertThat(readAll(log)).containsExactly("2:3");
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "is not touched by the cut after a failed append, by a deletion of records in it, nor by the end of the log")
    void truncationAndClose(Where where) {
        FaultyFileStore store = new FaultyFileStore(where.store());
        PartitionLog log = open(store, LogConfig.defaults());
        log.append(batch("a"), 0);
        log.append(batch("b"), 0);
        LogRegion region = log.region(0, 1 << 20, 2);
        store.writeBeforeFailure(20);
        store.failIf((operation, path) -> operation == Operation.WRITE);
        assertThatThrownBy(() -> log.append(batch("c"), 0)).isInstanceOf(StorageException.class);
        store.heal();
        log.append(batch("d"), 0);
        log.deleteRecordsBefore(1);
        assertThat(records(region)).containsExactly("0:a", "1:b");
        log.close();
        assertThat(records(region)).containsExactly("0:a", "1:b");
        assertThatThrownBy(() -> log.region(1, 1, 2)).isInstanceOf(MqException.class);
        region.close();
        try (PartitionLog again = open(store, LogConfig.defaults())) {
            assertThat(readAll(again)).containsExactly("1:b", "2:d");
        }
    }

    @Test
    @DisplayName("keeps its file open beyond the bound on open files, and counts as one until it is closed")
    void openFiles() throws IOException {
        FileStore store = FileStore.disk(2);
        try (PartitionLog log = open(store, SMALL)) {
            fill(log, 100);
            LogRegion region = log.region(0, 1 << 20, 100);
            FileChannel channel = Objects.requireNonNull(region.lent().channel());
            for (int round = 0; round < 5; round++) {
                assertThat(readAll(log)).hasSize(100);
            }
            assertThat(channel.isOpen()).isTrue();
            assertThat(channel.read(ByteBuffer.allocate(10), region.position())).isEqualTo(10);
            region.close();
            for (int round = 0; round < 5; round++) {
                assertThat(readAll(log)).hasSize(100);
            }
            assertThat(channel.isOpen()).isFalse();
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("does not believe an index that is wrong")
    void damagedIndex(Where where) {
        FileStore store = where.store();
        try (PartitionLog log = open(store, SMALL)) {
            fill(log, 60);
            Path index = IndexFormat.offsetIndexFile(directory.resolve("t-0"), 0);
            try (StoredFile file = store.open(index, OpenMode.WRITE)) {
                for (long at = 4; at < file.size(); at += 8) {
                    file.write(ByteBuffer.allocate(4).putInt(0, 77), at);
                }
            }
            long next = log.segments().get(1).baseOffset();
            try (LogRegion region = log.region(0, 500, 60)) {
                assertThat(bytes(region)).isEqualTo(log.read(0, 500, 60));
            }
            try (LogRegion region = log.region(next - 2, 1 << 20, 60)) {
                assertThat(records(region)).hasSize(2);
            }
        }
    }
}
