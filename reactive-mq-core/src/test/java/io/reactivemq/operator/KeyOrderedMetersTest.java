package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.metrics.BufferDepth;
import io.reactivemq.metrics.BufferMeter;
import io.reactivemq.metrics.KeyMeter;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.publisher.TestPublisher;
import reactor.util.retry.Retry;

@DisplayName("KeyOrdered, watched:")
class KeyOrderedMetersTest {

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final BufferDepth depth = new BufferDepth();
    private final ManualRuntime runtime = new ManualRuntime();
    private final Map<Integer, TestPublisher<Integer>> handled = new HashMap<>();

    private ManualSource connect(RecordingConsumer consumer, Consumer<KeyOrdered.Options> more) {
        ManualSource source = new ManualSource();
        source.transform(KeyOrdered.<Integer, Integer>flatMap(n -> n / 100, this::handle, 2, o -> {
                    o.name("orders")
                            .meterRegistry(registry)
                            .depth(depth)
                            .runtime(runtime)
                            .maxWaiting(16);
                    more.accept(o);
                }))
                .subscribe(consumer);
        if (consumer.error() == null) {
            consumer.request(Long.MAX_VALUE);
        }
        return source;
    }

    private Flux<Integer> handle(int element) {
        return handled.computeIfAbsent(element, ignored -> TestPublisher.createCold())
                .flux();
    }

    private void finish(int element) {
        Objects.requireNonNull(handled.get(element)).emit(element);
    }

    private double gauge(KeyMeter meter) {
        return registry.get(meter.meterName()).tag("name", "orders").gauge().value();
    }

    private double gauge(BufferMeter meter) {
        return registry.get(meter.meterName())
                .tag("operator", "keyOrdered")
                .gauge()
                .value();
    }

    private double count(KeyMeter meter) {
        return registry.get(meter.meterName()).counter().count();
    }

    private void expectNoGauges() {
        assertThat(registry.getMeters()).noneMatch(meter -> meter.getId().getType() == Meter.Type.GAUGE);
        assertThat(depth.buffers()).isZero();
    }

