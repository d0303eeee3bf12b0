package io.reactivemq.produce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.Serde;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.broker.testing.ScriptedBroker;
import io.reactivemq.broker.testing.ScriptedBroker.AppendCall;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.record.RecordBatch;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;
import reactor.util.context.Context;

/** Demand, bounds, failures and cancellation of a send. */
class FluxSendTest {

    /** Random sends a test; more with {@code -Druns=}. */
    private static final int RUNS = Integer.getInteger("runs", 150);

    private static final TopicPartition ONE_0 = new TopicPartition("one", 0);
    private static final TopicPartition FOUR_0 = new TopicPartition("four", 0);
    private static final TopicPartition FOUR_1 = new TopicPartition("four", 1);
    private static final TopicPartition FOUR_2 = new TopicPartition("four", 2);

    private final ManualRuntime runtime = new ManualRuntime();
    private final ScriptedBroker broker =
            new ScriptedBroker(runtime).topic("one", 1).topic("four", 4);
    private final RecordSource source = new RecordSource();
    private final ResultProbe probe = new ResultProbe();

    @AfterEach
    void nothingIsLeftBehind() {
        runtime.run();
        assertThat(probe.ends()).as("ends seen downstream").isLessThanOrEqualTo(1);
        assertThat(runtime.openWorkers()).as("workers not disposed").isZero();
        assertThat(runtime.pendingTasks()).as("timers not disposed").isZero();
    }

