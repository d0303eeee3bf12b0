package io.reactivemq.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.broker.testing.ManualRuntime;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The meters of buffers:")
class BufferMetersTest {

    private final ManualRuntime runtime = new ManualRuntime();
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final BufferDepth depth = new BufferDepth();

    private Metering metering(@Nullable String name) {
        return new Metering("dropOldest", name, registry, depth, runtime);
    }

    private double gauge(BufferMeter meter, String name) {
        return registry.get(meter.meterName())
                .tags("operator", "dropOldest", "name", name)
                .gauge()
                .value();
    }

    private double counter(BufferMeter meter) {
        return registry.get(meter.meterName()).counter().count();
    }

    private List<String> gauges() {
        return registry.getMeters().stream()
                .map(Meter::getId)
                .filter(id -> id.getType() == Meter.Type.GAUGE)
                .map(Meter.Id::getName)
                .sorted()
                .toList();
    }

    @Test
    @DisplayName(
            "subscriptions of one name are added up; one that has ended counts no more; behind the last the gauges go")
    void gaugesAreSums() {
        AtomicLong first = new AtomicLong(3);
        AtomicLong second = new AtomicLong(40);
        BufferMeters one = metering("ticks").open(10, first::get);
        BufferMeters two = metering("ticks").open(100, second::get);
        BufferMeters other = metering("orders").open(1000, () -> 7);
        assertThat(gauge(BufferMeter.DEPTH, "ticks")).isEqualTo(43);
        assertThat(gauge(BufferMeter.CAPACITY, "ticks")).isEqualTo(110);
        assertThat(gauge(BufferMeter.DEPTH, "orders")).isEqualTo(7);
        assertThat(depth.getAsLong()).isEqualTo(50);
        assertThat(depth.capacity()).isEqualTo(1110);
        assertThat(depth).hasToString("50 of 1110 elements in 3 buffers");
        one.close();
        one.close();
        assertThat(gauge(BufferMeter.DEPTH, "ticks")).isEqualTo(40);
        assertThat(gauge(BufferMeter.CAPACITY, "ticks")).isEqualTo(100);
        two.close();
        other.close();
        assertThat(gauges()).isEmpty();
        assertThat(depth.getAsLong()).isZero();
        assertThat(depth.buffers()).isZero();
        // and again
        metering("ticks").open(10, first::get);
        assertThat(gauge(BufferMeter.DEPTH, "ticks")).isEqualTo(3);
    }

    @Test
    @DisplayName("counters go on counting over subscriptions")
    void countersStay() {
        BufferMeters one = metering(null).open(10, () -> 0);
        one.dropped();
        one.close();
        BufferMeters two = metering(null).open(10, () -> 0);
        two.dropped();
        two.close();
        assertThat(counter(BufferMeter.DROPPED)).isEqualTo(2);
        assertThat(registry.get("reactivemq.buffer.dropped")
                        .tags("name", "unnamed")
                        .counter()
                        .getId()
                        .getBaseUnit())
                .isEqualTo("elements");
    }

    @Test
    @DisplayName("a buffer that spills has meters for that, others have not")
    void spilling() {
        BufferMeters plain = metering(null).open(10, () -> 0);
        plain.spilled(1, 1);
        assertThat(gauges()).containsExactly("reactivemq.buffer.capacity", "reactivemq.buffer.depth");
        plain.close();
        BufferMeters spilling = metering(null).openSpilling(10, () -> 0, () -> 4096);
        spilling.spilled(3, 300);
        spilling.spilled(1, 100);
        assertThat(counter(BufferMeter.SPILLED_ELEMENTS)).isEqualTo(4);
        assertThat(counter(BufferMeter.SPILLED_BYTES)).isEqualTo(400);
        assertThat(gauge(BufferMeter.DISK_BYTES, "unnamed")).isEqualTo(4096);
        spilling.close();
        assertThat(gauges()).isEmpty();
    }

