package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.record.RecordBatch;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Records: appended, fetched, waited for, found by offset and timestamp, and refused where they are damaged or too large. */
@DisplayName("data")
public abstract class DataContract extends EngineContract {

    private static final TopicPartition P0 = new TopicPartition("t", 0);
    private static final TopicPartition P1 = new TopicPartition("t", 1);
    private static final String TEN_KB = "x".repeat(10_000);

    private static final int CRC_AT = 17;

    /** Every byte of a record that could be lost, confused or reinterpreted. */
    private static final List<StoredRecord> STRANGE = List.of(
            StoredRecord.of(1_000, "key", "value"),
            StoredRecord.of(999, null, "no key"),
            StoredRecord.of(500_000_000_000L, "no value", null),
            StoredRecord.of(0, null, null),
            StoredRecord.of(1, "", ""),
            StoredRecord.of(-1, "no timestamp", "\u0000\u00ff\u0080"),
            new StoredRecord(
                    -1,
                    1_000,
                    "with headers",
                    TEN_KB,
                    Headers.of(
                            Header.of("h", "first"),
                            Header.of("h", "second"),
                            Header.of("", new byte[0]),
                            Header.of("null", (byte[]) null),
                            Header.of("ünïcode \uD83D\uDE00", new byte[] {0, -1, 127, -128}))));

    /** A batch of three records with one thing broken. */
    static Stream<Named<ByteBuffer>> damaged() {
        ByteBuffer good = StoredRecord.values("a", "b", "c");
        int size = good.remaining();
        List<Named<ByteBuffer>> cases = new ArrayList<>();
        cases.add(Named.of("length one too large", patched(good, 11, good.get(11) + 1)));
        cases.add(Named.of("length one too small", patched(good, 11, good.get(11) - 1)));
        cases.add(Named.of("length negative", patched(good, 8, 0xff)));
        cases.add(Named.of("length huge", patched(good, 8, 0x7f)));
        cases.add(Named.of("magic 1", patched(good, 16, 1)));
        cases.add(Named.of("magic 3", patched(good, 16, 3)));
        cases.add(Named.of("crc", patched(good, 17, good.get(17) ^ 1)));
        cases.add(Named.of("attributes", patched(good, 22, 0x08)));
        cases.add(Named.of("last offset delta", patched(good, 26, 7)));
        cases.add(Named.of("count", patched(good, 60, 2)));
        cases.add(Named.of("a record's first byte", patched(good, 61, good.get(61) ^ 4)));
        cases.add(Named.of("the last byte", patched(good, size - 1, good.get(size - 1) ^ 0x80)));
        cases.add(Named.of("cut by a byte", good.duplicate().slice(0, size - 1)));
        cases.add(Named.of("the header alone", good.duplicate().slice(0, RecordBatch.HEADER_BYTES)));
        cases.add(Named.of("cut within the header", good.duplicate().slice(0, 20)));
        cases.add(Named.of("a byte behind the batch", StoredRecord.concat(good, ByteBuffer.allocate(1))));
        cases.add(Named.of("zeros", ByteBuffer.allocate(200)));
        cases.add(Named.of("nothing", ByteBuffer.allocate(0)));
        cases.add(Named.of("a good batch, then a damaged one", StoredRecord.concat(good, patched(good, size - 1, 1))));
        cases.add(Named.of(
                "a good batch, then half a one",
                StoredRecord.concat(good, good.duplicate().slice(0, 50))));
        return cases.stream();
    }

    /** Batches whose checksum is right and whose header is not: a client's mistake, or its malice. */
    static Stream<Named<ByteBuffer>> contradictions() {
        ByteBuffer good = StoredRecord.values("a", "b", "c");
        return Stream.of(
                Named.of("last offset delta above count - 1", signed(patched(good, 26, 7))),
                Named.of("last offset delta below count - 1", signed(patched(good, 26, 1))),
                Named.of("last offset delta negative", signed(patched(good, 23, 0x80))),
                Named.of("no records", signed(patched(patched(good, 60, 0), 26, 0))),
                Named.of("count negative", signed(patched(good, 57, 0x80))),
                Named.of("count above what there is room for", signed(patched(patched(good, 58, 1), 24, 1))),
                Named.of("an unknown compression", signed(patched(good, 22, 7))),
                Named.of("a control batch", signed(patched(good, 22, 0x20))));
    }