    @Test
    @DisplayName("keys, places and waiting elements are live, over all subscriptions; the end takes the gauges away")
    void gauges() {
        RecordingConsumer consumer = new RecordingConsumer();
        ManualSource source = connect(consumer, o -> {});
        for (int n : new int[] {100, 101, 102, 200, 300}) {
            source.next(n);
        }
        assertThat(gauge(KeyMeter.ACTIVE)).isEqualTo(3);
        assertThat(gauge(KeyMeter.RUNNING)).isEqualTo(2);
        assertThat(gauge(BufferMeter.DEPTH)).isEqualTo(3);
        assertThat(gauge(BufferMeter.CAPACITY)).isEqualTo(16);
        assertThat(depth.getAsLong()).isEqualTo(3);
        RecordingConsumer other = new RecordingConsumer();
        ManualSource otherSource = connect(other, o -> {});
        otherSource.next(900);
        assertThat(gauge(KeyMeter.ACTIVE)).isEqualTo(4);
        assertThat(gauge(KeyMeter.RUNNING)).isEqualTo(3);
        assertThat(gauge(BufferMeter.CAPACITY)).isEqualTo(32);
        other.cancel();
        assertThat(gauge(KeyMeter.ACTIVE)).isEqualTo(3);
        finish(100);
        finish(200);
        assertThat(gauge(KeyMeter.ACTIVE)).isEqualTo(2);
        assertThat(gauge(BufferMeter.DEPTH)).isEqualTo(1);
        assertThat(count(KeyMeter.HANDLED)).isEqualTo(2);
        source.complete();
        for (int n : new int[] {300, 101, 102}) {
            finish(n);
        }
        assertThat(consumer.completions).hasValue(1);
        assertThat(count(KeyMeter.HANDLED)).isEqualTo(5);
        assertThat(count(KeyMeter.FAILED)).isZero();
        expectNoGauges();
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the policy gives up")
    @DisplayName("R11 keys that back off are counted, and each retry, and what fails for good")
    void retries() {
        RecordingConsumer consumer = new RecordingConsumer();
        Sinks.One<Integer> gate = Sinks.one();
        ManualSource source = connect(
                consumer,
                o -> o.delayErrors()
                        .retry(Retry.from(failures -> failures.concatMap(failure ->
                                failure.totalRetries() == 0 ? gate.asMono() : Mono.error(failure.failure())))));
        source.next(100);
        Objects.requireNonNull(handled.get(100)).error(new IllegalStateException("as the test says"));
        assertThat(gauge(KeyMeter.BACKING_OFF)).isEqualTo(1);
        assertThat(gauge(KeyMeter.RUNNING)).isZero();
        assertThat(gauge(BufferMeter.DEPTH)).isEqualTo(1);
        assertThat(count(KeyMeter.RETRIED)).isZero();
        gate.tryEmitValue(1).orThrow();
        // it fails again, at once
        assertThat(count(KeyMeter.RETRIED)).isEqualTo(1);
        assertThat(count(KeyMeter.FAILED)).isEqualTo(1);
        assertThat(gauge(KeyMeter.BACKING_OFF)).isZero();
        assertThat(gauge(KeyMeter.ACTIVE)).isZero();
        source.complete();
        assertThat(consumer.errors).hasSize(1);
        expectNoGauges();
    }

    @Test
    @DisplayName("one waiting element at a time is timed, until it is handled")
    void waiting() {
        RecordingConsumer consumer = new RecordingConsumer();
        ManualSource source = connect(consumer, o -> {});
        for (int n : new int[] {100, 101, 102}) {
            source.next(n);
        }
        runtime.advanceBy(Duration.ofSeconds(3));
        finish(100);
        Timer timer = registry.get(BufferMeter.WAITING.meterName()).timer();
        assertThat(timer.count()).isEqualTo(1);
        assertThat(timer.totalTime(TimeUnit.SECONDS)).isEqualTo(3);
        // 102 came while 101 was timed; the next that comes is timed, behind it
        source.next(103);
        runtime.advanceBy(Duration.ofSeconds(2));
        finish(101);
        assertThat(timer.count()).isEqualTo(1);
        finish(102);
        assertThat(timer.count()).isEqualTo(2);
        assertThat(timer.totalTime(TimeUnit.SECONDS)).isEqualTo(5);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the key function throws")
    @DisplayName("a key function that throws counts as a failure; without a registry there is only the depth")
    void refused() {
        RecordingConsumer consumer = new RecordingConsumer();
        ManualSource source = new ManualSource();
        source.transform(KeyOrdered.<Integer, Integer>flatMap(
                        n -> {
                            throw new IllegalStateException("as the test says");
                        },
                        this::handle,
                        2,
                        o -> o.meterRegistry(registry)))
                .subscribe(consumer);
        source.next(1);
        assertThat(consumer.errors).hasSize(1);
        assertThat(count(KeyMeter.FAILED)).isEqualTo(1);
        expectNoGauges();
        RecordingConsumer unwatched = new RecordingConsumer();
        ManualSource another = new ManualSource();
        another.transform(KeyOrdered.<Integer, Integer>flatMap(n -> 0, this::handle, 1, o -> o.depth(depth)))
                .subscribe(unwatched);
        another.next(1);
        another.next(2);
        assertThat(depth.getAsLong()).isEqualTo(1);
        unwatched.cancel();
        assertThat(depth.buffers()).isZero();
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the registry refuses the meters")
    @DisplayName("a registry that refuses the meters is an error of the subscription")
    void refusedByTheRegistry() {
        registry.gauge(KeyMeter.HANDLED.meterName(), Tags.of("operator", "keyOrdered", "name", "orders"), 1);
        RecordingConsumer consumer = new RecordingConsumer();
        connect(consumer, o -> {});
        assertThat(consumer.error()).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the registry refuses a meter")
    @DisplayName("a registry that refuses one of the meters keeps none of the gauges")
    void registryRefuses() {
        registry.counter(BufferMeter.DEPTH.meterName(), "operator", "keyOrdered", "name", "orders");
        RecordingConsumer consumer = new RecordingConsumer();
        connect(consumer, o -> {});
        assertThat(consumer.error()).isInstanceOf(IllegalArgumentException.class);
        expectNoGauges();
    }
}
