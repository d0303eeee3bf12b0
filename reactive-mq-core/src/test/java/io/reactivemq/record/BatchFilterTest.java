package io.reactivemq.record;

import static java.nio.charset.StandardCharsets.UTF_8;
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
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BatchFilterTest {

    private static final int RECORDS = 64;
    private static final int VALUE_BYTES = 256 << 10;
    private static final int BOMB_BYTES = 64 << 20;
    private static final int PLAIN_BYTES = RECORDS * VALUE_BYTES;

    @ParameterizedTest
    @EnumSource(Compression.class)
    @DisplayName("K09 what is kept of a batch is as it was, whatever goes, and only its timestamps are counted anew")
    void keepsRecords(Compression compression) {
        BatchFilter filter = new BatchFilter();
        TestBatches.seeds(20).forEach(seed -> {
            Random random = new Random(seed);
            List<TestRecord> records = TestBatches.randomRecords(random);
            byte[] longKey = new byte[random.nextInt(100_000)];
            random.nextBytes(longKey);
            records.add(TestRecord.of(7, longKey, null, Headers.empty()).at(records.size()));
            RecordBatchBuilder builder = new RecordBatchBuilder(1 << 10, 1 << 24, compression);
            records.forEach(each -> assertThat(each.appendTo(builder)).isTrue());
            RecordBatch batch = RecordBatch.at(builder.build(), 0);
            List<TestRecord> kept = records.stream()
                    .filter(each -> random.nextInt(3) > 0 || each.offset() == 0)
                    .toList();
            long horizonMs = random.nextBoolean() ? -1 : random.nextInt(1_000_000);

            List<String> looked = new ArrayList<>();
            filter.look(batch, "t-0", walk -> {
                looked.add(walk.offset() + " " + hex(walk.key()) + " " + walk.hasKey() + " " + walk.hasValue());
                return kept.stream().anyMatch(each -> each.offset() == walk.offset());
            });

            assertThat(looked)
                    .as("seed %d", seed)
                    .isEqualTo(records.stream()
                            .map(each -> each.offset() + " " + each.key() + " " + (each.key() != null) + " "
                                    + (each.value() != null))
                            .toList());
            assertThat(filter.kept()).isEqualTo(kept.size());
            RecordBatch left = RecordBatch.at(filter.write(horizonMs), 0);
            left.validate("t-0");
            assertThat(TestRecord.readAll(left)).as("seed %d", seed).isEqualTo(kept);
            assertThat(left.deleteHorizonMs()).isEqualTo(horizonMs);
            assertThat(left.lastOffset()).isEqualTo(batch.lastOffset());
            assertThat(left.compression()).isEqualTo(compression);
        });
    }

    private static @Nullable String hex(@Nullable ByteBuffer key) {
        return key == null ? null : HexFormat.of().formatHex(TestBatches.bytes(key));
    }

    @ParameterizedTest
    @EnumSource(value = Compression.class, mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    @DisplayName(
            "K20 what compaction takes records out of passes by in small pieces, whatever the batch decompresses to")
    void smallPieces(Compression compression) {
        RecordBatch batch = RecordBatch.at(large(compression), 0);
        assertThat(batch.sizeInBytes()).isLessThan(PLAIN_BYTES / 8);
        BatchFilter filter = new BatchFilter();
        Runnable compact = () -> {
            filter.look(batch, "t-0", record -> record.key() != null && record.offset() % 2 == 0);
            assertThat(filter.write(-1).remaining()).isPositive();
        };
        compact.run(); // warms up, and lets the filter's buffer grow

        assertThat(allocatedBy(compact)).isLessThan(PLAIN_BYTES / 8);
        assertThat(filter.kept()).isEqualTo(RECORDS / 2);
        RecordCursor records = RecordBatch.at(filter.write(-1), 0).records();
        for (int i = 0; i < RECORDS / 2; i++) {
            assertThat(records.next()).isTrue();
            assertThat(records.offset()).isEqualTo(2L * i);
        }
        assertThat(records.next()).isFalse();
    }

    @Test
    @DisplayName(
            "K20 compaction refuses what decompresses to more than a batch may, as a reader does, and makes no room for it")
    void bomb() {
        byte[] plain = TestBatches.bytes(
                TestBatches.encode(List.of(TestRecord.of(1, new byte[] {1}, new byte[BOMB_BYTES], Headers.empty()))));
        byte[] bytes = Codec.compress(Compression.ZSTD, plain, RecordBatch.HEADER_BYTES, plain.length);
        ByteBuffer.wrap(bytes)
                .put(0, plain, 0, RecordBatch.HEADER_BYTES)
                .putInt(RecordBatch.LENGTH_AT, bytes.length - RecordBatch.LENGTH_OVERHEAD_BYTES)
                .putShort(RecordBatch.ATTRIBUTES_AT, (short) Compression.ZSTD.code());
        RecordBatch bomb = RecordBatch.at(ByteBuffer.wrap(bytes), 0);
        BatchFilter filter = new BatchFilter();
        Runnable look = () -> assertThatThrownBy(() -> filter.look(bomb, "t-0", walk -> true))
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE))
                .hasMessageContaining("t-0")
                .hasMessageContaining("when decompressed, actual: more");
        look.run();

        assertThat(allocatedBy(look)).isLessThan(BOMB_BYTES / 16);
    }

    /** Each record has a key and a value that is mostly one byte again and again. */
    private static ByteBuffer large(Compression compression) {
        Random random = new Random(1);
        RecordBatchBuilder builder = new RecordBatchBuilder(PLAIN_BYTES, 2 * PLAIN_BYTES, compression);
        for (int i = 0; i < RECORDS; i++) {
            byte[] value = new byte[VALUE_BYTES];
            for (int at = 0; at < value.length; at += 4_096) {
                value[at] = (byte) random.nextInt();
            }
            assertThat(builder.tryAppend(1, ("key " + i).getBytes(UTF_8), value, Headers.empty()))
                    .isTrue();
        }
        return builder.build();
    }

    private static long allocatedBy(Runnable work) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        work.run();
        return threads.getCurrentThreadAllocatedBytes() - before;
    }
}