    /** Batches whose checksum and header are right and whose records are not. */
    static Stream<Named<ByteBuffer>> contradictionsInside() {
        return Stream.concat(
                Stream.of(Compression.values()).flatMap(DataContract::contradictionsInside), contradictionsInRecords());
    }

    private static Stream<Named<ByteBuffer>> contradictionsInside(Compression compression) {
        ByteBuffer good = StoredRecord.values(compression, "a", "b", "c");
        ByteBuffer garbage = copy(good);
        for (int i = RecordBatch.HEADER_BYTES; i < garbage.limit(); i++) {
            garbage.put(i, (byte) 0xff);
        }
        return Stream.of(
                Named.of("garbage, " + compression, signed(garbage)),
                Named.of("count above the records, " + compression, signed(patched(patched(good, 60, 4), 26, 3))),
                Named.of("count below the records, " + compression, signed(patched(patched(good, 60, 2), 26, 1))));
    }

    private static Stream<Named<ByteBuffer>> contradictionsInRecords() {
        ByteBuffer good = StoredRecord.values("a", "b", "c");
        return Stream.of(
                Named.of("a record's length beyond the batch", signed(patched(good, 61, 0x7e))),
                Named.of("a record's length negative", signed(patched(good, 61, 1))),
                Named.of("a record's offset delta out of order", signed(patched(good, 64, 4))),
                Named.of("a key's length beyond the record", signed(patched(good, 65, 0x7e))));
    }

    @Test
    void records_come_back_as_they_were_appended_under_consecutive_offsets() {
        topic("t", 1);

        AppendResult first = append(P0, StoredRecord.values("a", "b"));
        AppendResult second = append(P0, StoredRecord.values("c"));

        assertThat(first).isEqualTo(new AppendResult(0, -1, 0));
        assertThat(second).isEqualTo(new AppendResult(2, -1, 0));
        assertThat(readAll(P0)).extracting(StoredRecord::value).containsExactly("a", "b", "c");
        assertThat(readAll(P0)).extracting(StoredRecord::offset).containsExactly(0L, 1L, 2L);
        FetchResult.Partition part = fetch(P0, 0);
        assertThat(part.logStartOffset()).isZero();
        assertThat(part.highWatermark()).isEqualTo(3);
    }

    @Test
    @DisplayName("K19 headers, null keys and values and create-time timestamps survive unchanged, a restart too")
    void strange_records_survive() {
        topic("t", 2);
        append(P0, StoredRecord.batch(STRANGE));
        for (StoredRecord record : STRANGE) {
            append(P1, StoredRecord.batch(record));
        }

        assertThat(readAll(P0)).isEqualTo(numbered(STRANGE));
        assertThat(readAll(P1)).isEqualTo(numbered(STRANGE));
        restartIfDurable();
        assertThat(readAll(P0)).isEqualTo(numbered(STRANGE));
        assertThat(readAll(P1)).isEqualTo(numbered(STRANGE));
    }

    @Test
    @DisplayName("K19 with append-time the log's own clock is every record's timestamp, a restart too")
    void append_time() {
        topic("t", 1, Map.of("message.timestamp.type", "LogAppendTime"));
        long before = broker().runtime().currentTimeMillis();
        AppendResult result = append(P0, StoredRecord.batch(STRANGE));
        long after = broker().runtime().currentTimeMillis();

        assertThat(result.logAppendTimeMs()).isBetween(before, after);
        List<StoredRecord> expected = numbered(STRANGE).stream()
                .map(r -> new StoredRecord(r.offset(), result.logAppendTimeMs(), r.key(), r.value(), r.headers()))
                .toList();
        assertThat(readAll(P0)).isEqualTo(expected);
        engine().elapse(Duration.ofSeconds(1));
        restartIfDurable();
        assertThat(readAll(P0)).isEqualTo(expected);
    }