    @Test
    @DisplayName("the first that waits is timed until it leaves, then the next that comes")
    void waitingTime() {
        BufferMeters meters = metering(null).open(10, () -> 0);
        Timer timer = registry.get(BufferMeter.WAITING.meterName()).timer();
        meters.came(0);
        runtime.advanceBy(Duration.ofMillis(5));
        meters.came(1);
        runtime.advanceBy(Duration.ofMillis(5));
        meters.left(0);
        assertThat(timer.count()).isEqualTo(1);
        assertThat(timer.totalTime(TimeUnit.MILLISECONDS)).isEqualTo(10);
        meters.came(2);
        meters.left(1);
        assertThat(timer.count()).isEqualTo(1);
        runtime.advanceBy(Duration.ofMillis(7));
        // several at once
        meters.left(3);
        assertThat(timer.totalTime(TimeUnit.MILLISECONDS)).isEqualTo(17);
        meters.came(4);
        meters.evicted(4);
        meters.came(5);
        runtime.advanceBy(Duration.ofMillis(1));
        meters.left(5);
        assertThat(timer.count()).isEqualTo(3);
        assertThat(timer.totalTime(TimeUnit.MILLISECONDS)).isEqualTo(18);
    }

    @Test
    @DisplayName("nothing is registered where nobody asks, or only for the depth")
    void nothingAsked() {
        assertThat(new Metering("block", "a", null, null, runtime).open(1, () -> 1))
                .isSameAs(BufferMeters.none());
        BufferMeters none = BufferMeters.none();
        none.came(0);
        none.left(0);
        none.dropped();
        none.close();
        BufferMeters depthOnly = new Metering("block", "a", null, depth, runtime).open(5, () -> 2);
        depthOnly.dropped();
        assertThat(depth.getAsLong()).isEqualTo(2);
        depthOnly.close();
        assertThat(depth.buffers()).isZero();
        assertThat(registry.getMeters()).isEmpty();
    }

    @Test
    @DisplayName("a name that another meter of another kind has is an error, and leaves nothing behind")
    void nameIsTaken() {
        registry.counter("reactivemq.buffer.capacity", "operator", "dropOldest", "name", "ticks");
        assertThatIllegalArgumentException().isThrownBy(() -> metering("ticks").open(1, () -> 0));
        assertThat(gauges()).isEmpty();
        assertThat(depth.buffers()).isZero();
    }

    @Test
    @DisplayName("subscriptions that come and go on several threads leave nothing behind")
    void race() {
        List<CompletableFuture<Void>> threads = Stream.generate(() ->
                        CompletableFuture.runAsync(() -> IntStream.range(0, 5_000)
                                .forEach(i -> metering("ticks").open(1, () -> 1).close())))
                .limit(3)
                .toList();
        threads.forEach(CompletableFuture::join);
        assertThat(gauges()).isEmpty();
        BufferMeters last = metering("ticks").open(1, () -> 1);
        assertThat(gauge(BufferMeter.DEPTH, "ticks")).isEqualTo(1);
        last.close();
    }

    @Test
    @DisplayName("each meter has a unit, a description and a name of this project")
    void table() {
        MeterRegistry fresh = new SimpleMeterRegistry();
        new Metering("spillToDisk", "x", fresh, null, runtime).openSpilling(1, () -> 0, () -> 0);
        assertThat(fresh.getMeters().stream().map(meter -> meter.getId().getName()))
                .containsExactlyInAnyOrderElementsOf(Stream.of(BufferMeter.values())
                        .map(BufferMeter::meterName)
                        .toList());
        assertThat(fresh.getMeters()).allSatisfy(meter -> {
            assertThat(meter.getId().getDescription()).isNotBlank();
            assertThat(meter.getId().getBaseUnit()).isNotBlank();
            assertThat(meter.getId().getTag("operator")).isEqualTo("spillToDisk");
            assertThat(meter.getId().getTag("name")).isEqualTo("x");
        });
    }
}
