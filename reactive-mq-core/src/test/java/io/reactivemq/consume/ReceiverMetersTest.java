package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.metrics.ReceiverMeter;
import io.reactivemq.metrics.ReceiverMeters;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

@DisplayName("A Receiver with a registry tells")
class ReceiverMetersTest extends ReceiverFixture {

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

    private Receiver<String, String> watched(String topic) {
        return receiver(o -> o.group("billing").clientId("till").topics(topic).meterRegistry(registry));
    }

    private double count(ReceiverMeter meter) {
        return registry.get(meter.meterName())
                .tags(ReceiverMeters.CLIENT_TAG, "till", ReceiverMeters.GROUP_TAG, "billing")
                .counter()
                .count();
    }

    private double gauge(ReceiverMeter meter) {
        return registry.get(meter.meterName())
                .tags(ReceiverMeters.CLIENT_TAG, "till", ReceiverMeters.GROUP_TAG, "billing")
                .gauge()
                .value();
    }

    private List<Meter> gauges() {
        return registry.getMeters().stream()
                .filter(meter -> meter.getId().getType() == Meter.Type.GAUGE)
                .toList();
    }

    @Test
    @DisplayName("9 what it has handed over, what of that is unacknowledged, and for how long the oldest")
    void unacknowledged() {
        broker.write(ONE_0, Batches.numbered(0, 10));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(watched("one").receive(), 4);
        assertThat(count(ReceiverMeter.RECEIVED)).isEqualTo(4);
        runtime.advanceBy(Duration.ofSeconds(20));
        assertThat(gauge(ReceiverMeter.UNACKNOWLEDGED)).isEqualTo(4);
        // it is seen at the first look
        assertThat(gauge(ReceiverMeter.OLDEST_AGE)).isEqualTo(15);

        recorder.items().forEach(ReceiverRecord::acknowledge);
        runtime.advanceBy(Duration.ofHours(1));
        assertThat(gauge(ReceiverMeter.UNACKNOWLEDGED)).isZero();
        assertThat(gauge(ReceiverMeter.OLDEST_AGE)).isZero();

        recorder.request(1);
        runtime.advanceBy(ReceiverMeters.INTERVAL);
        assertThat(count(ReceiverMeter.RECEIVED)).isEqualTo(5);
        assertThat(gauge(ReceiverMeter.UNACKNOWLEDGED)).isEqualTo(1);
        assertThat(gauge(ReceiverMeter.OLDEST_AGE))
                .as("the idle hour is not its")
                .isZero();

        cancel(recorder);
        assertThat(gauges()).isEmpty();
        assertThat(count(ReceiverMeter.RECEIVED)).as("what was counted stays").isEqualTo(5);
    }

    private enum Style {
        RECEIVE,
        AUTO_ACK,
        AT_MOST_ONCE,
        BATCHES,
        PARTITIONS,
        PROCESS;

        private Flux<?> of(Receiver<String, String> receiver) {
            return switch (this) {
                case RECEIVE -> receiver.receive();
                case AUTO_ACK -> receiver.receiveAutoAck();
                case AT_MOST_ONCE -> receiver.receiveAtmostOnce();
                case BATCHES -> receiver.receiveBatches();
                case PARTITIONS -> receiver.receivePartitions(lane -> lane);
                case PROCESS -> receiver.process(r -> Mono.empty());
            };
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("each record once, whatever the style")
    void styles(Style style) {
        broker.write(TWO_0, Batches.numbered(0, 30));
        broker.write(TWO_1, Batches.numbered(0, 20));
        Recorder<?> recorder = subscribe(style.of(watched("two")), Long.MAX_VALUE);
        runtime.advanceBy(Duration.ofSeconds(10));
        assertThat(count(ReceiverMeter.RECEIVED)).isEqualTo(50);
        cancel(recorder);
    }

    @Test
    @DisplayName("M09 R11 attempts that are followed by another, and records that are dead-lettered")
    void retries() {
        broker.topic("one.dlq", 1).topic("one.billing.retry-1", 1);
        broker.write(ONE_0, Batches.of("fine", "poison"));
        Recorder<Outcome> recorder = subscribe(
                watched("one")
                        .process(
                                r -> "poison".equals(r.value())
                                        ? Mono.create(sink -> sink.error(new IllegalStateException("as the test says")))
                                        : Mono.empty(),
                                o -> o.retry(RetryPolicy.backoff(2, Duration.ofSeconds(1))
                                        .thenAfter(Duration.ofMinutes(1)))),
                100);
        runtime.advanceBy(Duration.ofSeconds(10));
        assertThat(count(ReceiverMeter.RETRIED))
                .as("two in place, one in the retry topic")
                .isEqualTo(3);
        assertThat(count(ReceiverMeter.DEAD_LETTERED)).isZero();
        runtime.advanceBy(Duration.ofMinutes(2));
        assertThat(count(ReceiverMeter.RETRIED)).isEqualTo(5);
        assertThat(count(ReceiverMeter.DEAD_LETTERED)).isEqualTo(1);
        assertThat(count(ReceiverMeter.RECEIVED))
                .as("that of the retry topic is one")
                .isEqualTo(3);
        cancel(recorder);
    }

    @Test
    @DisplayName("the partitions that it has, and how often they were others")
    void rebalances() {
        ScriptedGroup group = new ScriptedGroup(broker, TWO_0, TWO_1);
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(watched("two").receive(), 10);
        assertThat(gauge(ReceiverMeter.PARTITIONS)).isEqualTo(2);
        double before = count(ReceiverMeter.REBALANCES);
        group.assign(TWO_1);
        runtime.advanceBy(ScriptedGroup.INTERVAL.multipliedBy(3));
        assertThat(gauge(ReceiverMeter.PARTITIONS)).isEqualTo(1);
        assertThat(count(ReceiverMeter.REBALANCES)).isEqualTo(before + 1);
        runtime.advanceBy(Duration.ofMinutes(1));
        assertThat(count(ReceiverMeter.REBALANCES)).isEqualTo(before + 1);
        cancel(recorder);
    }

    @Test
    @DisplayName("the sums of those that share a client id and a group, and the longest age")
    void shared() {
        ReceiverMeters one = new ReceiverMeters(registry, "till", "billing");
        ReceiverMeters other = new ReceiverMeters(registry, "till", "billing");
        one.now(3, Duration.ofSeconds(20));
        other.now(4, Duration.ofSeconds(70));
        assertThat(gauge(ReceiverMeter.UNACKNOWLEDGED)).isEqualTo(7);
        assertThat(gauge(ReceiverMeter.OLDEST_AGE)).isEqualTo(70);
        other.close();
        assertThat(gauge(ReceiverMeter.UNACKNOWLEDGED)).isEqualTo(3);
        assertThat(gauge(ReceiverMeter.OLDEST_AGE)).isEqualTo(20);
        one.close();
        one.close();
        assertThat(gauges()).isEmpty();
    }
}
