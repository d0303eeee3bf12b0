package io.reactivemq.consume;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.transport.ReceiverContext;
import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.TraceContext;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordCursor;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

@DisplayName("process, many records of a partition at once")
class ProcessOrderTest extends ReceiverFixture {

    private final IllegalStateException broken = new IllegalStateException("as the test says");

    // what runs, by offset; ended by the test
    private final Map<Long, Sinks.Empty<Void>> running = new LinkedHashMap<>();

    private Mono<Void> hold(ReceiverRecord<String, String> received) {
        Sinks.Empty<Void> sink = Sinks.empty();
        assertThat(running.put(received.offset(), sink)).isNull();
        return sink.asMono();
    }

    private void end(long offset) {
        Objects.requireNonNull(running.remove(offset)).tryEmitEmpty();
        runtime.run();
    }

    private void fail(long offset) {
        Objects.requireNonNull(running.remove(offset)).tryEmitError(broken);
        runtime.run();
    }

    private void write(@Nullable String... keys) {
        for (String key : keys) {
            broker.write(
                    ONE_0, Batches.of(key == null ? null : key.getBytes(UTF_8), "v".getBytes(UTF_8), Headers.empty()));
        }
    }

    private static List<Long> offsets(Recorder<Outcome> recorder) {
        return recorder.items().stream().map(Outcome::offset).toList();
    }

    @Test
    void theRecordsOfAKeyGoOneAfterTheOtherAndKeysSideBySide() {
        write("a", "b", "a", null, "a", null, "b");
        Recorder<Outcome> recorder = subscribe(member("one").process(this::hold, o -> o.keyOrdered()), Long.MAX_VALUE);

        assertThat(running.keySet()).containsExactly(0L, 1L, 3L, 5L);
        end(1);
        assertThat(running.keySet()).containsExactlyInAnyOrder(0L, 3L, 5L, 6L);
        end(0);
        end(2);
        assertThat(running.keySet()).containsExactlyInAnyOrder(3L, 5L, 6L, 4L);
        List.of(5L, 4L, 6L, 3L).forEach(this::end);
        assertThat(offsets(recorder)).containsExactly(1L, 0L, 2L, 5L, 4L, 6L, 3L);
        cancel(recorder);
        assertThat(committed()).containsEntry(ONE_0, 7L);
    }

    @Test
    @DisplayName("5 a key that backs off holds back only itself, whatever else there is to do")
    void aKeyThatBacksOffHoldsBackOnlyItself() {
        write("slow", "slow", "x", "y", "slow", "x", "z");
        List<Long> ran = new ArrayList<>();
        Recorder<Outcome> recorder = subscribe(
                member("one")
                        .process(
                                r -> {
                                    ran.add(r.offset());
                                    return r.offset() == 0 ? Mono.error(broken) : Mono.empty();
                                },
                                o -> o.keyOrdered()
                                        .concurrency(1)
                                        .retry(RetryPolicy.backoff(2, Duration.ofSeconds(1)))),
                Long.MAX_VALUE);

        assertThat(ran).containsExactly(0L, 2L, 3L, 5L, 6L);
        runtime.advanceBy(Duration.ofSeconds(3));
        assertThat(ran).containsExactly(0L, 2L, 3L, 5L, 6L, 0L, 0L, 1L, 4L);
        assertThat(recorder.count()).isEqualTo(7);
        assertThat(recorder.items().stream()
                        .filter(o -> o.status() == Outcome.Status.DEAD_LETTERED)
                        .map(Outcome::offset))
                .containsExactly(0L);
        cancel(recorder);
        assertThat(committed()).containsEntry(ONE_0, 7L);
    }

    @Test
    void concurrencyBoundsHowManyRunOverAllPartitions() {
        broker.write(TWO_0, Batches.numbered(0, 50));
        broker.write(TWO_1, Batches.numbered(0, 50));
        List<Sinks.Empty<Void>> open = new ArrayList<>();
        Recorder<Outcome> recorder = subscribe(
                member("two")
                        .process(
                                r -> {
                                    Sinks.Empty<Void> sink = Sinks.empty();
                                    open.add(sink);
                                    return sink.asMono();
                                },
                                o -> o.unordered().concurrency(7)),
                Long.MAX_VALUE);
        for (int done = 0; done < 100; done++) {
            assertThat(open).hasSize(Math.min(7, 100 - done));
            open.remove(open.size() / 2).tryEmitEmpty();
            runtime.run();
        }
        assertThat(recorder.count()).isEqualTo(100);
        cancel(recorder);
    }

