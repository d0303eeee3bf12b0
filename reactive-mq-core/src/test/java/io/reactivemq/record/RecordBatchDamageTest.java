package io.reactivemq.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.fail;

import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bytes that are not what they should be give an MqException that says where, and never anything else. */
class RecordBatchDamageTest {

    /** What kafka-clients reads all the same, by its description in the table below. */
    private static final Set<String> TAKEN_BY_KAFKA = Set.of(
            "key length below -1",
            "header value below -1",
            "offset delta negative",
            "offset delta beyond the last",
            "offset delta twice the same",
            "varint of 33 bits",
            "varlong of 65 bits",
            "later than the max timestamp",
            "no record and yet bytes");

    private static final int LENGTH_AT = 8;
    private static final int LEADER_EPOCH_AT = 12;
    private static final int MAGIC_AT = 16;
    private static final int ATTRIBUTES_AT = 21;
    private static final int LAST_OFFSET_DELTA_AT = 23;
    private static final int COUNT_AT = 57;

    // key null, value 2a, no headers
    private static final String RECORD = "0e 00 00 00 01 02 2a 00 ";

    @Test
    void everyBitFlippedInLengthMagicCrcAndWhatTheCrcCoversIsDetected() {
        for (long seed : new long[] {1, 2, 3, 4}) {
            List<TestRecord> records = TestBatches.randomRecords(new Random(seed));
            ByteBuffer intact = TestBatches.encode(records.subList(0, Math.min(records.size(), 3)));
            // another batch behind, so that a length which became larger still lies within the buffer
            ByteBuffer behind = TestBatches.encode(TestBatches.randomRecords(new Random(seed + 100)));
            ByteBuffer alone = TestBatches.copy(intact);
            ByteBuffer followed = ByteBuffer.allocate(intact.limit() + behind.limit())
                    .put(intact.duplicate())
                    .put(behind)
                    .flip();
            for (ByteBuffer buffer : List.of(alone, followed)) {
                int end = buffer.limit() == intact.limit() ? intact.limit() : ATTRIBUTES_AT;
                for (int at = LENGTH_AT; at < end; at++) {
                    if (at >= LEADER_EPOCH_AT && at < MAGIC_AT) {
                        continue;
                    }
                    for (int bit = 0; bit < 8; bit++) {
                        flip(buffer, at, bit);
                        if (catchThrowableOfType(
                                        MqException.class,
                                        () -> RecordBatch.at(buffer, 0).validate())
                                == null) {
                            fail("seed %d: bit %d of byte %d flipped and not detected", seed, bit, at);
                        }
                        flip(buffer, at, bit);
                    }
                }
                assertThatCode(() -> RecordBatch.at(buffer, 0).validate()).doesNotThrowAnyException();
            }
        }
    }

    @Test
    void aBitFlippedInBaseOffsetOrEpochChangesNoRecord() {
        List<TestRecord> records = TestBatches.randomRecords(new Random(5));
        ByteBuffer buffer = TestBatches.encode(records);
        for (int at = 0; at < MAGIC_AT; at++) {
            if (at >= LENGTH_AT && at < LEADER_EPOCH_AT) {
                continue;
            }
            for (int bit = 0; bit < 8; bit++) {
                flip(buffer, at, bit);
                RecordBatch batch = RecordBatch.at(buffer, 0);
                batch.validate();
                assertThat(TestRecord.readAll(batch).stream()
                                .map(record -> record.at(record.offset() - batch.baseOffset())))
                        .isEqualTo(records);
                flip(buffer, at, bit);
            }
        }
    }

