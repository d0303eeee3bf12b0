package io.reactivemq.record;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Headers;
import io.reactivemq.TimestampType;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Batches go both ways through kafka-clients' own record classes, byte for byte. */
class RecordBatchKafkaTest {

    private static final org.apache.kafka.common.record.TimestampType KAFKA_CREATE_TIME =
            org.apache.kafka.common.record.TimestampType.CREATE_TIME;
    private static final org.apache.kafka.common.record.TimestampType KAFKA_APPEND_TIME =
            org.apache.kafka.common.record.TimestampType.LOG_APPEND_TIME;
    private static final int SEEDS = 300;

    @Test
    @DisplayName("K19 the bytes of a plain record are the ones Kafka's format prescribes")
    void goldenPlainRecord() {
        List<TestRecord> records = List.of(
                TestRecord.of(TestBatches.NOW_MS, "key".getBytes(UTF_8), "value".getBytes(UTF_8), Headers.empty()));
        assertGolden(records, """
                0000000000000000 00000040 ffffffff 02 CRC32C__ 0000 00000000 0000018bcfe56800 0000018bcfe56800
                ffffffffffffffff ffff ffffffff 00000001
                1c 00 00 00 06 6b6579 0a 76616c7565 00
                """);
    }

    @Test
    @DisplayName("K19 the bytes of null keys, null values and headers are the ones Kafka's format prescribes")
    void goldenNullsAndHeaders() {
        List<TestRecord> records = List.of(
                TestRecord.of(1000, null, null, Headers.empty()),
                TestRecord.of(
                        999,
                        new byte[0],
                        new byte[0],
                        Headers.empty().with("a", "b").with("", (byte[]) null).with("é", new byte[0])),
                TestRecord.of(1300, null, new byte[] {1}, Headers.empty()));
        assertGolden(records, """
                0000000000000000 00000052 ffffffff 02 CRC32C__ 0000 00000002 00000000000003e8 0000000000000514
                ffffffffffffffff ffff ffffffff 00000003
                0c 00 00 00 01 01 00
                20 00 01 02 00 00 06 02 61 02 62 00 01 04 c3a9 00
                10 00 d804 04 01 02 01 00
                """);
    }

    private static void assertGolden(List<TestRecord> records, String golden) {
        String hex = golden.replaceAll("\\s", "");
        ByteBuffer expected =
                TestBatches.seal(ByteBuffer.wrap(HexFormat.of().parseHex(hex.replace("CRC32C__", "00000000"))));
        assertThat(expected.limit()).isEqualTo(12 + expected.getInt(8));
        assertThat(hex(TestBatches.encode(records))).as("ours").isEqualTo(hex(expected));
        assertThat(hex(encodeWithKafka(records).buffer())).as("Kafka's").isEqualTo(hex(expected));
        RecordBatch batch = RecordBatch.at(expected, 0);
        batch.validateProduced("golden");
        batch.validateRecords("golden");
        assertThat(TestRecord.readAll(batch)).isEqualTo(numbered(records, 0));
        assertThat(TestRecord.readWithKafka(expected)).as("read by Kafka").isEqualTo(numbered(records, 0));
    }

    @Test
    @DisplayName(
            "K19 random records, encoded here and by kafka-clients, are the same bytes, and kafka-clients reads ours")
    void encodesAsKafka() {
        TestBatches.seeds(SEEDS).forEach(seed -> {
            List<TestRecord> records = TestBatches.randomRecords(new Random(seed));
            ByteBuffer ours = TestBatches.encode(records);
            assertThat(hex(ours))
                    .as(replay(seed))
                    .isEqualTo(hex(encodeWithKafka(records).buffer()));
            assertThat(TestRecord.readWithKafka(ours)).as(replay(seed)).isEqualTo(records);
        });
    }

