package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.transport.ReceiverContext;
import io.reactivemq.ErrorCode;
import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.TraceContext;
import io.reactivemq.broker.Broker;
import io.reactivemq.consume.DeadLetterHeaders;
import io.reactivemq.consume.Outcome;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverHealth;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.RetryPolicy;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.queue.DeadLetters;
import io.reactivemq.queue.ReplayOptions;
import io.reactivemq.queue.ReplayedLetter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Cases that take more than one request: letters that go back, a broker that is away for a while. */
@DisplayName("hard cases")
public abstract class HardCasesContract extends EngineContract {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final int REPLAYS_MAX = 2;

    private static Receiver<String, String> receiver(Broker on, Consumer<? super ReceiverOptions.Builder> options) {
        return Receiver.on(on, ReceiverOptions.of(Serdes.string(), Serdes.string(), options));
    }

    private void send(int from, int to) {
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        await(sender.send(Flux.range(from, to - from).map(i -> SenderRecord.of("t", "k" + i, "v" + i)))
                .collectList());
    }

    @Test
    @DisplayName("8 dead letters are replayed to their source, at a rate, each so many times at most, and then parked")
    void dead_letters_are_replayed() {
        topic("t", 2);
        topic("t.parked", 1);
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        await(sender.send(Flux.range(0, 4)
                        .map(i -> SenderRecord.of("t", "k" + i, "v" + i)
                                .withHeaders(Headers.empty().with("own", "h" + i))
                                .withPartition(i % 2)
                                .withTimestamp(70 + i)))
                .collectList());
        Set<String> broken = ConcurrentHashMap.newKeySet();
        broken.addAll(List.of("v0", "v1", "v3"));
        List<String> handled = new CopyOnWriteArrayList<>();
        List<Outcome> outcomes = new CopyOnWriteArrayList<>();
        Disposable handling = receiver(broker(), o -> o.group("g").topics("t"))
                .process(
                        record -> {
                            String value = String.valueOf(record.value());
                            if (broken.contains(value)) {
                                return Mono.error(new IllegalStateException("not yet"));
                            }
                            handled.add(value);
                            return Mono.empty();
                        },
                        o -> o.retry(RetryPolicy.none()))
                .subscribe(outcomes::add);
        disposeAtEnd(handling);
        engine().eventually(() -> outcomes.size() == 4);
        broken.remove("v0");

        DeadLetters letters = DeadLetters.of(broker(), "t.dlq");
        Consumer<ReplayOptions.Builder> slowly = o -> o.recordsPerSecond(2).parkAfter(REPLAYS_MAX, "t.parked");
        long begin = broker().runtime().currentTimeMillis();
        List<ReplayedLetter> first = await(letters.replay(slowly).collectList());
        long took = broker().runtime().currentTimeMillis() - begin;
        assertThat(first).as("and not those that fail meanwhile").hasSize(3).noneMatch(ReplayedLetter::parked);
        assertThat(first).extracting(ReplayedLetter::letterOffset).containsExactly(0L, 1L, 2L);
        assertThat(took).as("three at two a second").isGreaterThanOrEqualTo(900);
        engine().eventually(() -> outcomes.size() == 4 + 3);
        assertThat(await(letters.replay(slowly).collectList())).hasSize(2).noneMatch(ReplayedLetter::parked);
        engine().eventually(() -> outcomes.size() == 4 + 3 + 2);
        assertThat(await(letters.replay(slowly).collectList())).hasSize(2).allMatch(ReplayedLetter::parked);
        assertThat(await(letters.replay(slowly).collectList()))
                .as("all are replayed or parked")
                .isEmpty();
        handling.dispose();

        restartIfDurable();
        assertThat(handled).containsExactlyInAnyOrder("v0", "v2");
        List<StoredRecord> parked = readAll(new TopicPartition("t.parked", 0));
        assertThat(parked).extracting(StoredRecord::value).containsExactlyInAnyOrder("v1", "v3");
        assertThat(parked).allSatisfy(letter -> {
            assertThat(letter.key()).isEqualTo("k" + number(letter));
            assertThat(letter.headers().lastAsString(DeadLetterHeaders.TOPIC)).isEqualTo("t");
            assertThat(letter.headers().lastAsString(DeadLetterHeaders.REPLAYS)).isEqualTo("" + REPLAYS_MAX);
        });
        for (int partition = 0; partition < 2; partition++) {
            List<StoredRecord> records = readAll(new TopicPartition("t", partition));
            assertThat(records.subList(2, records.size())).isNotEmpty().allSatisfy(record -> {
                assertThat(record.key()).isEqualTo("k" + number(record));
                assertThat(record.timestampMs()).isEqualTo(70 + number(record));
                assertThat(record.headers().asList())
                        .extracting(Header::key)
                        .as("its own, and how often")
                        .containsExactly("own", DeadLetterHeaders.REPLAYS);
            });
        }
    }

    private static int number(StoredRecord record) {
        return Integer.parseInt(String.valueOf(record.value()).substring(1));
    }

