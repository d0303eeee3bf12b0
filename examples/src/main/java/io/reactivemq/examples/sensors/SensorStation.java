package io.reactivemq.examples.sensors;

import io.reactivemq.MqRuntime;
import io.reactivemq.metrics.BufferDepth;
import io.reactivemq.operator.Overflow;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The pipeline: feed, buffer, dashboard. */
final class SensorStation {

    private final Plan plan;
    private final MqRuntime runtime;
    private final Sensors sensors;
    private final BufferDepth depth = new BufferDepth();
    private final Dashboard dashboard;

    SensorStation(Plan plan, MqRuntime runtime, Screen screen) {
        this.plan = plan;
        this.runtime = runtime;
        this.sensors = new Sensors(plan.sensors(), plan.seed());
        this.dashboard = new Dashboard(plan, screen, depth, sensors::total);
    }

    /** Runs to the end of the feed, and until what waits then is shown. */
    Mono<Summary> run() {
        return Mono.create(done -> {
            // one clock for both sides, so that the same seed shows the same numbers
            Flux<Reading> feed = Flux.interval(Plan.TICK, runtime.workers())
                    .onBackpressureDrop()
                    .takeWhile(tick -> tick < plan.ticks() || depth.getAsLong() > 0)
                    .doOnNext(dashboard::tick)
                    .concatMapIterable(
                            tick -> sensors.read(tick < plan.ticks() ? plan.readingsATick() : 0), Integer.MAX_VALUE);
            feed.transform(Overflow.dropOldest(
                            plan.capacity(), o -> o.name("sensors").depth(depth).onDropped(dashboard::dropped)))
                    .doOnComplete(() -> done.success(dashboard.summary()))
                    .doOnError(done::error)
                    .subscribe(dashboard);
            done.onCancel(dashboard);
        });
    }
}
