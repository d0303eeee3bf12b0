package io.reactivemq.test.embedded;

import io.reactivemq.test.SimulatedRuntime;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.NullUnmarked;
import reactor.core.publisher.Mono;

/** The embedded broker in virtual time. */
final class SimulatedFixture extends EmbeddedFixture {

    private final SimulatedRuntime runtime;

    private SimulatedFixture(Place place, SimulatedRuntime runtime) {
        super(place, runtime, Duration.ofSeconds(45), Duration.ofSeconds(3), Duration.ofMinutes(5));
        this.runtime = runtime;
    }

    static SimulatedFixture of(Place place, long seed) {
        return new SimulatedFixture(place, SimulatedRuntime.seeded(seed));
    }

    static SimulatedFixture inOrder(Place place) {
        return new SimulatedFixture(place, SimulatedRuntime.inOrder());
    }

    SimulatedRuntime runtime() {
        return runtime;
    }

    @Override
    @NullUnmarked
    public <T> T await(Mono<T> mono) {
        return runtime.await(mono);
    }

    @Override
    public void eventually(BooleanSupplier condition) {
        runtime.awaitUntil(condition);
    }

    @Override
    public void elapse(Duration time) {
        runtime.advance(time);
    }
}