    private Sender<String, String> sender(Consumer<SenderOptions.Builder> options) {
        return Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string(), options));
    }

    private void send(Consumer<SenderOptions.Builder> options) {
        sender(options.andThen(o -> o.stopOnError(true))).send(source).subscribe(probe);
    }

    private void send() {
        send(options -> {});
    }

    private void emit(String topic, int partition, String value) {
        source.emit(SenderRecord.<String, String>of(topic, value).withPartition(partition));
    }

    private AppendCall pending(TopicPartition partition) {
        return broker.pendingAppends().stream()
                .filter(call -> call.partition().equals(partition))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no append to " + partition + " is pending"));
    }

    private MqException failure() {
        assertThat(probe.error()).isInstanceOf(MqException.class);
        return (MqException) Objects.requireNonNull(probe.error());
    }

    private static MqException storageError() {
        return new MqException(ErrorCode.KAFKA_STORAGE_ERROR, "the disk is full");
    }

    private static MqException tooLarge() {
        return new MqException(ErrorCode.MESSAGE_TOO_LARGE, "the batch is too large");
    }

    // ---------------------------------------------------------------- demand and bounds

    @Test
    void resultsAreEmittedExactlyUnderDemand() {
        send();
        for (int i = 0; i < 10; i++) {
            emit("one", 0, "v" + i);
        }
        runtime.run();
        assertThat(probe.values()).isEmpty();

        probe.request(1);
        runtime.run();
        assertThat(probe.values()).containsExactly("v0");

        probe.request(3).request(2);
        runtime.run();
        assertThat(probe.values()).hasSize(6);

        source.complete();
        probe.request(4);
        runtime.run();
        assertThat(probe.values()).hasSize(10);
        assertThat(probe.isComplete()).isTrue();
    }

    @Test
    void completionNeedsNoDemand() {
        send();
        source.complete();
        runtime.run();
        assertThat(probe.isComplete()).isTrue();
    }

    @Test
    void recordsWithoutEmittedResultNeverExceedMaxInFlight() {
        send(options -> options.maxInFlight(10).linger(Duration.ofSeconds(1)));
        int emitted = 0;
        while (source.hasDemand()) {
            emit("one", 0, "v" + emitted++);
            runtime.run();
        }
        assertThat(emitted).isEqualTo(10);
        assertThat(broker.appends())
                .as("nothing more can arrive, so linger is pointless")
                .hasSize(1);

        for (int i = 1; i <= 5; i++) {
            probe.request(1);
            runtime.run();
            assertThat(source.requested()).isEqualTo(10 + i);
            emit("one", 0, "v" + emitted++);
            runtime.run();
            assertThat(source.hasDemand()).isFalse();
        }
        probe.cancel();
    }

    @Test
    void aSourceIsNotAskedForMoreWhileAFewRecordsAtMostWereTaken() {
        broker.holdDescribes();
        send();
        runtime.run();
        assertThat(source.requested()).isEqualTo(FluxSend.SendSubscriber.PREFETCH);
        while (source.hasDemand()) {
            emit("one", 0, "v");
        }
        runtime.run();
        assertThat(source.requested()).isEqualTo(FluxSend.SendSubscriber.PREFETCH);
        probe.cancel();
    }

    @Test
    void atTheBoundOfBytesNothingIsTakenUntilABatchIsAcknowledged() {
        broker.holdAppends();
        send(options -> options.batchSizeBytes(1000).bufferBytes(4000).linger(Duration.ofSeconds(9)));
        probe.request(Long.MAX_VALUE);
        int emitted = 0;
        String value = "x".repeat(400);
        while (source.hasDemand()) {
            emit("four", emitted++ % 4, value);
            runtime.run();
        }
        long held = broker.pendingAppends().stream()
                .mapToLong(call -> call.records().remaining())
                .sum();
        assertThat(held).as("bytes under way").isBetween(2_500L, 4_000L);
        assertThat(source.requested()).isLessThan(FluxSend.SendSubscriber.PREFETCH + 20L);

        int before = probe.results().size();
        pending(FOUR_0).complete();
        runtime.run();
        assertThat(probe.results().size()).isGreaterThan(before);

        source.complete();
        broker.releaseAppends();
        runtime.run();
        assertThat(probe.results()).hasSize(emitted);
        assertThat(probe.isComplete()).isTrue();
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the record is refused on purpose")
    void aRecordLargerThanTheBufferEndsTheSend() {
        send(options -> options.batchSizeBytes(1000).bufferBytes(2000));
        probe.request(Long.MAX_VALUE);
        emit("one", 0, "small");
        emit("one", 0, "x".repeat(2001));
        runtime.run();

        assertThat(probe.values()).containsExactly("small");
        assertThat(failure().errorCode()).isEqualTo(ErrorCode.MESSAGE_TOO_LARGE);
        assertThat(failure()).hasMessageContaining("topic one").hasMessageContaining("bufferBytes is 2000");
        assertThat(probe.discardedValues()).hasSize(1);
    }

    @Test
    void aRecordLargerThanABatchTravelsAlone() {
        send(options -> options.batchSizeBytes(500));
        probe.request(Long.MAX_VALUE);
        emit("one", 0, "a");
        emit("one", 0, "x".repeat(3000));
        emit("one", 0, "b");
        source.complete();
        runtime.run();

        assertThat(probe.results()).hasSize(3);
        assertThat(broker.batches(ONE_0)).hasSize(3);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the record is refused on purpose")
    void moreRecordsThanRequestedEndTheSendWithAnOverflow() {
        send(options -> options.maxInFlight(2));
        probe.request(Long.MAX_VALUE);
        for (int i = 0; i < 5; i++) {
            source.emitBeyondDemand(SenderRecord.of("one", "v" + i));
        }
        runtime.run();
        assertThat(probe.error()).hasMessageContaining("more records than the 2 requested");
    }

    // ---------------------------------------------------------------- order

    @Test
    void aResultWaitsForAllEarlierOnesThoughItsBatchIsAcknowledged() {
        broker.holdAppends();
        send();
        probe.request(Long.MAX_VALUE);
        emit("four", 0, "a");
        emit("four", 1, "b");
        emit("four", 0, "c");
        emit("four", 2, "d");
        runtime.run();

        pending(FOUR_2).complete();
        pending(FOUR_1).complete();
        runtime.run();
        assertThat(probe.values()).isEmpty();

        pending(FOUR_0).complete();
        runtime.run();
        assertThat(probe.values()).containsExactly("a", "b", "c", "d");
        probe.cancel();
    }

    @Test
    void aPartitionHasOneAppendUnderWay() {
        broker.holdAppends();
        send(options -> options.batchSizeBytes(100));
        probe.request(Long.MAX_VALUE);
        for (int i = 0; i < 40; i++) {
            emit("four", i % 2, "value-" + i);
        }
        runtime.run();
        assertThat(broker.pendingAppends()).extracting(AppendCall::partition).containsExactlyInAnyOrder(FOUR_0, FOUR_1);
        probe.cancel();
    }

    @Test
    void anAnswerIsNotHandledOnTheThreadItComesOn() {
        broker.holdAppends();
        send(options -> options.batchSizeBytes(75));
        probe.request(Long.MAX_VALUE);
        emit("one", 0, "a");
        emit("one", 0, "b");
        runtime.run();

        pending(ONE_0).complete();
        assertThat(probe.values()).isEmpty();
        assertThat(broker.appends()).hasSize(1);

        runtime.run();
        assertThat(probe.values()).containsExactly("a");
        assertThat(broker.appends()).hasSize(2);
        probe.cancel();
    }

    // ---------------------------------------------------------------- retries

    @Test
    void aRetriableFailureIsTriedAgainAndOrderHolds() {
        for (int i = 0; i < 3; i++) {
            broker.failNextAppend(FOUR_0, storageError());
        }
        send(options -> options.batchSizeBytes(100));
        probe.request(Long.MAX_VALUE);
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            emit("four", i % 2, "v" + i);
            if (i % 2 == 0) {
                expected.add("v" + i);
            }
        }
        source.complete();
        runtime.run();
        assertThat(probe.values()).isEmpty();

        runtime.advanceBy(Duration.ofSeconds(2));

        assertThat(probe.results()).hasSize(40);
        assertThat(probe.isComplete()).isTrue();
        assertThat(Sent.values(broker, FOUR_0)).isEqualTo(expected);
    }

    @Test
    void retriesWaitLongerEachTimeUpToASecond() {
        for (int i = 0; i < 8; i++) {
            broker.failNextAppend(ONE_0, storageError());
        }
        List<Long> times = new ArrayList<>();
        send(options -> options.retryBackoff(Duration.ofMillis(100)));
        probe.request(Long.MAX_VALUE);
        emit("one", 0, "v");
        source.complete();
        int seen = 0;
        for (int ms = 0; ms < 10_000; ms++) {
            runtime.advanceBy(Duration.ofMillis(1));
            if (broker.appends().size() > seen) {
                seen = broker.appends().size();
                times.add(runtime.currentTimeMillis());
            }
        }
        assertThat(times).hasSize(9);
        long[] nominal = {100, 200, 400, 800, 1000, 1000, 1000, 1000};
        for (int i = 0; i < nominal.length; i++) {
            assertThat(times.get(i + 1) - times.get(i))
                    .as("wait before retry %d", i + 1)
                    .isBetween(nominal[i] * 8 / 10, nominal[i] * 12 / 10 + 1);
        }
        assertThat(probe.isComplete()).isTrue();
    }

    @Test
    void whatFailsUntilTheDeliveryTimeoutEndsTheSend() {
        for (int i = 0; i < 100; i++) {
            broker.failNextAppend(ONE_0, storageError());
        }
        send(options -> options.deliveryTimeout(Duration.ofSeconds(5)));
        probe.request(Long.MAX_VALUE);
        emit("one", 0, "v");
        runtime.advanceBy(Duration.ofSeconds(5));

        assertThat(failure().errorCode()).isEqualTo(ErrorCode.REQUEST_TIMED_OUT);
        assertThat(failure())
                .hasMessageContaining("one-0: the append of 1 records did not succeed within PT5S")
                .hasMessageContaining("the disk is full")
                .hasCauseInstanceOf(MqException.class);
        assertThat(source.cancels()).isEqualTo(1);
    }

    @Test
    void anAppendThatIsNeverAnsweredEndsTheSendAtTheDeliveryTimeout() {
        broker.holdAppends();
        send();
        probe.request(Long.MAX_VALUE);
        emit("four", 0, "a");
        emit("four", 1, "b");
        runtime.advanceBy(Duration.ofSeconds(60));
        pending(FOUR_0).complete();
        runtime.advanceBy(Duration.ofSeconds(59));
        assertThat(probe.error()).isNull();

        runtime.advanceBy(Duration.ofSeconds(1));

        assertThat(probe.values()).containsExactly("a");
        assertThat(failure().errorCode()).isEqualTo(ErrorCode.REQUEST_TIMED_OUT);
        assertThat(failure()).hasMessageContaining("four-1");
    }

    @Test
    void theDeliveryTimeoutOfALaterBatchIsItsOwn() {
        broker.holdAppends();
        send();
        probe.request(Long.MAX_VALUE);
        emit("four", 0, "a");
        runtime.advanceBy(Duration.ofSeconds(100));
        emit("four", 1, "b");
        runtime.run();
        pending(FOUR_0).complete();
        runtime.advanceBy(Duration.ofSeconds(119));
        assertThat(probe.error()).isNull();
        runtime.advanceBy(Duration.ofSeconds(1));
        assertThat(failure()).hasMessageContaining("four-1");
    }

    // ---------------------------------------------------------------- failures

    @Test
    @DisplayName("N03 Each record has its own result: those of a refused batch its error, the others their offset")
    void eachRecordHasItsOwnResult() {
        broker.holdAppends();
        sender(options -> options.batchSizeBytes(75)).send(source).subscribe(probe);
        probe.request(Long.MAX_VALUE);
        emit("four", 1, "a");
        emit("four", 1, "b");
        emit("four", 0, "c");
        emit("four", 7, "nowhere");
        emit("four", 1, "d");
        emit("none", 0, "no topic");
        emit("four", 1, "e");
        source.complete();
        runtime.run();

        pending(FOUR_1).fail(tooLarge());
        runtime.run();
        assertThat(probe.results()).singleElement().satisfies(result -> {
            assertThat(result.isFailed()).isTrue();
            assertThat(result.error()).isNotNull();
            assertThatThrownBy(result::offset).isSameAs(result.error());
            assertThatThrownBy(result::partition).isSameAs(result.error());
        });
        for (int i = 0; i < 10 && probe.ends() == 0; i++) {
            broker.pendingAppends().forEach(pending -> pending.complete());
            runtime.run();
        }

        assertThat(probe.ends()).isEqualTo(1);
        assertThat(probe.error()).isNull();
        assertThat(probe.results())
                .extracting(result -> result.record().value() + " "
                        + (result.error() == null ? "sent" : result.error().errorCode()))
                .containsExactly(
                        "a MESSAGE_TOO_LARGE",
                        "b sent",
                        "c sent",
                        "nowhere UNKNOWN_TOPIC_OR_PARTITION",
                        "d sent",
                        "no topic UNKNOWN_TOPIC_OR_PARTITION",
                        "e sent");
        List<RecordBatch> sent = broker.appends(FOUR_1).stream()
                .map(append -> RecordBatch.at(append.records(), 0))
                .toList();
        assertThat(sent).extracting(RecordBatch::baseSequence).as("no gap").containsExactly(0, 0, 1, 2);
    }

    @Test
    void behindABatchOfOpenFateItsPartitionGoesOnWithTheNextEpoch() {
        broker.holdAppends();
        sender(options -> options.batchSizeBytes(75).deliveryTimeout(Duration.ofSeconds(5)))
                .send(source)
                .subscribe(probe);
        probe.request(Long.MAX_VALUE);
        emit("four", 1, "a");
        runtime.run();
        runtime.advanceBy(Duration.ofSeconds(3));
        emit("four", 1, "b");
        source.complete();
        runtime.run();
        runtime.advanceBy(Duration.ofSeconds(2));
        assertThat(probe.results())
                .singleElement()
                .satisfies(result -> assertThat(
                                Objects.requireNonNull(result.error()).errorCode())
                        .isEqualTo(ErrorCode.REQUEST_TIMED_OUT));
        broker.pendingAppends().forEach(pending -> pending.complete());
        runtime.run();

        assertThat(probe.results()).hasSize(2);
        assertThat(probe.results().get(1).error()).isNull();
        List<RecordBatch> sent = broker.appends(FOUR_1).stream()
                .map(append -> RecordBatch.at(append.records(), 0))
                .toList();
        assertThat(sent).extracting(RecordBatch::baseSequence).containsExactly(0, 0);
        assertThat(sent.get(1).producerEpoch() - sent.get(0).producerEpoch()).isEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource(names = {"INVALID_TIMESTAMP", "MESSAGE_TOO_LARGE", "INVALID_RECORD", "POLICY_VIOLATION"})
    @DisplayName("K06 What is refused at a later attempt may be in the log: its sequence numbers go to no other batch")
    void refusedAtALaterAttempt(ErrorCode code) {
        broker.holdAppends();
        sender(options -> options.batchSizeBytes(75)).send(source).subscribe(probe);
        probe.request(Long.MAX_VALUE);
        emit("four", 1, "a");
        emit("four", 1, "b");
        emit("four", 1, "c");
        source.complete();
        runtime.run();
        pending(FOUR_1).complete();
        runtime.run();
        pending(FOUR_1).fail(new MqException(ErrorCode.REQUEST_TIMED_OUT, "the answer was lost"));
        runtime.advanceBy(Duration.ofSeconds(1));
        pending(FOUR_1).fail(new MqException(code, "planted"));
        runtime.run();
        pending(FOUR_1).complete();
        runtime.run();

        assertThat(probe.results()).extracting(SenderResult::isFailed).containsExactly(false, true, false);
        MqException open = Objects.requireNonNull(probe.results().get(1).error());
        assertThat(open.errorCode()).as("it may be in the log").isEqualTo(ErrorCode.REQUEST_TIMED_OUT);
        assertThat(open).hasMessageContaining(code.name()).hasMessageContaining("planted");
        List<RecordBatch> sent = broker.appends(FOUR_1).stream()
                .map(append -> RecordBatch.at(append.records(), 0))
                .toList();
        assertThat(sent).extracting(RecordBatch::baseSequence).containsExactly(0, 1, 1, 0);
        int epoch = sent.get(0).producerEpoch();
        assertThat(sent)
                .extracting(batch -> batch.producerEpoch() - epoch)
                .as("the batch behind it begins anew")
                .containsExactly(0, 0, 0, 1);
    }

    @Test
    @DisplayName("K06 A producer that the log has forgotten begins anew with the next epoch, once a batch")
    void forgottenProducer() {
        broker.holdAppends();
        sender(options -> options.batchSizeBytes(75)).send(source).subscribe(probe);
        probe.request(Long.MAX_VALUE);
        emit("four", 1, "a");
        emit("four", 1, "b");
        emit("four", 1, "c");
        source.complete();
        runtime.run();
        pending(FOUR_1).complete();
        runtime.run();
        pending(FOUR_1).fail(new MqException(ErrorCode.UNKNOWN_PRODUCER_ID, "planted"));
        runtime.run();
        pending(FOUR_1).complete();
        runtime.run();
        pending(FOUR_1).complete();
        runtime.run();

        assertThat(probe.results()).hasSize(3).noneMatch(SenderResult::isFailed);
        List<RecordBatch> sent = broker.appends(FOUR_1).stream()
                .map(append -> RecordBatch.at(append.records(), 0))
                .toList();
        assertThat(sent).hasSize(4);
        RecordBatch anew = sent.get(2);
        assertThat(anew.producerEpoch() - sent.get(0).producerEpoch()).isEqualTo(1);
        assertThat(anew.baseSequence()).isZero();
        assertThat(sent.get(3).producerEpoch()).isEqualTo(anew.producerEpoch());
        assertThat(sent.get(3).baseSequence()).isEqualTo(1);
    }

    @Test
    void aRefusedRecordWhoseResultIsNotEmittedIsDiscardedOnce() {
        sender(options -> {}).send(source).subscribe(probe);
        emit("four", 1, "a");
        emit("nowhere", 0, "b");
        runtime.run();
        probe.cancel();
        runtime.run();

        assertThat(probe.discardedValues()).containsExactly("b");
    }

    @Test
    void aFencedProducerEndsTheSendThoughResultsMayHaveErrors() {
        broker.holdAppends();
        sender(options -> {}).send(source).subscribe(probe);
        probe.request(Long.MAX_VALUE);
        emit("four", 1, "a");
        runtime.run();

        pending(FOUR_1).fail(new MqException(ErrorCode.PRODUCER_FENCED, "planted"));
        runtime.run();

        assertThat(probe.results()).isEmpty();
        assertThat(failure().errorCode()).isEqualTo(ErrorCode.PRODUCER_FENCED);
    }

    @Test
    void aFailedAppendEndsTheSendAfterTheResultsOfAllBeforeIt() {
        broker.holdAppends();
        send(options -> options.batchSizeBytes(75));
        probe.request(Long.MAX_VALUE);
        emit("four", 0, "a");
        emit("four", 1, "b");
        emit("four", 1, "c");
        emit("four", 2, "d");
        runtime.run();

        pending(FOUR_1).fail(tooLarge());
        runtime.run();
        assertThat(probe.error()).as("earlier results are still out").isNull();
        assertThat(source.cancels()).isEqualTo(1);

        pending(FOUR_0).complete();
        runtime.run();

        assertThat(probe.values()).containsExactly("a");
        assertThat(failure().errorCode()).isEqualTo(ErrorCode.MESSAGE_TOO_LARGE);
        assertThat(failure())
                .hasMessageContaining("four-1: the append of 1 records failed")
                .hasMessageContaining("the batch is too large");
        assertThat(broker.appends(FOUR_1)).as("nothing behind it is sent").hasSize(1);
    }

    @Test
    void recordsBeforeTheFailedOneAreSentThoughTheyLingeredAndLaterOnesAreNot() {
        broker.failNextAppend(FOUR_1, tooLarge());
        send(options -> options.batchSizeBytes(75).linger(Duration.ofSeconds(10)));
        probe.request(Long.MAX_VALUE);
        emit("four", 0, "a");
        emit("four", 1, "b");
        emit("four", 1, "c");
        emit("four", 2, "d");
        runtime.run();

        assertThat(probe.values()).containsExactly("a");
        assertThat(failure()).hasMessageContaining("four-1");
        assertThat(probe.discardedValues()).as("never handed to the broker").containsExactly("c", "d");
    }

    @Test
    void ofTwoFailuresTheEarlierRecordsCountsAndCarriesTheOther() {
        broker.holdAppends();
        send();
        probe.request(Long.MAX_VALUE);
        emit("four", 0, "a");
        emit("four", 1, "b");
        runtime.run();
        pending(FOUR_1).fail(tooLarge());
        runtime.run();
        pending(FOUR_0).fail(tooLarge());
        runtime.run();

        assertThat(probe.values()).isEmpty();
        assertThat(failure()).hasMessageContaining("four-0");
        assertThat(failure().getSuppressed()).hasSize(1);
        assertThat(failure().getSuppressed()[0]).hasMessageContaining("four-1");
    }

    @Test
    void anErrorThatIsNotTheBrokersIsFinalToo() {
        broker.failNextAppend(ONE_0, new IllegalStateException("bug"));
        send();
        probe.request(Long.MAX_VALUE);
        emit("one", 0, "a");
        runtime.run();

        assertThat(failure().errorCode()).isEqualTo(ErrorCode.UNKNOWN_SERVER_ERROR);
        assertThat(failure())
                .hasMessageContaining("one-0")
                .hasMessageContaining("bug")
                .hasCauseInstanceOf(IllegalStateException.class);
    }

    @Test
    void aBrokerThatThrowsEndsTheSend() {
        Broker throwing = delegating("append", () -> {
            throw new IllegalStateException("not a Mono");
        });
        sendTo(throwing);
        assertThat(failure()).hasMessageContaining("one-0").hasMessageContaining("not a Mono");
    }

    @Test
    void anAppendAnsweredWithNothingEndsTheSend() {
        sendTo(delegating("append", Mono::empty));
        assertThat(failure()).hasMessageContaining("one-0").hasMessageContaining("answered with nothing");
    }

    private void sendTo(Broker other) {
        Sender.on(other, SenderOptions.of(Serdes.string(), Serdes.string(), o -> o.stopOnError(true)))
                .send(source)
                .subscribe(probe);
        probe.request(Long.MAX_VALUE);
        emit("one", 0, "a");
        runtime.run();
    }

    /** The broker, but one method answers otherwise. */
    private Broker delegating(String method, Supplier<Mono<?>> answer) {
        InvocationHandler handler = (proxy, called, arguments) ->
                called.getName().equals(method) ? answer.get() : called.invoke(broker, arguments);
        return (Broker) Proxy.newProxyInstance(Broker.class.getClassLoader(), new Class<?>[] {Broker.class}, handler);
    }

    @Test
    void anUnknownTopicIsNamedAfterTheResultsOfWhatCameBefore() {
        send();
        probe.request(Long.MAX_VALUE);
        emit("one", 0, "a");
        emit("nowhere", 0, "b");
        emit("one", 0, "c");
        runtime.run();

        assertThat(probe.values()).containsExactly("a");
        assertThat(failure().errorCode()).isEqualTo(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        assertThat(failure()).hasMessageContaining("topic nowhere");
        assertThat(probe.discardedValues()).hasSize(2);
    }

    @Test
    void aTopicDeletedMeanwhileEndsTheSendAndIsLookedUpAnew() {
        Sender<String, String> sender = sender(options -> options.stopOnError(true));
        sender.send(source).subscribe(probe);
        probe.request(Long.MAX_VALUE);
        emit("four", 3, "a");
        runtime.run();
        deleteTopic("four");
        emit("four", 3, "b");
        runtime.run();
        assertThat(probe.values()).containsExactly("a");
        assertThat(failure().errorCode()).isEqualTo(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        assertThat(failure()).hasMessageContaining("four-3");

        broker.topic("four", 8);
        List<TopicPartition> partitions = new ArrayList<>();
        Disposable unused = sender.send(
                        SenderRecord.<String, String>of("four", "c").withPartition(7))
                .subscribe(result -> partitions.add(result.partition()));
        runtime.run();
        assertThat(partitions).containsExactly(new TopicPartition("four", 7));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 16})
    @DisplayName("K01 a send goes on when its topic is made anew with other partitions, and spreads over those")
    void aTopicMadeAnewMeanwhile(int partitions) {
        sender(options -> options.batchSizeBytes(75)).send(source).subscribe(probe);
        probe.request(Long.MAX_VALUE);
        emitToAll("a");
        assertThat(probe.results()).hasSize(64).noneMatch(SenderResult::isFailed);
        assertThat(usedPartitions(0)).hasSize(4);

        deleteTopic("four");
        emitToAll("b");
        emitToAll("c");
        assertThat(probe.results().subList(64, 192))
                .allSatisfy(result -> assertThat(
                                Objects.requireNonNull(result.error()).errorCode())
                        .isEqualTo(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
        broker.topic("four", partitions);
        emitToAll("d");
        emitToAll("e");
        assertThat(probe.results().subList(192, 320)).hasSize(128).noneMatch(SenderResult::isFailed);
        assertThat(usedPartitions(192)).hasSize(partitions);
        assertThat(broker.appends(FOUR_0))
                .extracting(append -> RecordBatch.at(append.records(), 0).producerEpoch())
                .as("what was never in a log costs no epoch")
                .containsOnly((short) 0);
        probe.cancel();
    }

    private void emitToAll(String value) {
        for (int i = 0; i < 64; i++) {
            source.emit(SenderRecord.of("four", value + i, value));
            runtime.run();
        }
    }

    private Set<TopicPartition> usedPartitions(int from) {
        return probe.results().subList(from, probe.results().size()).stream()
                .map(SenderResult::partition)
                .collect(Collectors.toSet());
    }

    private void deleteTopic(String topic) {
        Disposable unused = broker.deleteTopic(Caller.embedded("test"), topic).subscribe();
    }

    @Test
    void aLookupIsTriedAgainAfterARetriableFailure() {
        broker.failNextDescribe(new MqException(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, "not yet"));
        send();
        probe.request(Long.MAX_VALUE);
        emit("one", 0, "a");
        runtime.run();
        assertThat(probe.values()).isEmpty();
        runtime.advanceBy(Duration.ofMillis(120));
        assertThat(probe.values()).containsExactly("a");
        probe.cancel();
    }

    @Test
    void aLookupThatIsNeverAnsweredEndsTheSendAtTheDeliveryTimeout() {
        broker.holdDescribes();
        send();
        emit("one", 0, "a");
        runtime.advanceBy(Duration.ofMinutes(2));
        assertThat(failure().errorCode()).isEqualTo(ErrorCode.REQUEST_TIMED_OUT);
        assertThat(failure()).hasMessageContaining("topic one");
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the record is refused on purpose")
    void aPartitionThatIsNotThereIsNamed() {
        send();
        probe.request(Long.MAX_VALUE);
        emit("one", 1, "a");
        runtime.run();
        assertThat(failure().errorCode()).isEqualTo(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        assertThat(failure()).hasMessageContaining("topic one").hasMessageContaining("partition 1 is not in [0, 1)");
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the record is refused on purpose")
    void aPartitionerThatFailsOrAnswersNonsenseEndsTheSend() {
        send(options -> options.partitioner((record, key, partitions) -> -2));
        probe.request(1);
        source.emit(SenderRecord.of("four", "a"));
        runtime.run();
        assertThat(failure()).hasMessageContaining("topic four").hasMessageContaining("partition -2 is not in [0, 4)");
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the record is refused on purpose")
    void aSerdeThatFailsEndsTheSendNamingTopicAndCauseAfterEarlierResults() {
        Serde<String> picky = Serde.of(
                text -> {
                    if (text.equals("bad")) {
                        throw new IllegalArgumentException("bad text");
                    }
                    return Serdes.string().serialize(text);
                },
                bytes -> "");
        Sender.on(
                        broker,
                        SenderOptions.of(
                                Serdes.string(),
                                picky,
                                options -> options.linger(Duration.ofSeconds(3)).stopOnError(true)))
                .send(source)
                .subscribe(probe);
        emit("one", 0, "a");
        emit("one", 0, "bad");
        emit("one", 0, "c");
        runtime.run();
        assertThat(probe.error())
                .as("there is no demand for the earlier result")
                .isNull();
        probe.request(5);
        runtime.run();

        assertThat(probe.values()).containsExactly("a");
        assertThat(failure().errorCode()).isEqualTo(ErrorCode.INVALID_RECORD);
        assertThat(failure())
                .hasMessageContaining("topic one")
                .hasMessageContaining("the value could not be serialised")
                .hasMessageContaining("bad text")
                .hasCauseInstanceOf(IllegalArgumentException.class);
        assertThat(probe.discardedValues()).hasSize(2);
        assertThat(Sent.values(broker, ONE_0)).containsExactly("a");
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the Serde answers with null")
    @SuppressWarnings("NullAway") // a Serde that was not checked
    void aSerdeThatReturnsNullEndsTheSend() {
        Serde<String> empty = Serde.of(text -> null, bytes -> "");
        Sender.on(broker, SenderOptions.of(empty, empty, o -> o.stopOnError(true)))
                .send(source)
                .subscribe(probe);
        source.emit(SenderRecord.of("one", "k", "v"));
        runtime.run();
        assertThat(failure())
                .hasMessageContaining("the key could not be serialised")
                .hasMessageContaining("the Serde returned null");
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the subscriber throws")
    void aSubscriberThatThrowsEndsTheSendInsteadOfHangingIt() {
        probe.onResult = () -> {
            throw new IllegalStateException("subscriber");
        };
        send();
        probe.request(2);
        emit("one", 0, "a");
        runtime.run();
        assertThat(probe.error()).hasMessage("subscriber");
        assertThat(source.cancels()).isEqualTo(1);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the runtime's threads are gone")
    void aRuntimeThatIsShutDownEndsTheSend() {
        Scheduler workers = Schedulers.newSingle("to be disposed");
        MqRuntime stopped = (MqRuntime) Proxy.newProxyInstance(
                MqRuntime.class.getClassLoader(),
                new Class<?>[] {MqRuntime.class},
                (proxy, called, arguments) ->
                        called.getName().equals("workers") ? workers : called.invoke(runtime, arguments));
        Sender.on(new ScriptedBroker(stopped).topic("one", 1), SenderOptions.of(Serdes.string(), Serdes.string()))
                .send(source)
                .subscribe(probe);
        workers.dispose();
        emit("one", 0, "a");
        assertThat(probe.error()).isInstanceOf(RejectedExecutionException.class);
        assertThat(probe.discardedValues()).containsExactly("a");
        assertThat(source.cancels()).isEqualTo(1);
    }

    @Test
    void anErrorOfTheSourceComesAfterTheResultsOfAllBefore() {
        IllegalStateException error = new IllegalStateException("source");
        broker.holdAppends();
        send(options -> options.linger(Duration.ofSeconds(3)));
        probe.request(Long.MAX_VALUE);
        emit("four", 0, "a");
        emit("four", 1, "b");
        source.fail(error);
        runtime.run();
        assertThat(probe.error()).isNull();

        broker.releaseAppends();
        runtime.run();
        assertThat(probe.values()).containsExactly("a", "b");
        assertThat(probe.error()).isSameAs(error);
        assertThat(source.cancels()).isZero();
    }

    // ---------------------------------------------------------------- cancellation

    @Test
    void cancellingDiscardsWhatWasNotHandedToTheBroker() {
        broker.holdAppends();
        send(options -> options.batchSizeBytes(75));
        for (int i = 0; i < 6; i++) {
            emit("one", 0, "v" + i);
        }
        runtime.run();
        emit("one", 0, "late");

        probe.cancel();
        emit("one", 0, "later");
        runtime.run();
        emit("one", 0, "latest");

        assertThat(probe.discardedValues()).containsExactly("v1", "v2", "v3", "v4", "v5", "late", "later", "latest");
        assertThat(source.cancels()).isEqualTo(1);
        assertThat(broker.appends()).hasSize(1);
        assertThat(probe.results()).isEmpty();
    }

    @Test
    void cancellingFromAResultEndsItThere() {
        probe.onResult = probe::cancel;
        send();
        probe.request(Long.MAX_VALUE);
        for (int i = 0; i < 6; i++) {
            emit("one", 0, "v" + i);
        }
        runtime.run();
        assertThat(probe.values()).containsExactly("v0");
        assertThat(Sent.values(broker, ONE_0)).hasSize(6);
    }

    @Test
    void cancelledBeforeAnythingWasRequested() {
        send();
        probe.cancel();
        probe.cancel();
        runtime.run();
        assertThat(source.cancels()).isEqualTo(1);
    }

    @Test
    void cancelledAtAnyStepEveryRecordIsWithTheBrokerOrDiscardedOnce() {
        long seed = Long.getLong("seed", 20_261_122);
        Random seeds = new Random(seed);
        for (int i = 0; i < RUNS; i++) {
            long each = seeds.nextLong();
            SendModel model = new SendModel(each);
            model.run(true);
            model.check("run " + i + ", -Dseed=" + seed);
        }
    }

    // ---------------------------------------------------------------- the world around

    @Test
    void randomSendsKeepOrderDemandAndBounds() {
        long seed = Long.getLong("seed", 20_261_122);
        Random seeds = new Random(seed);
        for (int i = 0; i < RUNS; i++) {
            long each = seeds.nextLong();
            SendModel model = new SendModel(each);
            model.run(false);
            model.check("run " + i + ", -Dseed=" + seed);
        }
    }

    @Test
    void userCodeRunsOnTheWorkerOnly() {
        List<String> elsewhere = new ArrayList<>();
        Serde<String> watched = Serde.of(
                text -> {
                    if (!runtime.onWorker()) {
                        elsewhere.add("serde");
                    }
                    return Serdes.string().serialize(text);
                },
                bytes -> "");
        Partitioner partitioner = (record, key, partitions) -> {
            if (!runtime.onWorker()) {
                elsewhere.add("partitioner");
            }
            return 0;
        };
        broker.answerAppendsOn(runtime.io());
        probe.onResult = () -> {
            if (!runtime.onWorker()) {
                elsewhere.add("onNext");
            }
        };
        Sender.on(broker, SenderOptions.of(watched, watched, options -> options.partitioner(partitioner)))
                .send(source)
                .subscribe(probe);
        probe.request(3);
        for (int i = 0; i < 10; i++) {
            source.emit(SenderRecord.of("four", "k", "v"));
        }
        source.complete();
        runtime.run();
        probe.request(100);
        assertThat(probe.results()).hasSize(3);
        runtime.run();

        assertThat(probe.results()).hasSize(10);
        assertThat(elsewhere).isEmpty();
    }

    @Test
    void onRealThreadsResultsOfManySendsComeInOrderOnTheWorkers() {
        MqRuntime real = MqRuntime.system();
        ScriptedBroker onThreads = new ScriptedBroker(real).topic("four", 4);
        onThreads.answerAppendsOn(real.io());
        Sender<String, String> sender = Sender.on(
                onThreads,
                SenderOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        options ->
                                options.maxInFlight(2000).batchSizeBytes(2000).bufferBytes(50_000)));
        int sends = 6;
        int records = 20_000;
        Set<String> threads = ConcurrentHashMap.newKeySet();
        Mono<Void> all = Flux.range(0, sends)
                .flatMap(
                        id -> sender.send(Flux.range(0, records)
                                        .map(n ->
                                                SenderRecord.of("four", n % 3 == 0 ? null : "k" + n % 50, id + ":" + n))
                                        .subscribeOn(real.workers()))
                                .doOnNext(result ->
                                        threads.add(Thread.currentThread().getName()))
                                .index()
                                .doOnNext(indexed -> assertThat(
                                                indexed.getT2().record().value())
                                        .isEqualTo(id + ":" + indexed.getT1()))
                                .count()
                                .doOnNext(count -> assertThat(count).isEqualTo(records)),
                        sends)
                .then();

        StepVerifier.create(all).expectComplete().verify(Duration.ofMinutes(1));

        assertThat(threads).allMatch(name -> name.startsWith("rmq-worker"));
        long written = 0;
        for (int i = 0; i < 4; i++) {
            written += onThreads.endOffset(new TopicPartition("four", i));
        }
        assertThat(written).isEqualTo((long) sends * records);
    }

    @Test
    void theContextReachesSourceAndBroker() {
        List<String> seen = new ArrayList<>();
        ResultProbe withContext = new ResultProbe(Context.of("trace", "t-1"));
        sender(options -> {})
                .send(Flux.deferContextual(view -> {
                    seen.add(view.get("trace"));
                    return Flux.just(SenderRecord.of("one", "v"));
                }))
                .subscribe(withContext);
        withContext.request(1);
        runtime.run();

        assertThat(seen).containsExactly("t-1");
        assertThat(broker.appends().get(0).context().<String>get("trace")).isEqualTo("t-1");
        assertThat(withContext.isComplete()).isTrue();
    }

    @Test
    void manySubscriptionsOfOneSenderAreIndependent() {
        Sender<String, String> sender = sender(options -> options.maxInFlight(100));
        List<ResultProbe> probes = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            int id = i;
            ResultProbe each = new ResultProbe();
            probes.add(each);
            sender.send(Flux.range(0, 200).map(n -> SenderRecord.of("four", "k" + n % 5, id + ":" + n)))
                    .subscribe(each);
            each.request(i == 7 ? 20 : Long.MAX_VALUE);
        }
        runtime.run();

        for (int i = 0; i < 50; i++) {
            assertThat(probes.get(i).results()).hasSize(i == 7 ? 20 : 200);
            assertThat(probes.get(i).isComplete()).isEqualTo(i != 7);
        }
        probes.get(7).cancel();
    }
}
