package io.reactivemq.operator;

import io.reactivemq.MqRuntime;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.scheduler.Scheduler;

/** Real threads, counting what is scheduled on them: when {@link #isQuiet}, nothing happens any more of its own accord. */
final class CountedRuntime implements MqRuntime {

    private final MqRuntime real = MqRuntime.system();
    private final AtomicInteger pending = new AtomicInteger();
    private final AtomicInteger workers = new AtomicInteger();
    private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();

    /** No task is running or about to. One that schedules another ends later than that begins to count. */
    boolean isQuiet() {
        return pending.get() == 0;
    }

    int openWorkers() {
        return workers.get();
    }

    /** What tasks have thrown. */
    Queue<Throwable> failures() {
        return failures;
    }

    @Override
    public long currentTimeMillis() {
        return real.currentTimeMillis();
    }

    @Override
    public long nanoTime() {
        return real.nanoTime();
    }

    @Override
    public Scheduler timers() {
        return new Counted(real.timers());
    }

    @Override
    public Scheduler io() {
        return new Counted(real.io());
    }

    @Override
    public Scheduler workers() {
        return new Counted(real.workers());
    }

    @Override
    public RandomGenerator random() {
        return real.random();
    }

    /** Counts from now on until it has run or will not. */
    private final class Task implements Runnable, Disposable {

        private final Runnable runnable;
        private final AtomicBoolean over = new AtomicBoolean();
        private volatile @Nullable Disposable scheduled;

        Task(Runnable runnable) {
            this.runnable = runnable;
            pending.incrementAndGet();
        }

        Disposable scheduledAs(Disposable disposable) {
            scheduled = disposable;
            return this;
        }

        @Override
        public void run() {
            try {
                runnable.run();
            } catch (RuntimeException | Error e) {
                failures.add(e);
            } finally {
                end();
            }
        }

        void end() {
            if (over.compareAndSet(false, true)) {
                pending.decrementAndGet();
            }
        }

        @Override
        public void dispose() {
            Disposable disposable = scheduled;
            if (disposable != null) {
                disposable.dispose();
            }
            end();
        }

        @Override
        public boolean isDisposed() {
            return over.get();
        }
    }

    private final class Counted implements Scheduler {

        private final Scheduler scheduler;

        Counted(Scheduler scheduler) {
            this.scheduler = scheduler;
        }

        @Override
        public Disposable schedule(Runnable runnable) {
            Task task = new Task(runnable);
            return task.scheduledAs(scheduler.schedule(task));
        }

        @Override
        public Disposable schedule(Runnable runnable, long delay, TimeUnit unit) {
            Task task = new Task(runnable);
            return task.scheduledAs(scheduler.schedule(task, delay, unit));
        }

        @Override
        public Worker createWorker() {
            workers.incrementAndGet();
            Worker worker = scheduler.createWorker();
            Queue<Task> tasks = new ConcurrentLinkedQueue<>();
            AtomicBoolean disposed = new AtomicBoolean();
            return new Worker() {
                @Override
                public Disposable schedule(Runnable runnable) {
                    Task task = new Task(runnable);
                    tasks.add(task);
                    try {
                        return task.scheduledAs(worker.schedule(task));
                    } catch (RuntimeException e) {
                        task.end();
                        throw e;
                    }
                }

                @Override
                public void dispose() {
                    if (disposed.compareAndSet(false, true)) {
                        workers.decrementAndGet();
                    }
                    worker.dispose();
                    tasks.forEach(Task::end);
                }
            };
        }
    }
}
