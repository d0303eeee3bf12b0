package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.decode;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.sun.management.ThreadMXBean;
import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import io.reactivemq.storage.testing.WatchedStore;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The indexes of a log that was closed, which are read by who uses them first. */
class LazyIndexTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path FOLDER = Path.of("data", "t-0");
    private static final LogConfig SMALL =
            LogConfig.defaults().withSegmentBytes(4_000).withIndexIntervalBytes(200);

    private final FileStore files = FileStore.memory();
    private final WatchedStore watched = new WatchedStore(files);

    private PartitionLog open() {
        return PartitionLog.open(watched.store(), FOLDER, T0, SMALL);
    }

    /** Records that are their own offset, at that timestamp too. */
    private void fill(int records) {
        files.createDirectories(FOLDER);
        try (PartitionLog log = open()) {
            for (int i = 0; i < records; i++) {
                log.append(batch(i, String.valueOf(i)), i);
            }
        }
    }

    private int readsOf(Runnable work) {
        int before = watched.count("read");
        work.run();
        return watched.count("read") - before;
    }

    private void patch(int position, byte[] bytes) {
        patch(IndexFormat.logFile(FOLDER, 0), position, bytes);
    }

    private void patch(Path path, int position, byte[] bytes) {
        try (StoredFile file = files.open(path, OpenMode.CREATE)) {
            file.write(ByteBuffer.wrap(bytes), position);
        }
    }

    private void zero(Path path) {
        try (StoredFile file = files.open(path, OpenMode.CREATE)) {
            file.write(ByteBuffer.allocate((int) file.size()), 0);
        }
    }

    private byte[] bytesAt(int position, int length) {
        try (StoredFile file = files.open(IndexFormat.logFile(FOLDER, 0), OpenMode.READ)) {
            byte[] bytes = new byte[length];
            file.read(position, length).get(bytes);
            return bytes;
        }
    }

    private static MqException damage(PartitionLog log, long offset) {
        MqException found = catchThrowableOfType(MqException.class, () -> log.read(offset, 1_000, log.logEndOffset()));
        assertThat(found.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE);
        return found;
    }

    @Test
    @DisplayName(
            "a damaged segment is walked over once; who reads it after that is told the same, until the file is another")
    void damageIsRemembered() {
        fill(200);
        zero(IndexFormat.offsetIndexFile(FOLDER, 0));
        int at = 30 * batch(1, "10").remaining() - 10; // batches of one digit are a byte shorter
        byte[] good = bytesAt(at, 8);
        patch(at, new byte[] {9, 9, 9, 9, 9, 9, 9, 9});
        try (PartitionLog log = open()) {
            List<MqException> found = new ArrayList<>();
            int first = readsOf(() -> found.add(damage(log, 3)));
            int second = readsOf(() -> found.add(damage(log, 7)));

            assertThat(first).isPositive();
            assertThat(second).isZero();
            assertThat(found.get(1)).hasMessage(found.get(0).getMessage()).isNotSameAs(found.get(0));
            assertThat(decode(log.read(150, 1, 200))).containsExactly("150:150");
        }
        patch(at, good);
        try (PartitionLog log = open()) {
            assertThat(decode(log.read(3, 1, 200))).containsExactly("3:3");
        }
    }

    @Test
    @DisplayName("a segment that is damaged behind the log's back is walked over once, too")
    void damageUnderAnIndexIsRemembered() {
        fill(200);
        try (PartitionLog log = open()) {
            log.read(0, 1, 200);
            patch(0, new byte[4_000 / 2]);
            damage(log, 20);
            int again = readsOf(() -> damage(log, 20));
            assertThat(again).isLessThanOrEqualTo(2);
        }
    }

    @Test
    @DisplayName("where the segment that is written to is damaged, its writer hears of the log, not of its batch")
    void damagedActive() {
        fill(200);
        long active;
        try (PartitionLog log = open()) {
            List<SegmentInfo> segments = log.segments();
            active = segments.get(segments.size() - 1).baseOffset();
        }
        zero(IndexFormat.offsetIndexFile(FOLDER, active));
        patch(IndexFormat.logFile(FOLDER, active), 10, new byte[] {9, 9, 9, 9, 9, 9, 9, 9});
        try (PartitionLog log = open()) {
            for (ThrowingCallable write :
                    List.<ThrowingCallable>of(() -> log.append(batch(200, "200"), 200), log::roll)) {
                MqException told = catchThrowableOfType(MqException.class, write);
                assertThat(told.errorCode()).isEqualTo(ErrorCode.KAFKA_STORAGE_ERROR);
                assertThat(told)
                        .hasMessageContaining("the log is damaged")
                        .hasMessageContaining("rmq log repair --cut data/t-0");
                assertThat(told).hasCauseInstanceOf(MqException.class);
            }
            damage(log, active);
        }
    }

    @Test
    @DisplayName("K20 what a batch decompresses to is not held to find the record of a time")
    void timeInALargeBatch() {
        files.createDirectories(FOLDER);
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 100 << 20, Compression.GZIP);
        assertThat(builder.tryAppend(1, null, new byte[32 << 20], Headers.empty()))
                .isTrue();
        assertThat(builder.tryAppend(2, null, new byte[1], Headers.empty())).isTrue();
        try (PartitionLog log = open()) {
            log.append(builder.build(), 2);
            ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long before = threads.getCurrentThreadAllocatedBytes();
            long found = log.offsetForTimestamp(2, 2);
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;

            assertThat(found).isEqualTo(1);
            assertThat(allocated).isLessThan(8 << 20);
        }
    }

    @Test
    @DisplayName("the age of the active segment is known without its index")
    void ageOfTheActiveSegment() {
        fill(200);
        try (PartitionLog log = open()) {
            List<SegmentInfo> segments = log.segments();
            SegmentInfo active = segments.get(segments.size() - 1);
            int opens = watched.count("open");
            int reads = readsOf(() -> assertThat(log.maxTimestampMs(active)).isEqualTo(199));
            assertThat(reads + watched.count("open") - opens).isZero();
            log.append(batch(300, "200"), 300);
            assertThat(log.maxTimestampMs(active)).isEqualTo(300);
            log.roll();
            assertThat(log.maxTimestampMs(active)).isEqualTo(300);
        }
    }

    @Test
    @DisplayName(
            "many readers that use an index first, all at once, beside appends, rolls and deletions, each read what is there")
    void firstUseByMany() throws Exception {
        int readers = 4;
        int kept = 300;
        int written = kept;
        ExecutorService threads = Executors.newFixedThreadPool(readers);
        try {
            fill(kept);
            for (int round = 0; round < 40; round++) {
                int end = written;
                CyclicBarrier start = new CyclicBarrier(readers + 1);
                try (PartitionLog log = open()) {
                    List<Future<?>> reading = new ArrayList<>();
                    for (int r = 0; r < readers; r++) {
                        Random random = new Random(100L * round + r);
                        reading.add(threads.submit(() -> {
                            start.await();
                            for (int i = 0; i < 30; i++) {
                                readOne(log, random, end);
                            }
                            return null;
                        }));
                    }
                    start.await();
                    for (int i = 0; i < 40; i++) {
                        log.append(batch(written, String.valueOf(written)), written);
                        written++;
                    }
                    log.roll();
                    log.deleteSegmentsBefore(written - kept);
                    for (Future<?> each : reading) {
                        each.get();
                    }
                }
            }
        } finally {
            threads.shutdownNow();
        }
    }

    private static void readOne(PartitionLog log, Random random, int end) {
        long start = log.logStartOffset();
        long offset = start + random.nextLong(end - start);
        try {
            if (random.nextBoolean()) {
                assertThat(decode(log.read(offset, 1, end))).containsExactly(offset + ":" + offset);
            } else {
                assertThat(log.offsetForTimestamp(offset, end))
                        .isBetween(offset, Math.max(offset, log.logStartOffset()));
            }
        } catch (MqException e) {
            assertThat(e.errorCode()).isEqualTo(ErrorCode.OFFSET_OUT_OF_RANGE);
            assertThat(log.logStartOffset()).isGreaterThan(offset);
        }
    }
}
