package io.reactivemq.produce;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.broker.testing.ScriptedBroker;
import io.reactivemq.metrics.SenderMeter;
import io.reactivemq.metrics.SenderMeters;
import java.time.Duration;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;

@DisplayName("A Sender with a registry tells")
class SenderMetersTest {

    private static final TopicPartition ONE_0 = new TopicPartition("one", 0);

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final ManualRuntime runtime = new ManualRuntime();
    private final ScriptedBroker broker = new ScriptedBroker(runtime).topic("one", 1);
    private final Sender<String, String> sender = Sender.on(
            broker,
            SenderOptions.of(
                    Serdes.string(),
                    Serdes.string(),
                    o -> o.clientId("till").bufferBytes(1 << 20).meterRegistry(registry)));

    private double count(SenderMeter meter) {
        return registry.get(meter.meterName())
                .tag(SenderMeters.CLIENT_TAG, "till")
                .counter()
                .count();
    }

    private double buffered() {
        return registry.get(SenderMeter.BUFFERED.meterName())
                .tag(SenderMeters.CLIENT_TAG, "till")
                .gauge()
                .value();
    }

    private static Flux<SenderRecord<String, String>> records(int count) {
        return Flux.range(0, count).map(i -> SenderRecord.of("one", "v" + i));
    }

    @Test
    @DisplayName("records that are sent, sent again and refused")
    void counts() {
        sender.send(records(10)).subscribe();
        runtime.run();
        assertThat(count(SenderMeter.SENT)).isEqualTo(10);
        assertThat(count(SenderMeter.RETRIED)).isZero();

        broker.failNextAppend(ONE_0, new MqException(ErrorCode.NOT_ENOUGH_REPLICAS, "as the test says"));
        broker.failNextAppend(ONE_0, new MqException(ErrorCode.NOT_ENOUGH_REPLICAS, "as the test says"));
        sender.send(records(5)).subscribe();
        runtime.advanceBy(Duration.ofSeconds(5));
        assertThat(count(SenderMeter.SENT)).isEqualTo(15);
        assertThat(count(SenderMeter.RETRIED)).isEqualTo(10);
        assertThat(count(SenderMeter.FAILED)).isZero();

        broker.failNextAppend(ONE_0, new MqException(ErrorCode.MESSAGE_TOO_LARGE, "as the test says"));
        sender.send(records(3)).subscribe();
        runtime.run();
        assertThat(count(SenderMeter.FAILED)).isEqualTo(3);

        sender.send(Flux.just(
                        SenderRecord.of("one", "x".repeat(2 << 20)),
                        SenderRecord.<String, String>of("one", "no such partition")
                                .withPartition(7)))
                .subscribe();
        runtime.run();
        assertThat(count(SenderMeter.FAILED)).isEqualTo(5);
        assertThat(count(SenderMeter.SENT)).isEqualTo(15);
    }

    @Test
    @DisplayName("the bytes that it holds, those of all sends together, as long as there is one")
    void bufferedBytes() {
        broker.holdAppends();
        Sinks.Many<SenderRecord<String, String>> source = Sinks.many().unicast().onBackpressureBuffer();
        Disposable first = sender.send(source.asFlux()).subscribe();
        runtime.run();
        assertThat(buffered()).isZero();
        source.tryEmitNext(SenderRecord.of("one", "x".repeat(1_000))).orThrow();
        runtime.run();
        double ofOne = buffered();
        assertThat(ofOne).isBetween(1_000.0, 1_200.0);
        Disposable second =
                sender.send(SenderRecord.of("one", "x".repeat(1_000))).subscribe();
        runtime.run();
        assertThat(buffered()).isEqualTo(2 * ofOne);

        broker.pendingAppends().get(0).complete();
        runtime.run();
        assertThat(buffered()).isEqualTo(ofOne);
        second.dispose();
        runtime.run();
        assertThat(buffered()).isZero();
        first.dispose();
        runtime.run();
        assertThat(registry.find(SenderMeter.BUFFERED.meterName()).gauges()).isEmpty();
        assertThat(count(SenderMeter.SENT)).as("what was counted stays").isEqualTo(1);
    }
}
