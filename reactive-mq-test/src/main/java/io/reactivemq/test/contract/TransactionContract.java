package io.reactivemq.test.contract;

import static io.reactivemq.broker.TransactionResult.ABORT;
import static io.reactivemq.broker.TransactionResult.COMMIT;
import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionDescription;
import io.reactivemq.broker.TransactionDescription.State;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordCursor;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Transactions, request by request, of producers of both versions. */
@DisplayName("transactions")
public abstract class TransactionContract extends EngineContract {

    private static final TopicPartition A = new TopicPartition("a", 0);
    private static final TopicPartition B = new TopicPartition("b", 1);
    private static final TopicPartition SOURCE = new TopicPartition("source", 0);
    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private RawProducer producer(String id, TransactionVersion version) {
        return new RawProducer(id, version, init(id, TIMEOUT, ProducerIdAndEpoch.NONE));
    }

    private ProducerIdAndEpoch init(String id, Duration timeout, ProducerIdAndEpoch current) {
        return await(broker().initProducerId(CALLER, new InitProducerId(id, timeout, current)));
    }

    private void topics() {
        topic("a", 1);
        topic("b", 2);
        topic("source", 1);
    }

    /** Begins a transaction in both partitions and the group; version 1 says so first. */
    private void write(RawProducer producer, String value, long offset) {
        if (producer.version == TransactionVersion.V1) {
            await(broker().addPartitions(CALLER, producer.transactionalId, producer.producer(), Set.of(A, B)));
            await(broker().addOffsets(CALLER, producer.transactionalId, producer.producer(), "g"));
        }
        await(producer.append(broker(), A, value + "1", value + "2"));
        await(producer.append(broker(), B, value + "3"));
        await(producer.commitOffset(broker(), "g", SOURCE, offset));
    }

    /** What a reader of committed records sees, fetch by fetch. */
    private List<String> committed(TopicPartition partition) {
        List<String> values = new ArrayList<>();
        long offset = 0;
        while (true) {
            FetchRequest request = new FetchRequest(
                    List.of(new FetchRequest.Partition(partition, offset, 1 << 20)),
                    0,
                    1 << 20,
                    Duration.ZERO,
                    IsolationLevel.READ_COMMITTED);
            FetchResult.Partition read =
                    await(broker().fetch(CALLER, request)).partitions().get(0);
            assertThat(read.error()).isNull();
            if (!read.records().hasRemaining()) {
                assertThat(offset).isEqualTo(read.lastStableOffset());
                return values;
            }
            // by producer, the first offsets of the transactions that are left out
            Map<Long, TreeSet<Long>> aborted = new HashMap<>();
            read.abortedTransactions()
                    .forEach(transaction -> aborted.computeIfAbsent(transaction.producerId(), id -> new TreeSet<>())
                            .add(transaction.firstOffset()));
            for (RecordBatch batch : RecordBatches.of(read.records())) {
                TreeSet<Long> of = aborted.getOrDefault(batch.producerId(), new TreeSet<>());
                Long from = of.floor(batch.baseOffset());
                if (batch.isControl()) {
                    of.headSet(batch.baseOffset(), true).clear();
                } else if (!batch.isTransactional() || from == null) {
                    RecordCursor cursor = batch.records();
                    while (cursor.next()) {
                        values.add(
                                String.valueOf(StandardCharsets.UTF_8.decode(Objects.requireNonNull(cursor.value()))));
                    }
                }
                offset = batch.nextOffset();
            }
        }
    }

    private @Nullable Long committedOffset() {
        CommittedOffset found =
                await(broker().fetchOffsets(CALLER, "g", List.of(SOURCE))).get(SOURCE);
        return found == null ? null : found.offset();
    }

    private void awaitState(String id, State state) {
        engine().eventually(() -> describe(id).state() == state);
    }

    private TransactionDescription describe(String id) {
        return await(broker().describeTransaction(CALLER, id));
    }