    @Test
    void several_batches_in_one_append_get_consecutive_offsets() {
        topic("t", 1);
        append(P0, StoredRecord.values("first"));

        AppendResult result = append(
                P0,
                StoredRecord.concat(StoredRecord.values("a", "b"), StoredRecord.values("c"), StoredRecord.values("d")));

        assertThat(result.baseOffset()).isEqualTo(1);
        assertThat(readAll(P0)).extracting(StoredRecord::value).containsExactly("first", "a", "b", "c", "d");
        assertThat(append(P0, StoredRecord.values("e")).baseOffset()).isEqualTo(5);
    }

    @Test
    void only_the_remaining_bytes_of_the_buffer_are_appended() {
        topic("t", 1);
        ByteBuffer batch = StoredRecord.values("v");
        ByteBuffer framed = ByteBuffer.allocate(batch.remaining() + 20);
        framed.position(7).put(batch).flip().position(7);

        append(P0, framed);

        assertThat(readAll(P0)).extracting(StoredRecord::value).containsExactly("v");
    }

    @Test
    @DisplayName("K18 with acks none nothing is awaited, and the records are there soon")
    void without_acknowledgement_nothing_is_awaited_but_the_records_are_there_soon() {
        topic("t", 1);

        AppendResult result = await(broker().append(CALLER, P0, StoredRecord.values("v"), Acks.NONE));

        assertThat(result.baseOffset()).isEqualTo(-1);
        engine().eventually(() -> endOf(P0) == 1);
    }

    @Test
    void the_log_goes_on_after_a_restart_where_it_ended() {
        topic("t", 2, Map.of("segment.bytes", "2000"));
        List<String> values =
                IntStream.range(0, 100).mapToObj(i -> "value " + i).toList();
        for (String value : values) {
            append(P0, StoredRecord.values(value));
        }

        restart();

        assertThat(readAll(P0)).extracting(StoredRecord::value).isEqualTo(values);
        assertThat(append(P0, StoredRecord.values("next")).baseOffset()).isEqualTo(100);
        assertThat(append(P1, StoredRecord.values("first")).baseOffset()).isZero();
        restart();
        assertThat(readAll(P0)).hasSize(101);
        assertThat(readAll(P1)).hasSize(1);
    }

    @Test
    void appends_under_way_at_once_are_written_in_the_order_of_subscription() {
        topic("t", 1);

        List<AppendResult> results = await(Flux.range(0, 500)
                .flatMapSequential(i -> broker().append(CALLER, P0, StoredRecord.values("value " + i), Acks.ALL), 500)
                .collectList());

        assertThat(results)
                .extracting(AppendResult::baseOffset)
                .isEqualTo(LongStream.range(0, 500).boxed().toList());
        assertThat(readAll(P0))
                .extracting(StoredRecord::value)
                .isEqualTo(IntStream.range(0, 500).mapToObj(i -> "value " + i).toList());
    }

    @Test
    void an_append_does_nothing_before_it_is_subscribed() {
        topic("t", 1);

        Mono<AppendResult> cold = broker().append(CALLER, P0, StoredRecord.values("v"), Acks.ALL);

        assertThat(endOf(P0)).isZero();
        await(cold);
        assertThat(endOf(P0)).isEqualTo(1);
    }

    @ParameterizedTest
    @MethodSource("damaged")
    void a_damaged_batch_is_refused_and_the_log_unchanged(ByteBuffer damaged) {
        topic("t", 1);
        append(P0, StoredRecord.values("before"));

        assertFails(
                broker().append(CALLER, P0, copy(damaged), Acks.ALL),
                ErrorCode.CORRUPT_MESSAGE,
                ErrorCode.INVALID_RECORD);

        assertThat(endOf(P0)).isEqualTo(1);
        assertThat(append(P0, StoredRecord.values("after")).baseOffset()).isEqualTo(1);
        restartIfDurable();
        assertThat(readAll(P0)).extracting(StoredRecord::value).containsExactly("before", "after");
    }

