package io.reactivemq.test.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.broker.TransactionDescription.State;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.broker.TransactionalAppend;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.engine.StoredBroker;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.test.SimulatedRuntime;
import io.reactivemq.test.simulation.CrashState;
import io.reactivemq.test.simulation.CrashStates;
import io.reactivemq.test.simulation.DiskImage;
import io.reactivemq.test.simulation.RecordingStore;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;

/**
 * A broker with transactions crashes at every storage call. One of the topics is forced, the other is not, so that a loss of power takes the end of
 * the one and not of the other: only what the coordinator forces keeps them together.
 */
@DisplayName("In every state that a crash can leave")
@Tag("files")
class TransactionCrashTest {

    private static final int STATES = Integer.getInteger("reactivemq.transaction.crash.states", 1_000);
    private static final int ROUNDS = 6;
    private static final String ID = "tx";
    private static final Caller CALLER = Caller.embedded("crash");
    private static final TopicPartition FORCED = new TopicPartition("forced", 0);
    private static final TopicPartition BUFFERED = new TopicPartition("buffered", 0);
    private static final TopicPartition SOURCE = new TopicPartition("source", 0);

    /** A transaction that was ended: how many storage calls were made when that was asked for, and when it was answered. */
    private record End(int round, TransactionResult result, int asked, int answered) {}

    private int looked;
    private int refused;

    @Test
    @DisplayName(
            "K12 a transaction's records and offsets are there together, or never; one that was answered is there; the next one is possible")
    void together_or_never() {
        long seed = Long.getLong("reactivemq.seed", 1);
        RecordingStore store = new RecordingStore(DiskImage.empty());
        List<End> ends = live(store);
        Set<Long> seen = new HashSet<>();
        int from = ends.get(0).asked - 1;
        int oneIn = Integer.getInteger("reactivemq.transaction.crash.one-in", 48);
        new CrashStates(store, new Random(seed), oneIn).forEach(0, state -> {
            if (state.changesDone() >= from
                    && looked < STATES
                    && seen.add(state.image().fingerprint() * 31 + answered(ends, state))) {
                look(state, ends, seed);
            }
        });
        System.out.printf(
                "Crash states of transactions: %d, refused %d; %d storage calls, seed %d, one in %d%n",
                looked, refused, store.changeCount(), seed, oneIn);
        assertThat(looked).isGreaterThan(300);
    }

    private static long answered(List<End> ends, CrashState state) {
        return ends.stream().filter(end -> end.answered <= state.changesDone()).count();
    }

    private static List<End> live(RecordingStore store) {
        SimulatedRuntime runtime = SimulatedRuntime.inOrder();
        Broker broker = open(store, runtime);
        runtime.await(broker.createTopic(CALLER, NewTopic.of("forced", 1)));
        runtime.await(broker.createTopic(CALLER, new NewTopic("buffered", 1, Map.of("durability", "os-buffered"))));
        runtime.await(broker.createTopic(CALLER, NewTopic.of("source", 1)));
        ProducerIdAndEpoch producer = init(broker, runtime);
        List<End> ends = new ArrayList<>();
        for (int round = 0; round < ROUNDS; round++) {
            write(broker, runtime, producer, round);
            TransactionResult result = round % 3 == 1 ? TransactionResult.ABORT : TransactionResult.COMMIT;
            int asked = store.changeCount();
            producer = runtime.await(
                    broker.endTransaction(CALLER, new EndTransaction(ID, producer, TransactionVersion.V2, result)));
            ends.add(new End(round, result, asked, store.changeCount()));
        }
        awaitComplete(broker, runtime);
        return ends;
    }

    private static EmbeddedBroker open(RecordingStore store, SimulatedRuntime runtime) {
        return runtime.await(StoredBroker.open(store, options -> options.runtime(runtime)));
    }

    private static ProducerIdAndEpoch init(Broker broker, SimulatedRuntime runtime) {
        return runtime.await(broker.initProducerId(CALLER, InitProducerId.transactional(ID, Duration.ofMinutes(1))));
    }

    private static void write(Broker broker, SimulatedRuntime runtime, ProducerIdAndEpoch producer, int round) {
        for (TopicPartition partition : List.of(FORCED, BUFFERED)) {
            RecordBatchBuilder batch = new RecordBatchBuilder(256, 1 << 16);
            batch.tryAppend(
                    runtime.currentTimeMillis(),
                    null,
                    Integer.toString(round).getBytes(StandardCharsets.UTF_8),
                    Headers.empty());
            runtime.await(broker.append(
                    CALLER,
                    new TransactionalAppend(
                            ID,
                            TransactionVersion.V2,
                            partition,
                            batch.build(producer.producerId(), producer.epoch(), 0, true),
                            Acks.ALL)));
        }
        runtime.await(broker.commitOffsets(
                CALLER,
                new TransactionalOffsetCommit(
                        ID,
                        producer,
                        TransactionVersion.V2,
                        "g",
                        "",
                        -1,
                        null,
                        Map.of(SOURCE, CommittedOffset.of(round)))));
    }

