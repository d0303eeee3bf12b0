package io.reactivemq.test;

import io.reactivemq.MqRuntime;
import io.reactivemq.QuickFiles;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/**
 * A runtime in virtual time on one thread: the test's. Tasks wait in one queue until the test runs them with {@link #await},
 * {@link #awaitUntil}, {@link #advance} or {@link #runUntilIdle}; time stands still while tasks run and moves only when
 * nothing is left to do at the present moment. The production code runs on it unchanged, without a sleep and without a race.
 *
 * <p>{@link #inOrder()} runs tasks by their time, and at the same time in the order of scheduling. {@link #seeded(long)}
 * chooses at random among the tasks that are ready, and gives each task of {@link #io()} a random latency, so that each
 * seed is another legal interleaving; with half of the seeds all tasks have leave to use {@linkplain QuickFiles quick files}. What always holds: the tasks of one {@link Scheduler.Worker} run one at a time and
 * keep their order, and no task runs before its time. The same seed and the same calls give the same run, which {@link
 * #traceHash()} shows.
 *
 * <p>A task that calls {@code block()} gets IllegalStateException from reactor, except on {@link #io()}. A wait that can't succeed fails at once where nothing is scheduled any more, else at its bound in virtual time or in steps.
 * The failure names the seed and what is still scheduled. A task that throws fails the call that ran it.
 *
 * <p>Not thread-safe: everything, scheduling included, happens on the thread that made the runtime; from another it fails with
 * IllegalStateException, since a second thread would make the run irreproducible. Only the clocks may be read from anywhere.
 */
public final class SimulatedRuntime implements MqRuntime {

    /** Where the wall clock starts: 2026-01-01T00:00:00Z. */
    public static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

    /** The bound in virtual time of a wait that gives none: far above every default session or request timeout. */
    public static final Duration DEFAULT_TIMEOUT = Duration.ofMinutes(10);

    /**
     * The tasks one call may run. Reached only by tasks that reschedule each other for ever: it takes seconds of real time,
     * and the largest test of this project stays a hundred times below it.
     */
    static final int STEPS_PER_CALL_MAX = 20_000_000;

    /** How many of the scheduled tasks a failure lists. */
    private static final int TASKS_LISTED = 8;

    /** The runtime that runs tasks on this thread. */
    private static final ThreadLocal<SimulatedRuntime> DRIVING = new ThreadLocal<>();

    static {
        // block() in such a task would wait for ever: reactor then refuses it
        Schedulers.registerNonBlockingThreadPredicate(
                thread -> thread == Thread.currentThread() && runsTaskThatMustNotBlock());
    }

    private final long seed;
    private final @Nullable RandomGenerator choices;
    private final RandomGenerator random;
    private final QuickFiles quickFiles = new QuickFiles(this::nanoTime);

    /** Whether every task may use files, as on a server's event loops. */
    private final boolean lends;

    private final int stepsPerCallMax;
    private final Thread owner = Thread.currentThread();
    private final SimulatedScheduler timers = new SimulatedScheduler(this, "timers", false);
    private final SimulatedScheduler io;
    private final SimulatedScheduler workers = new SimulatedScheduler(this, "workers", false);

    /** Tasks whose time has not come, by time and then sequence. */
    private final TreeSet<Task> waiting = new TreeSet<>();
    /** Lanes with a ready task, each once, in the order in which they became ready. */
    private final ArrayList<Lane> ready = new ArrayList<>();
    /** In order: the ready tasks; the lanes are then not looked at. */
    private final ArrayDeque<Task> readyInOrder = new ArrayDeque<>();

    private final long nanoOrigin;
    private volatile long elapsedNanos;
    private final AtomicLong wallClockShiftMs = new AtomicLong();
    private long sequence;
    private long laneCount;
    private long steps;
    private long traceHash;
    private @Nullable Task current;

    private SimulatedRuntime(long seed, boolean shuffled, int stepsPerCallMax) {
        SplittableRandom root = new SplittableRandom(seed);
        this.seed = seed;
        this.nanoOrigin = root.nextLong();
        this.random = root.split();
        this.choices = shuffled ? root.split() : null;
        this.lends = shuffled && root.split().nextBoolean();
        this.io = new SimulatedScheduler(this, "io", shuffled);
        this.stepsPerCallMax = stepsPerCallMax;
    }

    /** A runtime that runs tasks by time, and at the same time in the order of scheduling; {@link #random()} has a fixed seed. */
    public static SimulatedRuntime inOrder() {
        return new SimulatedRuntime(0, false, STEPS_PER_CALL_MAX);
    }

    /** A runtime whose interleaving, latencies and {@link #random()} follow from the seed. */
    public static SimulatedRuntime seeded(long seed) {
        return new SimulatedRuntime(seed, true, STEPS_PER_CALL_MAX);
    }

    /** As {@link #seeded(long)}, with another bound on the steps of one call. */
    static SimulatedRuntime seeded(long seed, int stepsPerCallMax) {
        return new SimulatedRuntime(seed, true, stepsPerCallMax);
    }

    /** The seed, to replay this run. */
    public long seed() {
        return seed;
    }

