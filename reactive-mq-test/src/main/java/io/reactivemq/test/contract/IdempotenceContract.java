package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.ProducerDescription;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.RecordsToDelete;
import io.reactivemq.record.RecordBatch;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Appends of producers that number their batches. */
@DisplayName("idempotence")
public abstract class IdempotenceContract extends EngineContract {

    private static final TopicPartition P0 = new TopicPartition("t", 0);
    private static final long ID = 4_000;

    /** The records have timestamp 0. */
    private static final Map<String, String> KEEP_ALL = Map.of("retention.ms", "-1");

    private static ByteBuffer batch(long id, int epoch, int sequence, String... values) {
        ByteBuffer batch = StoredRecord.values(values);
        RecordBatch.at(batch, batch.position()).setProducer(id, (short) epoch, sequence, false);
        return batch;
    }

    private Mono<AppendResult> sending(ByteBuffer batch) {
        return broker().append(CALLER, P0, batch, Acks.ALL);
    }

    private long send(int epoch, int sequence, String... values) {
        return await(sending(batch(ID, epoch, sequence, values))).baseOffset();
    }

    private List<String> values() {
        return readAll(P0).stream()
                .map(record -> String.valueOf(record.value()))
                .toList();
    }

    @Test
    @DisplayName("K06 a batch that is sent again is appended once, and answered as the first time")
    void repeated() {
        topic("t", 1, KEEP_ALL);
        assertThat(send(0, 0, "a", "b")).isZero();
        append(P0, StoredRecord.values("of another"));
        assertThat(send(0, 2, "c")).isEqualTo(3);

        assertThat(send(0, 2, "c")).isEqualTo(3);
        assertThat(send(0, 0, "a", "b")).isZero();
        assertThat(send(0, 3, "d")).isEqualTo(4);

        assertThat(values()).containsExactly("a", "b", "of another", "c", "d");
    }

