package io.reactivemq.test;

import io.reactivemq.test.SimulatedRuntime.Lane;
import io.reactivemq.test.SimulatedRuntime.Task;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/** One of the runtime's schedulers: its tasks wait in the runtime's queue. Used on the runtime's thread only. */
final class SimulatedScheduler implements Scheduler {

    final String name;
    /** Whether a task starts some random time after it is due, as on a thread that first finishes a blocking call. */
    final boolean hasLatency;

    private final SimulatedRuntime runtime;
    /** What dispose has to cancel: tasks scheduled here or by a Worker. */
    private final Set<ScheduledTask> live = new LinkedHashSet<>();

    private boolean disposed;

    SimulatedScheduler(SimulatedRuntime runtime, String name, boolean hasLatency) {
        this.runtime = runtime;
        this.name = name;
        this.hasLatency = hasLatency;
    }

    @Override
    public long now(TimeUnit unit) {
        return unit.convert(runtime.currentTimeMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public Disposable schedule(Runnable task) {
        return schedule(task, 0, TimeUnit.NANOSECONDS);
    }

    @Override
    public Disposable schedule(Runnable task, long delay, TimeUnit unit) {
        return start(task, runtime.newLane(), null, unit.toNanos(delay), -1);
    }

    @Override
    public Disposable schedulePeriodically(Runnable task, long initialDelay, long period, TimeUnit unit) {
        return start(task, runtime.newLane(), null, unit.toNanos(initialDelay), periodNanos(period, unit));
    }

    @Override
    public Worker createWorker() {
        return new SimulatedWorker(this);
    }

    /** Cancels all its tasks; it takes no more. */
    @Override
    public void dispose() {
        disposed = true;
        List.copyOf(live).forEach(Disposable::dispose);
    }

    @Override
    public boolean isDisposed() {
        return disposed;
    }

    @Override
    public String toString() {
        return "simulated " + name;
    }

    private static long periodNanos(long period, TimeUnit unit) {
        if (period <= 0) {
            throw new IllegalArgumentException("a period must be more than 0, was " + period + " " + unit
                    + ": in virtual time such a task would never let the time move on");
        }
        return unit.toNanos(period);
    }

    private ScheduledTask start(
            Runnable action, Lane lane, @Nullable SimulatedWorker worker, long delayNanos, long periodNanos) {
        if (disposed || (worker != null && worker.disposed)) {
            throw Exceptions.failWithRejected();
        }
        ScheduledTask task = new ScheduledTask(this, lane, worker, Schedulers.onSchedule(action), periodNanos);
        runtime.enqueue(task, delayNanos);
        live.add(task);
        if (worker != null) {
            worker.live.add(task);
        }
        return task;
    }

    private static final class ScheduledTask extends Task {
        private final Runnable action;
        private final @Nullable SimulatedWorker worker;
        /** -1 for a task that runs once. */
        private final long periodNanos;

        private boolean ended;

        ScheduledTask(
                SimulatedScheduler scheduler,
                Lane lane,
                @Nullable SimulatedWorker worker,
                Runnable action,
                long periodNanos) {
            super(scheduler, lane);
            this.worker = worker;
            this.action = action;
            this.periodNanos = periodNanos;
        }

        @Override
        void run() {
            if (periodNanos < 0) {
                end();
                action.run();
                return;
            }
            boolean failed = true;
            try {
                action.run();
                failed = false;
            } finally {
                if (failed) {
                    end();
                }
            }
            if (!ended) {
                scheduler.runtime.enqueue(this, periodNanos);
            }
        }

        @Override
        Object action() {
            return action;
        }

        @Override
        public void dispose() {
            if (!ended) {
                scheduler.runtime.forget(this);
                end();
            }
        }

        @Override
        public boolean isDisposed() {
            return ended;
        }

        private void end() {
            ended = true;
            scheduler.live.remove(this);
            if (worker != null) {
                worker.live.remove(this);
            }
        }
    }

    /** A serial lane: its tasks keep the order of their time, and of scheduling at the same time. */
    private static final class SimulatedWorker implements Worker {
        private final SimulatedScheduler scheduler;
        private final Lane lane;
        private final Set<ScheduledTask> live = new LinkedHashSet<>();
        private boolean disposed;

        SimulatedWorker(SimulatedScheduler scheduler) {
            this.scheduler = scheduler;
            this.lane = scheduler.runtime.newLane();
            this.disposed = scheduler.disposed;
        }

        @Override
        public Disposable schedule(Runnable task) {
            return schedule(task, 0, TimeUnit.NANOSECONDS);
        }

        @Override
        public Disposable schedule(Runnable task, long delay, TimeUnit unit) {
            return scheduler.start(task, lane, this, unit.toNanos(delay), -1);
        }

        @Override
        public Disposable schedulePeriodically(Runnable task, long initialDelay, long period, TimeUnit unit) {
            return scheduler.start(task, lane, this, unit.toNanos(initialDelay), periodNanos(period, unit));
        }

        @Override
        public void dispose() {
            disposed = true;
            List.copyOf(live).forEach(Disposable::dispose);
        }

        @Override
        public boolean isDisposed() {
            return disposed;
        }
    }
}
