package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a topic keeps whose {@code cleanup.policy} is {@code compact}. */
@DisplayName("compaction")
public abstract class CompactionContract extends EngineContract {

    private static final TopicPartition P0 = new TopicPartition("t", 0);
    private static final int RECORDS = 60;
    private static final int KEYS = 3;

    /** With the batch's header about 170 bytes, so that a segment of 1,024 bytes has about six. */
    private static final String PADDING = "x".repeat(100);

    /** Each record in a batch of its own; more of them than two segments hold are never compacted. */
    private static final int ACTIVE_MAX = 12;

    private final List<StoredRecord> sent = new ArrayList<>();

    private void topic(String... more) {
        Map<String, String> configs = new HashMap<>(Map.of(
                "cleanup.policy", "compact",
                "segment.bytes", "1024",
                "min.cleanable.dirty.ratio", "0"));
        for (int i = 0; i < more.length; i += 2) {
            configs.put(more[i], more[i + 1]);
        }
        topic("t", 1, configs);
    }

    private void send(String key, @Nullable String value) {
        StoredRecord record = StoredRecord.of(broker().runtime().currentTimeMillis(), key, value);
        append(P0, StoredRecord.batch(record));
        sent.add(record.withOffset(sent.size()));
    }

    /** The next look of the engine has taken away what may go. */
    private void awaitCompaction(int recordsMax) {
        engine().elapse(engine().compactionInterval().plusSeconds(1));
        engine().eventually(() -> readAll(P0).size() <= recordsMax);
    }

    @ParameterizedTest
    @EnumSource(names = {"NONE", "GZIP"})
    @DisplayName(
            "K09 the last value of each key stays, at its offset and as it was sent, and older ones go, however the topic compresses")
    void last_values(Compression kept) {
        topic("compression.type", kept == Compression.NONE ? "producer" : kept.configName());
        for (int i = 0; i < RECORDS; i++) {
            send("k" + i % KEYS, i + PADDING);
        }
        awaitCompaction(KEYS + ACTIVE_MAX);

        assertThat(sent)
                .containsSubsequence(readAll(P0))
                .endsWith(readAll(P0).get(readAll(P0).size() - 1));
        assertThat(readAll(P0)).containsAll(sent.subList(RECORDS - KEYS, RECORDS));
        assertThat(endOf(P0)).isEqualTo(RECORDS);
        assertThat(compressions(P0)).containsOnly(kept);
        restartIfDurable();
        assertThat(sent).containsSubsequence(readAll(P0));
        assertThat(readAll(P0))
                .hasSizeLessThanOrEqualTo(KEYS + ACTIVE_MAX)
                .containsAll(sent.subList(RECORDS - KEYS, RECORDS));
        send("k0", "next");
        assertThat(readAll(P0)).endsWith(sent.get(RECORDS));
    }

    @Test
    @DisplayName("K09 a tombstone takes its key away, and goes itself after delete.retention.ms")
    void tombstones() {
        topic("delete.retention.ms", "60000");
        send("gone", "value");
        send("stays", "value");
        send("gone", null);
        for (int i = 0; i < RECORDS; i++) {
            send("k", i + PADDING);
        }
        awaitCompaction(3 + ACTIVE_MAX);
        assertThat(readAll(P0)).contains(sent.get(1)).doesNotContain(sent.get(0));

        engine().elapse(Duration.ofSeconds(61));
        for (int i = 0; i < RECORDS; i++) {
            send("k", i + PADDING); // so that something is dirty
        }
        awaitCompaction(2 + ACTIVE_MAX);
        engine().eventually(() -> readAll(P0).stream().noneMatch(record -> "gone".equals(record.key())));
        assertThat(readAll(P0)).contains(sent.get(1));
        restartIfDurable();
        assertThat(readAll(P0)).contains(sent.get(1)).noneMatch(record -> "gone".equals(record.key()));
    }

    @Test
    @DisplayName("K09 a record without a key is refused, and the log unchanged")
    void no_key() {
        topic();
        Throwable refused = catchThrowable(() -> append(P0, StoredRecord.values("no key")));

        assertThat(refused)
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.INVALID_RECORD));
        assertThat(endOf(P0)).isZero();
    }
}
