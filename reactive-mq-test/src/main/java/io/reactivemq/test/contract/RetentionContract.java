package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.ConfigChange;
import io.reactivemq.broker.EpochEnd;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.LogDirDescription;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.RecordsToDelete;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** How records go: by age, size and number, and on request; and how an offset is found for a time. */
@DisplayName("retention")
public abstract class RetentionContract extends EngineContract {

    private static final TopicPartition P0 = new TopicPartition("t", 0);
    private static final int SEGMENT_BYTES = 1024;
    private static final int RECORDS = 40;

    /** With the batch's header about 170 bytes, so that a segment has about six. */
    private static final String PADDING = "x".repeat(100);

    /** Appends records one by one, at a time each, and returns the size of one. */
    private int append(int count, long timestampMs) {
        int size = 0;
        for (int i = 0; i < count; i++) {
            ByteBuffer batch = StoredRecord.batch(StoredRecord.of(timestampMs, null, i + PADDING));
            size = Math.max(size, batch.remaining());
            append(P0, batch);
        }
        return size;
    }

    private long start() {
        return await(broker().listOffset(CALLER, P0, OffsetSpec.earliest()));
    }

    private long sizeInBytes() {
        long bytes = 0;
        for (long offset = start(); offset < endOf(P0); ) {
            FetchResult.Partition part = fetch(P0, offset);
            bytes += part.records().remaining();
            offset += StoredRecord.allIn(part.records(), offset).size();
        }
        return bytes;
    }

    /** As many bytes at least, and less than a segment more; the engine may still be at it. */
    private void assertKept(long bytes, int recordSize) {
        engine().eventually(() -> (RECORDS - start()) * recordSize <= bytes + SEGMENT_BYTES);
        assertThat(sizeInBytes()).isBetween(bytes, bytes + SEGMENT_BYTES);
    }

    private void afterTheNextCheck() {
        engine().elapse(engine().retentionCheckInterval().multipliedBy(2));
    }

    private Map<String, String> segments(String... more) {
        Map<String, String> configs = new HashMap<>(Map.of("segment.bytes", "" + SEGMENT_BYTES));
        for (int i = 0; i < more.length; i += 2) {
            configs.put(more[i], more[i + 1]);
        }
        return configs;
    }

    @Test
    @DisplayName("K10 by time: segments whose youngest record is too old go, and the log start offset stays moved")
    void by_time() {
        topic("t", 1, segments("retention.ms", "3600000"));
        long now = broker().runtime().currentTimeMillis();
        append(RECORDS, now - Duration.ofHours(2).toMillis());
        append(RECORDS, now);

        afterTheNextCheck();

        engine().eventually(() -> start() >= RECORDS - 10);
        // the next round may take more
        int left = readAll(P0).size();
        assertThat(left).as("only old records went").isBetween(RECORDS, RECORDS + 10);
        assertThat(2 * RECORDS - start()).isBetween((long) RECORDS, (long) left);
        assertOutOfRange(start() - 1);
        long start = start();
        restartIfDurable();
        assertThat(start()).isGreaterThanOrEqualTo(start);
        assertThat(append(P0, StoredRecord.values("next")).baseOffset()).isEqualTo(2 * RECORDS);
    }

    @Test
    @DisplayName("K10 by time: the last segment goes too when all of it is old, and the next offset stays")
    void all_by_time() {
        topic("t", 1, segments("retention.ms", "3600000"));
        append(
                RECORDS,
                broker().runtime().currentTimeMillis() - Duration.ofHours(2).toMillis());

        afterTheNextCheck();

        engine().eventually(() -> start() == RECORDS);
        assertThat(readAll(P0)).isEmpty();
        restartIfDurable();
        assertThat(append(P0, StoredRecord.values("next")).baseOffset()).isEqualTo(RECORDS);
    }

    @Test
    @DisplayName("K10 by size: whole segments go, and no less is left than is to be kept")
    void by_size() {
        topic("t", 1, segments("retention.bytes", "3000"));
        int size = append(RECORDS, broker().runtime().currentTimeMillis());

        afterTheNextCheck();

        assertKept(3000, size);
        restartedAsItWas();
        assertKept(3000, size);
    }

    @Test
    @DisplayName("K10 without a bound nothing goes; a bound that is set later holds for what is there")
    void a_bound_set_later() {
        topic("t", 1, segments("retention.ms", "-1"));
        int size = append(RECORDS, 0);
        afterTheNextCheck();
        assertThat(start()).isZero();

        await(broker().alterTopicConfigs(CALLER, "t", List.of(ConfigChange.set("retention.bytes", "2000"))));
        afterTheNextCheck();

        assertKept(2000, size);
    }