    @Override
    public long currentTimeMillis() {
        return START.toEpochMilli() + TimeUnit.NANOSECONDS.toMillis(elapsedNanos) + wallClockShiftMs.get();
    }

    /** {@inheritDoc} Its start is any number, as the real one's: it may be negative. */
    @Override
    public long nanoTime() {
        return nanoOrigin + elapsedNanos;
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
    public QuickFiles quickFiles() {
        return quickFiles;
    }

    @Override
    public Scheduler workers() {
        return workers;
    }

    @Override
    public RandomGenerator random() {
        return random;
    }

    /** The virtual time that has passed since the runtime was made. */
    public Duration elapsed() {
        return Duration.ofNanos(elapsedNanos);
    }

    /** How many tasks have run. */
    public long steps() {
        return steps;
    }

    /** A number that differs, but for chance, between two runs in which other tasks ran, in another order or at another time. */
    public long traceHash() {
        return traceHash;
    }

    /** Makes the wall clock jump, back too; {@link #nanoTime()} and all timers are left alone, as on a real machine. */
    public void shiftWallClock(Duration shift) {
        checkOwner();
        wallClockShiftMs.addAndGet(shift.toMillis());
    }

    /** Runs what is ready now and what that makes ready; time does not move. */
    public void runUntilIdle() {
        drive(() -> false, elapsedNanos, "runUntilIdle");
    }

    /** Lets that much time pass: runs every task that becomes due within it, each at its time. */
    public void advance(Duration time) {
        if (time.isNegative()) {
            throw new IllegalArgumentException("time can't go back, was to advance by " + time);
        }
        long until = Math.addExact(elapsedNanos, time.toNanos());
        drive(() -> false, until, "advance(" + time + ")");
        elapsedNanos = until;
    }

    /** As {@link #await(Mono, Duration)} with {@link #DEFAULT_TIMEOUT}. */
    @NullUnmarked
    public <T> T await(Mono<T> mono) {
        return await(mono, DEFAULT_TIMEOUT);
    }

    /**
     * Subscribes and runs tasks, moving time on as needed, until the Mono has ended; at a failure of the wait it is cancelled.
     *
     * @return the value; null where the Mono completed without one, which the type deliberately does not say
     * @throws RuntimeException the Mono's own error (a checked one is wrapped as reactor does)
     * @throws AssertionError where the Mono did not end within {@code timeout} of virtual time, or never can
     */
    @NullUnmarked
    public <T> T await(Mono<T> mono, Duration timeout) {
        checkNotInTask("await");
        Awaited<T> awaited = new Awaited<>();
        mono.subscribe(awaited);
        try {
            waitFor(awaited::isEnded, timeout, "the Mono " + mono);
        } finally {
            if (!awaited.isEnded()) {
                awaited.cancel();
            }
        }
        return awaited.result();
    }

    /** As {@link #awaitUntil(BooleanSupplier, Duration)} with {@link #DEFAULT_TIMEOUT}. */
    public void awaitUntil(BooleanSupplier condition) {
        awaitUntil(condition, DEFAULT_TIMEOUT);
    }

    /**
     * Runs tasks, moving time on as needed, until the condition holds. It is looked at before the first task and after each,
     * and may itself {@link #await} something.
     *
     * @throws AssertionError where it did not hold within {@code timeout} of virtual time, or nothing is left that could change it
     */
    public void awaitUntil(BooleanSupplier condition, Duration timeout) {
        waitFor(condition, timeout, "the condition");
    }

    private void waitFor(BooleanSupplier condition, Duration timeout, String what) {
        long until = Math.addExact(elapsedNanos, timeout.toNanos());
        if (drive(condition, until, "waiting for " + what)) {
            return;
        }
        if (scheduledCount() == 0) {
            throw failure("waiting for " + what + " can't end: nothing is scheduled any more", null);
        }
        elapsedNanos = Math.max(elapsedNanos, until);
        throw failure("waiting for " + what + " took more than " + timeout + " of virtual time", null);
    }

    /** Runs tasks due until the given time (inclusive), or until the condition holds: then true. */
    private boolean drive(BooleanSupplier condition, long untilNanos, String call) {
        checkNotInTask(call);
        for (int step = 0; !condition.getAsBoolean(); step++) {
            if (step >= stepsPerCallMax) {
                throw failure(
                        call + " ran " + stepsPerCallMax + " tasks without an end: tasks reschedule each other", null);
            }
            Task next = next(untilNanos);
            if (next == null) {
                return false;
            }
            run(next);
        }
        return true;
    }

    private static boolean runsTaskThatMustNotBlock() {
        SimulatedRuntime driving = DRIVING.get();
        Task task = driving == null ? null : driving.current;
        return driving != null && task != null && task.scheduler != driving.io;
    }

    private void run(Task task) {
        steps++;
        traceHash = traceHash * 31 + elapsedNanos;
        traceHash = (traceHash * 31 + task.lane.id) * 0x9E3779B97F4A7C15L + task.scheduler.name.hashCode();
        current = task;
        DRIVING.set(this);
        try {
            if (lends) {
                quickFiles.lend(task::run);
            } else {
                task.run();
            }
        } catch (Throwable e) {
            throw failure("a task of " + task.scheduler.name + " failed: " + e, e);
        } finally {
            DRIVING.remove();
            current = null;
        }
    }

    /** The next task, time moved to it; null where none is due by then. */
    private @Nullable Task next(long untilNanos) {
        while (true) {
            while (!waiting.isEmpty() && waiting.first().dueNanos <= elapsedNanos) {
                makeReady(waiting.pollFirst());
            }
            Task task = takeReady();
            if (task != null) {
                return task;
            }
            if (waiting.isEmpty() || waiting.first().dueNanos > untilNanos) {
                return null;
            }
            elapsedNanos = waiting.first().dueNanos;
        }
    }

    private void makeReady(Task task) {
        if (choices == null) {
            readyInOrder.add(task);
            return;
        }
        if (task.lane.ready.isEmpty()) {
            ready.add(task.lane);
        }
        task.lane.ready.add(task);
    }

    private @Nullable Task takeReady() {
        if (choices == null) {
            return takeReadyInOrder();
        }
        while (!ready.isEmpty()) {
            int index = choices.nextInt(ready.size());
            Lane lane = ready.get(index);
            Task task = lane.ready.remove();
            if (lane.ready.isEmpty()) {
                Lane last = ready.remove(ready.size() - 1);
                if (index < ready.size()) {
                    ready.set(index, last);
                }
            }
            if (!task.isDisposed()) {
                return task;
            }
        }
        return null;
    }

    private @Nullable Task takeReadyInOrder() {
        while (!readyInOrder.isEmpty()) {
            Task task = readyInOrder.remove();
            if (!task.isDisposed()) {
                return task;
            }
        }
        return null;
    }

    Lane newLane() {
        return new Lane(laneCount++);
    }

    void enqueue(Task task, long delayNanos) {
        checkOwner();
        long due = elapsedNanos + Math.max(0, delayNanos);
        if (due < 0) {
            due = Long.MAX_VALUE;
        }
        if (task.scheduler.hasLatency) {
            due = Math.max(task.lane.lastDueNanos, due + latencyNanos());
            task.lane.lastDueNanos = due;
        }
        task.dueNanos = due;
        task.sequence = sequence++;
        waiting.add(task);
    }

    void forget(Task task) {
        checkOwner();
        waiting.remove(task);
    }

    /** What a blocking call takes: mostly next to nothing, sometimes a seek, seldom a stall. */
    private long latencyNanos() {
        RandomGenerator source = choices;
        if (source == null) {
            return 0;
        }
        int dice = source.nextInt(100);
        if (dice < 50) {
            return 0;
        }
        return dice < 98 ? source.nextLong(1_000_000) : source.nextLong(50_000_000);
    }

    private void checkOwner() {
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException("the simulated runtime belongs to thread '" + owner.getName()
                    + "' but was used from '" + Thread.currentThread().getName()
                    + "': some part of what is tested runs on a scheduler that is not the runtime's");
        }
    }