    @Test
    void demandBoundsHowManyRun() {
        write(null, null, null, null);
        Recorder<Outcome> recorder = subscribe(member("one").process(this::hold, o -> o.unordered()), 2);
        assertThat(running.keySet()).containsExactly(0L, 1L);
        end(1);
        assertThat(running.keySet()).containsExactly(0L);
        recorder.request(1);
        runtime.run();
        assertThat(running.keySet()).containsExactly(0L, 2L);
        cancel(recorder);
    }

    @Test
    void maxInFlightBoundsHowFarAPartitionRunsAheadOfItsOldest() {
        write(new String[10]);
        Recorder<Outcome> recorder = subscribe(
                receiver(o -> o.group("g").topics("one").maxInFlight(3)).process(this::hold, o -> o.unordered()), 100);
        assertThat(running.keySet()).containsExactly(0L, 1L, 2L);
        end(1);
        end(2);
        assertThat(running.keySet()).as("the oldest is not done").containsExactly(0L);
        end(0);
        assertThat(running.keySet()).containsExactly(3L, 4L, 5L);
        cancel(recorder);
        assertThat(committed()).containsEntry(ONE_0, 3L);
    }

    @Test
    @DisplayName("5 what waits behind a key is bounded, and at the bound nothing more is taken")
    void whatWaitsIsBounded() {
        write("a", "a", "a", "a", "b");
        Recorder<Outcome> recorder =
                subscribe(member("one").process(this::hold, o -> o.keyOrdered().maxWaiting(2)), 100);
        assertThat(running.keySet()).containsExactly(0L);
        end(0);
        assertThat(running.keySet()).as("b is behind the bound").containsExactly(1L);
        end(1);
        assertThat(running.keySet()).containsExactlyInAnyOrder(2L, 4L);
        cancel(recorder);
    }

    @Test
    void theOrderCanBeThatOfAnything() {
        broker.write(ONE_0, Batches.of("ax", "bx", "ay", "?", "by"));
        Recorder<Outcome> recorder = subscribe(
                member("one")
                        .process(
                                this::hold,
                                o -> o.keyOrdered(r -> {
                                    String value = String.valueOf(r.value());
                                    if (value.equals("?")) {
                                        throw broken;
                                    }
                                    return value.substring(0, 1);
                                })),
                100);
        assertThat(running.keySet()).containsExactly(0L, 1L);
        assertThat(recorder.items()).containsExactly(new Outcome(ONE_0, 3, Outcome.Status.DEAD_LETTERED, 0, broken));
        end(0);
        assertThat(running.keySet()).containsExactly(1L, 2L);
        cancel(recorder);
    }

    @Test
    void aDrainDropsWhatWaitsAndAwaitsWhatRuns() {
        write("a", "a", "b", "c");
        Receiver<String, String> receiver = member("one");
        Recorder<Outcome> recorder = subscribe(
                receiver.process(this::hold, o -> o.keyOrdered().retry(RetryPolicy.backoff(3, Duration.ofSeconds(10)))),
                100);
        fail(3);
        Recorder<DrainReport> report =
                subscribe(receiver.drain(Duration.ofSeconds(5)).flux(), 1);
        assertThat(report.count()).isZero();
        end(0);
        assertThat(running.keySet()).as("the next of its key is not started").containsExactly(2L);
        end(2);
        assertThat(report.last().abandoned()).isEqualTo(2);
        assertThat(report.last().timedOut()).isFalse();
        assertThat(offsets(recorder)).containsExactly(0L, 2L);
        assertThat(committed()).containsEntry(ONE_0, 1L);
    }

    static LongStream seeds() {
        return LongStream.range(0, 30);
    }

