package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.concat;
import static io.reactivemq.log.Batches.decode;
import static io.reactivemq.log.Batches.readAll;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogConfig.RecordCheck;
import io.reactivemq.log.RecoveryReport.Origin;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordCursor;
import io.reactivemq.record.StoredCompression;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.zip.CRC32C;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a log does on every store. */
abstract class PartitionLogContract {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final LogConfig SMALL =
            LogConfig.defaults().withSegmentBytes(1_000).withIndexIntervalBytes(150);

    @TempDir
    Path directory;

    private final FileStore store;

    private final int randomSteps;

    PartitionLogContract(FileStore store, int randomSteps) {
        this.store = store;
        this.randomSteps = randomSteps;
    }

    private Path folder() {
        return directory.resolve("t-0");
    }

    private PartitionLog open(LogConfig config) {
        return PartitionLog.open(store, folder(), T0, config);
    }

    private PartitionLog open() {
        return open(LogConfig.defaults());
    }

    /** What a kill leaves: a log on a copy of the folder as it is now. */
    private PartitionLog openCopy(LogConfig config) {
        Path copy = directory.resolve("copy");
        Folders.write(store, copy, Folders.read(store, folder()));
        return PartitionLog.open(store, copy, T0, config);
    }

    private static void assertFails(ErrorCode code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(code));
    }

    @Test
    @DisplayName("a new log is empty and starts at 0")
    void empty() {
        try (PartitionLog log = open()) {
            assertThat(log.logStartOffset()).isZero();
            assertThat(log.logEndOffset()).isZero();
            assertThat(log.forcedOffset()).isZero();
            assertThat(log.leaderEpoch()).isZero();
            assertThat(log.sizeInBytes()).isZero();
            assertThat(log.segments()).containsExactly(new SegmentInfo(0, 0, 0, true));
            assertThat(log.read(0, 100, 0).hasRemaining()).isFalse();
            assertThat(log.offsetForTimestamp(0, 0)).isEqualTo(-1);
            assertThat(log.recovery().origin()).isEqualTo(Origin.CREATED);
        }
        try (PartitionLog log = open()) {
            assertThat(log.recovery().origin()).isEqualTo(Origin.CLEAN);
            assertThat(log.logEndOffset()).isZero();
        }
    }

    @Test
    @DisplayName("what is appended is read back from any of its offsets, and after a reopening")
    void appendReadReopen() {
        List<String> all;
        try (PartitionLog log = open()) {
            assertThat(log.append(batch("a", "b", "c"), 7)).isEqualTo(new AppendInfo(0, 3, -1));
            assertThat(log.append(concat(batch("d"), batch("e", "f")), 7)).isEqualTo(new AppendInfo(3, 6, -1));
            assertThat(log.logEndOffset()).isEqualTo(6);
            assertThat(log.forcedOffset()).isZero();
            log.force();
            assertThat(log.forcedOffset()).isEqualTo(6);
            all = readAll(log);
            assertThat(all).containsExactly("0:a", "1:b", "2:c", "3:d", "4:e", "5:f");
            assertThat(decode(log.read(1, 1 << 20, 6))).hasSize(6);
            assertThat(decode(log.read(4, 1 << 20, 6))).containsExactly("4:e", "5:f");
        }
        try (PartitionLog log = open()) {
            assertThat(log.recovery().origin()).isEqualTo(Origin.CLEAN);
            assertThat(log.recovery().scannedBytes()).isZero();
            assertThat(log.logEndOffset()).isEqualTo(6);
            assertThat(log.forcedOffset()).isEqualTo(6);
            assertThat(log.leaderEpoch()).isZero();
            assertThat(readAll(log)).isEqualTo(all);
            log.append(batch("g"), 7);
            assertThat(readAll(log)).hasSize(7).endsWith("6:g");
            log.verify();
        }
    }

    @Test
    @DisplayName(
            "a read begins with the batch that holds the offset, keeps to maxBytes and endOffset, and returns one batch at least")
    void readBounds() {
        try (PartitionLog log = open()) {
            int size = batch("aa", "bb").remaining();
            for (int i = 0; i < 10; i++) {
                log.append(batch("aa", "bb"), 0);
            }
            assertThat(log.read(0, size, 20).remaining()).isEqualTo(size);
            assertThat(log.read(1, size, 20).remaining()).isEqualTo(size);
            assertThat(log.read(3, 2 * size, 20).remaining()).isEqualTo(2 * size);
            assertThat(log.read(3, 3 * size - 1, 20).remaining()).isEqualTo(2 * size);
            assertThat(log.read(4, 1, 20).remaining()).isEqualTo(size);
            assertThat(log.read(4, 0, 20).remaining()).isEqualTo(size);
            assertThat(log.read(4, 1 << 20, 10).remaining()).isEqualTo(3 * size);
            assertThat(log.read(4, Integer.MAX_VALUE, Long.MAX_VALUE).remaining())
                    .isEqualTo(8 * size);
            assertThat(log.read(4, 1 << 20, 4).hasRemaining()).isFalse();
            assertThat(log.read(4, 1 << 20, 5).hasRemaining())
                    .as("half a batch")
                    .isFalse();
            assertThat(log.read(20, 1 << 20, 20).hasRemaining()).isFalse();
            assertFails(ErrorCode.OFFSET_OUT_OF_RANGE, () -> log.read(21, 1, 21));
            assertFails(ErrorCode.OFFSET_OUT_OF_RANGE, () -> log.read(-1, 1, 20));
        }
    }

    @Test
    @DisplayName("batches larger than a chunk of memory or a read window come back whole")
    void largeBatches() {
        try (PartitionLog log = open(LogConfig.defaults().withMaxMessageBytes(8 << 20))) {
            for (int size : new int[] {10, 700_000, 100, 3_000_000, 1 << 20, 5}) {
                log.append(batch("x".repeat(size)), 0);
            }
            assertThat(readAll(log))
                    .extracting(String::length)
                    .containsExactly(12, 700_002, 102, 3_000_002, (1 << 20) + 2, 7);
            assertThat(decode(log.read(3, 100, 6))).hasSize(1);
        }
        try (PartitionLog copy = openCopy(LogConfig.defaults())) {
            assertThat(readAll(copy)).hasSize(6);
        }
    }

    @Test
    @DisplayName("batches are stored as they came but for base offset and leader epoch")
    void storedAsTheyCame() {
        try (PartitionLog log = open()) {
            ByteBuffer sent = batch("a", "b");
            log.append(batch("0"), 0);
            ByteBuffer original =
                    ByteBuffer.allocate(sent.remaining()).put(sent.duplicate()).flip();
            assertThat(sent.position()).isZero();
            log.append(sent, 0);
            ByteBuffer read = log.read(1, 1, 3);
            ByteBuffer expected = original.putLong(0, 1).putInt(12, 0);
            assertThat(read).isEqualTo(expected);
        }
    }

    @Test
    @DisplayName(
            "a bit that has rotted is an error that names file and position, for readers that ask for checksums; nothing is skipped")
    void rottenBit() {
        try (PartitionLog log = open(SMALL)) {
            ByteBuffer sound = batch("sound");
            for (int i = 0; i < 20; i++) {
                log.append(sound.duplicate(), 0);
            }
            SegmentInfo segment = log.segments().get(1);
            int rotten = 2 * sound.remaining();
            Path file = folder().resolve(String.format("%020d.log", segment.baseOffset()));
            try (StoredFile stored = store.open(file, OpenMode.WRITE)) {
                int at = rotten + sound.remaining() - 3;
                byte value = stored.read(at, 1).get();
                stored.write(ByteBuffer.wrap(new byte[] {(byte) (value ^ 4)}), at);
            }
            long offset = segment.baseOffset() + 2;
            assertThat(log.read(offset - 2, 2 * sound.remaining(), 20).remaining())
                    .isEqualTo(2 * sound.remaining());
            for (long from : new long[] {offset - 2, offset}) {
                assertThatThrownBy(() -> log.read(from, 1 << 20, 20))
                        .isInstanceOfSatisfying(
                                MqException.class,
                                e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE))
                        .hasMessageContainingAll(
                                file.toString(), "at byte " + rotten + ":", "crc", "expected", "actual");
            }
            assertThatThrownBy(() -> log.readCommitted(offset, 1 << 20, 20)).hasMessageContaining("at byte " + rotten);
            assertThat(decode(log.read(offset + 1, 1, 20))).containsExactly(offset + 1 + ":sound");
            log.configure(SMALL.withCheckCrcs(false));
            assertThat(log.read(offset, 1, 20).remaining()).isEqualTo(sound.remaining());
        }
    }

    @Test
    @DisplayName("segments roll by size, each named by its base offset, and reads go on in the next one")
    void rolls() {
        List<String> all = new ArrayList<>();
        try (PartitionLog log = open(SMALL)) {
            for (int i = 0; i < 60; i++) {
                log.append(batch("value " + i), i);
                all.add(i + ":value " + i);
            }
            assertThat(log.segments()).hasSizeGreaterThan(4).allSatisfy(segment -> {
                assertThat(segment.sizeInBytes()).isBetween(1, 1_000);
                assertThat(store.exists(folder().resolve(String.format("%020d.log", segment.baseOffset()))))
                        .isTrue();
            });
            assertThat(log.sizeInBytes())
                    .isEqualTo(log.segments().stream()
                            .mapToLong(SegmentInfo::sizeInBytes)
                            .sum());
            assertThat(log.segments().stream().filter(SegmentInfo::active)).hasSize(1);
            assertThat(log.forcedOffset())
                    .as("a full segment is forced")
                    .isEqualTo(log.segments().get(log.segments().size() - 1).baseOffset());
            assertThat(readAll(log)).isEqualTo(all);
            for (int i = 0; i < 60; i++) {
                assertThat(decode(log.read(i, 1, 60))).containsExactly(all.get(i));
            }
            log.verify();
        }
        try (PartitionLog log = open(SMALL)) {
            assertThat(readAll(log)).isEqualTo(all);
            for (int i = 0; i < 60; i++) {
                assertThat(decode(log.read(i, 1, 60))).containsExactly(all.get(i));
            }
            log.verify();
        }
    }

    @Test
    @DisplayName(
            "a segment is full when the next batch is more than segment.ms later than its first, after a reopening too")
    void rollsByTime() {
        LogConfig config = LogConfig.defaults().withSegmentMs(100);
        try (PartitionLog log = open(config)) {
            for (long time : new long[] {1_000, 1_100, 900, 1_101, 1_150}) {
                log.append(batch(time, "t" + time), 0);
            }
            assertThat(log.segments()).extracting(SegmentInfo::baseOffset).containsExactly(0L, 3L);
        }
        try (PartitionLog log = open(config)) {
            log.append(batch(1_201, "a"), 0);
            log.append(batch(1_202, "b"), 0);
            assertThat(log.segments()).extracting(SegmentInfo::baseOffset).containsExactly(0L, 3L, 6L);
            log.configure(config.withTimestampType(TimestampType.LOG_APPEND_TIME));
            log.append(batch(0, "c"), 1_302);
            log.append(batch(0, "d"), 1_303);
            assertThat(log.segments()).extracting(SegmentInfo::baseOffset).containsExactly(0L, 3L, 6L, 8L);
        }
    }

    @Test
    @DisplayName("K23 the log starts at the offset before which records were deleted, in the middle of a batch too")
    void deletesRecords() {
        try (PartitionLog log = open(SMALL)) {
            for (int i = 0; i < 60; i++) {
                log.append(batch("a" + i, "b" + i), i);
            }
            assertThat(log.deleteRecordsBefore(5)).isEqualTo(5);
            assertThat(log.segments()).extracting(SegmentInfo::baseOffset).startsWith(0L);
            assertThat(log.deleteRecordsBefore(61)).isEqualTo(61);
            assertThat(log.segments().get(0).nextOffset()).isGreaterThan(61);
            assertThat(log.deleteRecordsBefore(60)).isEqualTo(61);
            assertFails(ErrorCode.OFFSET_OUT_OF_RANGE, () -> log.read(60, 1, 120));
            assertThat(decode(log.read(61, 1, 120))).containsExactly("60:a30", "61:b30");
            assertThat(log.offsetForTimestamp(0, 120)).isEqualTo(61);
        }
        try (PartitionLog log = open(SMALL)) {
            assertThat(log.recovery().origin()).isEqualTo(Origin.CLEAN);
            assertThat(log.logStartOffset()).isEqualTo(61);
            assertThat(log.deleteRecordsBefore(120)).isEqualTo(120);
            assertThat(log.segments()).hasSize(1);
        }
        try (PartitionLog log = openCopy(SMALL)) {
            assertThat(log.logStartOffset()).isEqualTo(120);
            assertThat(log.logEndOffset()).isEqualTo(120);
            assertThat(log.append(batch("c"), 0).baseOffset()).isEqualTo(120);
        }
    }

    @Test
    @DisplayName("X04 the offset from which on there are so many records is found across segments")
    void offsetOfLast() {
        try (PartitionLog log = open(SMALL)) {
            for (int i = 0; i < 60; i++) {
                log.append(batch("a" + i, "b" + i, "c" + i), i);
            }
            for (int records = 0; records <= 180; records++) {
                assertThat(log.offsetOfLast(records)).isEqualTo(180 - records);
            }
            log.deleteRecordsBefore(10);
            assertThat(log.offsetOfLast(175)).isEqualTo(10);
            assertThat(log.offsetOfLast(Long.MAX_VALUE)).isEqualTo(10);
        }
    }

    @Test
    @DisplayName("an append goes into one segment, however large it is")
    void largeAppend() {
        try (PartitionLog log = open(SMALL)) {
            log.append(batch("a"), 0);
            ByteBuffer[] many = new ByteBuffer[30];
            for (int i = 0; i < many.length; i++) {
                many[i] = batch("b" + i);
            }
            log.append(concat(many), 0);
            log.append(batch("c"), 0);
            assertThat(log.segments()).extracting(SegmentInfo::baseOffset).containsExactly(0L, 1L, 31L);
            assertThat(readAll(log)).hasSize(32);
        }
    }

    @Test
    @DisplayName("K21 a batch above max.message.bytes is refused and the log unchanged")
    void tooLarge() {
        int limit = batch("x".repeat(30)).remaining();
        try (PartitionLog log = open(LogConfig.defaults().withMaxMessageBytes(limit))) {
            log.append(batch("x".repeat(30)), 0);
            assertFails(ErrorCode.MESSAGE_TOO_LARGE, () -> log.append(concat(batch("b"), batch("x".repeat(31))), 0));
            assertThat(log.logEndOffset()).isOne();
            log.configure(LogConfig.defaults().withMaxMessageBytes(limit + 1));
            log.append(batch("x".repeat(31)), 0);
            assertThat(log.logEndOffset()).isEqualTo(2);
        }
    }

    @Test
    @DisplayName("batches that are damaged or not a producer's are refused and the log unchanged")
    void refusedBatches() {
        try (PartitionLog log = open()) {
            log.append(batch("a"), 0);
            ByteBuffer flipped = batch("b");
            flipped.put(68, (byte) (flipped.get(68) ^ 1));
            assertFails(ErrorCode.CORRUPT_MESSAGE, () -> log.append(concat(batch("c"), flipped), 0));
            ByteBuffer whole = batch("b");
            assertFails(ErrorCode.CORRUPT_MESSAGE, () -> log.append(whole.slice(0, whole.remaining() - 1), 0));
            assertFails(ErrorCode.CORRUPT_MESSAGE, () -> log.append(ByteBuffer.allocate(61), 0));
            assertFails(ErrorCode.INVALID_RECORD, () -> log.append(ByteBuffer.allocate(0), 0));
            ByteBuffer control = batch("b");
            control.putShort(21, (short) 0x20);
            assertFails(ErrorCode.INVALID_RECORD, () -> log.append(withCrc(control), 0));
            ByteBuffer gap = batch("b", "c");
            gap.putInt(23, 2);
            assertFails(ErrorCode.INVALID_RECORD, () -> log.append(withCrc(gap), 0));
            ByteBuffer appendTime = batch("b");
            appendTime.putShort(21, (short) 0x08);
            assertFails(ErrorCode.INVALID_TIMESTAMP, () -> log.append(withCrc(appendTime), 0));
            assertThat(readAll(log)).containsExactly("0:a");
        }
        try (PartitionLog log = openCopy(LogConfig.defaults())) {
            assertThat(readAll(log)).containsExactly("0:a");
        }
    }

    @Test
    @DisplayName(
            "with the check of records a batch that cannot be decoded is refused; without it its checksum is enough")
    void recordCheck() {
        ByteBuffer bad = batch("hello", "world");
        bad.put(61, (byte) 100); // the first record's length runs over the second
        ByteBuffer undecodable = withCrc(bad);
        try (PartitionLog log = open(LogConfig.defaults().withRecordCheck(RecordCheck.RECORDS))) {
            assertFails(ErrorCode.CORRUPT_MESSAGE, () -> log.append(undecodable, 0));
            assertThat(log.logEndOffset()).isZero();
            log.append(batch("fine"), 0);
            log.configure(LogConfig.defaults());
            log.append(undecodable, 0);
            assertThat(log.logEndOffset()).isEqualTo(3);
        }
    }

    @Test
    @DisplayName(
            "K20 an append that is looked at closely is so whatever the settings say, compressed or not, and without a reading of its own")
    void recordCheckOfOneAppend() {
        try (PartitionLog log = open()) {
            for (Compression compression : Compression.values()) {
                RecordBatchBuilder builder = new RecordBatchBuilder(100, 10_000, compression);
                builder.tryAppend(5, null, new byte[100], Headers.empty());
                builder.tryAppend(7, null, new byte[100], Headers.empty());
                ByteBuffer good = builder.build();
                ByteBuffer moreThanThere = concat(good).putInt(57, 3).putInt(23, 2);
                ByteBuffer noneAtAll = concat(good);
                for (int i = 61; i < noneAtAll.limit(); i++) {
                    noneAtAll.put(i, (byte) 0xff);
                }
                long end = log.logEndOffset();
                for (ByteBuffer bad : List.of(moreThanThere, noneAtAll)) {
                    assertFails(ErrorCode.CORRUPT_MESSAGE, () -> log.append(withCrc(bad), RecordCheck.RECORDS, 0));
                }
                assertThat(log.logEndOffset()).isEqualTo(end);
                withCrc(good.putLong(35, 99)); // a max timestamp that is none of theirs
                log.append(good, RecordCheck.RECORDS, 0);
                RecordBatch stored = RecordBatch.at(log.read(end, 10_000, end + 2), 0);
                stored.validate();
                assertThat(stored.maxTimestamp()).as(compression.name()).isEqualTo(7);
            }
            assertThat(log.offsetForTimestamp(8, log.logEndOffset())).isEqualTo(-1);
        }
    }

    @Test
    @DisplayName("K20 a batch that would be too large when it is compressed anew is refused, and the log goes on")
    void tooLargeAnew() {
        LogConfig settings = LogConfig.defaults().withMaxMessageBytes(1_000);
        try (PartitionLog log = open(settings.withCompression(
                StoredCompression.OF_PRODUCER.withType(StoredCompression.Type.UNCOMPRESSED)))) {
            for (int i = 0; i < 3; i++) {
                RecordBatchBuilder builder = new RecordBatchBuilder(100, 100 << 20, Compression.GZIP);
                builder.tryAppend(5, null, new byte[500_000], Headers.empty());
                ByteBuffer bomb = builder.build();
                assertFails(ErrorCode.MESSAGE_TOO_LARGE, () -> log.append(bomb, 0));
                log.append(batch("v" + i), 0);
            }
            assertThat(readAll(log)).containsExactly("0:v0", "1:v1", "2:v2");
        }
    }

    private static ByteBuffer withCrc(ByteBuffer batch) {
        CRC32C crc = new CRC32C();
        crc.update(batch.slice(21, batch.remaining() - 21));
        return batch.putInt(17, (int) crc.getValue());
    }

    @Test
    @DisplayName(
            "a create time too far from the broker's time is refused, in any record, and the log unchanged; log append time and none are not")
    void timestampBounds() {
        try (PartitionLog log = open(LogConfig.defaults().withTimestampBounds(500, 100))) {
            RecordBatchBuilder mixed = new RecordBatchBuilder(256, 1_024);
            for (long timestamp : new long[] {1_000, 499, 1_000}) {
                mixed.tryAppend(timestamp, null, new byte[] {1}, Headers.empty());
            }
            for (ByteBuffer refused : List.of(batch(1_101, "later"), batch(499, "earlier"), mixed.build())) {
                assertFails(ErrorCode.INVALID_TIMESTAMP, () -> log.append(refused, 1_000));
            }
            assertThat(log.logEndOffset()).isZero();
            log.append(batch(1_100, "latest"), 1_000);
            log.append(batch(500, "earliest"), 1_000);
            log.append(batch(-1, "none"), 1_000);
            log.configure(log.config().withTimestampType(TimestampType.LOG_APPEND_TIME));
            log.append(batch(7, "whenever"), 1_000);
            assertThat(log.logEndOffset()).isEqualTo(4);
        }
    }

    @Test
    @DisplayName("K19 with log append time every record gets the time of the append, and the checksum is right")
    void logAppendTime() {
        try (PartitionLog log = open(LogConfig.defaults().withTimestampType(TimestampType.LOG_APPEND_TIME))) {
            assertThat(log.append(concat(batch(1, "a", "b"), batch(2, "c")), 5_000))
                    .isEqualTo(new AppendInfo(0, 3, 5_000));
            log.append(batch(3, "d"), 6_000);
            for (RecordBatch batch : RecordBatches.of(log.read(0, 1 << 20, 4))) {
                batch.validate();
                assertThat(batch.timestampType()).isEqualTo(TimestampType.LOG_APPEND_TIME);
                RecordCursor records = batch.records();
                while (records.next()) {
                    assertThat(records.timestampMs()).isEqualTo(records.offset() < 3 ? 5_000 : 6_000);
                }
            }
            assertThat(log.offsetForTimestamp(5_000, 4)).isZero();
            assertThat(log.offsetForTimestamp(5_001, 4)).isEqualTo(3);
        }
    }

    @Test
    @DisplayName("K11 the offset for a timestamp is that of the first record that is as late or later")
    void offsetForTimestamp() {
        Random random = new Random(11);
        List<Long> timestamps = new ArrayList<>();
        try (PartitionLog log = open(SMALL)) {
            long time = 1_000;
            for (int i = 0; i < 300; i++) {
                time += random.nextInt(5);
                long timestamp = random.nextInt(6) == 0 ? random.nextLong(time) : time;
                log.append(batch(timestamp, "r"), 0);
                timestamps.add(timestamp);
            }
            assertTimestampsAreFound(log, timestamps);
        }
        try (PartitionLog log = open(SMALL)) {
            assertThat(log.recovery().rebuiltIndexes()).isZero();
            assertTimestampsAreFound(log, timestamps);
        }
        try (PartitionLog log = openCopy(SMALL)) {
            assertTimestampsAreFound(log, timestamps);
        }
    }

    @Test
    @DisplayName("K11 within a batch the record counts, and the end offset bounds the answer")
    void offsetForTimestampInBatch() {
        try (PartitionLog log = open()) {
            log.append(concat(batch(10, "a"), batch(20, "b", "c"), batch(15, "d"), batch(30, "e")), 0);
            assertThat(log.offsetForTimestamp(11, 5)).isEqualTo(1);
            assertThat(log.offsetForTimestamp(21, 5)).isEqualTo(4);
            assertThat(log.offsetForTimestamp(21, 4)).isEqualTo(-1);
            assertThat(log.offsetForTimestamp(31, 5)).isEqualTo(-1);
            assertThat(log.offsetForTimestamp(Long.MIN_VALUE, 5)).isZero();
            assertThat(log.offsetForTimestamp(Long.MAX_VALUE, 5)).isEqualTo(-1);
        }
    }

    private static void assertTimestampsAreFound(PartitionLog log, List<Long> timestamps) {
        long end = timestamps.size();
        for (long timestamp = 990; timestamp < timestamps.get(timestamps.size() - 1) + 5; timestamp++) {
            long expected = -1;
            for (int i = (int) log.logStartOffset(); i < timestamps.size() && expected < 0; i++) {
                if (timestamps.get(i) >= timestamp) {
                    expected = i;
                }
            }
            assertThat(log.offsetForTimestamp(timestamp, end))
                    .as("timestamp %d", timestamp)
                    .isEqualTo(expected);
        }
    }

    @Test
    @DisplayName("K10 whole closed segments below an offset are deleted, and the log start offset stays moved")
    void deleteSegments() {
        long start;
        try (PartitionLog log = open(SMALL)) {
            for (int i = 0; i < 60; i++) {
                log.append(batch("value " + i), 0);
            }
            List<SegmentInfo> before = log.segments();
            assertThat(log.deleteSegmentsBefore(before.get(0).nextOffset() - 1)).isZero();
            assertThat(log.deleteSegmentsBefore(before.get(2).baseOffset() + 1)).isEqualTo(2);
            start = before.get(2).baseOffset();
            assertThat(log.logStartOffset()).isEqualTo(start);
            assertThat(log.segments()).isEqualTo(before.subList(2, before.size()));
            assertThat(store.list(folder()))
                    .noneMatch(path -> path.getFileName().toString().startsWith("00000000000000000000."));
            assertFails(ErrorCode.OFFSET_OUT_OF_RANGE, () -> log.read(start - 1, 1, 60));
            assertThat(readAll(log)).hasSize((int) (60 - start)).startsWith(start + ":value " + start);
            try (PartitionLog copy = openCopy(SMALL)) {
                assertThat(copy.logStartOffset()).isEqualTo(start);
                assertThat(readAll(copy)).hasSize((int) (60 - start));
            }
        }
        try (PartitionLog log = open(SMALL)) {
            assertThat(log.logStartOffset()).isEqualTo(start);
            assertThat(log.deleteSegmentsBefore(Long.MAX_VALUE))
                    .as("never the active one")
                    .isPositive();
            assertThat(log.segments()).hasSize(1);
            long left = log.logStartOffset();
            assertThat(left).isEqualTo(log.segments().get(0).baseOffset());
            assertThat(log.recovery().origin()).isEqualTo(Origin.CLEAN);
        }
        try (PartitionLog log = open(SMALL)) {
            assertThat(log.recovery().origin()).as("deleting is no append").isEqualTo(Origin.CLEAN);
            assertThat(log.logEndOffset()).isEqualTo(60);
            log.append(batch("next"), 0);
            assertThat(readAll(log)).endsWith("60:next");
        }
    }

    @Test
    @DisplayName("segments that were deleted and that a crash brings back are gone after the next opening")
    void deletionUndone() {
        Map<String, byte[]> before;
        try (PartitionLog log = open(SMALL)) {
            for (int i = 0; i < 60; i++) {
                log.append(batch("value " + i), 0);
            }
            before = Folders.read(store, folder());
            log.deleteSegmentsBefore(30);
        }
        Map<String, byte[]> after = Folders.read(store, folder());
        Map<String, byte[]> undone = before.entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey, entry -> after.getOrDefault(entry.getKey(), entry.getValue())));
        undone.keySet().removeIf(name -> name.startsWith("00000000000000000000") && name.endsWith(".index"));
        Folders.write(store, folder(), undone);
        try (PartitionLog log = open(SMALL)) {
            assertThat(log.logStartOffset()).isPositive();
            assertThat(readAll(log)).endsWith("59:value 59");
            assertThat(Folders.read(store, folder()).keySet()).isEqualTo(after.keySet());
        }
    }

    @Test
    @DisplayName("a log that was not closed is scanned behind its recovery point, and has a new leader epoch")
    void unclean() {
        try (PartitionLog log = open()) {
            log.append(batch("a", "b"), 0);
            log.append(batch("c"), 0);
            try (PartitionLog copy = openCopy(LogConfig.defaults())) {
                assertThat(copy.recovery())
                        .isEqualTo(new RecoveryReport(Origin.UNCLEAN, log.sizeInBytes(), 0, null, -1, "", 0));
                assertThat(copy.recovery().isClean()).isFalse();
                assertThat(copy.leaderEpoch()).isOne();
                assertThat(copy.forcedOffset()).isEqualTo(3);
                copy.append(batch("d"), 0);
                assertThat(readAll(copy)).containsExactly("0:a", "1:b", "2:c", "3:d");
                copy.verify();
                assertThat(RecordBatches.of(copy.read(3, 1, 4))
                                .iterator()
                                .next()
                                .leaderEpoch())
                        .isOne();
            }
        }
    }

    @Test
    @DisplayName("the sign of a clean close is gone as soon as something is appended, and only then")
    void cleanMarker() {
        try (PartitionLog log = open()) {
            log.append(batch("a"), 0);
        }
        try (PartitionLog log = open()) {
            log.read(0, 10, 1);
            try (PartitionLog copy = openCopy(LogConfig.defaults())) {
                assertThat(copy.recovery().origin()).isEqualTo(Origin.CLEAN);
            }
            log.append(batch("b"), 0);
            try (PartitionLog copy = openCopy(LogConfig.defaults())) {
                assertThat(copy.recovery().origin()).isEqualTo(Origin.UNCLEAN);
                assertThat(readAll(copy)).containsExactly("0:a", "1:b");
            }
        }
    }

    @Test
    @DisplayName("only what lies behind the recovery point is scanned; it moves with the forces and with each roll")
    void recoveryPoint() {
        LogConfig config = LogConfig.defaults().withRecoveryPointBytes(2_000);
        try (PartitionLog log = open(config)) {
            long forcedAt = 0;
            for (int i = 0; i < 200; i++) {
                log.append(batch("value " + i), 0);
                if (i % 10 == 9) {
                    log.force();
                    forcedAt = log.sizeInBytes();
                }
            }
            log.append(batch("unforced"), 0);
            try (PartitionLog copy = openCopy(config)) {
                assertThat(copy.recovery().scannedBytes()).isBetween(log.sizeInBytes() - forcedAt, 2_000L + 1_000);
                assertThat(readAll(copy)).hasSize(201);
                copy.verify();
            }
        }
        Path rolled = directory.resolve("rolled");
        PartitionLog log = PartitionLog.open(store, rolled, T0, SMALL);
        for (int i = 0; i < 60; i++) {
            log.append(batch("value " + i), 0);
        }
        long active = log.segments().get(log.segments().size() - 1).sizeInBytes();
        Path copyOfRolled = directory.resolve("copy-of-rolled");
        Folders.write(store, copyOfRolled, Folders.read(store, rolled));
        log.close();
        try (PartitionLog copy = PartitionLog.open(store, copyOfRolled, T0, SMALL)) {
            assertThat(copy.recovery().scannedBytes()).isEqualTo(active);
        }
    }

    @Test
    @DisplayName("a closed log does nothing more, and closing twice is fine")
    void closed() {
        PartitionLog log = open();
        log.append(batch("a"), 0);
        log.close();
        log.close();
        assertFails(ErrorCode.KAFKA_STORAGE_ERROR, () -> log.append(batch("b"), 0));
        assertFails(ErrorCode.KAFKA_STORAGE_ERROR, log::force);
        assertFails(ErrorCode.KAFKA_STORAGE_ERROR, () -> log.read(0, 1, 1));
        assertFails(ErrorCode.KAFKA_STORAGE_ERROR, () -> log.deleteSegmentsBefore(1));
    }

    @Test
    @DisplayName("readers beside the writer see only whole batches in order, across rolls and deletions")
    void readersBesideTheWriter() throws Exception {
        LogConfig config = LogConfig.defaults().withSegmentBytes(20_000).withIndexIntervalBytes(500);
        int appends = 4_000;
        AtomicLong visible = new AtomicLong();
        AtomicBoolean done = new AtomicBoolean();
        ExecutorService threads = Executors.newFixedThreadPool(3);
        try (PartitionLog log = open(config)) {
            List<Future<Long>> readers = new ArrayList<>();
            for (int r = 0; r < 2; r++) {
                Random random = new Random(r);
                readers.add(threads.submit(() -> {
                    long checked = 0;
                    while (!done.get() || checked == 0) {
                        long end = visible.get();
                        long start = log.logStartOffset();
                        if (end <= start) {
                            Thread.onSpinWait();
                            continue;
                        }
                        long offset = start + random.nextLong(end - start);
                        try {
                            List<String> records = decode(log.read(offset, 2_000, end));
                            assertThat(records).isNotEmpty();
                            long first = Long.parseLong(records.get(0).split(":", -1)[0]);
                            assertThat(first).isLessThanOrEqualTo(offset);
                            for (int i = 0; i < records.size(); i++) {
                                assertThat(records.get(i)).isEqualTo((first + i) + ":" + (first + i));
                            }
                            assertThat(first + records.size()).isLessThanOrEqualTo(end);
                            long found = log.offsetForTimestamp(offset, end);
                            long expected = (offset + 2) / 3 * 3;
                            if (found == -1) {
                                assertThat(Math.max(expected, log.logStartOffset()))
                                        .isGreaterThanOrEqualTo(end);
                            } else {
                                assertThat(found).isBetween(expected, Math.max(expected, log.logStartOffset()));
                            }
                            checked++;
                        } catch (MqException e) {
                            if (e.errorCode() != ErrorCode.OFFSET_OUT_OF_RANGE || log.logStartOffset() <= offset) {
                                throw e;
                            }
                        }
                    }
                    return checked;
                }));
            }
            Future<?> forcer = threads.submit(() -> {
                while (!done.get()) {
                    log.force();
                    assertThat(log.forcedOffset()).isLessThanOrEqualTo(log.logEndOffset());
                }
            });
            try {
                for (int i = 0; i < appends; i++) {
                    long offset = 3L * i;
                    log.append(batch(offset, "" + offset, "" + (offset + 1), "" + (offset + 2)), 0);
                    visible.set(offset + 3);
                    if (i % 1_000 == 999) {
                        log.deleteSegmentsBefore(offset / 2);
                    }
                }
            } finally {
                done.set(true);
            }
            for (Future<Long> reader : readers) {
                assertThat(reader.get()).isPositive();
            }
            forcer.get();
            log.force();
            assertThat(log.forcedOffset()).isEqualTo(log.logEndOffset());
            log.verify();
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    @DisplayName(
            "K09 readers beside the writer and compactions see records as they were sent, in order, and the last of each key")
    void readersBesideCompaction() throws Exception {
        LogConfig config = LogConfig.defaults().withSegmentBytes(3_000).withIndexIntervalBytes(300);
        int appends = 3_000;
        int keys = 7;
        AtomicLong visible = new AtomicLong();
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try (PartitionLog log = open(config)) {
            List<Future<Integer>> readers = new ArrayList<>();
            for (int r = 0; r < 2; r++) {
                readers.add(threads.submit(() -> {
                    int scans = 0;
                    while (visible.get() < appends || scans == 0) {
                        long goal = visible.get();
                        long[] last = new long[keys];
                        long offset = 0;
                        // A record may have gone by then, for one behind it that is visible.
                        do {
                            offset = scan(log, offset, visible.get(), last);
                        } while (!hasLast(last, goal));
                        scans++;
                    }
                    return scans;
                }));
            }
            int compactions = 0;
            for (int i = 0; i < appends; i++) {
                log.append(Compactions.keyed("k" + i % keys, "" + i), 0);
                visible.set(log.logEndOffset());
                if (i % 60 == 59) {
                    compactions += Compactions.compact(log, 0);
                }
            }
            for (Future<Integer> reader : readers) {
                assertThat(reader.get()).isPositive();
            }
            assertThat(compactions).isPositive();
            log.roll();
            Compactions.compact(log, 0);
            // In bytes it depends on how often a reader was in the way: segments that shrink in one pass are merged in
            // the next.
            assertThat(Compactions.committed(log).stream().map(Compactions.Entry::offset))
                    .containsExactlyElementsOf(
                            LongStream.range(appends - keys, appends).boxed().toList());
        } finally {
            threads.shutdownNow();
        }
    }

    /** Reads all records between two offsets, each of which is its own value; returns how far it came. */
    private static long scan(PartitionLog log, long from, long to, long[] lastOfKey) {
        long offset = from;
        while (offset < to) {
            ByteBuffer read = log.read(offset, 1_000, to);
            if (!read.hasRemaining()) {
                return offset; // the end has become the middle of a gap
            }
            for (String record : decode(read)) {
                long at = Long.parseLong(record.substring(0, record.indexOf(':')));
                assertThat(record).isEqualTo(at + ":" + at);
                lastOfKey[(int) (at % lastOfKey.length)] = at;
            }
            for (RecordBatch batch : RecordBatches.of(read)) {
                assertThat(batch.baseOffset()).isLessThanOrEqualTo(offset);
                offset = batch.nextOffset();
            }
        }
        return offset;
    }

    private static boolean hasLast(long[] lastOfKey, long end) {
        for (int key = 0; key < lastOfKey.length; key++) {
            long last = end - 1 - Math.floorMod(end - 1 - key, lastOfKey.length);
            if (last >= 0 && lastOfKey[key] < last) {
                return false;
            }
        }
        return true;
    }

    @Test
    @DisplayName("random appends, reads, rolls, forces, deletions, kills and reopenings agree with a plain list")
    void randomAgainstList() {
        long seed = Long.getLong("seed", 20_261_122);
        Random random = new Random(seed);
        List<String> model = new ArrayList<>();
        List<Long> times = new ArrayList<>();
        long start = 0;
        Path place = directory.resolve("random-0");
        LogConfig config = randomConfig(random);
        PartitionLog log = PartitionLog.open(store, place, T0, config);
        String step = "";
        try {
            for (int i = 0; i < randomSteps; i++) {
                int what = random.nextInt(100);
                step = "seed " + seed + ", step " + i + ", operation " + what;
                if (what < 50) {
                    ByteBuffer[] batches = new ByteBuffer[1 + random.nextInt(random.nextInt(5) == 0 ? 5 : 1)];
                    long base = model.size();
                    for (int b = 0; b < batches.length; b++) {
                        String[] values = new String[1 + random.nextInt(5)];
                        long time = i * 10L + random.nextInt(50);
                        for (int v = 0; v < values.length; v++) {
                            values[v] = "v".repeat(random.nextInt(random.nextInt(20) == 0 ? 3_000 : 50)) + model.size();
                            times.add(time);
                            model.add(model.size() + ":" + values[v]);
                        }
                        batches[b] = batch(time, values);
                    }
                    assertThat(log.append(concat(batches), 0))
                            .as(step)
                            .isEqualTo(new AppendInfo(base, model.size(), -1));
                } else if (what < 70 && model.size() > start) {
                    long offset = start + random.nextLong(model.size() - start);
                    long end = offset + 1 + random.nextLong(model.size() - offset);
                    ByteBuffer bytes = log.read(offset, random.nextInt(5_000), end);
                    List<String> records = decode(bytes);
                    if (end == model.size()) {
                        assertThat(records).as(step).isNotEmpty();
                    }
                    if (!records.isEmpty()) {
                        int first = Integer.parseInt(
                                records.get(0).substring(0, records.get(0).indexOf(':')));
                        assertThat(offset).as(step).isBetween((long) first, (long) first + records.size() - 1);
                        assertThat(records).as(step).isEqualTo(model.subList(first, first + records.size()));
                        assertThat(first + records.size()).as(step).isLessThanOrEqualTo((int) end);
                    }
                } else if (what < 78) {
                    long timestamp = random.nextLong(1 + i * 11L);
                    long expected = -1;
                    for (int r = (int) start; r < model.size() && expected < 0; r++) {
                        expected = times.get(r) >= timestamp ? r : -1;
                    }
                    assertThat(log.offsetForTimestamp(timestamp, model.size()))
                            .as(step)
                            .isEqualTo(expected);
                } else if (what < 86) {
                    log.force();
                    assertThat(log.forcedOffset()).as(step).isEqualTo(model.size());
                } else if (what < 88) {
                    log.deleteSegmentsBefore(start + random.nextInt(400));
                    assertThat(log.logStartOffset()).as(step).isGreaterThanOrEqualTo(start);
                    start = log.logStartOffset();
                } else if (what < 92) {
                    config = randomConfig(random);
                    log.configure(config);
                } else if (what < 94) {
                    log.verify();
                } else if (what < 97) {
                    log.close();
                    config = randomConfig(random);
                    log = PartitionLog.open(store, place, T0, config);
                    assertThat(log.recovery().origin()).as(step).isEqualTo(Origin.CLEAN);
                } else {
                    int epoch = log.leaderEpoch();
                    Path next = directory.resolve("random-" + i);
                    Folders.write(store, next, Folders.read(store, place));
                    log.close();
                    place = next;
                    log = PartitionLog.open(store, place, T0, config);
                    assertThat(log.recovery().cutBytes()).as(step).isZero();
                    assertThat(log.leaderEpoch()).as(step).isBetween(epoch, epoch + 1);
                }
                assertThat(log.logEndOffset()).as(step).isEqualTo(model.size());
                assertThat(log.logStartOffset()).as(step).isEqualTo(start);
            }
            assertThat(readAll(log)).as(step).isEqualTo(model.subList((int) start, model.size()));
            log.verify();
        } catch (RuntimeException e) {
            throw new AssertionError(step, e);
        } finally {
            log.close();
        }
    }

    private static LogConfig randomConfig(Random random) {
        return LogConfig.defaults()
                .withSegmentBytes(200 + random.nextInt(10_000))
                .withIndexIntervalBytes(random.nextInt(600))
                .withRecoveryPointBytes(1 + random.nextInt(4_000));
    }
}
