package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.metrics.BatchMeter;
import io.reactivemq.metrics.BufferDepth;
import io.reactivemq.metrics.BufferMeter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;
import reactor.test.publisher.TestPublisher;

@DisplayName("Batch's meters:")
class BatchMetersTest {

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final BufferDepth depth = new BufferDepth();
    private final ManualRuntime runtime = new ManualRuntime();
    private final TestPublisher<Integer> source = TestPublisher.create();

    private Flux<List<Integer>> batches() {
        return source.flux()
                .transform(Batch.bySizeOrTime(
                        3,
                        Duration.ofSeconds(1),
                        o -> o.prefetch(10)
                                .name("rows")
                                .meterRegistry(registry)
                                .depth(depth)
                                .runtime(runtime)));
    }

    private double gauge(BufferMeter meter) {
        return registry.get(meter.meterName())
                .tag(BufferMeter.OPERATOR_TAG, "batch")
                .tag(BufferMeter.NAME_TAG, "rows")
                .gauge()
                .value();
    }

    private void expectNoGauges() {
        assertThat(registry.getMeters()).noneMatch(meter -> meter.getId().getType() == Meter.Type.GAUGE);
        assertThat(depth.buffers()).isZero();
    }

    @Test
    @DisplayName(
            "batches and their sizes are counted, what is held is seen, waiting is timed from the first of a batch")
    void all() {
        StepVerifier.create(batches(), 1)
                .then(() -> {
                    source.next(1);
                    runtime.advanceBy(Duration.ofMillis(30));
                    source.next(2, 3, 4, 5);
                    assertThat(gauge(BufferMeter.DEPTH)).isEqualTo(2);
                    assertThat(gauge(BufferMeter.CAPACITY)).isEqualTo(10);
                    assertThat(depth.getAsLong()).isEqualTo(2);
                })
                .expectNext(List.of(1, 2, 3))
                .then(source::complete)
                .thenRequest(1)
                .expectNext(List.of(4, 5))
                .verifyComplete();
        DistributionSummary sizes = registry.get(BatchMeter.SIZE.meterName())
                .tag(BufferMeter.OPERATOR_TAG, "batch")
                .tag(BufferMeter.NAME_TAG, "rows")
                .summary();
        assertThat(sizes.count()).isEqualTo(2);
        assertThat(sizes.totalAmount()).isEqualTo(5);
        assertThat(sizes.max()).isEqualTo(3);
        Timer waiting = registry.get(BufferMeter.WAITING.meterName()).timer();
        assertThat(waiting.count()).isEqualTo(2);
        assertThat(waiting.totalTime(TimeUnit.MILLISECONDS)).isEqualTo(30);
        expectNoGauges();
    }

    @Test
    @DisplayName("gauges go with a cancellation, and with an error")
    void gaugesGo() {
        StepVerifier.create(batches(), 0)
                .then(() -> source.next(1, 2))
                .then(() -> assertThat(depth.getAsLong()).isEqualTo(2))
                .thenCancel()
                .verify();
        expectNoGauges();
        StepVerifier.create(batches(), 0)
                .then(() -> source.error(new IllegalStateException("down")))
                .verifyErrorMessage("down");
        expectNoGauges();
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the registry refuses the meters")
    @DisplayName("a registry that refuses the meters is an error of the subscription")
    void registryRefuses() {
        registry.counter(BatchMeter.SIZE.meterName(), "operator", "batch", "name", "rows");
        StepVerifier.create(batches()).verifyError(IllegalArgumentException.class);
        expectNoGauges();
    }
}