    @Test
    @DisplayName("K06 each of the last five batches is recognised, whoever else sends meanwhile, after a restart too")
    void the_last_five() {
        topic("t", 1, KEEP_ALL);
        for (int i = 0; i < 8; i++) {
            assertThat(send(0, i, "v" + i)).isEqualTo(2L * i);
            await(sending(batch(ID + 1, 0, i, "w" + i)));
        }

        for (int round = 0; round < 3; round++) {
            for (int i = 3; i < 8; i++) {
                assertThat(send(0, i, "v" + i)).isEqualTo(2L * i);
            }
            assertFails(sending(batch(ID, 0, 2, "v2")), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
            assertThat(values()).hasSize(16);
            restartIfDurable();
        }
    }

    @Test
    @DisplayName("K06 a gap, a step back and a batch cut otherwise are errors, and nothing is appended")
    void gaps() {
        topic("t", 1, KEEP_ALL);
        send(0, 0, "a", "b", "c");

        assertFails(sending(batch(ID, 0, 4, "x")), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
        assertFails(sending(batch(ID, 0, 1, "x")), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
        assertFails(sending(batch(ID, 0, 0, "x")), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
        assertFails(sending(batch(ID, 1, 3, "x")), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);

        assertThat(send(0, 3, "d")).isEqualTo(3);
        assertThat(values()).containsExactly("a", "b", "c", "d");
    }

    @Test
    @DisplayName("K06 a new epoch begins at 0, and an old one is refused")
    void epochs() {
        topic("t", 1, KEEP_ALL);
        send(3, 0, "a");
        send(3, 1, "b");

        assertFails(sending(batch(ID, 2, 2, "x")), ErrorCode.INVALID_PRODUCER_EPOCH);
        assertThat(send(4, 0, "c")).isEqualTo(2);
        assertFails(sending(batch(ID, 3, 2, "x")), ErrorCode.INVALID_PRODUCER_EPOCH);
        assertFails(sending(batch(ID, 3, 1, "b")), ErrorCode.INVALID_PRODUCER_EPOCH);

        assertThat(send(4, 0, "c")).isEqualTo(2);
        assertThat(values()).containsExactly("a", "b", "c");
    }

    @Test
    @DisplayName("K06 sequence numbers go on at 0 behind the largest int")
    void wrapping() {
        topic("t", 1, KEEP_ALL);
        int last = Integer.MAX_VALUE;
        send(0, last - 1, "a"); // nothing is known of the producer, so any number may come first
        assertThat(send(0, last, "b", "c")).isEqualTo(1);
        assertThat(send(0, 1, "d")).isEqualTo(3);
        assertThat(send(0, last, "b", "c")).isEqualTo(1);
        assertFails(sending(batch(ID, 0, 3, "x")), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
        assertThat(values()).containsExactly("a", "b", "c", "d");
    }

    @Test
    @DisplayName("K06 what was known holds after a restart: the last batch is recognised, the next one goes on")
    void restarted() {
        topic("t", 1, KEEP_ALL);
        send(0, 0, "a");
        send(0, 1, "b", "c");
        for (int round = 0; round < 3; round++) {
            restartIfDurable();
            assertThat(send(0, 1, "b", "c")).isEqualTo(1);
            assertFails(sending(batch(ID, 0, 4, "x")), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
        }
        assertThat(send(0, 3, "d")).isEqualTo(3);
        assertThat(values()).containsExactly("a", "b", "c", "d");
    }

    @ParameterizedTest
    @EnumSource(names = {"NONE", "GZIP"})
    @DisplayName(
            "K06 K20 a batch that the log compresses otherwise, and gives its own time, is recognised when it is sent again, after a restart too")
    void compressed_otherwise(Compression sent) {
        Compression kept = sent == Compression.NONE ? Compression.GZIP : Compression.NONE;
        topic(
                "t",
                1,
                Map.of(
                        "retention.ms", "-1",
                        "message.timestamp.type", "LogAppendTime",
                        "compression.type", kept == Compression.NONE ? "uncompressed" : kept.configName()));
        ByteBuffer first = compressed(sent, 0, "a", "b");
        AppendResult result = await(sending(first));
        assertThat(result.baseOffset()).isZero();
        engine().elapse(Duration.ofSeconds(1));

        assertThat(await(sending(first))).as("the same buffer").isEqualTo(result);
        assertThat(await(sending(compressed(sent, 0, "a", "b")))).isEqualTo(result);
        assertFails(sending(compressed(sent, 3, "x")), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
        assertThat(await(sending(compressed(sent, 2, "c"))).baseOffset()).isEqualTo(2);
        restartIfDurable();
        assertThat(await(sending(compressed(sent, 2, "c"))).baseOffset()).isEqualTo(2);
        assertThat(send(0, 3, "d")).isEqualTo(3);

        assertThat(values()).containsExactly("a", "b", "c", "d");
        assertThat(compressions(P0)).containsExactly(kept, kept, kept);
        assertThat(readAll(P0).get(0).timestampMs()).isEqualTo(result.logAppendTimeMs());
    }

    private static ByteBuffer compressed(Compression sent, int sequence, String... values) {
        ByteBuffer batch = StoredRecord.values(sent, values);
        RecordBatch.at(batch, batch.position()).setProducer(ID, (short) 0, sequence, false);
        return batch;
    }

    @Test
    @DisplayName("K06 the records of a producer can be gone, and its next batch goes on all the same")
    void deleted() {
        topic("t", 1, Map.of("segment.bytes", "1024", "retention.ms", "-1"));
        for (int i = 0; i < 30; i++) {
            send(0, i, "v".repeat(100));
        }
        await(sending(batch(ID + 1, 0, 0, "w".repeat(1_000))));
        await(broker().deleteRecords(CALLER, P0, RecordsToDelete.before(30)));
        restartIfDurable();

        assertThat(send(0, 29, "v".repeat(100))).isEqualTo(29);
        assertFails(sending(batch(ID, 0, 31, "x")), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
        assertThat(send(0, 30, "next")).isEqualTo(31);
        assertThat(values()).hasSize(2);
    }

    @Test
    @DisplayName("K06 of repetitions that are under way at once one is appended, and all have its offset")
    void at_once() {
        topic("t", 1, KEEP_ALL);
        List<Long> offsets = await(Flux.range(0, 20)
                .flatMap(i -> sending(batch(ID, 0, 0, "a", "b")), 20)
                .map(AppendResult::baseOffset)
                .collectList());

        assertThat(offsets).hasSize(20).containsOnly(0L);
        assertThat(values()).containsExactly("a", "b");
    }

    @Test
    @DisplayName("K06 an append with a producer id is one batch")
    void one_batch() {
        topic("t", 1, KEEP_ALL);
        ByteBuffer two = StoredRecord.concat(batch(ID, 0, 0, "a"), batch(ID, 0, 1, "b"));

        assertFails(sending(two), ErrorCode.INVALID_RECORD);

        assertThat(values()).isEmpty();
        assertThat(send(0, 0, "a")).isZero();
    }

    @Test
    @DisplayName("the producers of a partition are described, by id")
    void described() {
        topic("t", 1, KEEP_ALL);
        assertThat(await(broker().describeProducers(CALLER, P0))).isEmpty();
        send(3, 0, "a", "b");
        await(sending(batch(ID - 1, 0, 7, "c")));

        List<ProducerDescription> known = await(broker().describeProducers(CALLER, P0));

        assertThat(known)
                .extracting(ProducerDescription::producer)
                .containsExactly(new ProducerIdAndEpoch(ID - 1, (short) 0), new ProducerIdAndEpoch(ID, (short) 3));
        assertThat(known).extracting(ProducerDescription::lastSequence).containsExactly(7, 1);
        assertThat(known)
                .extracting(ProducerDescription::transactionStartOffset)
                .containsOnly(-1L);
        assertThat(known).allMatch(producer -> producer.lastTimestampMs() >= 0);
        assertFails(
                broker().describeProducers(CALLER, new TopicPartition("t", 1)), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }
}