    @Test
    @DisplayName(
            "K04 K20 in topics that compress batches otherwise and give them their own time a transaction ends as in any other, a restart too")
    void compressed_otherwise() {
        Map<String, String> configs = Map.of("compression.type", "gzip", "message.timestamp.type", "LogAppendTime");
        topic("a", 1, configs);
        topic("b", 2, configs);
        topic("source", 1);
        RawProducer producer = producer("tx", TransactionVersion.V2);
        write(producer, "v", 5);
        await(producer.end(broker(), COMMIT));
        write(producer, "w", 6);
        await(producer.end(broker(), ABORT));
        write(producer, "x", 7);
        engine().eventually(() -> committed(A).equals(List.of("v1", "v2")));
        restartIfDurable();
        assertThat(committed(A)).containsExactly("v1", "v2");
        await(producer.end(broker(), COMMIT));

        engine().eventually(() -> committed(B).equals(List.of("v3", "x3")));
        assertThat(committed(A)).containsExactly("v1", "v2", "x1", "x2");
        assertThat(compressions(A)).containsOnly(Compression.GZIP).hasSize(3);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("K12 K04 records in several partitions and the consumed offsets become visible together")
    void committed_together(TransactionVersion version) {
        topics();
        RawProducer producer = producer("tx", version);
        for (int round = 0; round < 3; round++) {
            List<String> before = committed(A);
            Long offsetBefore = committedOffset();
            write(producer, "v" + round, round + 5);
            assertThat(committed(A)).isEqualTo(before);
            assertThat(committedOffset()).isEqualTo(offsetBefore);
            assertFails(
                    broker().fetchOffsets(CALLER, new OffsetFetch("g", Set.of(SOURCE), "", -1, true)),
                    ErrorCode.UNSTABLE_OFFSET_COMMIT);
            assertThat(describe("tx").state()).isEqualTo(State.ONGOING);

            await(producer.end(broker(), COMMIT));
            awaitState("tx", State.COMPLETE_COMMIT);
            for (int look = 0; look < 2; look++) {
                assertThat(committed(A)).hasSize(2 * (round + 1)).endsWith("v" + round + "1", "v" + round + "2");
                assertThat(committed(B)).hasSize(round + 1).endsWith("v" + round + "3");
                assertThat(committedOffset()).isEqualTo(round + 5);
                restartIfDurable();
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("K12 K04 after an abort nothing of it is ever visible, and the next transaction is")
    void aborted(TransactionVersion version) {
        topics();
        RawProducer producer = producer("tx", version);
        write(producer, "x", 7);
        await(producer.end(broker(), ABORT));
        awaitState("tx", State.COMPLETE_ABORT);
        restartIfDurable();
        assertThat(committed(A)).isEmpty();
        assertThat(committed(B)).isEmpty();
        assertThat(committedOffset()).isNull();

        write(producer, "y", 8);
        await(producer.end(broker(), COMMIT));
        awaitState("tx", State.COMPLETE_COMMIT);
        restartIfDurable();
        assertThat(committed(A)).containsExactly("y1", "y2");
        assertThat(committedOffset()).isEqualTo(8);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("K12 an open transaction goes on after a restart")
    void open_over_a_restart(TransactionVersion version) {
        topics();
        RawProducer producer = producer("tx", version);
        write(producer, "v", 5);
        restartIfDurable();
        assertThat(committed(A)).isEmpty();
        assertThat(committedOffset()).isNull();

        await(producer.end(broker(), COMMIT));
        awaitState("tx", State.COMPLETE_COMMIT);
        assertThat(committed(A)).containsExactly("v1", "v2");
        assertThat(committed(B)).containsExactly("v3");
        assertThat(committedOffset()).isEqualTo(5);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "K05 the same transactional id initialised twice: the older producer is fenced, and its transaction aborted")
    void fenced(TransactionVersion version) {
        topics();
        RawProducer older = producer("tx", version);
        write(older, "old", 1);
        RawProducer newer = producer("tx", version);

        assertThat(newer.producer().producerId()).isEqualTo(older.producer().producerId());
        assertThat(newer.producer().epoch()).isGreaterThan(older.producer().epoch());
        assertFails(older.append(broker(), A, "late"), ErrorCode.INVALID_PRODUCER_EPOCH);
        assertFails(older.commitOffset(broker(), "g", SOURCE, 2), ErrorCode.INVALID_PRODUCER_EPOCH);
        assertFails(older.end(broker(), COMMIT), ErrorCode.PRODUCER_FENCED);
        assertFails(broker().addPartitions(CALLER, "tx", older.producer(), Set.of(A)), ErrorCode.PRODUCER_FENCED);
        assertFails(
                broker().initProducerId(CALLER, new InitProducerId("tx", TIMEOUT, older.producer())),
                ErrorCode.PRODUCER_FENCED);
        write(newer, "new", 3);
        await(newer.end(broker(), COMMIT));
        awaitState("tx", State.COMPLETE_COMMIT);
        assertThat(committed(A)).containsExactly("new1", "new2");
        assertThat(committedOffset()).isEqualTo(3);
    }

    @Test
    @DisplayName(
            "K13 the epoch is raised at every end; a delayed end or append of an older transaction can't touch a newer one")
    void epochs() {
        topics();
        RawProducer producer = producer("tx", TransactionVersion.V2);
        ProducerIdAndEpoch first = producer.producer();
        write(producer, "one", 1);
        ProducerIdAndEpoch second = await(producer.end(broker(), COMMIT));
        assertThat(second).isEqualTo(new ProducerIdAndEpoch(first.producerId(), (short) (first.epoch() + 1)));

        assertThat(await(producer.endAs(broker(), first, COMMIT)))
                .as("asked again")
                .isEqualTo(second);
        RawProducer delayed = new RawProducer("tx", TransactionVersion.V2, first);
        write(producer, "two", 2);
        assertFails(producer.endAs(broker(), first, ABORT), ErrorCode.PRODUCER_FENCED);
        assertFails(producer.endAs(broker(), first, COMMIT), ErrorCode.PRODUCER_FENCED);
        assertFails(delayed.append(broker(), A, "delayed"), ErrorCode.INVALID_PRODUCER_EPOCH);
        ProducerIdAndEpoch third = await(producer.end(broker(), ABORT));
        assertThat(third.epoch()).isEqualTo((short) (first.epoch() + 2));
        awaitState("tx", State.COMPLETE_ABORT);
        assertThat(await(producer.endAs(broker(), second, ABORT))).isEqualTo(third);
        assertFails(producer.endAs(broker(), second, COMMIT), ErrorCode.PRODUCER_FENCED, ErrorCode.INVALID_TXN_STATE);
        assertThat(committed(A)).containsExactly("one1", "one2");
    }

    @Test
    @DisplayName(
            "K13 a transaction that nothing was written in can be aborted, not committed, and a producer of version 1 keeps its epoch")
    void empty_and_version_one() {
        topics();
        RawProducer producer = producer("tx", TransactionVersion.V2);
        assertFails(producer.endAs(broker(), producer.producer(), COMMIT), ErrorCode.INVALID_TXN_STATE);
        short epoch = producer.producer().epoch();
        assertThat(await(producer.end(broker(), ABORT)).epoch()).isEqualTo((short) (epoch + 1));

        RawProducer old = producer("old", TransactionVersion.V1);
        write(old, "v", 1);
        ProducerIdAndEpoch before = old.producer();
        assertThat(await(old.end(broker(), COMMIT))).isEqualTo(before);
        assertThat(await(old.end(broker(), COMMIT))).as("asked again").isEqualTo(before);
    }

    @Test
    @DisplayName("K12 a transaction that is open for too long is aborted; its producer begins anew with what it was")
    void too_long() {
        topics();
        ProducerIdAndEpoch first = init("tx", Duration.ofSeconds(5), ProducerIdAndEpoch.NONE);
        RawProducer producer = new RawProducer("tx", TransactionVersion.V2, first);
        write(producer, "v", 1);
        restartIfDurable();

        awaitState("tx", State.COMPLETE_ABORT);

        assertThat(committed(A)).isEmpty();
        assertFails(producer.append(broker(), A, "late"), ErrorCode.INVALID_PRODUCER_EPOCH);
        assertFails(producer.end(broker(), COMMIT), ErrorCode.PRODUCER_FENCED);
        producer.become(init("tx", TIMEOUT, first));
        assertThat(producer.producer().epoch()).isGreaterThan(first.epoch());
        write(producer, "w", 2);
        await(producer.end(broker(), COMMIT));
        awaitState("tx", State.COMPLETE_COMMIT);
        assertThat(committed(A)).containsExactly("w1", "w2");
    }

    @Test
    @DisplayName("K12 what is not part of a transaction is not written in it, and strangers are refused")
    void refused() {
        topics();
        RawProducer old = producer("old", TransactionVersion.V1);
        assertFails(old.append(broker(), A, "v"), ErrorCode.TRANSACTION_ABORTABLE);
        await(broker().addPartitions(CALLER, "old", old.producer(), Set.of(A)));
        await(old.append(broker(), A, "v"));
        assertFails(old.append(broker(), B, "v"), ErrorCode.TRANSACTION_ABORTABLE);
        assertFails(old.commitOffset(broker(), "g", SOURCE, 1), ErrorCode.TRANSACTION_ABORTABLE);
        assertFails(
                broker().addPartitions(CALLER, "old", old.producer(), Set.of(new TopicPartition("none", 0))),
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);

        RawProducer stranger =
                new RawProducer("old", TransactionVersion.V2, new ProducerIdAndEpoch(999_999, (short) 0));
        assertFails(stranger.append(broker(), A, "v"), ErrorCode.INVALID_PRODUCER_ID_MAPPING);
        assertFails(stranger.end(broker(), COMMIT), ErrorCode.INVALID_PRODUCER_ID_MAPPING);
        RawProducer unknown =
                new RawProducer("unknown", TransactionVersion.V2, new ProducerIdAndEpoch(999_999, (short) 0));
        assertFails(unknown.append(broker(), A, "v"), ErrorCode.INVALID_PRODUCER_ID_MAPPING);
        assertFails(broker().describeTransaction(CALLER, "unknown"), ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
        for (Duration timeout : List.of(Duration.ZERO, Duration.ofDays(1))) {
            assertFails(
                    broker().initProducerId(CALLER, InitProducerId.transactional("t", timeout)),
                    ErrorCode.INVALID_TRANSACTION_TIMEOUT);
        }
        assertThat(await(broker().listTransactions(CALLER)))
                .extracting(TransactionDescription::transactionalId)
                .containsExactly("old");
        await(broker().deleteTopic(CALLER, "a"));
        await(old.end(broker(), COMMIT));
        awaitState("old", State.COMPLETE_COMMIT);
    }

    @Test
    @DisplayName("K17 K12 a member that has lost its place commits no offsets in a transaction")
    void fenced_member() {
        topics();
        RawProducer producer = producer("tx", TransactionVersion.V2);
        RawMember member = new RawMember(engine(), broker(), "g", "m");
        member.join("source");
        member.reconcile();

        assertFails(
                producer.commitOffset(broker(), "g", "m", member.epoch() + 1, SOURCE, 1), ErrorCode.ILLEGAL_GENERATION);
        assertFails(producer.commitOffset(broker(), "g", "a stranger", 1, SOURCE, 1), ErrorCode.UNKNOWN_MEMBER_ID);
        await(producer.commitOffset(broker(), "g", "m", member.epoch(), SOURCE, 2));
        assertThat(committedOffset()).isNull();
        await(producer.end(broker(), COMMIT));
        awaitState("tx", State.COMPLETE_COMMIT);
        assertThat(committedOffset()).isEqualTo(2);
    }
}
