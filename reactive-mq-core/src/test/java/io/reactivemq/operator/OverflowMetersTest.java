package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.MqRuntime;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.metrics.BufferDepth;
import io.reactivemq.metrics.BufferMeter;
import io.reactivemq.operator.OverflowTest.Kind;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.scheduler.Scheduler;

@DisplayName("Overflow, watched:")
class OverflowMetersTest {

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final BufferDepth depth = new BufferDepth();
    private final ManualRuntime runtime = new ManualRuntime();
    private final ManualSource source = new ManualSource();
    private final RecordingConsumer consumer = new RecordingConsumer();

    private void connect(Kind kind, int capacity, ManualSource source, RecordingConsumer consumer) {
        source.transform(kind.of(
                        capacity,
                        o -> o.name("ticks")
                                .meterRegistry(registry)
                                .depth(depth)
                                .runtime(runtime)))
                .subscribe(consumer);
    }

    private double gauge(BufferMeter meter) {
        return registry.get(meter.meterName()).tag("name", "ticks").gauge().value();
    }

    private double dropped() {
        return registry.get(BufferMeter.DROPPED.meterName()).counter().count();
    }

    private void expectNoGauges() {
        assertThat(registry.getMeters()).noneMatch(meter -> meter.getId().getType() == Meter.Type.GAUGE);
        assertThat(depth.buffers()).isZero();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("M11 depth and capacity are live, over all subscriptions:")
    void depth(Kind kind) {
        ManualSource otherSource = new ManualSource();
        RecordingConsumer other = new RecordingConsumer();
        connect(kind, 10, source, consumer);
        connect(kind, 5, otherSource, other);
        IntStream.range(0, 4).forEach(source::next);
        otherSource.next(9);
        assertThat(gauge(BufferMeter.DEPTH)).isEqualTo(5);
        assertThat(gauge(BufferMeter.CAPACITY)).isEqualTo(15);
        assertThat(depth.getAsLong()).isEqualTo(5);
        consumer.request(3);
        assertThat(gauge(BufferMeter.DEPTH)).isEqualTo(2);
        other.cancel();
        assertThat(gauge(BufferMeter.DEPTH)).isEqualTo(1);
        assertThat(gauge(BufferMeter.CAPACITY)).isEqualTo(10);
        source.complete();
        assertThat(depth.getAsLong()).isEqualTo(1);
        consumer.request(1);
        expectNoGauges();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("gauges go with an error, too:")
    void gaugesGoWithAnError(Kind kind) {
        connect(kind, 10, source, consumer);
        source.next(1);
        source.fail(new IllegalStateException("down"));
        assertThat(depth.getAsLong()).isEqualTo(1);
        consumer.request(1);
        assertThat(consumer.error()).hasMessage("down");
        expectNoGauges();
    }

    @ParameterizedTest
    @EnumSource(names = "BLOCK", mode = EnumSource.Mode.EXCLUDE)
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the overflow is reported as Reactor reports its own")
    @DisplayName("M11 what is dropped is counted; what a cancellation lets go is not:")
    void drops(Kind kind) {
        connect(kind, 2, source, consumer);
        IntStream.range(0, 5).forEach(source::next);
        assertThat(dropped()).isEqualTo(kind == Kind.ERROR ? 1 : 3);
        consumer.cancel();
        assertThat(dropped()).isEqualTo(kind == Kind.ERROR ? 1 : 3);
        expectNoGauges();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("waiting is timed; what passes at once is not:")
    void waiting(Kind kind) {
        connect(kind, 10, source, consumer);
        Timer timer = registry.get(BufferMeter.WAITING.meterName()).timer();
        consumer.request(1);
        source.next(0);
        assertThat(timer.count()).isZero();
        source.next(1);
        runtime.advanceBy(Duration.ofMillis(30));
        source.next(2);
        consumer.request(1);
        assertThat(timer.count()).isEqualTo(1);
        assertThat(timer.totalTime(TimeUnit.MILLISECONDS)).isEqualTo(30);
        consumer.request(1);
        source.next(3);
        runtime.advanceBy(Duration.ofMillis(5));
        consumer.request(1);
        assertThat(timer.count()).isEqualTo(2);
        assertThat(timer.totalTime(TimeUnit.MILLISECONDS)).isEqualTo(35);
    }

    @Test
    @DisplayName("an element let go while it is timed makes way for the next")
    void evictedWhileTimed() {
        connect(Kind.DROP_OLDEST, 1, source, consumer);
        Timer timer = registry.get(BufferMeter.WAITING.meterName()).timer();
        source.next(0);
        runtime.advanceBy(Duration.ofMillis(30));
        source.next(1);
        source.next(2);
        runtime.advanceBy(Duration.ofMillis(5));
        source.next(3);
        source.next(4);
        runtime.advanceBy(Duration.ofMillis(7));
        consumer.request(1);
        assertThat(consumer.received).containsExactly(4);
        assertThat(timer.max(TimeUnit.MILLISECONDS)).isLessThanOrEqualTo(12);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("an element that is asked for as it comes leaves no time running behind it:")
    void askedForAsItComes(Kind kind) {
        AtomicBoolean asks = new AtomicBoolean(true);
        MqRuntime askedOf = new Clock(() -> {
            if (asks.compareAndSet(true, false)) {
                consumer.request(1);
            }
            return runtime.nanoTime();
        });
        source.transform(
                        kind.of(10, o -> o.name("ticks").meterRegistry(registry).runtime(askedOf)))
                .subscribe(consumer);
        source.next(0);
        assertThat(consumer.received).containsExactly(0);
        runtime.advanceBy(Duration.ofHours(1));
        source.next(1);
        runtime.advanceBy(Duration.ofMillis(5));
        consumer.request(1);
        Timer timer = registry.get(BufferMeter.WAITING.meterName()).timer();
        assertThat(timer.count()).isGreaterThan(0);
        assertThat(timer.max(TimeUnit.MILLISECONDS)).isLessThanOrEqualTo(5);
    }

    /** A runtime of which a buffer needs the clock only; a test sees when it is read. */
    private record Clock(LongSupplier nanos) implements MqRuntime {

        @Override
        public long currentTimeMillis() {
            throw new UnsupportedOperationException();
        }

        @Override
        public long nanoTime() {
            return nanos.getAsLong();
        }

        @Override
        public Scheduler timers() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Scheduler io() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Scheduler workers() {
            throw new UnsupportedOperationException();
        }

        @Override
        public RandomGenerator random() {
            throw new UnsupportedOperationException();
        }
    }

    @ParameterizedTest
    @EnumSource(OverflowSinkTest.Kind.class)
    @DisplayName("a sink that ends and is never subscribed keeps no gauges:")
    void sinkWithoutSubscriber(OverflowSinkTest.Kind kind) {
        OverflowSink<Integer> sink = Overflow.sink(
                3, o -> kind.applyTo(o).name("ticks").meterRegistry(registry).depth(depth));
        sink.emit(1);
        sink.emit(2);
        assertThat(depth.getAsLong()).isEqualTo(2);
        assertThat(gauge(BufferMeter.DEPTH)).isEqualTo(2);
        sink.tryComplete();
        expectNoGauges();
        // it can still be subscribed
        sink.asFlux().subscribe(consumer);
        consumer.request(5);
        assertThat(consumer.received).containsExactly(1, 2);
        assertThat(consumer.completions).hasValue(1);
        expectNoGauges();
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the registry refuses the meters")
    @DisplayName("a registry that refuses the meters is an error of the subscription")
    void registryRefuses() {
        registry.counter("reactivemq.buffer.depth", "operator", "dropOldest", "name", "ticks");
        connect(Kind.DROP_OLDEST, 1, source, consumer);
        assertThat(consumer.error()).isInstanceOf(IllegalArgumentException.class);
    }
}
