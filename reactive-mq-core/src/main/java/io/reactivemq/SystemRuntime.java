package io.reactivemq;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/** The runtime of production: the one place where clocks, threads and chance come from. */
final class SystemRuntime implements MqRuntime {

    /**
     * Threads that may block on files. Each serves one partition at a time, so this bounds the forces under way at once;
     * a disk that takes several at a time gains from more threads than cores.
     */
    private static final int IO_THREADS = Math.max(4, 2 * Runtime.getRuntime().availableProcessors());

    private static final int WORKER_THREADS = Math.max(4, Runtime.getRuntime().availableProcessors());

    private final Scheduler timers = Schedulers.newSingle("rmq-timer", true);
    private final Scheduler workers = Schedulers.newParallel("rmq-worker", WORKER_THREADS, true);
    private final Scheduler io = Schedulers.fromExecutorService(ioThreads(), "rmq-io");
    private final QuickFiles quickFiles = new QuickFiles(System::nanoTime);
    private final RandomGenerator random = () -> ThreadLocalRandom.current().nextLong();

    private SystemRuntime() {}

    static MqRuntime instance() {
        return Holder.INSTANCE;
    }

    /** The queue needs no bound of its own: a partition has at most one task in it. */
    private static ThreadPoolExecutor ioThreads() {
        AtomicInteger count = new AtomicInteger();
        ThreadFactory factory = task -> {
            Thread thread = new Thread(task, "rmq-io-" + count.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        };
        ThreadPoolExecutor executor = new ThreadPoolExecutor(
                IO_THREADS, IO_THREADS, 60, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), factory);
        executor.allowCoreThreadTimeOut(true);
        return executor;
    }

    @Override
    public long currentTimeMillis() {
        return System.currentTimeMillis();
    }

    @Override
    public long nanoTime() {
        return System.nanoTime();
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

    static boolean mayParkThread() {
        return !Schedulers.isInNonBlockingThread();
    }

    static boolean parkThread(Semaphore gate, long nanos) {
        try {
            return gate.tryAcquire(nanos, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private static final class Holder {
        static final MqRuntime INSTANCE = new SystemRuntime();
    }
}