    private static void awaitComplete(Broker broker, SimulatedRuntime runtime) {
        runtime.awaitUntil(() -> {
            State state = runtime.await(broker.describeTransaction(CALLER, ID)).state();
            return state != State.PREPARE_COMMIT && state != State.PREPARE_ABORT;
        });
    }

    private void look(CrashState state, List<End> ends, long seed) {
        looked++;
        SimulatedRuntime runtime = SimulatedRuntime.inOrder();
        Broker broker = open(new RecordingStore(state.image()), runtime);
        for (TopicDescription topic : runtime.await(broker.listTopics(CALLER))) {
            String damage = topic.offline().get(0);
            if (damage != null) {
                // the topic that is not forced may have lost what lies before something that it has not lost: that is
                // said,
                // not served
                assertThat(topic.name()).as("%s", state).isEqualTo(BUFFERED.topic());
                assertThat(damage)
                        .as("%s", state)
                        .contains(ErrorCode.CORRUPT_MESSAGE.name())
                        .contains("/data/" + BUFFERED + "/", "the batch at byte", "counts");
                assertThat(state.kind()).as("%s: %s", state, damage).isEqualTo(CrashState.Kind.SUBSET);
                refused++;
                return;
            }
        }
        String where = "seed " + seed + ", state " + looked + ", " + state;
        try {
            awaitComplete(broker, runtime);
            Set<Integer> expected = check(broker, runtime, state, ends);
            if (looked % 4 == 0) {
                ProducerIdAndEpoch producer = init(broker, runtime);
                write(broker, runtime, producer, ROUNDS);
                runtime.await(broker.endTransaction(
                        CALLER, new EndTransaction(ID, producer, TransactionVersion.V2, TransactionResult.COMMIT)));
                awaitComplete(broker, runtime);
                expected.add(ROUNDS);
                assertThat(committed(broker, runtime, FORCED)).isEqualTo(expected);
                assertThat(committed(broker, runtime, BUFFERED)).isEqualTo(expected);
            }
        } catch (RuntimeException | AssertionError e) {
            throw new AssertionError(where + ": " + e, e);
        }
    }

    /** What is there of the transactions; all of it together. */
    private static Set<Integer> check(Broker broker, SimulatedRuntime runtime, CrashState state, List<End> ends) {
        Set<Integer> forced = committed(broker, runtime, FORCED);
        assertThat(committed(broker, runtime, BUFFERED))
                .as("buffered, as forced")
                .isEqualTo(forced);
        CommittedOffset offset = runtime.await(
                        broker.fetchOffsets(CALLER, new OffsetFetch("g", Set.of(SOURCE), "", -1, false)))
                .get(SOURCE);
        assertThat(offset == null ? -1 : (int) offset.offset())
                .as("the offset of the last transaction of %s", forced)
                .isEqualTo(forced.stream().mapToInt(Integer::intValue).max().orElse(-1));
        for (End end : ends) {
            if (end.result == TransactionResult.ABORT || end.asked > state.changesDone()) {
                assertThat(forced).as("%s, which was not committed", end).doesNotContain(end.round);
            } else if (end.answered <= state.changesDone()) {
                assertThat(forced).as("%s, which was answered", end).contains(end.round);
            }
        }
        return forced;
    }

    private static Set<Integer> committed(Broker broker, SimulatedRuntime runtime, TopicPartition partition) {
        Set<Integer> rounds = new TreeSet<>();
        Receiver<byte[], String> receiver = Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.bytes(),
                        Serdes.string(),
                        o -> o.topics(partition.topic()).isolation(IsolationLevel.READ_COMMITTED)));
        Disposable reading = receiver.receiveAutoAck()
                .subscribe(record -> assertThat(rounds.add(Integer.valueOf(String.valueOf(record.value()))))
                        .as("%s once", record.value())
                        .isTrue());
        long end = runtime.await(broker.listOffset(CALLER, partition, OffsetSpec.latestStable()));
        runtime.advance(Duration.ofMillis(20));
        reading.dispose();
        assertThat(end).isGreaterThanOrEqualTo(0);
        return rounds;
    }
}
