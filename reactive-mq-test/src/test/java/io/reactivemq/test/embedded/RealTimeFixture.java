package io.reactivemq.test.embedded;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.reactivemq.MqRuntime;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.NullUnmarked;
import reactor.core.publisher.Mono;

/** The embedded broker on real threads and clocks. The only place in these tests that waits in real time. */
final class RealTimeFixture extends EmbeddedFixture {

    private static final int SEEDS = 1;
    private static final Duration DEADLINE = Duration.ofMinutes(5);
    private static final long PAUSE_NANOS = 1_000_000;

    private final MqRuntime clock = MqRuntime.system();

    private RealTimeFixture(Place place, Duration retentionCheckInterval) {
        super(place, MqRuntime.system(), Duration.ofSeconds(6), Duration.ofMillis(100), retentionCheckInterval);
    }

    /** Real interleavings don't follow from a seed, so one seed stands for all: the rest is skipped. */
    static RealTimeFixture of(Place place, long seed) {
        assumeTrue(seed <= SEEDS, "real time runs the first seed only");
        return new RealTimeFixture(place, Duration.ofMinutes(5));
    }

    /** An engine that looks for old records all the time. */
    static RealTimeFixture ofShortMemory(Place place) {
        return new RealTimeFixture(place, Duration.ofMillis(50));
    }

    @Override
    @NullUnmarked
    public <T> T await(Mono<T> mono) {
        return mono.block(DEADLINE);
    }

    @Override
    public void eventually(BooleanSupplier condition) {
        long start = clock.nanoTime();
        while (!condition.getAsBoolean()) {
            if (clock.nanoTime() - start > DEADLINE.toNanos()) {
                throw new AssertionError("the condition did not hold within " + DEADLINE);
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }

    @Override
    public void elapse(Duration time) {
        long start = clock.nanoTime();
        for (long left = time.toNanos(); left > 0; left = time.toNanos() - (clock.nanoTime() - start)) {
            LockSupport.parkNanos(left);
        }
    }
}