    @ParameterizedTest(name = "[seed {0}]")
    @MethodSource("seeds")
    void noKeyIsOvertakenAndNothingIsLostAtRandom(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int count = 200;
        String[] keys = new String[count];
        for (int i = 0; i < count; i++) {
            int key = random.nextInt(9);
            keys[i] = key == 8 ? null : "k" + key;
        }
        write(keys);
        Map<String, Long> active = new HashMap<>();
        Map<String, Long> last = new HashMap<>();
        Recorder<Outcome> recorder = new Recorder<>(1);
        int concurrency = 1 + random.nextInt(8);
        subscribe(
                receiver(o -> o.group("g").topics("one").maxInFlight(1 + random.nextInt(60)))
                        .process(
                                r -> {
                                    String key = r.key();
                                    if (key != null) {
                                        assertThat(active.putIfAbsent(key, r.offset()))
                                                .isNull();
                                        assertThat(last.getOrDefault(key, -1L)).isLessThanOrEqualTo(r.offset());
                                        last.put(key, r.offset());
                                    }
                                    Mono<Void> ends = random.nextInt(5) == 0
                                            ? Mono.<Void>error(broken).hide()
                                            : Mono.empty();
                                    Mono<Void> later = random.nextBoolean()
                                            ? ends
                                            : Mono.delay(Duration.ofMillis(random.nextInt(20)), runtime.timers())
                                                    .then(ends);
                                    return later.doOnTerminate(() -> active.remove(String.valueOf(key)));
                                },
                                o -> o.keyOrdered()
                                        .concurrency(concurrency)
                                        .maxWaiting(1 + random.nextInt(20))
                                        .retry(
                                                random.nextBoolean()
                                                        ? RetryPolicy.immediately(2)
                                                        : RetryPolicy.backoff(2, Duration.ofMillis(5))
                                                                .jitter(1))),
                recorder);
        for (int i = 0; i < 400 && recorder.count() < count; i++) {
            recorder.request(1 + random.nextInt(10));
            runtime.advanceBy(Duration.ofMillis(random.nextInt(30)));
        }
        runtime.advanceBy(Duration.ofSeconds(1));
        assertThat(offsets(recorder))
                .as("seed %d", seed)
                .containsExactlyInAnyOrderElementsOf(
                        LongStream.range(0, count).boxed().toList());
        cancel(recorder);
        assertThat(committed()).containsEntry(ONE_0, (long) count);
    }

    // ---------------------------------------------------------------- retry

    @Test
    void anErrorThatIsNotWorthARetryIsForTheDeadLetterTopicAtOnce() {
        write("a");
        List<Long> ran = new ArrayList<>();
        Recorder<Outcome> recorder = subscribe(
                member("one")
                        .process(
                                r -> {
                                    ran.add(r.offset());
                                    return Mono.error(broken);
                                },
                                o -> o.retry(RetryPolicy.immediately(5)
                                        .retryOn(e -> !(e instanceof IllegalStateException)))),
                100);
        assertThat(ran).hasSize(1);
        assertThat(recorder.last().status()).isEqualTo(Outcome.Status.DEAD_LETTERED);
        cancel(recorder);
    }

