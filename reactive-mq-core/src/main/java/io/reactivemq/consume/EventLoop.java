package io.reactivemq.consume;

import io.reactivemq.MqRuntime;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jctools.queues.MpscUnboundedArrayQueue;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.Exceptions;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.core.scheduler.Scheduler;
import reactor.util.context.Context;

/**
 * The serial worker of a subscription. Any thread leaves an event ({@link #execute}) or asks for a turn ({@link #wake}); the
 * worker runs the events in order, then takes turns until there is nothing left to do. Answers of the broker and timers
 * come back as events, so that whoever uses {@link #call} and {@link #after} on the worker is never called elsewhere.
 *
 * <p>{@code wip} counts the wishes; who raises it from 0 schedules the worker, and until it is back at 0 nobody else is in
 * the loop.
 */
final class EventLoop implements Runnable {

    /** What the loop drives. Both run on the worker. */
    interface Turns {
        /** Does some work; true if there is more that could be done at once. */
        boolean turn();

        /** An event or a turn threw this. Must not throw. */
        void failed(Throwable error);

        /** The worker takes no more tasks; this is the last call, wherever it runs. Must not throw. */
        void stopped(Throwable error);
    }

    /** After so many turns the worker's thread, which others share, is given back for a moment. */
    private static final int TURNS_MAX = 16;

    /** Events are few: one for each request, timer or armed window under way, and those of drain and lag. */
    private static final int EVENT_CHUNK = 64;

    private static final AtomicIntegerFieldUpdater<EventLoop> WIP =
            AtomicIntegerFieldUpdater.newUpdater(EventLoop.class, "wip");

    private final MqRuntime runtime;
    private final Turns turns;
    private final Scheduler.Worker worker;
    /** An answer that crosses with the cancellation of its request is nobody's loss: Reactor's hook for drops is not told. */
    private static final Context LATE_ANSWERS_ARE_EXPECTED =
            Context.of("reactor.onNextDropped.local", (Consumer<Object>) late -> {});

    private final MpscUnboundedArrayQueue<Runnable> events = new MpscUnboundedArrayQueue<>(EVENT_CHUNK);

    // the worker's: requests without an answer, and timers that have not fired; what is in here still concerns somebody
    private final Set<Disposable> pending = new LinkedHashSet<>();

    private volatile int wip;
    // written by the worker
    private volatile boolean closed;

    EventLoop(MqRuntime runtime, Turns turns) {
        this.runtime = runtime;
        this.turns = turns;
        this.worker = runtime.workers().createWorker();
    }

    /** Any thread: runs the event on the worker, then a turn. Events left after {@link #close} are let go. */
    void execute(Runnable event) {
        if (!closed) {
            events.offer(event);
            wake();
        }
    }

    /** Whether events are waiting. */
    boolean hasEvents() {
        return !events.isEmpty();
    }

    /** Any thread: asks for a turn. */
    void wake() {
        if (WIP.getAndIncrement(this) == 0) {
            schedule();
        }
    }

    /** Only who holds {@code wip}. */
    private void schedule() {
        try {
            Disposable unused = worker.schedule(this);
        } catch (RejectedExecutionException e) {
            if (!closed) {
                turns.stopped(e);
                close();
            }
        }
    }

    @Override
    public void run() {
        int missed = wip;
        for (int count = 1; !closed; count++) {
            boolean more;
            try {
                runEvents();
                more = !closed && turns.turn();
            } catch (Throwable e) {
                turns.failed(e);
                more = true;
            }
            if (more && count >= TURNS_MAX && !closed) {
                schedule();
                return;
            }
            if (!more) {
                missed = WIP.addAndGet(this, -missed);
                if (missed == 0) {
                    return;
                }
            }
        }
    }

    private void runEvents() {
        for (Runnable event = events.poll(); event != null; event = events.poll()) {
            event.run();
            if (closed) {
                return;
            }
        }
    }

    /** Worker: no more turns and events; requests and timers are cancelled. */
    void close() {
        closed = true;
        List.copyOf(pending).forEach(Disposable::dispose);
        events.clear();
        worker.dispose();
    }

    /**
     * Worker: sends a request. One of the two runs as an event, unless the call is disposed before.
     *
     * @param timeout after which the request is cancelled and counts as failed with a TimeoutException
     */
    <T> Disposable call(
            Supplier<Mono<T>> request,
            Duration timeout,
            Consumer<? super T> onValue,
            Consumer<? super Throwable> onError) {
        if (closed) {
            return Disposables.disposed();
        }
        Call<T> call = new Call<>(onValue, onError);
        pending.add(call);
        started(request)
                .timeout(timeout, runtime.timers())
                .contextWrite(LATE_ANSWERS_ARE_EXPECTED)
                .subscribe(call);
        return call;
    }

    private static <T> Mono<T> started(Supplier<Mono<T>> request) {
        try {
            return request.get();
        } catch (Throwable e) {
            Exceptions.throwIfJvmFatal(e);
            return Mono.error(e);
        }
    }

    /** Worker: runs the event when that time has passed, unless disposed before. */
    Disposable after(Duration delay, Runnable event) {
        if (closed) {
            return Disposables.disposed();
        }
        Timer timer = new Timer(event);
        pending.add(timer);
        timer.scheduled = runtime.timers().schedule(timer, delay.toNanos(), TimeUnit.NANOSECONDS);
        return timer;
    }

    /** An event that comes later. */
    private final class Timer implements Runnable, Disposable {
        private final Runnable event;
        private Disposable scheduled = Disposables.disposed();

        Timer(Runnable event) {
            this.event = event;
        }

        @Override
        public void run() {
            execute(() -> {
                if (pending.remove(this)) {
                    event.run();
                }
            });
        }

        @Override
        public void dispose() {
            if (pending.remove(this)) {
                scheduled.dispose();
            }
        }

        @Override
        public boolean isDisposed() {
            return !pending.contains(this);
        }
    }

    /** A request under way. An answer that comes after the disposal concerns nobody, errors included. */
    private final class Call<T> implements CoreSubscriber<T>, Disposable {
        private final Consumer<? super T> onValue;
        private final Consumer<? super Throwable> onError;
        private volatile @Nullable Subscription subscription;
        private volatile boolean disposed;
        private boolean answered;

        Call(Consumer<? super T> onValue, Consumer<? super Throwable> onError) {
            this.onValue = onValue;
            this.onError = onError;
        }

        @Override
        public void onSubscribe(Subscription s) {
            if (Operators.validate(subscription, s)) {
                subscription = s;
                if (disposed) {
                    s.cancel();
                } else {
                    s.request(Long.MAX_VALUE);
                }
            }
        }

        @Override
        public void onNext(T value) {
            answered = true;
            execute(() -> {
                if (pending.remove(this)) {
                    onValue.accept(value);
                }
            });
        }

        @Override
        public void onError(Throwable error) {
            execute(() -> {
                if (pending.remove(this)) {
                    onError.accept(error);
                }
            });
        }

        @Override
        public void onComplete() {
            if (!answered) {
                onError(new IllegalStateException("the broker completed a request without an answer"));
            }
        }

        @Override
        public void dispose() {
            disposed = true;
            pending.remove(this);
            Subscription s = subscription;
            if (s != null) {
                s.cancel();
            }
        }

        @Override
        public boolean isDisposed() {
            return disposed;
        }
    }
}
