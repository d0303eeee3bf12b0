package io.reactivemq.produce;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * Something asked of the broker, and asked again while its failure is retriable and its time, the delivery timeout, is not
 * over. Belongs to the worker: the broker's answer, on whatever thread, becomes an event there.
 *
 * @param <T> the type of the answer
 */
final class Request<T> {

    /** What a request needs of the send it serves. */
    interface Host {
        /** Runs the event on the worker, soon. Called from any thread. */
        void execute(Runnable event);

        /** The context of the subscriber, for the broker. */
        Context currentContext();
    }

    /** How a request ends: with a result or with a failure, never both, on the worker, once. */
    interface Outcome<T> {
        void accept(@Nullable T result, @Nullable MqException failure);
    }

    /** What makes retries rarer while a failure lasts: the wait doubles up to this. */
    private static final long BACKOFF_NANOS_MAX = TimeUnit.SECONDS.toNanos(1);

    private final Host host;
    private final MqRuntime runtime;
    private final SenderOptions<?, ?> options;
    private final long startedNanos;
    private final Supplier<String> subject;
    private final Supplier<Mono<T>> ask;
    private final Outcome<T> outcome;

    private int attempts;
    private @Nullable Throwable lastFailure;
    private boolean isEnded;

    private @Nullable Disposable retryTimer;

    /**
     * @param startedNanos when its time began
     * @param subject what is asked, for messages
     * @param ask asks once
     */
    Request(
            Host host,
            MqRuntime runtime,
            SenderOptions<?, ?> options,
            long startedNanos,
            Supplier<String> subject,
            Supplier<Mono<T>> ask,
            Outcome<T> outcome) {
        this.host = host;
        this.runtime = runtime;
        this.options = options;
        this.startedNanos = startedNanos;
        this.subject = subject;
        this.ask = ask;
        this.outcome = outcome;
    }

    /** Asks. */
    void attempt() {
        attempts++;
        Attempt attempt = new Attempt();
        try {
            ask.get().subscribe(attempt);
        } catch (Throwable e) {
            Exceptions.throwIfJvmFatal(e);
            attempt.onError(e);
        }
    }

    /** How often it was asked so far. */
    int attempts() {
        return attempts;
    }

    /** The time left until it is overdue; none or negative when it is. */
    long nanosLeft() {
        return startedNanos + options.deliveryTimeout().toNanos() - runtime.nanoTime();
    }

    /** Ends it with a failure if its time is over. */
    void giveUpIfOverdue() {
        if (!isEnded && nanosLeft() <= 0) {
            fail(ErrorCode.REQUEST_TIMED_OUT, "got no answer within " + options.deliveryTimeout());
        }
    }

    /** Looks at no answer any more and asks no more; there is no outcome. */
    void dispose() {
        isEnded = true;
        if (retryTimer != null) {
            retryTimer.dispose();
        }
    }

    private void answered(@Nullable T value, @Nullable Throwable failure) {
        if (isEnded) {
            return;
        }
        if (value != null) {
            isEnded = true;
            outcome.accept(value, null);
            return;
        }
        lastFailure = failure == null ? new IllegalStateException("the broker answered with nothing") : failure;
        if (!isRetriable(lastFailure)) {
            fail(lastFailure instanceof MqException e ? e.errorCode() : ErrorCode.UNKNOWN_SERVER_ERROR, "failed");
            return;
        }
        long backoff = backoffNanos();
        if (backoff >= nanosLeft()) {
            fail(ErrorCode.REQUEST_TIMED_OUT, "did not succeed within " + options.deliveryTimeout());
            return;
        }
        retryTimer = runtime.timers().schedule(() -> host.execute(this::attemptAgain), backoff, TimeUnit.NANOSECONDS);
    }

    private void attemptAgain() {
        if (!isEnded) {
            attempt();
        }
    }

    private void fail(ErrorCode code, String what) {
        dispose();
        Throwable cause = lastFailure;
        String why = cause == null ? "" : ": " + cause.getMessage();
        outcome.accept(null, new MqException(code, subject.get() + " " + what + ", attempts " + attempts + why, cause));
    }

    /**
     * A topic or partition that is not there is final, though Kafka's code is retriable: it is the broker's side of the
     * seam that follows leaders around.
     */
    private static boolean isRetriable(Throwable failure) {
        return failure instanceof MqException e
                && e.isRetriable()
                && e.errorCode() != ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    }

    private long backoffNanos() {
        long first = options.retryBackoff().toNanos();
        // 2^20 times the least backoff is beyond the bound already
        long doubled = first << Math.min(attempts - 1, 20);
        long wait = Math.min(doubled, Math.max(first, BACKOFF_NANOS_MAX));
        return (long) (wait * (0.8 + 0.4 * runtime.random().nextDouble()));
    }

    /**
     * It is never cancelled: what the broker was asked for it may do all the same, so its answer is awaited, or else not
     * looked at.
     */
    private final class Attempt implements CoreSubscriber<T>, Runnable {

        // written by the thread of the answer, read by the worker after the event was queued
        private @Nullable T value;
        private @Nullable Throwable failure;

        @Override
        public void onSubscribe(Subscription s) {
            s.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(T answer) {
            value = answer;
        }

        @Override
        public void onError(Throwable error) {
            failure = error;
            host.execute(this);
        }

        @Override
        public void onComplete() {
            host.execute(this);
        }

        @Override
        public void run() {
            answered(value, failure);
        }

        @Override
        public Context currentContext() {
            return host.currentContext();
        }
    }
}
