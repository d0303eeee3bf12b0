package io.reactivemq.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.Headers;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RecordBatchTest {

    private static final byte[] VALUE = new byte[100];
    private static final int RECORDS = 1000;

    @Test
    void aRecordIsRefusedOnlyWhenTheBatchWouldExceedItsBound() {
        for (int maxBytes = 70; maxBytes < 400; maxBytes++) {
            RecordBatchBuilder builder = new RecordBatchBuilder(RecordBatch.HEADER_BYTES, maxBytes);
            int size = 0;
            while (builder.tryAppend(1, null, new byte[builder.count() * 7 % 60], Headers.empty())) {
                size = builder.sizeInBytes();
                assertThat(size).isLessThanOrEqualTo(maxBytes);
            }
            int refused = builder.count();
            assertThat(builder.sizeInBytes()).isEqualTo(size);
            ByteBuffer batch = builder.build();
            assertThat(batch.remaining()).isEqualTo(size);
            RecordBatch.at(batch, 0).validateProduced("");
            // the refused one would have taken a length byte and 6 numbers besides its value
            assertThat(size + 7 + refused * 7 % 60).isGreaterThan(maxBytes);
        }
    }

    @Test
    void aRecordLargerThanTheBoundIsTakenAloneAndNothingBehindIt() {
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 1000);
        assertThat(builder.tryAppend(1, null, new byte[5000], Headers.empty())).isTrue();
        assertThat(builder.tryAppend(1, null, new byte[0], Headers.empty())).isFalse();
        assertThat(builder.count()).isEqualTo(1);
        assertThat(TestRecord.readAll(RecordBatch.at(builder.build(), 0))).hasSize(1);
    }

    @Test
    void aRefusedRecordLeavesTheBatchAsItWas() {
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 200);
        TestRecord first =
                TestRecord.of(5, new byte[] {1}, new byte[20], Headers.empty().with("a", "b"));
        first.appendTo(builder);
        assertThat(builder.tryAppend(99, null, VALUE, Headers.empty().with("name", new byte[100])))
                .isFalse();
        RecordBatch batch = RecordBatch.at(builder.build(), 0);
        assertThat(batch.maxTimestamp()).isEqualTo(5);
        assertThat(TestRecord.readAll(batch)).containsExactly(first);
    }

    @Test
    void oneBuilderMakesManyBatchesThatShareNothing() {
        Random random = new Random(1);
        RecordBatchBuilder builder = new RecordBatchBuilder(128, 1 << 20);
        List<List<TestRecord>> written = new ArrayList<>();
        List<ByteBuffer> batches = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            List<TestRecord> records = TestBatches.randomRecords(random);
            records.forEach(record -> record.appendTo(builder));
            written.add(records);
            batches.add(builder.build());
            assertThat(builder.isEmpty()).isTrue();
            assertThat(builder.sizeInBytes()).isZero();
        }
        for (int i = 0; i < 50; i++) {
            RecordBatch batch = RecordBatch.at(batches.get(i), 0);
            batch.validate();
            assertThat(TestRecord.readAll(batch)).isEqualTo(written.get(i));
        }
    }

    @Test
    void aBufferGivenBackIsWrittenAgain() {
        RecordBatchBuilder builder = new RecordBatchBuilder(1024, 1024);
        builder.tryAppend(1, null, new byte[800], Headers.empty());
        ByteBuffer first = builder.build();
        builder.reuse(first);
        builder.tryAppend(1, null, new byte[900], Headers.empty());
        ByteBuffer second = builder.build();
        RecordBatch.at(second, 0).validateProduced("");
        assertThat(shareBytes(first, second)).isTrue();
    }

    @Test
    void aBufferGivenBackTooLateOrTooLargeIsLeftAlone() {
        RecordBatchBuilder builder = new RecordBatchBuilder(1024, 1024);
        builder.tryAppend(1, null, new byte[5000], Headers.empty());
        ByteBuffer large = builder.build();
        builder.reuse(large);
        while (builder.tryAppend(1, null, VALUE, Headers.empty())) {
            assertThat(builder.sizeInBytes()).isLessThanOrEqualTo(1024);
        }
        ByteBuffer usual = TestBatches.copy(large).limit(1024).slice();
        builder.reuse(usual);
        ByteBuffer built = builder.build();
        assertThat(shareBytes(built, large)).isFalse();
        assertThat(shareBytes(built, usual)).isFalse();
    }

    private static boolean shareBytes(ByteBuffer one, ByteBuffer other) {
        one.put(20, (byte) 1);
        other.put(20, (byte) 2);
        return one.get(20) == 2;
    }

    @Test
    void aSmallBatchTakesItsOwnSizeOnly() {
        RecordBatchBuilder builder = new RecordBatchBuilder(16 * 1024, 16 * 1024);
        builder.tryAppend(1, null, VALUE, Headers.empty());
        ByteBuffer batch = builder.build();
        assertThat(batch.capacity()).isEqualTo(batch.limit());
    }

    @Test
    void programmerErrorsAreToldAsSuch() {
        assertThatThrownBy(() -> new RecordBatchBuilder(60, 100)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new RecordBatchBuilder(100, 99)).isInstanceOf(IllegalArgumentException.class);
        RecordBatchBuilder builder = new RecordBatchBuilder(61, 100);
        assertThatThrownBy(builder::build).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> builder.tryAppend(-2, null, null, Headers.empty()))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() ->
                        RecordBatches.of(ByteBuffer.allocate(0)).iterator().next())
                .isInstanceOf(NoSuchElementException.class);
    }

    @Test
    void readingNeitherUsesNorChangesPositionLimitAndOrderOfTheBuffer() {
        ByteBuffer inside = ByteBuffer.allocate(1000).order(ByteOrder.LITTLE_ENDIAN);
        List<TestRecord> records = List.of(
                TestRecord.of(7, new byte[] {1, 2}, VALUE, Headers.empty().with("a", "b")));
        ByteBuffer encoded = TestBatches.encode(records);
        inside.put(100, encoded, 0, encoded.limit());
        inside.position(3).limit(900);
        assertThat(RecordBatch.sizeInBytesAt(inside, 100)).isEqualTo(encoded.limit());
        RecordBatch batch = RecordBatch.at(inside, 100);
        inside.limit(10);
        batch.validate();
        batch.setBaseOffset(5);
        assertThat(TestRecord.readAll(batch)).containsExactly(records.get(0).at(5));
        assertThat(inside.position()).isEqualTo(3);
        assertThat(inside.limit()).isEqualTo(10);
        assertThat(inside.order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
    }

    @Test
    void readOnlyAndDirectBuffersGiveTheSame() {
        List<TestRecord> records = TestBatches.randomRecords(new Random(3));
        ByteBuffer encoded = TestBatches.encode(records);
        ByteBuffer direct = ByteBuffer.allocateDirect(encoded.limit());
        direct.put(encoded.duplicate()).flip();
        for (ByteBuffer buffer : List.of(encoded.asReadOnlyBuffer(), direct, direct.asReadOnlyBuffer())) {
            RecordBatch batch = RecordBatch.at(buffer, 0);
            batch.validateProduced("");
            assertThat(TestRecord.readAll(batch)).isEqualTo(records);
        }
        RecordBatch.at(direct, 0).setLogAppendTime(77);
        RecordBatch.at(encoded, 0).setLogAppendTime(77);
        assertThat(direct).isEqualTo(encoded);
    }

    @Test
    void keyAndValueAreReadOnlyAndWholeAtEachCall() {
        ByteBuffer encoded = TestBatches.encode(List.of(
                TestRecord.of(1, new byte[] {1, 2}, new byte[] {3, 4}, Headers.empty()),
                TestRecord.of(1, new byte[] {5}, new byte[] {6}, Headers.empty())));
        RecordCursor cursor = RecordBatch.at(encoded, 0).records();
        assertThat(cursor.next()).isTrue();
        ByteBuffer key = cursor.key();
        assertThat(key != null && key.isReadOnly() && key.get() == 1).isTrue();
        assertThat(cursor.value()).isEqualTo(ByteBuffer.wrap(new byte[] {3, 4}));
        assertThat(cursor.key()).isEqualTo(ByteBuffer.wrap(new byte[] {1, 2}));
        assertThat(cursor.next()).isTrue();
        assertThat(cursor.key()).isEqualTo(ByteBuffer.wrap(new byte[] {5}));
        assertThat(cursor.headers()).isSameAs(Headers.empty());
        assertThat(cursor.next()).isFalse();
        assertThat(cursor.next()).isFalse();
    }

    @Test
    void recordsAreWrittenAndReadWithoutAllocating() {
        RecordBatchBuilder builder = new RecordBatchBuilder(256 * 1024, 256 * 1024);
        roundTrip(builder); // classes are loaded
        long before = allocatedBytes();
        builder.reuse(roundTrip(builder));
        long withBuffer = allocatedBytes() - before;
        assertThat(withBuffer).as("bytes allocated for %d records", RECORDS).isLessThan(256 * 1024 + 4 * RECORDS);
        before = allocatedBytes();
        roundTrip(builder);
        assertThat(allocatedBytes() - before)
                .as("bytes allocated for %d records into a used buffer", RECORDS)
                .isLessThan(4 * RECORDS);
    }

    private static ByteBuffer roundTrip(RecordBatchBuilder builder) {
        for (int i = 0; i < RECORDS; i++) {
            builder.tryAppend(i, VALUE, VALUE, Headers.empty());
        }
        ByteBuffer encoded = builder.build();
        RecordBatch batch = RecordBatch.at(encoded, 0);
        batch.validateProduced("");
        RecordCursor cursor = batch.records();
        long sum = 0;
        while (cursor.next()) {
            ByteBuffer key = cursor.key();
            ByteBuffer value = cursor.value();
            sum += cursor.offset() + cursor.timestampMs() + cursor.headers().size();
            sum += key == null || value == null ? 1_000_000 : key.remaining() - value.remaining();
        }
        assertThat(sum).isEqualTo(RECORDS * (RECORDS - 1L));
        return encoded;
    }

    private static long allocatedBytes() {
        return ((com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean()).getCurrentThreadAllocatedBytes();
    }
}