    @ParameterizedTest
    @MethodSource("contradictions")
    void a_batch_that_contradicts_itself_is_refused_and_the_log_unchanged(ByteBuffer wrong) {
        assertRefused(wrong);
    }

    @ParameterizedTest
    @MethodSource("contradictionsInside")
    void a_batch_whose_records_contradict_it_is_refused_and_the_log_unchanged(ByteBuffer wrong) {
        assertRefused(wrong);
    }

    /** By an engine of the same process, too, whose own clients it trusts. */
    private void assertRefused(ByteBuffer wrong) {
        topic("t", 1);
        append(P0, StoredRecord.values("before"));

        assertFails(
                broker().append(REMOTE, P0, copy(wrong), Acks.ALL),
                ErrorCode.CORRUPT_MESSAGE,
                ErrorCode.INVALID_RECORD,
                ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);

        assertThat(append(P0, StoredRecord.values("after")).baseOffset()).isEqualTo(1);
        assertThat(readAll(P0)).extracting(StoredRecord::value).containsExactly("before", "after");
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    @DisplayName(
            "K11 the max timestamp that a client left out of its batch is that of its records, so that they are found by it")
    void a_max_timestamp_that_is_left_out_is_filled_in(Compression compression) {
        topic("t", 1);
        ByteBuffer batch = StoredRecord.batch(
                compression, List.of(StoredRecord.of(500, "k", "earlier"), StoredRecord.of(1000, "k", "later")));
        batch.putLong(RecordBatch.MAX_TIMESTAMP_AT, -1);
        await(broker().append(REMOTE, P0, signed(batch), Acks.ALL));

        assertThat(await(broker().listOffset(CALLER, P0, OffsetSpec.atOrAfter(600))))
                .isEqualTo(1);
        assertThat(readAll(P0)).extracting(StoredRecord::value).containsExactly("earlier", "later");
    }

    @Test
    void any_flipped_bit_under_the_checksum_is_refused() {
        topic("t", 1);
        ByteBuffer good = StoredRecord.values("a", "b");
        for (int bit = 16 * 8; bit < good.remaining() * 8; bit++) {
            ByteBuffer damaged = patched(good, bit / 8, good.get(bit / 8) ^ (1 << bit % 8));
            Throwable error = catchThrowable(() -> append(P0, damaged));
            assertThat(error).as("bit %d", bit).isInstanceOf(MqException.class);
        }
        assertThat(endOf(P0)).isZero();
    }

    @Test
    @DisplayName("K21 a batch above max.message.bytes is refused, and the log is unchanged")
    void a_batch_above_the_limit_is_refused_and_the_log_unchanged() {
        int limit = StoredRecord.values("x".repeat(1000)).remaining();
        topic("t", 1, Map.of("max.message.bytes", Integer.toString(limit)));
        append(P0, StoredRecord.values("x".repeat(1000)));

        assertFails(
                broker().append(CALLER, P0, StoredRecord.values("x".repeat(1001)), Acks.ALL),
                ErrorCode.MESSAGE_TOO_LARGE);
        assertFails(
                broker().append(
                                CALLER,
                                P0,
                                StoredRecord.concat(
                                        StoredRecord.values("small"), StoredRecord.values("x".repeat(5000))),
                                Acks.ALL),
                ErrorCode.MESSAGE_TOO_LARGE);

        assertThat(endOf(P0)).isEqualTo(1);
        assertThat(append(P0, StoredRecord.values("after")).baseOffset()).isEqualTo(1);
    }

    @Test
    void a_fetch_at_the_end_answers_with_the_next_append() {
        topic("t", 1);
        append(P0, StoredRecord.values("old"));
        AtomicReference<@Nullable FetchResult> answer = new AtomicReference<>();
        Disposable waiting = waitingFetch(P0, 1, LONG_WAIT).subscribe(answer::set);
        engine().elapse(Duration.ofMillis(50));
        assertThat(answer.get()).isNull();
        long start = broker().runtime().nanoTime();

        append(P0, StoredRecord.values("new"));
        engine().eventually(() -> answer.get() != null);

        assertThat(Duration.ofNanos(broker().runtime().nanoTime() - start)).isLessThan(LONG_WAIT.dividedBy(2));
        assertThat(recordsOf(answer, 0)).extracting(StoredRecord::value).containsExactly("new");
        assertThat(waiting.isDisposed()).isTrue();
    }

    @Test
    void a_fetch_over_partitions_answers_when_any_of_them_gets_something() {
        topic("t", 3);
        TopicPartition last = new TopicPartition("t", 2);
        FetchRequest request = new FetchRequest(
                Stream.of(P0, P1, last)
                        .map(p -> new FetchRequest.Partition(p, 0, 1000))
                        .toList(),
                1,
                3000,
                LONG_WAIT);
        AtomicReference<@Nullable FetchResult> answer = new AtomicReference<>();
        broker().fetch(CALLER, request).subscribe(answer::set);

        append(last, StoredRecord.values("v"));
        engine().eventually(() -> answer.get() != null);

        assertThat(recordsOf(answer, 0)).isEmpty();
        assertThat(recordsOf(answer, 2)).hasSize(1);
    }

    @Test
    void every_waiting_fetch_is_answered() {
        topic("t", 1);
        List<FetchResult> answers = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            waitingFetch(P0, 0, LONG_WAIT).subscribe(result -> {
                synchronized (answers) {
                    answers.add(result);
                }
            });
        }

        append(P0, StoredRecord.values("v"));
        engine().eventually(() -> {
            synchronized (answers) {
                return answers.size() == 100;
            }
        });

        assertThat(answers)
                .allSatisfy(answer -> assertThat(
                                StoredRecord.allIn(answer.partitions().get(0).records(), 0))
                        .hasSize(1));
    }