    @Test
    @DisplayName("K10 a topic that is only compacted loses nothing to age or size")
    void compacted() {
        topic("t", 1, segments("cleanup.policy", "compact", "retention.ms", "1", "retention.bytes", "1"));
        for (int i = 0; i < RECORDS; i++) {
            append(P0, StoredRecord.batch(StoredRecord.of(0, "key " + i, i + PADDING)));
        }

        afterTheNextCheck();

        assertThat(start()).isZero();
        assertFails(broker().deleteRecords(CALLER, P0, RecordsToDelete.before(1)), ErrorCode.POLICY_VIOLATION);
        assertThat(start()).isZero();
        assertFails(broker().append(CALLER, P0, StoredRecord.values("no key"), Acks.ALL), ErrorCode.INVALID_RECORD);
        assertThat(readAll(P0)).hasSize(RECORDS);
    }

    @Test
    @DisplayName("X04 by number: whole segments go, and never fewer records are left than are to be kept")
    void by_number() {
        topic("t", 1, segments("retention.ms", "-1", "retention.records", "10"));
        append(RECORDS, 0);

        afterTheNextCheck();

        engine().eventually(() -> RECORDS - start() <= 17);
        // the next round may take more
        int left = readAll(P0).size();
        assertThat(left).isBetween(10, 17);
        assertThat(RECORDS - start()).isBetween(10L, (long) left);
        restartedAsItWas();
        assertThat(readAll(P0)).hasSizeGreaterThanOrEqualTo(10);
    }

    @Test
    @DisplayName("X04 on request all but the last n go, exactly")
    void all_but_the_last() {
        topic("t", 1, segments("retention.ms", "-1"));
        append(P0, StoredRecord.values("a", "b", "c", "d", "e"));
        append(RECORDS, 0);
        append(P0, StoredRecord.values("v", "w", "x", "y", "z"));

        for (int kept : new int[] {RECORDS + 8, 9, 5, 2, 1, 0}) {
            assertThat(await(broker().deleteRecords(CALLER, P0, RecordsToDelete.allButLast(kept))))
                    .isEqualTo(RECORDS + 10 - kept);
            assertThat(readAll(P0)).hasSize(kept);
        }
        append(P0, StoredRecord.values("more"));
        assertThat(await(broker().deleteRecords(CALLER, P0, RecordsToDelete.allButLast(10))))
                .as("a start does not move back")
                .isEqualTo(RECORDS + 10);
        restartIfDurable();
        assertThat(readAll(P0)).extracting(StoredRecord::value).containsExactly("more");
    }

    @Test
    @DisplayName(
            "X04 on request as far as whole segments reach: never fewer are left than asked for, by number or offset")
    void approximately() {
        topic("t", 1, segments("retention.ms", "-1"));
        append(RECORDS, 0);

        long byNumber = await(broker().deleteRecords(
                        CALLER, P0, RecordsToDelete.allButLast(20).wholeSegments()));
        assertThat(byNumber).isBetween(RECORDS - 27L, RECORDS - 20L).isEqualTo(start());
        long byOffset = await(
                broker().deleteRecords(CALLER, P0, RecordsToDelete.before(30).wholeSegments()));
        assertThat(byOffset).isBetween(23L, 30L).isEqualTo(start());
        assertThat(readAll(P0)).hasSize((int) (RECORDS - byOffset));
        restartedAsItWas();
        assertThat(start()).as("it is never more than was asked for").isEqualTo(byOffset);
        assertThat(append(P0, StoredRecord.values("next")).baseOffset()).isEqualTo(RECORDS);
    }

    /** What went is still gone after a restart; what was left is there, but for what the rounds of retention behind it may take. */
    private void restartedAsItWas() {
        List<StoredRecord> left = readAll(P0);
        restartIfDurable();
        afterTheNextCheck();
        List<StoredRecord> there = readAll(P0);
        assertThat(left).endsWith(there.toArray(StoredRecord[]::new));
        assertThat(endOf(P0)).isEqualTo(RECORDS);
        assertOutOfRange(RECORDS - left.size() - 1L);
    }

