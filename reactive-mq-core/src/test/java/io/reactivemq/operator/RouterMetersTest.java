package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.metrics.BufferMeter;
import io.reactivemq.metrics.RouterMeter;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;

/** Elements are routing keys. */
@DisplayName("Router's meters:")
class RouterMetersTest {

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final Router<String, String> router =
            Router.direct(key -> key, o -> o.name("orders").meterRegistry(registry));

    private double counted(RouterMeter meter) {
        return registry.get(meter.meterName())
                .tag(BufferMeter.OPERATOR_TAG, "router")
                .tag(BufferMeter.NAME_TAG, "orders")
                .counter()
                .count();
    }

    private double heldUp() {
        return registry.get(RouterMeter.HELD_UP.meterName())
                .tag(BufferMeter.NAME_TAG, "orders")
                .gauge()
                .value();
    }

    @Test
    @DisplayName("R02 each element is counted by its outcome")
    void outcomes() {
        Router<String, String> alternate = Router.direct(key -> key);
        Router<String, String> first = Router.direct(
                key -> key, o -> o.name("orders").meterRegistry(registry).alternate(alternate));
        first.bind("a").subscribe();
        first.bind("a").subscribe();
        alternate.bind("b").subscribe();
        Flux.just("a", "b", "c", "a", "d", "e").transform(first::route).subscribe();
        assertThat(counted(RouterMeter.ROUTED)).isEqualTo(2);
        assertThat(counted(RouterMeter.ALTERNATE)).isEqualTo(1);
        assertThat(counted(RouterMeter.UNROUTABLE)).isEqualTo(3);
    }

    @Test
    @DisplayName("sources that wait for a queue are seen, until there is room or they end")
    void heldUpSources() {
        RouterQueue<String> narrow = router.queue("narrow", Overflow.block(1));
        router.bind(narrow, "a");
        Disposable one = Flux.just("a", "a", "b").transform(router::route).subscribe();
        Disposable other =
                Flux.just("a").concatWith(Flux.never()).transform(router::route).subscribe();
        assertThat(heldUp()).isEqualTo(2);
        other.dispose();
        assertThat(heldUp()).isEqualTo(1);
        narrow.asFlux().subscribe();
        assertThat(one.isDisposed()).isTrue();
        assertThat(registry.find(RouterMeter.HELD_UP.meterName()).gauges()).isEmpty();
        assertThat(counted(RouterMeter.ROUTED)).isEqualTo(2);
        // room while the source goes on
        RouterQueue<String> next = router.queue("next", Overflow.block(1));
        router.bind(next, "c");
        Flux.just("c", "c").concatWith(Flux.never()).transform(router::route).subscribe();
        assertThat(heldUp()).isEqualTo(1);
        next.asFlux().subscribe();
        assertThat(heldUp()).isZero();
    }

    @Test
    @DisplayName("a queue under the default policy has the meters of a buffer, under its own name")
    void queues() {
        RouterQueue<String> audit = router.queue("audit");
        router.bind(audit, "a");
        Disposable bound = router.bind("a").subscribe();
        Flux.just("a", "a").transform(router::route).subscribe();
        assertThat(registry.get(BufferMeter.DEPTH.meterName())
                        .tag(BufferMeter.OPERATOR_TAG, "block")
                        .tag(BufferMeter.NAME_TAG, "audit")
                        .gauge()
                        .value())
                .isEqualTo(2);
        assertThat(registry.get(BufferMeter.DEPTH.meterName())
                        .tag(BufferMeter.NAME_TAG, "orders")
                        .gauge()
                        .value())
                .isZero();
        bound.dispose();
        audit.asFlux().subscribe().dispose();
        assertThat(registry.getMeters()).noneMatch(meter -> meter.getId().getType() == Meter.Type.GAUGE);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the registry refuses the meters")
    @DisplayName("a registry that refuses the meters is an error of the source's outcomes")
    void registryRefuses() {
        registry.timer(RouterMeter.ROUTED.meterName(), "operator", "router", "name", "orders");
        StepVerifier.create(Flux.just("a").transform(router::route)).verifyError(IllegalArgumentException.class);
    }
}