    private void checkNotInTask(String call) {
        checkOwner();
        Task task = current;
        if (task != null) {
            throw new IllegalStateException(call + " was called by a task that the simulated runtime runs (on "
                    + task.scheduler.name + "): in production this would block a thread that must not block");
        }
    }

    private int scheduledCount() {
        return waiting.size() + readyInOrder.size() + ready.size();
    }

    private AssertionError failure(String what, @Nullable Throwable cause) {
        List<String> next = waiting.stream()
                .limit(TASKS_LISTED)
                .map(task -> "\n  " + task.describe(elapsedNanos))
                .collect(Collectors.toList());
        return new AssertionError(
                what + "\nseed " + seed + (choices == null ? " (in order)" : "") + ", virtual time "
                        + Duration.ofNanos(elapsedNanos) + ", " + steps + " steps, " + scheduledCount()
                        + " tasks scheduled" + String.join("", next),
                cause);
    }

    /** Tasks that keep their order among themselves: a Worker's, or a single one. */
    static final class Lane {
        final long id;
        final ArrayDeque<Task> ready = new ArrayDeque<>(2);
        long lastDueNanos;

        Lane(long id) {
            this.id = id;
        }
    }

    /** One scheduled execution; a periodic task is enqueued anew after each. */
    abstract static class Task implements Disposable, Comparable<Task> {
        final SimulatedScheduler scheduler;
        final Lane lane;
        long dueNanos;
        long sequence;

        Task(SimulatedScheduler scheduler, Lane lane) {
            this.scheduler = scheduler;
            this.lane = lane;
        }

        abstract void run();

        abstract Object action();

        String describe(long nowNanos) {
            return scheduler.name + " in " + Duration.ofNanos(dueNanos - nowNanos) + ": "
                    + action().getClass().getName();
        }

        @Override
        public int compareTo(Task other) {
            int byTime = Long.compare(dueNanos, other.dueNanos);
            return byTime != 0 ? byTime : Long.compare(sequence, other.sequence);
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }
    }
}