    @Test
    void a_fetch_with_nothing_to_read_is_empty_after_its_wait() {
        topic("t", 1);
        Duration wait = Duration.ofMillis(200);
        long start = broker().runtime().nanoTime();

        FetchResult.Partition part =
                await(waitingFetch(P0, 0, wait)).partitions().get(0);

        assertThat(Duration.ofNanos(broker().runtime().nanoTime() - start)).isGreaterThanOrEqualTo(wait);
        assertThat(part.error()).isNull();
        assertThat(part.records().remaining()).isZero();
        assertThat(part.highWatermark()).isZero();
    }

    @Test
    void a_fetch_waits_until_its_least_bytes_are_there() {
        topic("t", 2);
        int size = StoredRecord.values("v").remaining();
        FetchRequest request = new FetchRequest(
                List.of(new FetchRequest.Partition(P0, 0, 100_000), new FetchRequest.Partition(P1, 0, 100_000)),
                3 * size,
                200_000,
                LONG_WAIT);
        AtomicReference<@Nullable FetchResult> answer = new AtomicReference<>();
        broker().fetch(CALLER, request).subscribe(answer::set);

        append(P0, StoredRecord.values("v"));
        append(P1, StoredRecord.values("v"));
        engine().elapse(Duration.ofMillis(50));
        assertThat(answer.get()).isNull();
        append(P0, StoredRecord.values("v"));
        engine().eventually(() -> answer.get() != null);

        assertThat(recordsOf(answer, 0)).hasSize(2);
        assertThat(recordsOf(answer, 1)).hasSize(1);
    }

    @Test
    void a_fetch_that_waits_for_more_than_there_comes_to_be_brings_what_is_there() {
        topic("t", 1);
        append(P0, StoredRecord.values("v"));
        FetchRequest request = new FetchRequest(
                List.of(new FetchRequest.Partition(P0, 0, 100_000)), 50_000, 100_000, Duration.ofMillis(200));

        FetchResult result = await(broker().fetch(CALLER, request));

        assertThat(StoredRecord.allIn(result.partitions().get(0).records(), 0)).hasSize(1);
    }

