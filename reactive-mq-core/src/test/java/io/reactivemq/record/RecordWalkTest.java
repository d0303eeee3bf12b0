package io.reactivemq.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecordWalkTest {

    private static final int LARGE_BYTES = 64 << 20;

    @ParameterizedTest
    @EnumSource(Compression.class)
    @DisplayName("K20 a walk finds the records that a cursor reads, and wrong in them what a cursor finds wrong")
    void asACursor(Compression compression) {
        TestBatches.seeds(300).forEach(seed -> {
            Random random = new Random(seed);
            ByteBuffer plain = TestBatches.encode(TestBatches.randomRecords(random));
            byte[] liked = {0, 1, 2, (byte) 0x80, (byte) 0xff, 0x7f, 0x40, (byte) random.nextInt()};
            for (int mutations = random.nextInt(4); mutations > 0; mutations--) {
                int at = RecordBatch.COUNT_AT + random.nextInt(plain.limit() - RecordBatch.COUNT_AT);
                plain.put(at, liked[random.nextInt(liked.length)]);
            }
            if (random.nextInt(4) == 0) {
                plain.limit(RecordBatch.HEADER_BYTES + random.nextInt(plain.limit() - RecordBatch.HEADER_BYTES));
            }
            ByteBuffer bytes = compressed(compression, plain);
            RecordBatch batch = RecordBatch.at(bytes, 0);

            List<String> read = new ArrayList<>();
            boolean good = isGood(() -> {
                RecordCursor cursor = batch.records();
                while (cursor.next()) {
                    assertThat(cursor.headers()).isNotNull();
                    read.add(cursor.offset() + " " + cursor.timestampMs() + " " + cursor.hasKey());
                }
            });
            List<String> walked = new ArrayList<>();
            boolean goodToo = isGood(() -> {
                try (RecordWalk walk = batch.walk("t-0")) {
                    while (walk.next()) {
                        walked.add(walk.offset() + " " + walk.timestampMs() + " " + walk.hasKey());
                    }
                }
            });

            assertThat(goodToo).as("seed %d", seed).isEqualTo(good);
            assertThat(walked).as("seed %d", seed).isEqualTo(read);
        });
    }

    private static boolean isGood(Runnable look) {
        try {
            look.run();
            return true;
        } catch (MqException e) {
            assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE);
            return false;
        }
    }

    /** The batch with whatever its records are compressed. */
    private static ByteBuffer compressed(Compression compression, ByteBuffer plain) {
        byte[] all = TestBatches.bytes(plain);
        byte[] bytes = Codec.compress(compression, all, RecordBatch.HEADER_BYTES, all.length);
        ByteBuffer batch = ByteBuffer.wrap(bytes).put(0, all, 0, RecordBatch.HEADER_BYTES);
        return batch.putInt(RecordBatch.LENGTH_AT, bytes.length - RecordBatch.LENGTH_OVERHEAD_BYTES)
                .putShort(RecordBatch.ATTRIBUTES_AT, (short) compression.code());
    }

    @ParameterizedTest
    @EnumSource(value = Compression.class)
    @DisplayName("K20 what is looked at passes by in small pieces, however large the record is")
    void smallPieces(Compression compression) {
        RecordBatch batch = RecordBatch.at(large(compression, 4_096), 0);
        batch.validateRecords("warms up");

        long allocated = allocatedBy(() -> batch.validateRecords("t-0"));

        assertThat(allocated).isLessThan(LARGE_BYTES / 16);
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    @DisplayName("K20 what lies outside the heap is not copied into it to be looked at")
    void outsideTheHeap(Compression compression) {
        ByteBuffer heap = large(compression, 4 << 20, 1);
        ByteBuffer direct = ByteBuffer.allocateDirect(heap.limit()).put(heap.duplicate());
        RecordBatch batch = RecordBatch.at(direct.flip(), 0);
        batch.validateRecords("warms up");

        long allocated = allocatedBy(() -> batch.validateRecords("t-0"));

        assertThat(allocated).isLessThan(heap.limit() / 4);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "82534e4150505900 00000001 00000001 00003450"})
    @DisplayName("K20 snappy that says it becomes much more than it can is refused before there is room for it")
    void lyingSnappy(String framing) {
        byte[] begin = HexFormat.of().parseHex(framing.replace(" ", ""));
        byte[] claim = {(byte) 0x80, (byte) 0x80, (byte) 0x80, 0x64}; // 200 MiB
        ByteBuffer bytes = ByteBuffer.allocate(RecordBatch.HEADER_BYTES + begin.length + 0x3450);
        bytes.put(
                        0,
                        TestBatches.encode(List.of(TestRecord.of(1, null, null, Headers.empty()))),
                        0,
                        RecordBatch.HEADER_BYTES)
                .put(RecordBatch.HEADER_BYTES, begin)
                .put(RecordBatch.HEADER_BYTES + begin.length, claim)
                .putInt(RecordBatch.LENGTH_AT, bytes.limit() - RecordBatch.LENGTH_OVERHEAD_BYTES)
                .putShort(RecordBatch.ATTRIBUTES_AT, (short) Compression.SNAPPY.code());
        RecordBatch batch = RecordBatch.at(bytes, 0);
        Runnable look = () -> assertThatThrownBy(() -> batch.validateRecords("t-0"))
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE));
        look.run();

        assertThat(allocatedBy(look)).isLessThan(1 << 20);
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    @DisplayName("K20 what is built is read again, however well it can be compressed")
    void noBombIsBuilt(Compression compression) {
        RecordBatch batch = RecordBatch.at(large(compression, 10 << 20, 10 << 20), 0);

        batch.validateProduced("t-0");
        batch.validateRecords("t-0");
        RecordCursor records = batch.records();
        assertThat(records.next()).isTrue();
        assertThat(batch.compression()).isEqualTo(compression == Compression.ZSTD ? Compression.GZIP : compression);
    }

    @Test
    @DisplayName("K20 a record that no reader would decompress is refused")
    void tooLargeToBeCompressed() {
        RecordBatchBuilder builder = new RecordBatchBuilder(100, Integer.MAX_VALUE, Compression.LZ4);
        byte[] value = new byte[Codec.DECOMPRESSED_BYTES_MAX];

        assertThatThrownBy(() -> builder.tryAppend(1, null, value, Headers.empty()))
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.MESSAGE_TOO_LARGE));
        assertThat(builder.isEmpty()).isTrue();
    }

    @Test
    @DisplayName(
            "K09 what compaction leaves of a batch is read again, though the record is gone that kept it from being a bomb")
    void noBombIsLeft() {
        byte[] noise = new byte[4_000];
        new Random(3).nextBytes(noise);
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 20 << 20, Compression.ZSTD);
        assertThat(builder.tryAppend(1, new byte[] {1}, new byte[10 << 20], Headers.empty()))
                .isTrue();
        assertThat(builder.tryAppend(2, new byte[] {2}, noise, Headers.empty())).isTrue();
        RecordBatch before = RecordBatch.at(builder.build(), 0);
        assertThat(before.compression()).isEqualTo(Compression.ZSTD);
        BatchFilter filter = new BatchFilter();

        for (long horizonMs : new long[] {-1, 7}) {
            filter.look(before, "t-0", record -> record.offset() == 0);
            RecordBatch after = RecordBatch.at(filter.write(horizonMs), 0);

            after.validate("t-0");
            assertThat(after.compression()).isEqualTo(Compression.GZIP);
            assertThat(after.deleteHorizonMs()).isEqualTo(horizonMs);
            RecordCursor records = after.records();
            assertThat(records.next()).isTrue();
            assertThat(records.timestampMs()).isEqualTo(1);
            assertThat(records.next()).isFalse();
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = StoredCompression.Type.class,
            names = {"UNCOMPRESSED", "GZIP", "SNAPPY", "LZ4"})
    @DisplayName("K20 what would be larger than allowed when compressed anew is refused before it is there")
    void boundedAnew(StoredCompression.Type type) {
        RecordBatch bomb = RecordBatch.at(
                large(type == StoredCompression.Type.GZIP ? Compression.ZSTD : Compression.GZIP, 4_096), 0);
        int bytesMax = 20_000;
        Runnable anew = () -> assertThatThrownBy(() -> apply(type, bomb, bytesMax))
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.MESSAGE_TOO_LARGE))
                .hasMessageContaining("t-0")
                .hasMessageContaining("more than 20000 bytes when compressed as");
        anew.run();

        assertThat(allocatedBy(anew)).isLessThan(LARGE_BYTES / 16);
        if (type != StoredCompression.Type.UNCOMPRESSED) {
            assertThat(RecordBatch.at(apply(type, bomb, 8 << 20), 0).count()).isEqualTo(1);
        }
    }

    @Test
    @DisplayName("K20 a batch that readers would take for a bomb when compressed anew is refused")
    void noBombIsMade() {
        RecordBatch large = RecordBatch.at(large(Compression.NONE, LARGE_BYTES), 0);

        assertThatThrownBy(() -> apply(StoredCompression.Type.ZSTD, large, 1 << 20))
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.MESSAGE_TOO_LARGE))
                .hasMessageContaining("readers refuse");
    }

    private static ByteBuffer apply(StoredCompression.Type type, RecordBatch batch, int bytesMax) {
        return StoredCompression.OF_PRODUCER.withType(type).apply(batch, bytesMax, "t-0", walk -> {
            while (walk.next()) {
                assertThat(walk.hasKey()).isFalse();
            }
        });
    }

    /** A batch of one record that is mostly one byte again and again, with another one after so many. */
    private static ByteBuffer large(Compression compression, int run) {
        return large(compression, LARGE_BYTES, run);
    }

    private static ByteBuffer large(Compression compression, int bytes, int run) {
        byte[] value = new byte[bytes];
        Random random = new Random(1);
        for (int i = 0; i < value.length; i += run) {
            value[i] = (byte) random.nextInt();
        }
        RecordBatchBuilder builder = new RecordBatchBuilder(bytes + 100, bytes + 100, compression);
        assertThat(builder.tryAppend(1, null, value, Headers.empty())).isTrue();
        return builder.build();
    }

    private static long allocatedBy(Runnable work) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        work.run();
        return threads.getCurrentThreadAllocatedBytes() - before;
    }
}
