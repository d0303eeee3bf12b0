package io.reactivemq.consume;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.Serde;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.broker.testing.ScriptedBroker.AppendCall;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordCursor;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

@DisplayName("process")
class ProcessTest extends ReceiverFixture {

    private static final TopicPartition ONE_DLQ = new TopicPartition("one.dlq", 0);
    private final IllegalStateException broken = new IllegalStateException("as the test says");

    private Mono<Void> failing() {
        return Mono.error(broken);
    }

    private static List<Long> offsets(Recorder<Outcome> recorder) {
        return recorder.items().stream().map(Outcome::offset).toList();
    }

    private record Letter(@Nullable String key, @Nullable String value, long timestampMs, Headers headers) {}

    private List<Letter> letters(TopicPartition partition) {
        List<Letter> letters = new ArrayList<>();
        for (ByteBuffer bytes : broker.batches(partition)) {
            RecordBatch batch = RecordBatch.at(bytes, 0);
            batch.validate();
            RecordCursor cursor = batch.records();
            while (cursor.next()) {
                letters.add(
                        new Letter(text(cursor.key()), text(cursor.value()), cursor.timestampMs(), cursor.headers()));
            }
        }
        return letters;
    }

    private static @Nullable String text(@Nullable ByteBuffer bytes) {
        return bytes == null ? null : UTF_8.decode(bytes).toString();
    }

    @Test
    void everyRecordIsProcessedInOrderAndAcknowledged() {
        broker.write(ONE_0, Batches.numbered(0, 1_000));
        List<String> handled = new ArrayList<>();

        Recorder<Outcome> recorder = subscribe(
                member("one").process(r -> {
                    handled.add(Objects.requireNonNull(r.value()));
                    return Mono.empty();
                }),
                Long.MAX_VALUE);

        assertThat(offsets(recorder))
                .isEqualTo(LongStream.range(0, 1_000).boxed().toList());
        assertThat(recorder.items())
                .allSatisfy(o ->
                        assertThat(o).isEqualTo(new Outcome(ONE_0, o.offset(), Outcome.Status.PROCESSED, 1, null)));
        assertThat(handled).hasSize(1_000).startsWith("v0", "v1").endsWith("v999");
        runtime.advanceBy(Duration.ofSeconds(5));
        assertThat(committed()).containsEntry(ONE_0, 1_000L);
        cancel(recorder);
    }

    @Test
    void oneRecordOfAPartitionAtATimeAndPartitionsSideBySide() {
        broker.write(TWO_0, Batches.numbered(0, 3));
        broker.write(TWO_1, Batches.numbered(0, 3));
        Map<TopicPartition, Sinks.Empty<Void>> running = new HashMap<>();
        Recorder<Outcome> recorder = subscribe(
                member("two").process(r -> {
                    Sinks.Empty<Void> sink = Sinks.empty();
                    assertThat(running.put(r.topicPartition(), sink)).isNull();
                    return sink.asMono();
                }),
                Long.MAX_VALUE);
        assertThat(running).hasSize(2);

        for (int i = 0; i < 3; i++) {
            end(running, TWO_1);
            assertThat(recorder.items())
                    .hasSize(i + 1)
                    .allMatch(o -> o.partition().equals(TWO_1));
        }
        assertThat(running).as("waits for the other one only").hasSize(1);
        end(running, TWO_0);
        assertThat(recorder.count()).isEqualTo(4);
        assertThat(running).hasSize(1);
        cancel(recorder);
        assertThat(committed()).isEqualTo(Map.of(TWO_0, 1L, TWO_1, 3L));
    }

    private void end(Map<TopicPartition, Sinks.Empty<Void>> running, TopicPartition partition) {
        Objects.requireNonNull(running.remove(partition)).emitEmpty(Sinks.EmitFailureHandler.FAIL_FAST);
        runtime.run();
    }