    @Test
    void a_cancelled_fetch_waits_no_more_and_hurts_no_other() {
        topic("t", 1);
        Disposable cancelled = waitingFetch(P0, 0, LONG_WAIT).subscribe(result -> {
            throw new AssertionError("the cancelled fetch was answered");
        });
        AtomicReference<@Nullable FetchResult> answer = new AtomicReference<>();
        waitingFetch(P0, 0, LONG_WAIT).subscribe(answer::set);
        engine().elapse(Duration.ofMillis(10));

        cancelled.dispose();
        append(P0, StoredRecord.values("v"));
        engine().eventually(() -> answer.get() != null);

        assertThat(recordsOf(answer, 0)).hasSize(1);
    }

    @Test
    void a_first_batch_larger_than_the_bound_comes_all_the_same_and_alone() {
        topic("t", 1);
        append(P0, StoredRecord.values(TEN_KB));
        append(P0, StoredRecord.values("small"));

        FetchResult.Partition part = fetch(P0, 0, 1);

        assertThat(StoredRecord.allIn(part.records(), 0))
                .extracting(StoredRecord::value)
                .containsExactly(TEN_KB);
    }

    @Test
    void the_bound_of_a_fetch_holds_over_all_its_partitions() {
        topic("t", 2);
        for (int i = 0; i < 20; i++) {
            append(P0, StoredRecord.values("x".repeat(1000)));
            append(P1, StoredRecord.values("x".repeat(1000)));
        }
        int batch = StoredRecord.values("x".repeat(1000)).remaining();
        FetchRequest request = new FetchRequest(
                List.of(new FetchRequest.Partition(P0, 0, 5 * batch), new FetchRequest.Partition(P1, 0, 100 * batch)),
                1,
                8 * batch,
                Duration.ZERO);

        FetchResult result = await(broker().fetch(CALLER, request));

        // an answer may hold less than its bound allows, but something
        int ofFirst = result.partitions().get(0).records().remaining();
        assertThat(ofFirst).isBetween(batch, 5 * batch);
        assertThat(result.partitions().get(1).records().remaining()).isBetween(batch, 8 * batch - ofFirst);
    }

    @Test
    void a_fetch_from_the_middle_of_a_batch_brings_the_whole_batch() {
        topic("t", 1);
        append(P0, StoredRecord.values("a", "b", "c"));
        append(P0, StoredRecord.values("d"));

        for (long offset = 0; offset < 4; offset++) {
            FetchResult.Partition part = fetch(P0, offset);
            assertThat(StoredRecord.allIn(part.records(), offset))
                    .extracting(StoredRecord::value)
                    .isEqualTo(List.of("a", "b", "c", "d").subList((int) offset, 4));
            assertThat(RecordBatch.at(part.records(), part.records().position()).baseOffset())
                    .isEqualTo(offset < 3 ? 0 : 3);
        }
    }

    @Test
    void an_offset_beyond_the_end_is_an_error_at_once_and_the_end_is_none() {
        topic("t", 1);
        append(P0, StoredRecord.values("a"));
        long start = broker().runtime().nanoTime();

        FetchResult.Partition beyond =
                await(waitingFetch(P0, 2, LONG_WAIT)).partitions().get(0);

        assertThat(codeOf(beyond)).isEqualTo(ErrorCode.OFFSET_OUT_OF_RANGE);
        assertThat(beyond.error()).hasMessageContaining("t-0").hasMessageContaining("2");
        assertThat(beyond.records().remaining()).isZero();
        assertThat(Duration.ofNanos(broker().runtime().nanoTime() - start)).isLessThan(LONG_WAIT.dividedBy(2));
        assertThat(fetch(P0, 1).error()).isNull();
        assertThat(codeOf(fetch(P0, Long.MAX_VALUE))).isEqualTo(ErrorCode.OFFSET_OUT_OF_RANGE);
    }