    @Test
    @DisplayName("K23 records below an offset are deleted, within a batch too, and stay deleted")
    void before_an_offset() {
        topic("t", 1, segments("retention.ms", "-1"));
        append(P0, StoredRecord.values("a", "b", "c", "d", "e"));
        append(RECORDS, 0);

        assertThat(await(broker().deleteRecords(CALLER, P0, RecordsToDelete.before(3))))
                .isEqualTo(3);

        assertThat(readAll(P0))
                .extracting(StoredRecord::offset)
                .startsWith(3L, 4L, 5L)
                .hasSize(RECORDS + 2);
        assertOutOfRange(2);
        assertThat(await(broker().deleteRecords(CALLER, P0, RecordsToDelete.before(2))))
                .isEqualTo(3);
        restartIfDurable();
        assertThat(start()).isEqualTo(3);
        assertThat(await(broker().deleteRecords(CALLER, P0, RecordsToDelete.before(20))))
                .isEqualTo(20);
        restartIfDurable();
        assertThat(readAll(P0)).hasSize(RECORDS + 5 - 20);
        assertFails(
                broker().deleteRecords(CALLER, P0, RecordsToDelete.before(RECORDS + 6)), ErrorCode.OFFSET_OUT_OF_RANGE);
        assertFails(
                broker().deleteRecords(CALLER, new TopicPartition("t", 1), RecordsToDelete.before(1)),
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }

    @Test
    @DisplayName("K23 all records are deleted, and the next offset stays, after a restart too")
    void all_records() {
        topic("t", 1, segments("retention.ms", "-1"));
        append(P0, StoredRecord.values("a", "b", "c"));

        assertThat(await(broker().deleteRecords(CALLER, P0, RecordsToDelete.before(RecordsToDelete.HIGH_WATERMARK))))
                .isEqualTo(3);

        assertThat(readAll(P0)).isEmpty();
        restartIfDurable();
        assertThat(start()).isEqualTo(3);
        assertThat(append(P0, StoredRecord.values("d")).baseOffset()).isEqualTo(3);
        assertThat(readAll(P0)).extracting(StoredRecord::value).containsExactly("d");
    }

    @Test
    @DisplayName(
            "K11 the offset for a timestamp is the first that is as late, across segments, deletions and a restart")
    void offset_for_a_timestamp() {
        topic("t", 1, segments("retention.ms", "-1"));
        for (int i = 0; i < RECORDS; i++) {
            append(P0, StoredRecord.batch(StoredRecord.of(1_000 + 10 * i, null, PADDING)));
        }
        await(broker().deleteRecords(CALLER, P0, RecordsToDelete.before(5)));
        for (int round = 0; round < 2; round++) {
            for (int i = 5; i < RECORDS; i++) {
                assertThat(offsetAt(1_000 + 10 * i)).isEqualTo(i);
                assertThat(offsetAt(1_000 + 10 * i - 9)).isEqualTo(i);
            }
            assertThat(offsetAt(0)).isEqualTo(5);
            assertThat(offsetAt(1_000 + 10 * RECORDS)).isEqualTo(RECORDS);
            restartIfDurable();
        }
    }

    private long offsetAt(long timestampMs) {
        return await(broker().listOffset(CALLER, P0, OffsetSpec.atOrAfter(timestampMs)));
    }

    private void assertOutOfRange(long offset) {
        MqException error = fetch(P0, offset).error();
        assertThat(error == null ? null : error.errorCode()).isEqualTo(ErrorCode.OFFSET_OUT_OF_RANGE);
    }

    @Test
    @DisplayName(
            "the first record with the largest timestamp is found, also where others of its batch or segment were deleted")
    void largest_timestamp() {
        topic("t", 1, segments("retention.ms", "-1"));
        assertThat(largest()).isEqualTo(-1);
        append(
                P0,
                StoredRecord.batch(
                        StoredRecord.of(100, null, "a"),
                        StoredRecord.of(900, null, "b"),
                        StoredRecord.of(200, null, "c")));
        append(P0, StoredRecord.batch(StoredRecord.of(900, null, "d")));
        append(20, 500);
        assertThat(largest()).isEqualTo(1);
        await(broker().deleteRecords(CALLER, P0, RecordsToDelete.before(2)));
        assertThat(largest()).isEqualTo(3);
        restartIfDurable();
        assertThat(largest()).isEqualTo(3);
        await(broker().deleteRecords(CALLER, P0, RecordsToDelete.before(4)));
        assertThat(largest()).isEqualTo(4);
        append(1, 501);
        assertThat(largest()).isEqualTo(24);
        await(broker().deleteRecords(CALLER, P0, RecordsToDelete.before(RecordsToDelete.HIGH_WATERMARK)));
        assertThat(largest()).isEqualTo(-1);
        assertFails(
                broker().listOffset(CALLER, new TopicPartition("t", 1), OffsetSpec.maxTimestamp()),
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }

    private long largest() {
        return await(broker().listOffset(CALLER, P0, OffsetSpec.maxTimestamp()));
    }

    @Test
    @DisplayName("what a partition takes up is told, and where a leader epoch ends")
    void sizes_and_epochs() {
        topic("t", 2);
        int bytes = append(1, 0);

        LogDirDescription directory = await(broker().describeLogDir(CALLER));

        assertThat(directory.path()).isNotBlank();
        assertThat(directory.sizes()).containsEntry(P0, (long) bytes).containsEntry(new TopicPartition("t", 1), 0L);
        assertThat(await(broker().epochEnd(CALLER, P0, 0))).isEqualTo(new EpochEnd(0, 1));
        assertThat(await(broker().epochEnd(CALLER, P0, 1))).isEqualTo(EpochEnd.UNKNOWN);
        assertThat(await(broker().epochEnd(CALLER, P0, -1))).isEqualTo(EpochEnd.UNKNOWN);
        assertFails(broker().epochEnd(CALLER, new TopicPartition("t", 2), 0), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }
}
