package io.reactivemq.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import java.io.File;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.xerial.snappy.Snappy;

class CompressionTest {

    private static final int SEEDS = 100;

    private static ByteBuffer encode(Compression compression, List<TestRecord> records) {
        RecordBatchBuilder builder = new RecordBatchBuilder(RecordBatch.HEADER_BYTES, Integer.MAX_VALUE, compression);
        records.forEach(record -> assertThat(record.appendTo(builder)).isTrue());
        return builder.build();
    }

    private static List<TestRecord> repetitive(int count) {
        List<TestRecord> records = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            records.add(TestRecord.of(TestBatches.NOW_MS, new byte[] {1}, new byte[1000], Headers.empty())
                    .at(i));
        }
        return records;
    }

    private static org.apache.kafka.common.compress.Compression kafkas(Compression compression) {
        return org.apache.kafka.common.compress.Compression.of(compression.configName())
                .build();
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    @DisplayName("K20 kafka-clients reads what is compressed here, and what it compressed is read here")
    void bothWays(Compression compression) {
        TestBatches.seeds(SEEDS).forEach(seed -> {
            Random random = new Random(seed);
            List<TestRecord> records = random.nextInt(5) == 0 ? repetitive(300) : TestBatches.randomRecords(random);
            ByteBuffer ours = encode(compression, records);
            RecordBatch.at(ours, 0).validateProduced("seed " + seed);
            assertThat(TestRecord.readWithKafka(ours)).as("seed %d", seed).isEqualTo(records);

            MemoryRecordsBuilder kafka = MemoryRecords.builder(
                    ByteBuffer.allocate(1024),
                    kafkas(compression),
                    org.apache.kafka.common.record.TimestampType.CREATE_TIME,
                    0L);
            records.forEach(record -> kafka.append(record.toKafka()));
            for (ByteBuffer theirs :
                    List.of(kafka.build().buffer(), kafka.build().buffer().asReadOnlyBuffer())) {
                RecordBatch batch = RecordBatch.at(theirs, 0);
                batch.validateProduced("seed " + seed);
                batch.validateRecords("seed " + seed);
                assertThat(batch.compression()).isEqualTo(compression);
                assertThat(TestRecord.readAll(batch)).as("seed %d", seed).isEqualTo(records);
            }
        });
    }

    @ParameterizedTest
    @EnumSource(
            value = Compression.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = {"NONE"})
    void oneBuilderGivesBatchAfterBatch(Compression compression) {
        RecordBatchBuilder builder = new RecordBatchBuilder(RecordBatch.HEADER_BYTES, 100_000, compression);
        for (int round = 0; round < 5; round++) {
            List<TestRecord> records = repetitive(10 + round);
            records.forEach(record -> assertThat(record.appendTo(builder)).isTrue());
            ByteBuffer batch = builder.build();
            assertThat(batch.limit()).isLessThan(1_000);
            assertThat(TestRecord.readAll(RecordBatch.at(batch, 0))).isEqualTo(records);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Compression.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = {"NONE"})
    void damageIsAnErrorOrIsNotSeenButIsNeverAnythingElse(Compression compression) {
        ByteBuffer good = encode(compression, repetitive(40));
        TestBatches.seeds(300).forEach(seed -> {
            Random random = new Random(seed);
            ByteBuffer damaged = TestBatches.copy(good);
            for (int i = 1 + random.nextInt(3); i > 0; i--) {
                int at = RecordBatch.HEADER_BYTES + random.nextInt(damaged.limit() - RecordBatch.HEADER_BYTES);
                damaged.put(at, (byte) random.nextInt());
            }
            expectMqExceptionAtMost(damaged, seed);
            int cut = 1 + random.nextInt(damaged.limit() - RecordBatch.HEADER_BYTES);
            ByteBuffer torn = ByteBuffer.wrap(Arrays.copyOf(TestBatches.bytes(good), good.limit() - cut));
            torn.putInt(RecordBatch.LENGTH_AT, torn.limit() - RecordBatch.LENGTH_OVERHEAD_BYTES);
            expectMqExceptionAtMost(torn, seed);
        });
    }

    private static void expectMqExceptionAtMost(ByteBuffer batch, long seed) {
        Throwable thrown = catchThrowable(() -> TestRecord.readAll(RecordBatch.at(batch, 0)));
        if (thrown != null) {
            assertThat(thrown)
                    .as("seed %d", seed)
                    .isInstanceOfSatisfying(
                            MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Compression.class,
            names = {"GZIP", "ZSTD"})
    @DisplayName("K20 what decompresses to too much is refused before it is there")
    void aBombIsRefusedBeforeItGoesOff(Compression compression) {
        byte[] zeros = new byte[Codec.DECOMPRESSED_BYTES_MAX + 1];
        byte[] bomb = Codec.compress(compression, zeros, 0, zeros.length);
        assertThatThrownBy(() -> Codec.decompress(compression, ByteBuffer.wrap(bomb), "t-0"))
                .isInstanceOf(MqException.class)
                .hasMessageContaining("t-0: records: expected " + compression.configName() + " of at most")
                .hasMessageContaining("actual: more");
    }

    @Test
    void snappyWithoutFramingIsRead() throws Exception {
        byte[] bytes = new byte[10_000];
        ByteBuffer bare = ByteBuffer.wrap(Snappy.compress(bytes));
        assertThat(Codec.decompress(Compression.SNAPPY, bare, "t-0")).isEqualTo(ByteBuffer.wrap(bytes));
    }

    @ParameterizedTest
    @CsvSource({
        "a block longer than what is left, 82534e4150505900 00000001 00000001 7fffffff 00",
        "a negative length, 82534e4150505900 00000001 00000001 ffffffff 00",
        "a length cut off, 82534e4150505900 00000001 00000001 0000",
        "a block that claims 2 GiB, 82534e4150505900 00000001 00000001 00000005 ffffffff07"
    })
    void snappysLengthsAreNotBelieved(String what, String hex) {
        ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(hex.replace(" ", "")));
        assertThatThrownBy(() -> Codec.decompress(Compression.SNAPPY, bytes, what))
                .isInstanceOf(MqException.class)
                .hasMessageContaining(what);
    }

    @ParameterizedTest
    @CsvSource({
        "SNAPPY, snappy-java, org.xerial.snappy:snappy-java",
        "LZ4, lz4-java, at.yawk.lz4:lz4-java",
        "ZSTD, zstd-jni, com.github.luben:zstd-jni"
    })
    @DisplayName("K20 a library that is missing is named, as the artifact to add")
    void aMissingLibraryIsNamed(Compression compression, String jar, String artifact) throws Exception {
        List<URL> others = new ArrayList<>();
        for (String element : List.of(System.getProperty("java.class.path").split(File.pathSeparator, -1))) {
            if (!element.contains(jar)) {
                others.add(url(element));
            }
        }
        try (URLClassLoader without =
                new URLClassLoader(others.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
            assertThat(String.valueOf(tryIn(without, compression.name())))
                    .contains("UNSUPPORTED_COMPRESSION_TYPE")
                    .contains("needs the library " + artifact);
            assertThat(tryIn(without, "GZIP")).as("the others are there").isNull();
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = StoredCompression.Type.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = {"PRODUCER"})
    @DisplayName("K20 a batch that is compressed anew has the same header and records, and kafka-clients reads it")
    void compressedAnew(StoredCompression.Type type) {
        StoredCompression stored = StoredCompression.OF_PRODUCER.withType(type);
        TestBatches.seeds(SEEDS / 10).forEach(seed -> {
            Random random = new Random(seed);
            List<TestRecord> records = random.nextInt(5) == 0 ? repetitive(300) : TestBatches.randomRecords(random);
            for (Compression sent : Compression.values()) {
                ByteBuffer bytes = encode(sent, records);
                RecordBatch batch = RecordBatch.at(bytes, 0);
                batch.setProducer(random.nextInt(100), (short) random.nextInt(100), random.nextInt(100), true);
                byte[] before = TestBatches.bytes(bytes);

                boolean changes = stored.changes(batch);
                assertThat(changes)
                        .isNotEqualTo(type.configName().equals(sent.configName().replace("none", "uncompressed")));
                RecordBatch anew = RecordBatch.at(anew(stored, batch), 0);

                anew.validateProduced("seed " + seed);
                assertThat(anew.compression().configName())
                        .isEqualTo(type.configName().replace("uncompressed", "none"));
                assertThat(TestRecord.readAll(anew)).as("seed %d", seed).isEqualTo(records);
                assertThat(List.of(anew.producerId(), anew.producerEpoch(), anew.baseSequence(), anew.count()))
                        .isEqualTo(List.of(
                                batch.producerId(), batch.producerEpoch(), batch.baseSequence(), batch.count()));
                assertThat(List.of(anew.baseTimestamp(), anew.maxTimestamp(), anew.isTransactional()))
                        .isEqualTo(List.of(batch.baseTimestamp(), batch.maxTimestamp(), true));
                assertThat(TestBatches.bytes(bytes)).isEqualTo(before);
            }
            assertThat(TestRecord.readWithKafka(anew(stored, RecordBatch.at(encode(Compression.NONE, records), 0))))
                    .as("seed %d", seed)
                    .isEqualTo(records);
        });
    }

    @ParameterizedTest
    @CsvSource({"GZIP, 1, 9", "LZ4, 1, 17", "ZSTD, -1000, 22"})
    @DisplayName("K20 the level of a topic's compression is the one that is used")
    void levels(StoredCompression.Type type, int fast, int hard) {
        StoredCompression stored = StoredCompression.OF_PRODUCER.withType(type);
        byte[] text = new byte[200_000];
        Random random = new Random(4);
        for (int i = 0; i < text.length; i++) {
            text[i] = (byte) "etaoin shrdlu".charAt(random.nextInt(1 + random.nextInt(13)));
        }
        List<TestRecord> records = List.of(TestRecord.of(TestBatches.NOW_MS, new byte[] {1}, text, Headers.empty()));
        RecordBatch batch = RecordBatch.at(encode(Compression.NONE, records), 0);

        RecordBatch little = RecordBatch.at(anew(withLevel(stored, fast), batch), 0);
        RecordBatch much = RecordBatch.at(anew(withLevel(stored, hard), batch), 0);

        assertThat(much.sizeInBytes()).isLessThan(little.sizeInBytes());
        assertThat(TestRecord.readAll(much)).isEqualTo(records);
        assertThat(TestRecord.readAll(little)).isEqualTo(records);
    }

    private static ByteBuffer anew(StoredCompression stored, RecordBatch batch) {
        return stored.apply(batch, 100 << 20, "t-0", CompressionTest::toTheEnd);
    }

    private static void toTheEnd(RecordWalk walk) {
        while (walk.next()) {
            assertThat(walk.offset()).isNotNegative();
        }
    }

    private static StoredCompression withLevel(StoredCompression stored, int level) {
        return switch (stored.type()) {
            case GZIP -> stored.withGzipLevel(level);
            case LZ4 -> stored.withLz4Level(level);
            case ZSTD -> stored.withZstdLevel(level);
            case PRODUCER, UNCOMPRESSED, SNAPPY -> throw new IllegalArgumentException(stored + " has no level");
        };
    }

    @Test
    @DisplayName("K20 a batch whose records are not what its header says is not compressed anew")
    void badRecordsAreNotCompressedAnew() {
        RecordBatch batch = RecordBatch.at(encode(Compression.GZIP, repetitive(3)), 0);
        ByteBuffer bytes = TestBatches.copy(encode(Compression.GZIP, repetitive(3)));
        bytes.putInt(RecordBatch.COUNT_AT, 4).putInt(RecordBatch.LAST_OFFSET_DELTA_AT, 3);
        bytes.putInt(RecordBatch.CRC_AT, (int) RecordBatch.at(bytes, 0).computeCrc());
        StoredCompression stored = StoredCompression.OF_PRODUCER.withType(StoredCompression.Type.UNCOMPRESSED);

        assertThat(RecordBatch.at(anew(stored, batch), 0).count()).isEqualTo(3);
        assertThatThrownBy(() -> anew(stored, RecordBatch.at(bytes, 0)))
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE))
                .hasMessageContaining("t-0");
    }

    private static URL url(String element) throws MalformedURLException {
        return new File(element).toURI().toURL();
    }

    private static @Nullable Throwable tryIn(ClassLoader loader, String compression) throws Exception {
        Method attempt = loader.loadClass(CompressionTest.class.getName()).getDeclaredMethod("attempt", String.class);
        attempt.setAccessible(true);
        try {
            attempt.invoke(null, compression);
            return null;
        } catch (InvocationTargetException e) {
            return e.getCause();
        }
    }

    /** Run in a class loader that lacks a library. */
    static void attempt(String compression) {
        Codec.compress(Compression.valueOf(compression), new byte[10], 0, 10);
    }
}
