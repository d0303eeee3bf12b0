package io.reactivemq.broker.testing;

import io.reactivemq.MqRuntime;
import io.reactivemq.QuickFiles;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.scheduler.Scheduler;

/**
 * A runtime in virtual time: every task waits until the test calls {@link #run()} or {@link #advanceBy}, and then runs on
 * the test's thread, in order of its due time and, at the same time, of its submission. Tasks may be submitted from any
 * thread.
 */
public final class ManualRuntime implements MqRuntime {

    /** The wall clock at the start: an arbitrary time in 2023. */
    public static final long START_MILLIS = 1_700_000_000_000L;

    /** More tasks than any test needs; beyond it two parties keep waking each other up. */
    private static final int TASKS_MAX = 10_000_000;

    private final PriorityQueue<Task> tasks = new PriorityQueue<>(
            Comparator.comparingLong((Task task) -> task.dueNanos).thenComparingLong(task -> task.id));
    private final Random random;
    private final Lane timers = new Lane("timers");
    private final Lane io = new Lane("io");
    private final Lane workers = new Lane("workers");
    private final QuickFiles quickFiles = new QuickFiles(this::nanoTime);
    private long nowNanos;
    private long taskCount;
    private int openWorkers;

    public ManualRuntime() {
        this(42);
    }

    public ManualRuntime(long seed) {
        this.random = new Random(seed);
    }

    /** Runs what is due, and what that brings, until nothing is due. */
    public void run() {
        advanceBy(Duration.ZERO);
    }

    /** Moves time forward, stopping at every task on the way. */
    public void advanceBy(Duration duration) {
        long until;
        synchronized (this) {
            until = nowNanos + duration.toNanos();
        }
        for (int i = 0; i < TASKS_MAX; i++) {
            if (!runNext(until)) {
                return;
            }
        }
        throw new AssertionError("more than " + TASKS_MAX + " tasks: something wakes itself up without end");
    }

    /** Runs the next task that is due now; false where there is none. */
    public boolean runOne() {
        long until;
        synchronized (this) {
            until = nowNanos;
        }
        return runNext(until);
    }

    private boolean runNext(long untilNanos) {
        Task task;
        synchronized (this) {
            task = tasks.peek();
            if (task == null || task.dueNanos > untilNanos) {
                // a task may have moved the time itself, as one that is slow
                nowNanos = Math.max(nowNanos, untilNanos);
                return false;
            }
            tasks.poll();
            nowNanos = Math.max(nowNanos, task.dueNanos);
        }
        task.lane.running = true;
        try {
            task.action.run();
        } finally {
            task.lane.running = false;
        }
        return true;
    }

    /** Tasks not yet run and not cancelled, timers included. */
    public synchronized int pendingTasks() {
        return tasks.size();
    }

    /** Workers of {@link #workers()} created and not yet disposed. */
    public synchronized int openWorkers() {
        return openWorkers;
    }

    /** Whether the code that asks runs as a task of {@link #workers()}. */
    public boolean onWorker() {
        return workers.running;
    }

    @Override
    public QuickFiles quickFiles() {
        return quickFiles;
    }

    @Override
    public synchronized long currentTimeMillis() {
        return START_MILLIS + TimeUnit.NANOSECONDS.toMillis(nowNanos);
    }

    @Override
    public synchronized long nanoTime() {
        return nowNanos;
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
        return random;
    }

    private synchronized Task submit(Lane lane, Runnable action, long delayNanos) {
        Task task = new Task(lane, action, nowNanos + Math.max(0, delayNanos), taskCount++);
        tasks.add(task);
        return task;
    }

    private synchronized void cancel(Task task) {
        tasks.remove(task);
    }

    private synchronized boolean isPending(Task task) {
        return tasks.contains(task);
    }

    private synchronized void workerCount(int change) {
        openWorkers += change;
    }

    private final class Task implements Disposable {
        final Lane lane;
        final Runnable action;
        final long dueNanos;
        final long id;

        Task(Lane lane, Runnable action, long dueNanos, long id) {
            this.lane = lane;
            this.action = action;
            this.dueNanos = dueNanos;
            this.id = id;
        }

        @Override
        public void dispose() {
            cancel(this);
        }

        @Override
        public boolean isDisposed() {
            return !isPending(this);
        }
    }

    private final class Lane implements Scheduler {
        final String name;
        volatile boolean running;

        Lane(String name) {
            this.name = name;
        }

        @Override
        public Disposable schedule(Runnable task) {
            return submit(this, task, 0);
        }

        @Override
        public Disposable schedule(Runnable task, long delay, TimeUnit unit) {
            return submit(this, task, unit.toNanos(delay));
        }

        @Override
        public Disposable schedulePeriodically(Runnable task, long initialDelay, long period, TimeUnit unit) {
            return new Periodic(this, task, unit.toNanos(initialDelay), unit.toNanos(period));
        }

        @Override
        public long now(TimeUnit unit) {
            return unit.convert(currentTimeMillis(), TimeUnit.MILLISECONDS);
        }

        @Override
        public Worker createWorker() {
            if (this == workers) {
                workerCount(1);
            }
            return new LaneWorker(this);
        }

        @Override
        public void dispose() {
            throw new UnsupportedOperationException("the runtime's " + name + " are shared and never disposed");
        }
    }

    private final class Periodic implements Disposable {
        private final Lane lane;
        private final Runnable action;
        private final long periodNanos;
        private Task next;
        private volatile boolean disposed;

        Periodic(Lane lane, Runnable action, long initialNanos, long periodNanos) {
            this.lane = lane;
            this.action = action;
            this.periodNanos = periodNanos;
            this.next = submit(lane, this::tick, initialNanos);
        }

        private void tick() {
            action.run();
            if (!disposed) {
                next = submit(lane, this::tick, periodNanos);
            }
        }

        @Override
        public void dispose() {
            disposed = true;
            next.dispose();
        }

        @Override
        public boolean isDisposed() {
            return disposed;
        }
    }

    private final class LaneWorker implements Scheduler.Worker {
        private final Lane lane;
        private @Nullable List<Disposable> tasks = new ArrayList<>();

        LaneWorker(Lane lane) {
            this.lane = lane;
        }

        @Override
        public Disposable schedule(Runnable task) {
            return schedule(task, 0, TimeUnit.NANOSECONDS);
        }

        @Override
        public synchronized Disposable schedule(Runnable task, long delay, TimeUnit unit) {
            if (tasks == null) {
                throw Exceptions.failWithRejected();
            }
            tasks.removeIf(Disposable::isDisposed);
            Disposable scheduled = lane.schedule(task, delay, unit);
            tasks.add(scheduled);
            return scheduled;
        }

        @Override
        public synchronized Disposable schedulePeriodically(
                Runnable task, long initialDelay, long period, TimeUnit unit) {
            if (tasks == null) {
                throw Exceptions.failWithRejected();
            }
            Disposable scheduled = lane.schedulePeriodically(task, initialDelay, period, unit);
            tasks.add(scheduled);
            return scheduled;
        }

        @Override
        public synchronized void dispose() {
            if (tasks != null) {
                tasks.forEach(Disposable::dispose);
                tasks = null;
                if (lane == workers) {
                    workerCount(-1);
                }
            }
        }

        @Override
        public synchronized boolean isDisposed() {
            return tasks == null;
        }
    }
}