    @Test
    void aRecordIsDoneWhenItsPublisherHasCompletedWhateverItEmits() {
        broker.write(ONE_0, Batches.numbered(0, 3));
        List<Function<ReceiverRecord<String, String>, Publisher<?>>> ways = List.of(
                r -> Flux.range(0, 1_000),
                r -> Mono.delay(Duration.ofSeconds(1), runtime.timers()).thenMany(Flux.just(1, 2)),
                r -> Flux.just("a")
                        .concatWith(Mono.delay(Duration.ofSeconds(1), runtime.timers())
                                .then(Mono.empty())));
        Recorder<Outcome> recorder =
                subscribe(member("one").process(r -> ways.get((int) r.offset()).apply(r)), Long.MAX_VALUE);

        assertThat(offsets(recorder)).containsExactly(0L);
        runtime.advanceBy(Duration.ofSeconds(1));
        assertThat(offsets(recorder)).containsExactly(0L, 1L);
        runtime.advanceBy(Duration.ofSeconds(1));
        assertThat(offsets(recorder)).containsExactly(0L, 1L, 2L);
        cancel(recorder);
    }

    @Test
    @DisplayName("6 a handler that fails is run again in place, and its error ends nothing")
    void aHandlerThatFailsIsRunAgainInPlaceAndItsErrorEndsNothing() {
        broker.write(ONE_0, Batches.numbered(0, 3));
        List<Long> runs = new ArrayList<>();
        AtomicInteger failuresLeft = new AtomicInteger(2);
        Recorder<Outcome> recorder = subscribe(
                member("one").process(r -> {
                    runs.add(r.offset());
                    return r.offset() == 1 && failuresLeft.getAndDecrement() > 0 ? failing() : Mono.empty();
                }),
                Long.MAX_VALUE);

        assertThat(runs).containsExactly(0L, 1L, 1L, 1L, 2L);
        assertThat(recorder.items()).extracting(Outcome::attempts).containsExactly(1, 3, 1);
        assertThat(recorder.items()).extracting(Outcome::status).containsOnly(Outcome.Status.PROCESSED);
        assertThat(recorder.items()).extracting(Outcome::error).containsOnlyNulls();
        cancel(recorder);
    }

    @Test
    @DisplayName("M09 a poison message is dead-lettered after its last attempt and its partition moves on")
    void theLastAttemptIsFollowedByTheDeadLetterTopic() {
        Headers headers = Headers.empty().with("trace", "7").with("nothing", (byte[]) null);
        broker.write(ONE_0, Batches.of("k".getBytes(UTF_8), "poison".getBytes(UTF_8), headers));
        broker.write(ONE_0, Batches.of("fine"));
        Recorder<Outcome> recorder = subscribe(
                member("one").process(r -> Objects.equals(r.value(), "poison") ? failing() : Mono.empty()),
                Long.MAX_VALUE);

        assertThat(recorder.items())
                .containsExactly(
                        new Outcome(ONE_0, 0, Outcome.Status.DEAD_LETTERED, 3, broken),
                        new Outcome(ONE_0, 1, Outcome.Status.PROCESSED, 1, null));
        Letter letter = letters(ONE_DLQ).get(0);
        assertThat(letter.key()).isEqualTo("k");
        assertThat(letter.value()).isEqualTo("poison");
        assertThat(letter.timestampMs()).isEqualTo(ManualRuntime.START_MILLIS);
        assertThat(letter.headers().asList().subList(0, 2)).isEqualTo(headers.asList());
        assertThat(letter.headers().asList().subList(2, 5))
                .extracting(Header::key)
                .containsOnly(DeadLetterHeaders.FAILED_ATTEMPT);
        Map<String, String> added = new HashMap<>();
        letter.headers()
                .asList()
                .subList(5, letter.headers().size())
                .forEach(h -> added.put(h.key(), Objects.requireNonNull(h.valueAsString())));
        assertThat(added)
                .isEqualTo(Map.of(
                        "__dlq.errors.topic", "one",
                        "__dlq.errors.partition", "0",
                        "__dlq.errors.offset", "0",
                        "__dlq.errors.timestamp", "1000",
                        "__dlq.errors.group", "g",
                        "__dlq.errors.delivery.count", "3",
                        "__dlq.errors.exception.class.name", IllegalStateException.class.getName(),
                        "__dlq.errors.message", "as the test says"));
        cancel(recorder);
        assertThat(committed()).containsEntry(ONE_0, 2L);
    }

