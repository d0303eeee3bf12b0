package io.reactivemq.transaction;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionDescription.State;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.broker.TransactionalAppend;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StorageException.Operation;
import io.reactivemq.storage.testing.WatchedStore;
import io.reactivemq.topic.Admission;
import io.reactivemq.topic.Partition;
import io.reactivemq.topic.TopicConfig;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

/** What the door of transactions does around the state machine: markers, their repetition, what is kept in memory. */
class TransactionServiceTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final TopicPartition P0 = new TopicPartition("t", 0);
    private static final TopicPartition P1 = new TopicPartition("t", 1);
    private static final Duration ROUND = TransactionConfig.DEFAULT.checkInterval();

    private final ManualRuntime runtime = new ManualRuntime();
    private final WatchedStore watched = new WatchedStore(FileStore.memory());
    private final AtomicLong producerIds = new AtomicLong();
    private final Targets targets = new Targets();
    private final TransactionService service = service();

    @Test
    @DisplayName("K12 Markers are written once, though the record that they are written fails again and again")
    void markersOnce() {
        ProducerIdAndEpoch producer = begun(P0, P1);
        targets.onMarker = this::failNextWrite;

        service.endTransaction(CALLER, commit(producer)).subscribe();
        runtime.run();
        assertThat(targets.markers).containsExactlyInAnyOrder(P0, P1);
        for (int i = 0; i < 3; i++) {
            failNextWrite();
            runtime.advanceBy(ROUND);
            assertThat(state()).isEqualTo(State.PREPARE_COMMIT);
        }
        runtime.advanceBy(ROUND);

        assertThat(state()).isEqualTo(State.COMPLETE_COMMIT);
        assertThat(targets.markers).containsExactlyInAnyOrder(P0, P1);
    }

    @Test
    @DisplayName("K12 A partition that refuses its marker for a while does not make the others get theirs again")
    void markersOfOthersOnce() {
        ProducerIdAndEpoch producer = begun(P0, P1);
        targets.refusing = P1;

        service.endTransaction(CALLER, commit(producer)).subscribe();
        runtime.advanceBy(ROUND.multipliedBy(5));
        assertThat(state()).isEqualTo(State.PREPARE_COMMIT);
        assertThat(targets.attempts).as("a bounded number of attempts a round").isBetween(5, 40);
        targets.refusing = null;
        runtime.advanceBy(ROUND.multipliedBy(3));

        assertThat(state()).isEqualTo(State.COMPLETE_COMMIT);
        assertThat(targets.markers).containsExactlyInAnyOrder(P0, P1);
    }

    @Test
    void afterCloseNoMarkerIsTried() {
        ProducerIdAndEpoch producer = begun(P0);
        targets.refusing = P0;
        service.endTransaction(CALLER, commit(producer)).subscribe();
        runtime.run();
        int before = targets.attempts;
        assertThat(before).isPositive();

        service.close();
        runtime.advanceBy(Duration.ofMinutes(1));

        assertThat(targets.attempts).isEqualTo(before);
    }

    @Test
    void aRequestThatWaitsForTheEndIsToldToAskAgainWhereItFails() {
        ProducerIdAndEpoch producer = begun(P0);
        targets.refusing = P0;
        service.endTransaction(CALLER, commit(producer)).subscribe();
        ProducerIdAndEpoch next = new ProducerIdAndEpoch(producer.producerId(), (short) (producer.epoch() + 1));
        List<Throwable> failures = new ArrayList<>();

        service.addPartitions(CALLER, "tx", next, List.of(P1)).subscribe(null, failures::add);
        runtime.advanceBy(Duration.ofSeconds(10));

        assertThat(failures)
                .singleElement()
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.CONCURRENT_TRANSACTIONS));
    }

    @Test
    @DisplayName("K05 An older producer is told at once that it is one, also while the end of the transaction is stuck")
    void fencedAtOnce() {
        ProducerIdAndEpoch older = begun(P0);
        targets.refusing = P0;
        service.endTransaction(CALLER, commit(older)).subscribe();
        runtime.run();
        List<Throwable> failures = new ArrayList<>();

        service.addPartitions(CALLER, "tx", older, List.of(P1)).subscribe(null, failures::add);
        runtime.run();

        assertThat(state()).isEqualTo(State.PREPARE_COMMIT);
        assertThat(failures)
                .singleElement()
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.PRODUCER_FENCED));
    }

    @Test
    void whatIsKnownOfATransactionIsForgottenAtItsEndWhoeverEndsIt() {
        ProducerIdAndEpoch producer = begun();
        append(producer);
        assertThat(service.enlistedCount()).isEqualTo(1);
        service.endTransaction(CALLER, commit(producer)).subscribe();
        runtime.run();
        assertThat(state()).isEqualTo(State.COMPLETE_COMMIT);
        assertThat(service.enlistedCount()).isZero();

        append(new ProducerIdAndEpoch(producer.producerId(), (short) (producer.epoch() + 1)));
        assertThat(service.enlistedCount()).isEqualTo(1);
        runtime.advanceBy(Duration.ofMinutes(2));

        assertThat(state()).isEqualTo(State.COMPLETE_ABORT);
        assertThat(service.enlistedCount()).isZero();
    }

    private void append(ProducerIdAndEpoch producer) {
        service.append(CALLER, new TransactionalAppend("tx", TransactionVersion.V2, P0, records(producer), Acks.ALL))
                .subscribe();
        runtime.run();
    }

    private void failNextWrite() {
        watched.failNext("write", new StorageException(Operation.WRITE, Path.of("data"), "planted", null));
    }

    private ProducerIdAndEpoch begun(TopicPartition... partitions) {
        List<ProducerIdAndEpoch> made = new ArrayList<>();
        service.load()
                .then(service.initProducerId(
                        CALLER, new InitProducerId("tx", Duration.ofMinutes(1), ProducerIdAndEpoch.NONE)))
                .subscribe(made::add);
        runtime.run();
        ProducerIdAndEpoch producer = made.get(0);
        if (partitions.length > 0) {
            service.addPartitions(CALLER, "tx", producer, List.of(partitions)).subscribe();
            runtime.run();
        }
        return producer;
    }

    private State state() {
        List<State> states = new ArrayList<>();
        service.describeTransaction(CALLER, "tx").subscribe(description -> states.add(description.state()));
        runtime.run();
        return states.get(0);
    }

    private static EndTransaction commit(ProducerIdAndEpoch producer) {
        return new EndTransaction("tx", producer, TransactionVersion.V2, TransactionResult.COMMIT);
    }

    private static ByteBuffer records(ProducerIdAndEpoch producer) {
        RecordBatchBuilder builder = new RecordBatchBuilder(256, 256);
        builder.tryAppend(0, null, new byte[] {1}, Headers.empty());
        return builder.build(producer.producerId(), producer.epoch(), 0, true);
    }

    private TransactionService service() {
        TopicPartition id = new TopicPartition(TransactionService.TOPIC, 0);
        Path folder = Path.of("data", id.toString());
        watched.store().createDirectories(folder);
        PartitionLog log = PartitionLog.open(watched.store(), folder, id, LogConfig.defaults());
        Partition partition = new Partition(
                id, log, new TopicConfig(Durability.FSYNC, LogConfig.defaults()), runtime, Admission.OPEN);
        return new TransactionService(
                partition,
                TransactionConfig.DEFAULT,
                new ProducerIds(count -> Mono.just(producerIds.getAndAdd(count))),
                targets,
                runtime);
    }

    /** Partitions that remember their markers. */
    private static final class Targets implements TransactionTargets {

        final List<TopicPartition> markers = new ArrayList<>();
        int attempts;
        Runnable onMarker = () -> {};

        /** Takes no marker now; null: all do. */
        @Nullable TopicPartition refusing;

        @Override
        public TopicPartition offsetsOf(String groupId) {
            return new TopicPartition("__consumer_offsets", 0);
        }

        @Override
        public @Nullable MqException refusal(TopicPartition partition) {
            return null;
        }

        @Override
        public Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
            return Mono.just(new AppendResult(0, -1, 0));
        }

        @Override
        public Mono<Void> commitOffsets(TransactionalOffsetCommit commit) {
            return Mono.empty();
        }

        @Override
        public boolean forces() {
            return true;
        }

        @Override
        public Mono<Void> force(TopicPartition partition) {
            return Mono.empty();
        }

        @Override
        public Mono<Void> end(TopicPartition partition, ProducerIdAndEpoch producer, TransactionMarker marker) {
            return Mono.defer(() -> {
                attempts++;
                if (partition.equals(refusing)) {
                    // an expected failure, which is none of an operator
                    return Mono.create(
                            sink -> sink.error(new MqException(ErrorCode.THROTTLING_QUOTA_EXCEEDED, "planted")));
                }
                markers.add(partition);
                onMarker.run();
                return Mono.empty();
            });
        }
    }
}