    @Test
    @DisplayName(
            "K19 random batches of kafka-clients, idempotent, transactional or with append time, are read as written")
    void readsKafka() {
        TestBatches.seeds(SEEDS).forEach(seed -> {
            Random random = new Random(seed);
            List<TestRecord> records = TestBatches.randomRecords(random);
            long baseOffset = random.nextLong() >>> 2;
            int leaderEpoch = random.nextInt() >>> 1;
            boolean idempotent = random.nextBoolean();
            boolean transactional = idempotent && random.nextBoolean();
            boolean appendTime = random.nextBoolean();
            long appendTimeMs = TestBatches.NOW_MS + random.nextInt(1000);
            long producerId = idempotent ? random.nextLong() >>> 1 : -1;
            short producerEpoch = (short) (idempotent ? random.nextInt(Short.MAX_VALUE) : -1);
            int baseSequence = idempotent ? random.nextInt() >>> 1 : -1;
            MemoryRecordsBuilder kafka = new MemoryRecordsBuilder(
                    ByteBuffer.allocate(1024),
                    (byte) 2,
                    Compression.NONE,
                    appendTime ? KAFKA_APPEND_TIME : KAFKA_CREATE_TIME,
                    baseOffset,
                    appendTime ? appendTimeMs : -1,
                    producerId,
                    producerEpoch,
                    baseSequence,
                    transactional,
                    false,
                    leaderEpoch,
                    Integer.MAX_VALUE);
            records.forEach(record -> kafka.append(record.toKafka()));
            ByteBuffer buffer = kafka.build().buffer();

            RecordBatch batch = RecordBatch.at(buffer, 0);
            batch.validate(replay(seed));
            batch.validateRecords(replay(seed));
            assertThat(batch.baseOffset()).isEqualTo(baseOffset);
            assertThat(batch.leaderEpoch()).isEqualTo(leaderEpoch);
            assertThat(batch.producerId()).isEqualTo(producerId);
            assertThat(batch.producerEpoch()).isEqualTo(producerEpoch);
            assertThat(batch.baseSequence()).isEqualTo(baseSequence);
            assertThat(batch.isTransactional()).isEqualTo(transactional);
            assertThat(batch.isControl()).isFalse();
            assertThat(batch.count()).isEqualTo(records.size());
            assertThat(batch.sizeInBytes()).isEqualTo(buffer.remaining());
            assertThat(batch.nextOffset()).isEqualTo(baseOffset + records.size());
            assertThat(batch.compression()).isEqualTo(io.reactivemq.Compression.NONE);
            assertThat(batch.timestampType())
                    .isEqualTo(appendTime ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME);
            List<TestRecord> expected = numbered(records, baseOffset).stream()
                    .map(record -> appendTime ? record.withTimestamp(appendTimeMs) : record)
                    .toList();
            assertThat(batch.maxTimestamp())
                    .isEqualTo(expected.stream()
                            .mapToLong(TestRecord::timestampMs)
                            .max()
                            .orElseThrow());
            assertThat(TestRecord.readAll(batch)).as(replay(seed)).isEqualTo(expected);
            assertThat(TestRecord.readWithKafka(buffer)).as(replay(seed)).isEqualTo(expected);
        });
    }

    @Test
    @DisplayName("K19 stamping offset, epoch and append time into a batch gives the bytes that Kafka's log gives")
    void stampsAsKafka() {
        TestBatches.seeds(SEEDS).forEach(seed -> {
            Random random = new Random(seed);
            List<TestRecord> records = TestBatches.randomRecords(random);
            ByteBuffer ours = TestBatches.encode(records);
            ByteBuffer theirs = TestBatches.copy(ours);
            long baseOffset = random.nextLong() >>> 2;
            long appendTimeMs = TestBatches.NOW_MS + random.nextInt(1000);

            RecordBatch batch = RecordBatch.at(ours, 0);
            batch.setBaseOffset(baseOffset);
            batch.setLeaderEpoch(7);
            batch.setLogAppendTime(appendTimeMs);
            MutableRecordBatch kafka =
                    MemoryRecords.readableRecords(theirs).batches().iterator().next();
            kafka.setLastOffset(baseOffset + records.size() - 1);
            kafka.setPartitionLeaderEpoch(7);
            kafka.setMaxTimestamp(KAFKA_APPEND_TIME, appendTimeMs);

            assertThat(hex(ours)).as(replay(seed)).isEqualTo(hex(theirs));
            batch.validate();
            assertThat(TestRecord.readAll(batch))
                    .as(replay(seed))
                    .isEqualTo(numbered(records, baseOffset).stream()
                            .map(record -> record.withTimestamp(appendTimeMs))
                            .toList());
        });
    }

