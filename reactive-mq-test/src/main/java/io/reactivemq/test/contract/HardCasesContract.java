package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.transport.ReceiverContext;
import io.reactivemq.Headers;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.TraceContext;
import io.reactivemq.broker.Broker;
import io.reactivemq.consume.Outcome;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverHealth;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;

/** Cases that take more than one request: letters that go back, a broker that is away for a while. */
@DisplayName("hard cases")
public abstract class HardCasesContract extends EngineContract {

    private static final TopicPartition T0 = new TopicPartition("t", 0);

    private static Receiver<String, String> receiver(Broker on, Consumer<? super ReceiverOptions.Builder> options) {
        return Receiver.on(on, ReceiverOptions.of(Serdes.string(), Serdes.string(), options));
    }

    private void send(int from, int to) {
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        await(sender.send(Flux.range(from, to - from).map(i -> SenderRecord.of("t", "k" + i, "v" + i)))
                .collectList());
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