    @Test
    @DisplayName("9 the retry budget is checked against the poll interval at the start")
    void theBudgetMustFit() {
        assertThatThrownBy(() -> receiver(o -> o.group("g").topics("one").maxPollInterval(Duration.ofSeconds(60)))
                        .process(r -> Mono.empty(), o -> o.retry(RetryPolicy.backoff(6, Duration.ofSeconds(1)))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("PT1M1S")
                .hasMessageContaining("maxPollInterval, which is PT1M:");
        assertThat(RetryPolicy.backoff(3, Duration.ofSeconds(2)).jitter(0.5).budget())
                .isEqualTo(Duration.ofSeconds(21));
    }

    private List<Headers> headersIn(String topic) {
        List<Headers> all = new ArrayList<>();
        for (ByteBuffer bytes : broker.batches(new TopicPartition(topic, 0))) {
            RecordCursor cursor = RecordBatch.at(bytes, 0).records();
            while (cursor.next()) {
                all.add(cursor.headers());
            }
        }
        return all;
    }

    @Test
    @DisplayName("M09 a dead letter has the whole retry history: attempt, time and error of each")
    void theHistoryIsInTheDeadLetter() {
        write("a");
        List<Long> ran = new ArrayList<>();
        Recorder<Outcome> recorder = subscribe(
                member("one")
                        .process(
                                r -> {
                                    ran.add(r.offset());
                                    return Mono.error(new IllegalArgumentException("run " + ran.size()));
                                },
                                o -> o.retry(RetryPolicy.backoff(2, Duration.ofSeconds(1)))),
                100);
        runtime.advanceBy(Duration.ofSeconds(3));
        long t = ManualRuntime.START_MILLIS;
        String error = IllegalArgumentException.class.getName();
        assertThat(DeadLetterHeaders.history(headersIn("one.dlq").get(0)))
                .containsExactly(
                        new FailedAttempt(1, t, error, "run 1"),
                        new FailedAttempt(2, t + 1_000, error, "run 2"),
                        new FailedAttempt(3, t + 3_000, error, "run 3"));
        cancel(recorder);
    }

    @Test
    @DisplayName(
            "M20 R11 delayed retry: the record waits in a retry topic with its trace, and what came behind it goes first")
    void throughRetryTopics() {
        broker.topic("one.g.retry-1", 1).topic("one.g.retry-2", 1);
        TraceContext trace = new TraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", null);
        broker.write(
                ONE_0,
                Batches.of(
                        "k".getBytes(UTF_8), "poison".getBytes(UTF_8), trace.addTo(Headers.of(Header.of("own", "1")))));
        broker.write(ONE_0, Batches.of("fine"));
        List<String> ran = new ArrayList<>();
        List<@Nullable TraceContext> traces = new ArrayList<>();
        Recorder<Outcome> recorder = subscribe(
                member("one")
                        .process(
                                r -> {
                                    ran.add(r.topic() + " " + r.value());
                                    return Mono.deferContextual(context -> {
                                        traces.add(TraceContext.of(context));
                                        return "poison".equals(r.value()) ? Mono.error(broken) : Mono.empty();
                                    });
                                },
                                o -> o.retry(RetryPolicy.immediately(1)
                                        .thenAfter(Duration.ofSeconds(10), Duration.ofMinutes(1)))),
                100);
        assertThat(ran).containsExactly("one poison", "one poison", "one fine");
        assertThat(recorder.items())
                .extracting(Outcome::status)
                .containsExactly(Outcome.Status.RETRY_LATER, Outcome.Status.PROCESSED);
        runtime.advanceBy(Duration.ofMillis(9_999));
        assertThat(ran).hasSize(3);
        runtime.advanceBy(Duration.ofMillis(1));
        assertThat(ran).hasSize(5).endsWith("one.g.retry-1 poison", "one.g.retry-1 poison");
        runtime.advanceBy(Duration.ofSeconds(60));
        assertThat(ran).hasSize(7).endsWith("one.g.retry-2 poison", "one.g.retry-2 poison");
        assertThat(recorder.last().status()).isEqualTo(Outcome.Status.DEAD_LETTERED);
        assertThat(recorder.last().attempts()).isEqualTo(6);

        Headers letter = headersIn("one.dlq").get(0);
        assertThat(letter.lastAsString("own")).isEqualTo("1");
        assertThat(letter.lastAsString(DeadLetterHeaders.TOPIC)).isEqualTo("one");
        assertThat(letter.lastAsString(DeadLetterHeaders.OFFSET)).isEqualTo("0");
        assertThat(letter.lastAsString(DeadLetterHeaders.ATTEMPTS)).isEqualTo("6");
        assertThat(DeadLetterHeaders.history(letter))
                .extracting(FailedAttempt::number)
                .containsExactly(1, 2, 3, 4, 5, 6);
        assertThat(letter.asList()).noneMatch(h -> h.key().startsWith("__retry."));
        assertThat(TraceContext.of(letter)).as("M20").isEqualTo(trace);
        assertThat(traces).containsExactly(trace, trace, null, trace, trace, trace, trace);
        cancel(recorder);
        assertThat(committed()).containsEntry(ONE_0, 2L).containsEntry(new TopicPartition("one.g.retry-1", 0), 1L);
    }

    @ParameterizedTest
    @ValueSource(strings = {"one", "one.g.retry-1"})
    @DisplayName(
            "M09 headers that anybody may write do not choose the dead-letter topic, nor spare a record its attempts")
    void foreignHeaders(String topic) {
        broker.topic("one.g.retry-1", 1);
        Headers foreign = Headers.empty()
                .with(RetryHeaders.TOPIC, "victim")
                .with(RetryHeaders.PARTITION, "7")
                .with(RetryHeaders.OFFSET, "1")
                .with(DeadLetterHeaders.FAILED_ATTEMPT, new FailedAttempt(99, 0, "x.Y", "no").toText());
        broker.write(new TopicPartition(topic, 0), Batches.of(null, "v".getBytes(UTF_8), foreign));
        Recorder<Outcome> recorder = subscribe(
                member("one")
                        .process(
                                r -> Mono.error(broken),
                                o -> o.retry(RetryPolicy.immediately(1).thenAfter(Duration.ofSeconds(1)))),
                100);
        runtime.advanceBy(Duration.ofSeconds(10));
        assertThat(recorder.last().status()).isEqualTo(Outcome.Status.DEAD_LETTERED);
        assertThat(recorder.last().attempts()).isEqualTo(topic.equals("one") ? 4 : 2);
        String letters = topic + ".dlq";
        assertThat(headersIn(letters).get(0).lastAsString(DeadLetterHeaders.TOPIC))
                .isEqualTo(topic);
        cancel(recorder);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "victim", "one.g.retry-2"})
    @DisplayName(
            "R11 what somebody else wrote into a retry topic goes on to the next one of the same topic, and then to a dead letter")
    void foreignRecordThroughRetryTopics(String origin) {
        broker.topic("one.g.retry-1", 1).topic("one.g.retry-2", 1);
        Headers foreign = origin.isEmpty()
                ? Headers.empty()
                : Headers.empty().with(RetryHeaders.TOPIC, origin).with(RetryHeaders.ATTEMPTS, "9");
        broker.write(new TopicPartition("one.g.retry-1", 0), Batches.of(null, "v".getBytes(UTF_8), foreign));
        List<String> ran = new ArrayList<>();
        Recorder<Outcome> recorder = subscribe(
                member("one")
                        .process(
                                r -> {
                                    ran.add(r.topic());
                                    return Mono.error(broken);
                                },
                                o -> o.retry(
                                        RetryPolicy.none().thenAfter(Duration.ofSeconds(1), Duration.ofSeconds(2)))),
                100);
        runtime.advanceBy(Duration.ofSeconds(10));
        assertThat(ran).containsExactly("one.g.retry-1", "one.g.retry-2");
        assertThat(recorder.items())
                .extracting(Outcome::status)
                .containsExactly(Outcome.Status.RETRY_LATER, Outcome.Status.DEAD_LETTERED);
        assertThat(recorder.last().attempts()).isEqualTo(2);
        Headers letter = headersIn("one.g.retry-1.dlq").get(0);
        assertThat(letter.lastAsString(DeadLetterHeaders.TOPIC)).isEqualTo("one.g.retry-1");
        assertThat(letter.lastAsString(DeadLetterHeaders.OFFSET)).isEqualTo("0");
        cancel(recorder);
    }

    @ParameterizedTest
    @ValueSource(longs = {Long.MAX_VALUE, Long.MIN_VALUE, ManualRuntime.START_MILLIS + 86_400_000})
    @DisplayName("R11 a record in a retry topic that says it is due in a day, or never, holds nobody up")
    void foreignRecordInARetryTopic(long due) {
        broker.topic("one.g.retry-1", 1);
        broker.write(
                new TopicPartition("one.g.retry-1", 0),
                Batches.of(
                        null, "foreign".getBytes(UTF_8), Headers.empty().with(RetryHeaders.DUE, Long.toString(due))));
        List<String> ran = new ArrayList<>();
        Recorder<Outcome> recorder = subscribe(
                member("one")
                        .process(
                                r -> {
                                    ran.add(r.value());
                                    return Mono.empty();
                                },
                                o -> o.retry(RetryPolicy.immediately(1).thenAfter(Duration.ofSeconds(10)))),
                100);
        assertThat(ran).containsExactly("foreign");
        cancel(recorder);
    }

    @Test
    @DisplayName("M20 a trace passes into the handler's context, and every record has an observation")
    void traceAndObservation() {
        TraceContext trace = new TraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=b");
        broker.write(ONE_0, Batches.of(null, "good".getBytes(UTF_8), trace.addTo(Headers.empty())));
        broker.write(ONE_0, Batches.of("bad"));
        ObservationRegistry registry = ObservationRegistry.create();
        List<String> observed = new ArrayList<>();
        registry.observationConfig().observationHandler(new ObservationHandler<ReceiverContext<Headers>>() {
            @Override
            public void onStart(ReceiverContext<Headers> context) {
                observed.add("start "
                        + context.getGetter().get(Objects.requireNonNull(context.getCarrier()), "traceparent"));
            }

            @Override
            public void onStop(ReceiverContext<Headers> context) {
                observed.add("stop " + context.getContextualName() + " " + context.getError());
            }

            @Override
            public boolean supportsContext(Observation.Context context) {
                return context instanceof ReceiverContext;
            }
        });
        List<@Nullable TraceContext> traces = new ArrayList<>();
        List<Boolean> inContext = new ArrayList<>();
        Recorder<Outcome> recorder = subscribe(
                member("one")
                        .process(
                                r -> Mono.deferContextual(context -> {
                                    traces.add(TraceContext.of(context));
                                    inContext.add(context.hasKey("micrometer.observation"));
                                    return "bad".equals(r.value()) ? Mono.error(broken) : Mono.empty();
                                }),
                                o -> o.observations(registry)),
                10);
        assertThat(traces).containsExactly(trace, null, null, null);
        assertThat(inContext).containsOnly(true);
        assertThat(observed)
                .containsExactly(
                        "start " + trace.traceparent(),
                        "stop one process null",
                        "start null",
                        "stop one process " + broken);
        cancel(recorder);
    }
}