    @Test
    void aTransactionMarkerIsAControlBatch() {
        ByteBuffer marker = MemoryRecords.withEndTransactionMarker(
                        42,
                        1000,
                        3,
                        9,
                        (short) 1,
                        new EndTransactionMarker(org.apache.kafka.common.record.internal.ControlRecordType.COMMIT, 5))
                .buffer();
        RecordBatch batch = RecordBatch.at(marker, 0);
        batch.validate();
        batch.validateRecords("");
        assertThat(batch.isControl()).isTrue();
        assertThat(batch.isTransactional()).isTrue();
        assertThat(batch.producerId()).isEqualTo(9);
        assertThat(TestRecord.readAll(batch)).singleElement().satisfies(record -> {
            assertThat(record.offset()).isEqualTo(42);
            assertThat(record.timestampMs()).isEqualTo(1000);
            assertThat(record.key()).isEqualTo("00000001");
        });
    }

    @Test
    void aCompactedBatchWithGapsKeepsItsOffsets() {
        MemoryRecordsBuilder kafka =
                MemoryRecords.builder(ByteBuffer.allocate(1024), Compression.NONE, KAFKA_CREATE_TIME, 100L);
        TestRecord record = TestRecord.of(5, new byte[] {1}, new byte[] {2}, Headers.empty());
        kafka.appendWithOffset(103, record.toKafka());
        kafka.appendWithOffset(107, record.toKafka());
        kafka.overrideLastOffset(109);
        RecordBatch batch = RecordBatch.at(kafka.build().buffer(), 0);
        batch.validate();
        batch.validateRecords("");
        assertThat(batch.lastOffset()).isEqualTo(109);
        assertThat(TestRecord.readAll(batch)).containsExactly(record.at(103), record.at(107));
    }

    @Test
    void severalBatchesAreWalkedAsKafkaWalksThem() {
        TestBatches.seeds(20).forEach(seed -> {
            Random random = new Random(seed);
            ByteBuffer all = ByteBuffer.allocate(1 << 20);
            List<TestRecord> expected = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                List<TestRecord> records = TestBatches.randomRecords(random);
                ByteBuffer encoded = TestBatches.encode(records);
                RecordBatch.at(encoded, 0).setBaseOffset(expected.size());
                expected.addAll(numbered(records, expected.size()));
                all.put(encoded);
            }
            all.flip();
            List<TestRecord> read = new ArrayList<>();
            for (RecordBatch batch : RecordBatches.of(all)) {
                batch.validate();
                read.addAll(TestRecord.readAll(batch));
            }
            assertThat(read).as(replay(seed)).isEqualTo(expected);
            assertThat(TestRecord.readWithKafka(all)).as(replay(seed)).isEqualTo(expected);
        });
    }

    private static MemoryRecords encodeWithKafka(List<TestRecord> records) {
        MemoryRecordsBuilder kafka =
                MemoryRecords.builder(ByteBuffer.allocate(1024), Compression.NONE, KAFKA_CREATE_TIME, 0L);
        records.forEach(record -> kafka.append(record.toKafka()));
        return kafka.build();
    }

    private static List<TestRecord> numbered(List<TestRecord> records, long baseOffset) {
        return IntStream.range(0, records.size())
                .mapToObj(i -> records.get(i).at(baseOffset + i))
                .toList();
    }

    private static String hex(ByteBuffer buffer) {
        return HexFormat.of().formatHex(TestBatches.bytes(buffer));
    }

    private static String replay(long seed) {
        return "-Dreactivemq.seed=" + seed;
    }
}