    @Test
    void headersOfARetryThatNobodyWroteDoNotEndTheStream() {
        broker.write(
                ONE_0, Batches.of(null, "a".getBytes(UTF_8), Headers.empty().with(RetryHeaders.TOPIC, " ")));
        broker.write(
                ONE_0,
                Batches.of(
                        null,
                        "b".getBytes(UTF_8),
                        Headers.empty().with(RetryHeaders.TOPIC, "one").with(RetryHeaders.PARTITION, "-1")));
        Recorder<Outcome> recorder =
                subscribe(member("one").process(r -> failing(), o -> o.retry(RetryPolicy.none())), 10);
        assertThat(recorder.error()).isNull();
        assertThat(recorder.items())
                .extracting(Outcome::status)
                .containsExactly(Outcome.Status.DEAD_LETTERED, Outcome.Status.DEAD_LETTERED);
        cancel(recorder);
    }

    @Test
    void nullKeysAndValuesStayNullInTheDeadLetterTopicAndLongMessagesAreCut() {
        broker.write(ONE_0, Batches.of(null, null, Headers.empty()));
        Recorder<Outcome> recorder = subscribe(
                cursor("one")
                        .process(
                                r -> Mono.error(new IllegalStateException("x".repeat(5_000))),
                                o -> o.retry(RetryPolicy.none())),
                Long.MAX_VALUE);

        Letter letter = letters(ONE_DLQ).get(0);
        assertThat(letter.key()).isNull();
        assertThat(letter.value()).isNull();
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.MESSAGE)).hasSize(1_024);
        assertThat(letter.headers().last(DeadLetterHeaders.GROUP))
                .as("without a group")
                .isNull();
        cancel(recorder);
    }

    @Test
    void theDeadLetterTopicMayBeAnotherOneAndHaveMorePartitions() {
        broker.topic("park", 2);
        broker.write(TWO_1, Batches.numbered(0, 1));
        Recorder<Outcome> recorder = subscribe(
                member("two")
                        .process(
                                r -> failing(), o -> o.retry(RetryPolicy.none()).deadLetter("park")),
                Long.MAX_VALUE);

        assertThat(letters(new TopicPartition("park", 1))).hasSize(1);
        assertThat(recorder.last().status()).isEqualTo(Outcome.Status.DEAD_LETTERED);
        cancel(recorder);
    }

    @Test
    void theRecordIsAcknowledgedOnlyWhenItsDeadLetterIsDurable() {
        broker.write(ONE_0, Batches.numbered(0, 2));
        broker.holdAppends();
        Recorder<Outcome> recorder =
                subscribe(member("one").process(r -> r.offset() == 0 ? failing() : Mono.empty()), Long.MAX_VALUE);
        runtime.advanceBy(Duration.ofSeconds(10));

        assertThat(recorder.count()).isZero();
        assertThat(committed()).isEqualTo(Map.of(ONE_0, 0L));
        AppendCall append = broker.pendingAppends().get(0);
        assertThat(append.acks()).isEqualTo(Acks.ALL);
        append.complete();
        runtime.run();
        assertThat(offsets(recorder)).containsExactly(0L, 1L);
        cancel(recorder);
        assertThat(committed()).isEqualTo(Map.of(ONE_0, 2L));
    }

    @Test
    void anAppendToTheDeadLetterTopicThatFailsIsRepeated() {
        broker.write(ONE_0, Batches.numbered(0, 1));
        for (int i = 0; i < 3; i++) {
            broker.failNextAppend(ONE_DLQ, new MqException(ErrorCode.KAFKA_STORAGE_ERROR, "disk"));
        }
        Recorder<Outcome> recorder = subscribe(member("one").process(r -> failing()), Long.MAX_VALUE);
        assertThat(recorder.count()).isZero();
        runtime.advanceBy(Duration.ofSeconds(1));

        assertThat(recorder.count()).isEqualTo(1);
        assertThat(letters(ONE_DLQ)).hasSize(1);
        cancel(recorder);
    }

    @Test
    void aDeadLetterTopicThatCanNotBeWrittenEndsTheStreamAndNothingIsAcknowledged() {
        broker.write(ONE_0, Batches.numbered(0, 3));
        for (int i = 0; i < 100; i++) {
            broker.failNextAppend(ONE_DLQ, new MqException(ErrorCode.KAFKA_STORAGE_ERROR, "disk"));
        }
        Recorder<Outcome> recorder =
                subscribe(member("one").process(r -> r.offset() == 1 ? failing() : Mono.empty()), Long.MAX_VALUE);
        runtime.advanceBy(Duration.ofSeconds(119));
        assertThat(recorder.isEnded()).as("an outage of less than two minutes").isFalse();
        runtime.advanceBy(Duration.ofSeconds(5));

        assertThat(offsets(recorder)).containsExactly(0L);
        assertThat(recorder.error())
                .isInstanceOf(MqException.class)
                .hasMessageContaining("one-0 at offset 1")
                .hasMessageContaining("not acknowledged");
        assertThat(broker.appends(ONE_DLQ)).hasSizeBetween(60, 70);
        assertThat(committed()).isEqualTo(Map.of(ONE_0, 1L));
    }

    @Test
    void anAppendThatNoRetryCanHelpEndsTheStreamAtOnce() {
        broker.write(ONE_0, Batches.numbered(0, 1));
        broker.failNextAppend(ONE_DLQ, new MqException(ErrorCode.MESSAGE_TOO_LARGE, "too large"));
        Recorder<Outcome> recorder = subscribe(member("one").process(r -> failing()), Long.MAX_VALUE);

        assertThat(recorder.error())
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.MESSAGE_TOO_LARGE))
                .hasMessageContaining("needs the source's max.message.bytes and 262144 more");
    }

    @Test
    void bytesThatCanNotBeReadGoToTheDeadLetterTopicAtOnce() {
        broker.write(ONE_0, Batches.of("1"));
        broker.write(ONE_0, Batches.of("one"));
        AtomicInteger runs = new AtomicInteger();
        Serde<Integer> numbers = Serde.of(i -> new byte[0], bytes -> Integer.parseInt(new String(bytes, UTF_8)));
        Receiver<String, Integer> receiver = Receiver.on(
                broker,
                ReceiverOptions.of(Serdes.string(), numbers, o -> o.group("g").topics("one")));
        Recorder<Outcome> recorder = subscribe(
                receiver.process(r -> {
                    runs.incrementAndGet();
                    return Mono.empty();
                }),
                Long.MAX_VALUE);

        assertThat(runs).hasValue(1);
        assertThat(recorder.last().attempts()).isZero();
        assertThat(recorder.last().status()).isEqualTo(Outcome.Status.DEAD_LETTERED);
        assertThat(recorder.last().error()).hasCauseInstanceOf(NumberFormatException.class);
        assertThat(letters(ONE_DLQ).get(0).value()).isEqualTo("one");
        assertThat(letters(ONE_DLQ).get(0).headers().lastAsString(DeadLetterHeaders.ATTEMPTS))
                .isEqualTo("1");
        cancel(recorder);
    }

    @Test
    @SuppressWarnings({"NullAway", "DataFlowIssue"}) // null is what is tested
    void handlersThatThrowOrReturnNullHaveFailed() {
        broker.write(ONE_0, Batches.numbered(0, 2));
        Recorder<Outcome> recorder = subscribe(
                member("one")
                        .process(
                                r -> {
                                    if (r.offset() == 0) {
                                        throw broken;
                                    }
                                    return null;
                                },
                                o -> o.retry(RetryPolicy.immediately(1))),
                Long.MAX_VALUE);

        assertThat(recorder.items()).extracting(Outcome::attempts).containsExactly(2, 2);
        assertThat(recorder.items().get(0).error()).isSameAs(broken);
        assertThat(recorder.items().get(1).error())
                .hasMessageContaining("null")
                .hasMessageContaining("one-0@1")
                .hasMessageContaining("Mono.empty()");
        cancel(recorder);
    }

    @Test
    void theWaitBetweenAttemptsDoublesAndHoldsBackItsPartitionOnly() {
        broker.write(TWO_0, Batches.numbered(0, 2));
        broker.write(TWO_1, Batches.numbered(0, 5));
        List<Long> runs = new ArrayList<>();
        Recorder<Outcome> recorder = subscribe(
                member("two")
                        .process(
                                r -> {
                                    if (r.partition() == 1) {
                                        return Mono.empty();
                                    }
                                    runs.add(runtime.nanoTime() / 1_000_000);
                                    return runs.size() < 5 ? failing() : Mono.empty();
                                },
                                o -> o.retry(RetryPolicy.backoff(4, Duration.ofMillis(100))
                                        .maxBackoff(Duration.ofMillis(300)))),
                Long.MAX_VALUE);
        assertThat(recorder.items()).hasSize(5).allMatch(o -> o.partition().equals(TWO_1));
        runtime.advanceBy(Duration.ofMillis(699));
        assertThat(recorder.count()).isEqualTo(5);
        runtime.advanceBy(Duration.ofSeconds(1));

        assertThat(recorder.count()).isEqualTo(7);
        assertThat(runs).startsWith(0L, 100L, 300L, 600L, 900L);
        cancel(recorder);
    }

    @Test
    void aRecordIsStartedOnlyUnderDemandForItsOutcome() {
        broker.write(TWO_0, Batches.numbered(0, 10));
        broker.write(TWO_1, Batches.numbered(0, 10));
        AtomicInteger started = new AtomicInteger();
        Map<TopicPartition, Sinks.Empty<Void>> running = new HashMap<>();
        Recorder<Outcome> recorder = subscribe(
                member("two").process(r -> {
                    started.incrementAndGet();
                    Sinks.Empty<Void> sink = Sinks.empty();
                    running.put(r.topicPartition(), sink);
                    return sink.asMono();
                }),
                1);
        assertThat(started).hasValue(1);
        TopicPartition first = running.keySet().iterator().next();
        end(running, first);
        assertThat(recorder.count()).isEqualTo(1);
        assertThat(started).hasValue(1);

        recorder.request(2);
        runtime.run();
        assertThat(started).hasValue(3);
        cancel(recorder);
    }

    @Test
    void withoutDemandNothingIsFetched() {
        broker.write(ONE_0, Batches.numbered(0, 10));
        Recorder<Outcome> recorder = subscribe(member("one").process(r -> Mono.empty()), 0);
        runtime.advanceBy(Duration.ofSeconds(10));

        assertThat(broker.fetches()).isEmpty();
        cancel(recorder);
    }

    @Test
    void theSubscribersContextReachesTheHandler() {
        broker.write(ONE_0, Batches.numbered(0, 1));
        List<String> seen = new ArrayList<>();
        Recorder<Outcome> recorder = subscribe(
                member("one")
                        .process(r ->
                                Mono.deferContextual(context -> Mono.fromRunnable(() -> seen.add(context.get("who")))))
                        .contextWrite(context -> context.put("who", "me")),
                1);

        assertThat(seen).containsExactly("me");
        cancel(recorder);
    }

    @Test
    void acknowledgingInsideAHandlerChangesNothing() {
        broker.write(ONE_0, Batches.numbered(0, 1));
        broker.holdAppends();
        Recorder<Outcome> recorder = subscribe(
                member("one").process(r -> {
                    assertThat(r.acknowledge()).isTrue();
                    return failing();
                }),
                1);
        cancel(recorder);

        assertThat(committed()).isEqualTo(Map.of(ONE_0, 0L));
    }

    @Test
    void aCancelledSubscriptionCancelsWhatRuns() {
        broker.write(TWO_0, Batches.numbered(0, 3));
        broker.write(TWO_1, Batches.numbered(0, 3));
        AtomicInteger cancelled = new AtomicInteger();
        AtomicInteger attempts = new AtomicInteger();
        Recorder<Outcome> recorder = subscribe(
                member("two")
                        .process(
                                r -> {
                                    attempts.incrementAndGet();
                                    return r.partition() == 0
                                            ? Mono.never().doOnCancel(cancelled::incrementAndGet)
                                            : failing();
                                },
                                o -> o.retry(RetryPolicy.backoff(2, Duration.ofSeconds(1)))),
                100);
        assertThat(attempts).hasValue(2);

        cancel(recorder);
        runtime.advanceBy(Duration.ofSeconds(10));

        assertThat(cancelled).hasValue(1);
        assertThat(attempts).hasValue(2);
        assertThat(committed()).isEqualTo(Map.of(TWO_0, 0L, TWO_1, 0L));
    }

    @Test
    @AllowDropped(value = Dropped.ERROR, because = "the handler fails after it was cancelled, and nobody waits for it")
    void aHandlerThatFailsAfterItWasCancelledDisturbsNobody() {
        broker.write(ONE_0, Batches.numbered(0, 1));
        Publisher<Void> stubborn = subscriber -> subscriber.onSubscribe(new Subscription() {
            @Override
            public void request(long n) {}

            @Override
            public void cancel() {
                subscriber.onError(broken);
            }
        });
        Recorder<Outcome> recorder = subscribe(member("one").process(r -> stubborn), 1);
        cancel(recorder);

        assertThat(recorder.isEnded()).isFalse();
    }

    @Test
    void aRevokedPartitionWaitsForItsHandlerAndNotForAWaitBetweenAttempts() {
        ScriptedGroup group = new ScriptedGroup(broker, TWO_0, TWO_1);
        broker.write(TWO_0, Batches.numbered(0, 3));
        broker.write(TWO_1, Batches.numbered(0, 3));
        Recorder<Outcome> recorder = subscribe(
                member("two")
                        .process(
                                r -> r.partition() == 0
                                        ? Mono.delay(Duration.ofSeconds(10), runtime.timers())
                                        : failing(),
                                o -> o.retry(RetryPolicy.backoff(2, Duration.ofMinutes(2)))),
                100);
        group.assign(TWO_1);
        runtime.advanceBy(ScriptedGroup.INTERVAL);
        assertThat(group.last().owned()).isNotEqualTo(Set.of(TWO_1));
        runtime.advanceBy(Duration.ofSeconds(7));
        assertThat(broker.heartbeats()).anyMatch(h -> Set.of(TWO_1).equals(h.owned()));
        assertThat(committed()).containsEntry(TWO_0, 1L);
        assertThat(recorder.count()).isEqualTo(1);

        group.assign();
        runtime.advanceBy(ScriptedGroup.INTERVAL);
        assertThat(broker.heartbeats()).anyMatch(h -> Set.of().equals(h.owned()) && h.memberEpoch() > 0);
        assertThat(committed()).containsEntry(TWO_1, 0L);
        cancel(recorder);
    }

    @Test
    void aHandlerThatDoesNotEndHoldsARevokedPartitionNoLongerThanTheBound() {
        ScriptedGroup group = new ScriptedGroup(broker, TWO_0, TWO_1);
        broker.write(TWO_0, Batches.numbered(0, 3));
        AtomicInteger cancelled = new AtomicInteger();
        Recorder<Outcome> recorder =
                subscribe(member("two").process(r -> Mono.never().doOnCancel(cancelled::incrementAndGet)), 100);
        group.assign(TWO_1);
        runtime.advanceBy(ScriptedGroup.INTERVAL);
        runtime.advanceBy(Duration.ofSeconds(45));

        assertThat(cancelled).hasValue(1);
        assertThat(broker.heartbeats()).anyMatch(h -> Set.of(TWO_1).equals(h.owned()));
        assertThat(recorder.count()).isZero();
        broker.write(TWO_1, Batches.numbered(0, 1));
        runtime.run();
        assertThat(cancelled).as("the other one is running").hasValue(1);
        cancel(recorder);
        assertThat(cancelled).hasValue(2);
    }

    @Test
    void whoIsFencedCancelsWhatRunsAndProcessesItAgain() {
        ScriptedGroup group = new ScriptedGroup(broker, ONE_0);
        broker.write(ONE_0, Batches.numbered(0, 1));
        AtomicInteger runs = new AtomicInteger();
        AtomicInteger cancelled = new AtomicInteger();
        Recorder<Outcome> recorder = subscribe(
                member("one")
                        .process(r -> runs.incrementAndGet() == 1
                                ? Mono.never().doOnCancel(cancelled::incrementAndGet)
                                : Mono.empty()),
                100);
        group.fail(ErrorCode.UNKNOWN_MEMBER_ID);
        runtime.advanceBy(ScriptedGroup.INTERVAL);

        assertThat(cancelled).hasValue(1);
        assertThat(runs).hasValue(2);
        assertThat(offsets(recorder)).containsExactly(0L);
        cancel(recorder);
    }

    @Test
    void aTopicCanNotBeItsOwnDeadLetterTopic() {
        broker.write(ONE_0, Batches.numbered(0, 1));
        Recorder<Outcome> recorder = subscribe(
                member("one")
                        .process(
                                r -> failing(), o -> o.retry(RetryPolicy.none()).deadLetter("one")),
                10);

        assertThat(recorder.error())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("topic one can't be its own dead-letter topic");
        assertThat(broker.appends()).isEmpty();
    }
}
