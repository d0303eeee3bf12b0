package io.reactivemq.netty.server;

import io.reactivemq.MqRuntime;
import java.util.Random;
import java.util.random.RandomGenerator;
import reactor.core.scheduler.Scheduler;

/** The real one, but for a wall clock that stands still and chance from a seed: what a broker says is the same each time. */
final class FixedRuntime implements MqRuntime {

    static final long NOW = 1_700_000_000_000L;

    private final MqRuntime real = MqRuntime.system();
    private final Random random = new Random(1);

    @Override
    public long currentTimeMillis() {
        return NOW;
    }

    @Override
    public long nanoTime() {
        return real.nanoTime();
    }

    @Override
    public Scheduler timers() {
        return real.timers();
    }

    @Override
    public Scheduler io() {
        return real.io();
    }

    @Override
    public Scheduler workers() {
        return real.workers();
    }

    @Override
    public RandomGenerator random() {
        return random;
    }
}
