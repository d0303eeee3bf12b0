package io.reactivemq.operator;

import io.reactivemq.MqRuntime;
import java.util.random.RandomGenerator;
import reactor.core.scheduler.Scheduler;

/** Another runtime until it is stopped; then no scheduler of it takes anything. */
final class StoppableRuntime implements MqRuntime {

    private final MqRuntime rest;
    private final DisposableScheduler timers;
    private final DisposableScheduler io;
    private final DisposableScheduler workers;

    StoppableRuntime(MqRuntime rest) {
        this.rest = rest;
        timers = new DisposableScheduler(rest.timers());
        io = new DisposableScheduler(rest.io());
        workers = new DisposableScheduler(rest.workers());
    }

    void stop() {
        timers.dispose();
        io.dispose();
        workers.dispose();
    }

    @Override
    public long currentTimeMillis() {
        return rest.currentTimeMillis();
    }

    @Override
    public long nanoTime() {
        return rest.nanoTime();
    }

    @Override
    public Scheduler timers() {
        return timers;
    }

    @Override
    public Scheduler io() {
        return io;
    }

    @Override
    public Scheduler workers() {
        return workers;
    }

    @Override
    public RandomGenerator random() {
        return rest.random();
    }
}