    @Test
    void the_error_of_one_partition_holds_up_no_other() {
        topic("t", 1);
        append(P0, StoredRecord.values("a"));
        FetchRequest request = new FetchRequest(
                List.of(
                        new FetchRequest.Partition(new TopicPartition("nowhere", 0), 0, 1000),
                        new FetchRequest.Partition(P0, 0, 1000),
                        new FetchRequest.Partition(P1, 0, 1000)),
                1,
                3000,
                LONG_WAIT);

        List<FetchResult.Partition> parts =
                await(broker().fetch(CALLER, request)).partitions();

        assertThat(parts)
                .extracting(FetchResult.Partition::partition)
                .containsExactly(new TopicPartition("nowhere", 0), P0, P1);
        assertThat(codeOf(parts.get(0))).isEqualTo(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        assertThat(StoredRecord.allIn(parts.get(1).records(), 0)).hasSize(1);
        assertThat(codeOf(parts.get(2))).isEqualTo(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }

    @Test
    void a_fetch_that_means_a_topic_by_its_id_reads_none_that_was_made_later_with_its_name() {
        topic("t", 1);
        UUID first = await(broker().describeTopic(CALLER, "t")).topicId();
        append(P0, StoredRecord.values("old"));
        assertThat(StoredRecord.allIn(fetchOf(first).records(), 0)).hasSize(1);

        await(broker().deleteTopic(CALLER, "t"));
        topic("t", 1);
        append(P0, StoredRecord.values("new"));

        assertThat(codeOf(fetchOf(first))).isEqualTo(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        assertThat(fetchOf(first).records().remaining()).isZero();
        UUID second = await(broker().describeTopic(CALLER, "t")).topicId();
        assertThat(StoredRecord.allIn(fetchOf(second).records(), 0))
                .extracting(StoredRecord::value)
                .containsExactly("new");
    }

    private FetchResult.Partition fetchOf(UUID topicId) {
        FetchRequest request =
                new FetchRequest(List.of(new FetchRequest.Partition(P0, 0, 1000, topicId)), 0, 1000, Duration.ZERO);
        return await(broker().fetch(CALLER, request)).partitions().get(0);
    }

    @Test
    void a_fetch_that_waits_ends_when_its_topic_is_deleted() {
        topic("t", 1);
        AtomicReference<@Nullable FetchResult> answer = new AtomicReference<>();
        waitingFetch(P0, 0, LONG_WAIT).subscribe(answer::set);
        engine().elapse(Duration.ofMillis(10));
        long start = broker().runtime().nanoTime();

        await(broker().deleteTopic(CALLER, "t"));
        engine().eventually(() -> answer.get() != null);

        assertThat(Duration.ofNanos(broker().runtime().nanoTime() - start)).isLessThan(LONG_WAIT.dividedBy(2));
        assertThat(codeOf(answered(answer).partitions().get(0))).isEqualTo(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }

    @Test
    void an_offset_is_found_by_timestamp() {
        topic("t", 1, Map.of("segment.bytes", "1024"));
        long[] timestamps = {100, 300, 200, 300, 500, 400, 700};
        for (long timestamp : timestamps) {
            append(P0, StoredRecord.batch(StoredRecord.of(timestamp, null, "x".repeat(300))));
        }
        for (int restarts = 0; restarts < 2; restarts++) {
            for (long wanted = 0; wanted <= 800; wanted += 50) {
                long searched = wanted;
                long expected = IntStream.range(0, timestamps.length)
                        .filter(i -> timestamps[i] >= searched)
                        .findFirst()
                        .orElse(timestamps.length);
                assertThat(await(broker().listOffset(CALLER, P0, OffsetSpec.atOrAfter(wanted))))
                        .as("first at or after %d", wanted)
                        .isEqualTo(expected);
            }
            restartIfDurable();
        }
    }

    @Test
    void random_appends_are_read_back_from_every_offset() {
        SplittableRandom random = new SplittableRandom(20);
        topic("t", 1, Map.of("segment.bytes", "3000"));
        List<StoredRecord> model = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            List<StoredRecord> records = new ArrayList<>();
            for (int n = random.nextInt(1, 6); n > 0; n--) {
                records.add(StoredRecord.of(
                        random.nextLong(1_000_000),
                        random.nextBoolean() ? null : "k" + n,
                        "v".repeat(random.nextInt(200))));
            }
            assertThat(append(P0, StoredRecord.batch(records)).baseOffset()).isEqualTo(model.size());
            for (StoredRecord record : records) {
                model.add(record.withOffset(model.size()));
            }
        }

        for (int restarts = 0; restarts < 2; restarts++) {
            assertThat(readAll(P0)).isEqualTo(model);
            for (int offset = 0; offset < model.size(); offset++) {
                int maxBytes = random.nextInt(1, 5000);
                List<StoredRecord> read =
                        StoredRecord.allIn(fetch(P0, offset, maxBytes).records(), offset);
                assertThat(read)
                        .as("from %d with at most %d bytes", offset, maxBytes)
                        .isNotEmpty()
                        .isEqualTo(model.subList(offset, offset + read.size()));
            }
            restartIfDurable();
        }
    }

    @Test
    void a_closed_broker_ends_its_waiting_fetches_and_refuses_requests() {
        topic("t", 1);
        AtomicReference<@Nullable Object> end = new AtomicReference<>();
        waitingFetch(P0, 0, LONG_WAIT).subscribe(end::set, end::set);
        engine().elapse(Duration.ofMillis(10));
        long start = broker().runtime().nanoTime();

        await(broker().closeGracefully(Duration.ofSeconds(5)));
        await(broker().closeGracefully(Duration.ofSeconds(5)));
        engine().eventually(() -> end.get() != null);

        assertThat(Duration.ofNanos(broker().runtime().nanoTime() - start)).isLessThan(LONG_WAIT.dividedBy(2));
        assertThat(catchThrowable(() -> append(P0, StoredRecord.values("late"))))
                .isInstanceOf(MqException.class);
        assertThat(catchThrowable(() -> endOf(P0))).isInstanceOf(MqException.class);
        assertThat(catchThrowable(() -> topic("late", 1))).isInstanceOf(MqException.class);
    }

    @Test
    @DisplayName("K18 with acks all what was acknowledged before a close is there after it")
    void what_was_acknowledged_before_a_close_is_there_after_it() {
        topic("t", 1);
        List<AppendResult> results = new ArrayList<>();
        Flux.range(0, 200)
                .flatMapSequential(i -> broker().append(CALLER, P0, StoredRecord.values("value " + i), Acks.ALL), 200)
                .onErrorComplete(MqException.class)
                .subscribe(result -> {
                    synchronized (results) {
                        results.add(result);
                    }
                });

        restart();

        List<StoredRecord> found = readAll(P0);
        int acknowledged;
        synchronized (results) {
            acknowledged = results.size();
        }
        assertThat(found).hasSizeGreaterThanOrEqualTo(acknowledged);
        assertThat(found)
                .extracting(StoredRecord::value)
                .isEqualTo(IntStream.range(0, found.size())
                        .mapToObj(i -> "value " + i)
                        .toList());
    }

    private static List<StoredRecord> recordsOf(AtomicReference<@Nullable FetchResult> answer, int part) {
        return StoredRecord.allIn(answered(answer).partitions().get(part).records(), 0);
    }

    private static FetchResult answered(AtomicReference<@Nullable FetchResult> answer) {
        FetchResult result = answer.get();
        if (result == null) {
            throw new AssertionError("no answer");
        }
        return result;
    }

    private static @Nullable ErrorCode codeOf(FetchResult.Partition part) {
        MqException error = part.error();
        return error == null ? null : error.errorCode();
    }

    private static List<StoredRecord> numbered(List<StoredRecord> records) {
        List<StoredRecord> numbered = new ArrayList<>();
        for (StoredRecord record : records) {
            numbered.add(record.withOffset(numbered.size()));
        }
        return numbered;
    }

    private static ByteBuffer patched(ByteBuffer good, int at, int value) {
        return copy(good).put(at, (byte) value);
    }

    /** The batch with its checksum made right again. */
    private static ByteBuffer signed(ByteBuffer batch) {
        CRC32C crc = new CRC32C();
        crc.update(batch.duplicate().position(CRC_AT + Integer.BYTES));
        return batch.putInt(CRC_AT, (int) crc.getValue());
    }

    private static ByteBuffer copy(ByteBuffer bytes) {
        return ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate()).flip();
    }
}
