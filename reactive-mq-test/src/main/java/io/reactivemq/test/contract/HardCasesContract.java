package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Headers;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.consume.DeadLetterHeaders;
import io.reactivemq.consume.Outcome;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverHealth;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.consume.RetryPolicy;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.IntStream;
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
    private static final String REPLAYS = "x-replays";
    private static final int REPLAYS_MAX = 2;
    private static final Duration BETWEEN_REPLAYS = Duration.ofMillis(500);

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
        topic("t", 1);
        topic("t.parked", 1);
        send(0, 4);
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
        engine().eventually(() -> outcomes.size() == 4);
        assertThat(endOf(new TopicPartition("t.dlq", 0))).isEqualTo(3);
        broken.remove("v0");

        List<Long> replayedAt = new CopyOnWriteArrayList<>();
        Receiver<byte[], byte[]> letters = Receiver.on(
                broker(),
                ReceiverOptions.of(
                        Serdes.bytes(), Serdes.bytes(), o -> o.group("replay").topics("t.dlq")));
        Sender<byte[], byte[]> back = Sender.on(broker(), SenderOptions.of(Serdes.bytes(), Serdes.bytes()));
        Disposable replaying = letters.receive()
                .delayElements(BETWEEN_REPLAYS, broker().runtime().timers())
                .doOnNext(letter -> replayedAt.add(broker().runtime().currentTimeMillis()))
                .concatMap(letter -> back.send(replay(letter)).doOnNext(sent -> letter.acknowledge()))
                .subscribe();
        // v0 once, and the others twice each before they are parked
        engine().eventually(() -> endOf(new TopicPartition("t.parked", 0)) == 2);
        engine().eventually(() -> outcomes.size() == 4 + 1 + 2 * REPLAYS_MAX);
        engine().eventually(() -> await(letters.lag()).values().stream().allMatch(lag -> lag == 0));
        replaying.dispose();
        handling.dispose();

        restartIfDurable();
        assertThat(handled).containsExactlyInAnyOrder("v0", "v2");
        assertThat(IntStream.range(1, replayedAt.size()).mapToLong(i -> replayedAt.get(i) - replayedAt.get(i - 1)))
                .allMatch(apart -> apart >= BETWEEN_REPLAYS.toMillis());
        List<StoredRecord> parked = readAll(new TopicPartition("t.parked", 0));
        assertThat(parked).extracting(StoredRecord::value).containsExactlyInAnyOrder("v1", "v3");
        assertThat(parked).allSatisfy(letter -> {
            assertThat(letter.key())
                    .isEqualTo("k" + String.valueOf(letter.value()).substring(1));
            assertThat(letter.headers().lastAsString(DeadLetterHeaders.TOPIC)).isEqualTo("t");
            assertThat(DeadLetterHeaders.history(letter.headers()))
                    .as("of the first time and each replay")
                    .hasSize(1 + REPLAYS_MAX);
        });
    }

    /** Where the letter goes next: to its source, or, after so many replays, to be parked. */
    private static SenderRecord<byte[], byte[]> replay(ReceiverRecord<byte[], byte[]> letter) {
        Headers headers = letter.headers();
        String replays = headers.lastAsString(REPLAYS);
        int before = replays == null ? 0 : Integer.parseInt(replays);
        String source = Objects.requireNonNull(headers.lastAsString(DeadLetterHeaders.TOPIC));
        return SenderRecord.of(before < REPLAYS_MAX ? source : source + ".parked", letter.key(), letter.value())
                .withHeaders(headers.with(REPLAYS, Integer.toString(before + 1)));
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