    @Test
    @DisplayName("8 a letter that can't go ends the replay, which begins with it the next time; where() leaves it out")
    void a_letter_that_can_not_go_back() {
        topic("t", 1);
        topic("d", 1);
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        for (String source : List.of("t", "t", "gone", "t", "", "t")) {
            Headers headers = source.isEmpty()
                    ? Headers.empty()
                    : Headers.empty().with(DeadLetterHeaders.TOPIC, source).with(DeadLetterHeaders.PARTITION, "0");
            await(sender.send(SenderRecord.of("d", "k", source).withHeaders(headers)));
        }
        DeadLetters letters = DeadLetters.of(broker(), "d");
        List<Long> replayed = new CopyOnWriteArrayList<>();

        assertThat(catchThrowable(() -> await(letters.replay()
                        .doOnNext(letter -> replayed.add(letter.letterOffset()))
                        .then())))
                .isInstanceOfSatisfying(
                        MqException.class,
                        error -> assertThat(error.errorCode()).isEqualTo(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
                .hasMessageContaining("offset 2 of d-0");
        assertThat(replayed).containsExactly(0L, 1L);
        assertThat(catchThrowable(() -> await(letters.replay(o -> o.where(
                                letter -> !"gone".equals(letter.headers().lastAsString(DeadLetterHeaders.TOPIC))))
                        .doOnNext(letter -> replayed.add(letter.letterOffset()))
                        .then())))
                .isInstanceOfSatisfying(
                        MqException.class,
                        error -> assertThat(error.errorCode()).isEqualTo(ErrorCode.INVALID_RECORD))
                .hasMessageContaining("offset 4 of d-0");
        assertThat(replayed).as("goes on where it ended").containsExactly(0L, 1L, 3L);
        await(letters.replay(o -> o.where(letter -> letter.headers().size() > 0))
                .doOnNext(letter -> replayed.add(letter.letterOffset()))
                .then());
        assertThat(replayed).containsExactly(0L, 1L, 3L, 5L);
        assertThat(endOf(T0)).isEqualTo(4);
        assertFails(DeadLetters.of(broker(), "none").replay().then(), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }

    @Test
    @DisplayName(
            "12 a trace passes from who sends, through the handler, to what it sends on, and every record has an observation")
    void a_trace_passes_through() {
        topic("t", 1);
        topic("next", 1);
        TraceContext trace = new TraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", null);
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        await(sender.send(SenderRecord.of("t", "k", "traced")).contextWrite(context -> trace.addTo(context)));
        await(sender.send(SenderRecord.of("t", "k", "not traced")));
        ObservationRegistry observations = ObservationRegistry.create();
        List<String> observed = new CopyOnWriteArrayList<>();
        observations.observationConfig().observationHandler(new ObservationHandler<ReceiverContext<Headers>>() {
            @Override
            public void onStop(ReceiverContext<Headers> context) {
                observed.add(context.getContextualName() + " of "
                        + context.getGetter()
                                .get(Objects.requireNonNull(context.getCarrier()), TraceContext.TRACEPARENT));
            }

            @Override
            public boolean supportsContext(Observation.Context context) {
                return context instanceof ReceiverContext;
            }
        });
        List<Outcome> outcomes = new CopyOnWriteArrayList<>();
        disposeAtEnd(receiver(broker(), o -> o.group("g").topics("t"))
                .process(
                        record -> sender.send(SenderRecord.of("next", record.key(), record.value())),
                        o -> o.observations(observations))
                .subscribe(outcomes::add));
        engine().eventually(() -> outcomes.size() == 2);

        assertThat(outcomes).extracting(Outcome::status).containsOnly(Outcome.Status.PROCESSED);
        List<StoredRecord> sentOn = readAll(new TopicPartition("next", 0));
        assertThat(sentOn).extracting(StoredRecord::value).containsExactly("traced", "not traced");
        assertThat(sentOn.stream().map(record -> TraceContext.of(record.headers())))
                .containsExactly(trace, null);
        assertThat(observed).containsExactly("t process of " + trace.traceparent(), "t process of null");
    }

    @ParameterizedTest
    @ValueSource(strings = {"shorter than the session", "longer than the session"})
    @DisplayName(
            "11 a broker that does not answer for a while is gone on with, and what is owned is a Flux at the side")
    void a_broker_that_is_away_for_a_while(String outage) {
        boolean isLong = outage.startsWith("longer");
        topic("t", 1);
        send(0, 10);
        UnpluggedBroker cable = new UnpluggedBroker(broker());
        Receiver<String, String> receiver = receiver(
                cable,
                o -> o.group("g")
                        .topics("t")
                        .commitInterval(Duration.ofMillis(100))
                        .requestTimeout(Duration.ofSeconds(3)));
        List<Set<TopicPartition>> owned = new CopyOnWriteArrayList<>();
        disposeAtEnd(receiver.assignments().subscribe(owned::add));
        List<String> seen = new CopyOnWriteArrayList<>();
        AtomicReference<Throwable> error = new AtomicReference<>();
        Disposable receiving = receiver.receive()
                .subscribe(
                        record -> {
                            seen.add(String.valueOf(record.value()));
                            record.acknowledge();
                        },
                        error::set);
        engine().eventually(() -> seen.size() == 10);
        engine().elapse(Duration.ofSeconds(1));

        cable.unplug();
        send(10, 20);
        Duration session = engine().groupSessionTimeout();
        engine().elapse(isLong ? session.multipliedBy(2) : session.dividedBy(3));
        assertThat(seen).hasSize(10);
        cable.plug();

        engine().eventually(() -> seen.size() == 20);
        assertThat(error).hasValue(null);
        assertThat(seen).as("each once: what was acknowledged was committed").doesNotHaveDuplicates();
        assertThat(owned.get(owned.size() - 1)).containsExactly(T0);
        List<Set<TopicPartition>> lost = new ArrayList<>(owned);
        lost.remove(0);
        if (isLong) {
            assertThat(lost).as("its loss was told").contains(Set.of());
        } else {
            assertThat(lost).doesNotContain(Set.of());
        }
        ReceiverHealth health = await(receiver.health());
        assertThat(health.isStalled()).isFalse();
        engine().eventually(() -> await(receiver.lag()).getOrDefault(T0, -1L) == 0);
        receiving.dispose();
    }
}