    @Test
    void theErrorNamesContextPositionFieldExpectedAndActual() {
        ByteBuffer buffer = TestBatches.around(1, RECORD);
        buffer.putLong(0, 42).put(MAGIC_AT, (byte) 1);
        assertThatThrownBy(() -> RecordBatch.at(buffer, 0).validate("orders-3, file 00.log"))
                .isInstanceOf(MqException.class)
                .hasMessage(
                        "CORRUPT_MESSAGE: orders-3, file 00.log: batch at byte 0 with base offset 42: magic: expected 2, "
                                + "actual 1");
        ByteBuffer torn = TestBatches.around(1, "0e 00 00 00 c8 01 02 2a");
        assertThatThrownBy(() -> RecordBatch.at(torn, 0).validateRecords("orders-3"))
                .hasMessageStartingWith(
                        "CORRUPT_MESSAGE: orders-3: batch at byte 0 with base offset 0, record 0 near byte 67 "
                                + "of the batch: key length: expected -1 to 2, actual 100");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 11, 12, 60, 61, 68})
    void aBufferThatEndsInsideTheBatchIsRefused(int limit) {
        ByteBuffer buffer = TestBatches.around(1, RECORD).limit(limit);
        assertCorrupt(() -> RecordBatch.at(buffer, 0));
        if (limit >= 12) {
            assertThat(RecordBatch.sizeInBytesAt(buffer, 0)).isEqualTo(69);
        } else {
            assertCorrupt(() -> RecordBatch.sizeInBytesAt(buffer, 0));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 48, Integer.MAX_VALUE, Integer.MIN_VALUE, Integer.MAX_VALUE - 11})
    void anImpossibleLengthIsRefused(int length) {
        ByteBuffer buffer = TestBatches.around(1, RECORD).putInt(LENGTH_AT, length);
        assertCorrupt(() -> RecordBatch.at(buffer, 0));
        assertCorrupt(() -> RecordBatch.sizeInBytesAt(buffer, 0));
        assertCorrupt(() -> RecordBatches.of(buffer).iterator().next());
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 70, Integer.MAX_VALUE, Integer.MIN_VALUE})
    void aPositionOutsideTheBufferIsRefused(int position) {
        ByteBuffer buffer = TestBatches.around(1, RECORD);
        assertCorrupt(() -> RecordBatch.at(buffer, position));
        assertCorrupt(() -> RecordBatch.sizeInBytesAt(buffer, position));
    }

    @Test
    void bytesBehindTheLastWholeBatchAreRefused() {
        ByteBuffer batch = TestBatches.around(1, RECORD);
        ByteBuffer buffer = ByteBuffer.allocate(2 * batch.limit() - 1)
                .put(batch.duplicate())
                .put(batch.duplicate().limit(batch.limit() - 1))
                .flip();
        var batches = RecordBatches.of(buffer).iterator();
        batches.next();
        assertThat(batches.hasNext()).isTrue();
        assertCorrupt(batches::next);
    }

    @Test
    void aCountBombIsRefusedFromTheHeaderAlone() {
        for (int count : new int[] {-1, 2, 1_000_000, Integer.MAX_VALUE}) {
            ByteBuffer buffer = TestBatches.around(1, RECORD).putInt(COUNT_AT, count);
            buffer.putInt(LAST_OFFSET_DELTA_AT, Math.max(0, count - 1));
            assertCorrupt(() -> RecordBatch.at(TestBatches.seal(buffer), 0).validate());
        }
    }

    @Test
    void aLastOffsetDeltaBelowTheCountIsRefused() {
        for (int delta : new int[] {-1, 0, Integer.MIN_VALUE}) {
            ByteBuffer buffer = TestBatches.around(2, RECORD + "0e 00 00 02 01 02 2a 00");
            TestBatches.seal(buffer.putInt(LAST_OFFSET_DELTA_AT, delta));
            assertCorrupt(() -> RecordBatch.at(buffer, 0).validate());
        }
    }

    @Test
    void reservedAttributesAndUnknownCompressionAreRefused() {
        for (int attributes : new int[] {0x80, 0x8000, 5, 6, 7}) {
            ByteBuffer buffer = TestBatches.around(1, RECORD);
            TestBatches.seal(buffer.putShort(ATTRIBUTES_AT, (short) attributes));
            assertCorrupt(() -> RecordBatch.at(buffer, 0).validate());
        }
    }

    @Test
    void whatAProducerMustNotSendIsRefused() {
        assertProduced(ErrorCode.INVALID_RECORD, b -> b.putInt(COUNT_AT, 0), "no record");
        assertProduced(ErrorCode.INVALID_RECORD, b -> b.putInt(LAST_OFFSET_DELTA_AT, 1), "a gap");
        assertProduced(ErrorCode.INVALID_TIMESTAMP, b -> b.putShort(ATTRIBUTES_AT, (short) 8), "append time");
        assertProduced(ErrorCode.INVALID_RECORD, b -> b.putShort(ATTRIBUTES_AT, (short) 0x20), "control");
        assertProduced(ErrorCode.INVALID_RECORD, b -> b.putShort(ATTRIBUTES_AT, (short) 0x40), "delete horizon");
        assertProduced(ErrorCode.INVALID_RECORD, b -> b.putLong(43, 7).putShort(51, (short) 0), "no sequence");
        assertProduced(ErrorCode.INVALID_RECORD, b -> b.putLong(43, 7).putInt(53, 0), "no producer epoch");
        assertProduced(null, b -> b.putLong(43, 7).putShort(51, (short) 0).putInt(53, 0), "all that is needed");
        assertProduced(ErrorCode.INVALID_RECORD, b -> b.putShort(ATTRIBUTES_AT, (short) 0x10), "nobody's transaction");
        assertProduced(
                null,
                b -> b.putShort(ATTRIBUTES_AT, (short) 0x10)
                        .putLong(43, 7)
                        .putShort(51, (short) 0)
                        .putInt(53, 0),
                "transactional");
    }

    private static void assertProduced(@Nullable ErrorCode expected, Consumer<ByteBuffer> change, String what) {
        ByteBuffer buffer = TestBatches.around(1, RECORD);
        change.accept(buffer);
        RecordBatch batch = RecordBatch.at(TestBatches.seal(buffer), 0);
        batch.validate();
        MqException thrown = catchThrowableOfType(MqException.class, () -> batch.validateProduced("orders-0"));
        assertThat(thrown == null ? null : thrown.errorCode()).as(what).isEqualTo(expected);
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "record shorter than its fields, 1, 0c 00 00 00 01 02 2a 00",
        "record longer than its fields, 1, 10 00 00 00 01 02 2a 00 00",
        "record length 0, 1, 00 00 00 00 01 02 2a 00",
        "record length negative, 1, 01 00 00 00 01 02 2a 00",
        "record length beyond the batch, 1, 10 00 00 00 01 02 2a 00",
        "record length of 2 GiB, 1, feffffff0f 00 00 00 01 02 2a 00",
        "key length below -1, 1, 0e 00 00 00 03 02 2a 00",
        "key length beyond the record, 1, 0e 00 00 00 0a 02 2a 00",
        "key length of 2 GiB, 1, 16 00 00 00 feffffff0f 02 2a 00",
        "value length below -1, 1, 0e 00 00 00 01 03 2a 00",
        "value length beyond the record, 1, 0e 00 00 00 01 06 2a 00",
        "header count negative, 1, 0e 00 00 00 01 02 2a 01",
        "header count bomb, 1, 16 00 00 00 01 02 2a feffffff0f",
        "header count without headers, 1, 0e 00 00 00 01 02 2a 02",
        "header key null, 1, 12 00 00 00 01 02 2a 02 01 01",
        "header key beyond the record, 1, 12 00 00 00 01 02 2a 02 0a 01",
        "header value beyond the record, 1, 12 00 00 00 01 02 2a 02 00 0a",
        "header value below -1, 1, 12 00 00 00 01 02 2a 02 00 03",
        "bytes behind the headers, 1, 14 00 00 00 01 02 2a 02 00 01 00",
        "offset delta negative, 1, 0e 00 00 01 01 02 2a 00",
        "offset delta beyond the last, 1, 0e 00 00 02 01 02 2a 00",
        "offset delta twice the same, 2, 0e 00 00 00 01 02 2a 00 0e 00 00 00 01 02 2a 00",
        "varint of six bytes, 1, 18 00 00 00 818080808000 02 2a 00",
        "varint of 33 bits, 1, 16 00 00 00 8180808010 02 2a 00",
        "varlong of eleven bytes, 1, 22 00 8080808080808080808000 00 01 02 2a 00",
        "varlong of 65 bits, 1, 20 00 80808080808080808002 00 01 02 2a 00",
        "varint without an end, 1, 0e 00 00 00 01 02 2a 80",
        "later than the max timestamp, 1, 0e 00 02 00 01 02 2a 00",
        "fewer records than counted, 2, 0e 00 00 00 01 02 2a 00",
        "more records than counted, 1, 0e 00 00 00 01 02 2a 00 0e 00 00 02 01 02 2a 00",
        "no record and yet bytes, 0, 00"
    })
    void recordsThatAreNoneAreRefused(String what, int count, String hex) {
        ByteBuffer buffer = TestBatches.around(count, hex);
        for (ByteBuffer form : forms(buffer)) {
            assertCorrupt(() -> RecordBatch.at(form, form.position()).validateRecords(what));
        }
        assertThat(catchThrowable(() -> TestRecord.readWithKafka(buffer)) == null)
                .as("taken by kafka-clients")
                .isEqualTo(TAKEN_BY_KAFKA.contains(what));
    }

    @Test
    void paddedVarintsAreTakenAsKafkaTakesThem() {
        ByteBuffer buffer = TestBatches.around(1, "a000 00 808000 8000 8100 828000 2a 80808000");
        RecordBatch batch = RecordBatch.at(buffer, 0);
        batch.validate();
        batch.validateRecords("");
        assertThat(TestRecord.readAll(batch))
                .containsExactly(TestRecord.of(TestBatches.NOW_MS, null, new byte[] {0x2a}, Headers.empty()));
        assertThat(TestRecord.readWithKafka(buffer)).isEqualTo(TestRecord.readAll(batch));
    }

    @Test
    void anEmptyBatchThatCompactionLeftIsRead() {
        ByteBuffer buffer = TestBatches.around(0, "");
        RecordBatch batch = RecordBatch.at(TestBatches.seal(buffer.putInt(LAST_OFFSET_DELTA_AT, 9)), 0);
        batch.validate();
        batch.validateRecords("");
        assertThat(batch.nextOffset()).isEqualTo(10);
        assertThat(TestRecord.readAll(batch)).isEmpty();
        assertThat(TestRecord.readWithKafka(buffer)).isEmpty();
    }

    @Test
    void randomBytesNeverGiveAnythingButAnMqException() {
        TestBatches.seeds(2000).forEach(seed -> {
            Random random = new Random(seed);
            byte[] bytes = new byte[random.nextInt(200)];
            random.nextBytes(bytes);
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            if (bytes.length >= 61 && random.nextInt(4) > 0) {
                buffer.putInt(LENGTH_AT, bytes.length - 12);
            }
            for (ByteBuffer form : forms(buffer)) {
                readEverything(form, seed);
            }
        });
    }

    @Test
    void damagedBatchesWithARightCrcNeverGiveAnythingButAnMqException() {
        TestBatches.seeds(1500).forEach(seed -> {
            Random random = new Random(seed);
            ByteBuffer buffer = TestBatches.encode(TestBatches.randomRecords(random));
            for (int mutations = 1 + random.nextInt(4); mutations > 0; mutations--) {
                int at = ATTRIBUTES_AT + 2 + random.nextInt(buffer.limit() - ATTRIBUTES_AT - 2);
                byte[] liked = {0, 1, 2, (byte) 0x80, (byte) 0xff, 0x7f, 0x40, (byte) random.nextInt()};
                buffer.put(at, liked[random.nextInt(liked.length)]);
            }
            TestBatches.seal(buffer);
            for (ByteBuffer form : forms(buffer)) {
                readEverything(form, seed);
            }
        });
    }

    private static void readEverything(ByteBuffer buffer, long seed) {
        try {
            for (RecordBatch batch : RecordBatches.of(buffer)) {
                expectMqExceptionAtMost(batch::validate);
                expectMqExceptionAtMost(() -> batch.validateProduced("fuzz"));
                expectMqExceptionAtMost(() -> batch.validateRecords("fuzz"));
                expectMqExceptionAtMost(batch::compression);
                expectMqExceptionAtMost(() -> TestRecord.readAll(batch));
                assertThat(batch.toString()).isNotEmpty();
            }
        } catch (MqException expected) {
            assertThat(expected.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE);
        } catch (RuntimeException | Error e) {
            throw new AssertionError("-Dreactivemq.seed=" + seed + ": " + e, e);
        }
    }

    private static void expectMqExceptionAtMost(Runnable read) {
        try {
            read.run();
        } catch (MqException e) {
            assertThat(e).hasMessageContaining("batch at byte");
        }
    }

    /** The same bytes in each kind of buffer: with an array, inside a larger array, read-only, direct. */
    private static List<ByteBuffer> forms(ByteBuffer buffer) {
        ByteBuffer inside = ByteBuffer.allocate(buffer.limit() + 50);
        for (int i = 0; i < inside.capacity(); i++) {
            inside.put(i, (byte) 0xff);
        }
        ByteBuffer slice = inside.slice(10, buffer.limit() + 20);
        slice.put(10, buffer, 0, buffer.limit());
        slice.position(10).limit(10 + buffer.limit());
        ByteBuffer direct = ByteBuffer.allocateDirect(buffer.limit());
        direct.put(buffer.duplicate()).flip();
        return List.of(buffer, slice, buffer.asReadOnlyBuffer(), direct);
    }

    private static void flip(ByteBuffer buffer, int at, int bit) {
        buffer.put(at, (byte) (buffer.get(at) ^ 1 << bit));
    }

    private static void assertCorrupt(Runnable read) {
        assertThatThrownBy(read::run)
                .isInstanceOf(MqException.class)
                .satisfies(e -> assertThat(((MqException) e).errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE))
                .hasMessageContaining("expected")
                .hasMessageContaining("actual");
    }
}
