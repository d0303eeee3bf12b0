package io.reactivemq.operator;

import java.util.concurrent.TimeUnit;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.scheduler.Scheduler;

/** Another scheduler until it is disposed; then neither it nor its workers take anything. */
final class DisposableScheduler implements Scheduler {

    private final Scheduler scheduler;
    private volatile boolean disposed;

    DisposableScheduler(Scheduler scheduler) {
        this.scheduler = scheduler;
    }

    private Scheduler open() {
        if (disposed) {
            throw Exceptions.failWithRejected();
        }
        return scheduler;
    }

    @Override
    public Disposable schedule(Runnable task) {
        return open().schedule(task);
    }

    @Override
    public Disposable schedule(Runnable task, long delay, TimeUnit unit) {
        return open().schedule(task, delay, unit);
    }

    @Override
    public void dispose() {
        disposed = true;
    }

    @Override
    public Worker createWorker() {
        Worker worker = open().createWorker();
        return new Worker() {
            @Override
            public Disposable schedule(Runnable task) {
                open();
                return worker.schedule(task);
            }

            @Override
            public void dispose() {
                worker.dispose();
            }
        };
    }
}
