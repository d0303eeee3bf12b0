package io.reactivemq.consume;

import io.reactivemq.MqRuntime;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.scheduler.Scheduler;

/** A runtime whose workers have been stopped. */
record StoppedRuntime(MqRuntime runtime) implements MqRuntime {

    @Override
    public long currentTimeMillis() {
        return runtime.currentTimeMillis();
    }

    @Override
    public long nanoTime() {
        return runtime.nanoTime();
    }

    @Override
    public Scheduler timers() {
        return runtime.timers();
    }

    @Override
    public Scheduler io() {
        return runtime.io();
    }

    @Override
    public Scheduler workers() {
        return new Stopped();
    }

    @Override
    public RandomGenerator random() {
        return runtime.random();
    }

    private static final class Stopped implements Scheduler, Scheduler.Worker {
        @Override
        public Disposable schedule(Runnable task) {
            throw Exceptions.failWithRejected();
        }

        @Override
        public Disposable schedule(Runnable task, long delay, TimeUnit unit) {
            throw Exceptions.failWithRejected();
        }

        @Override
        public Disposable schedulePeriodically(Runnable task, long initialDelay, long period, TimeUnit unit) {
            throw Exceptions.failWithRejected();
        }

        @Override
        public Worker createWorker() {
            return this;
        }

        @Override
        public void dispose() {
            // it is
        }
    }
}
