package io.reactivemq.operator;

import java.util.Objects;
import org.reactivestreams.Publisher;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Operators;
import reactor.core.publisher.Sinks;
import reactor.util.concurrent.Queues;
import reactor.util.context.Context;
import reactor.util.context.ContextView;
import reactor.util.retry.Retry;

/** The retry policy of one element: gets its failures, one at a time, and answers each. */
final class KeyOrderedRetry<T, R> extends BaseSubscriber<Object> {

    private final KeyOrderedInner<T, R> inner;
    private final Sinks.Many<Retry.RetrySignal> failures = Sinks.unsafe()
            .many()
            .unicast()
            .onBackpressureBuffer(Queues.<Retry.RetrySignal>one().get());
    private ContextView retryContext = Context.empty();
    private long failureCount;
    private long failuresInARow;
    private long emittedBefore;

    /** It owes an answer. One more than that it gives to nothing: it must not be taken for that to the next failure. */
    private volatile boolean owes;

    KeyOrderedRetry(KeyOrderedInner<T, R> inner) {
        this.inner = inner;
    }

    void start(Retry retry) {
        retryContext = retry.retryContext();
        Publisher<?> answers;
        try {
            answers = Objects.requireNonNull(
                    retry.generateCompanion(failures.asFlux()), "the retry policy has no companion");
        } catch (Throwable failure) {
            inner.answered(Operators.onOperatorError(failure, inner.parent.context));
            return;
        }
        answers.subscribe(this);
    }

    void failed(Throwable failure) {
        // a result in between ends the row
        failuresInARow = inner.emitted == emittedBefore ? failuresInARow + 1 : 1;
        emittedBefore = inner.emitted;
        failureCount++;
        owes = true;
        Sinks.EmitResult result =
                failures.tryEmitNext(new Failed(failureCount - 1, failuresInARow - 1, failure, retryContext));
        if (result.isFailure() && inner.answer == null) {
            // it has answered the one before, so there is room; it no longer listens and has not said why
            inner.answered(failure);
        }
    }

    @Override
    protected void hookOnNext(Object ignored) {
        if (owes) {
            owes = false;
            inner.answered(KeyOrderedInner.AGAIN);
        }
    }

    @Override
    protected void hookOnError(Throwable failure) {
        inner.answered(failure);
    }

    @Override
    protected void hookOnComplete() {
        inner.answered(KeyOrderedInner.ENOUGH);
    }

    @Override
    public Context currentContext() {
        // not downstream's: its discard hook is for elements, not for the signals of this policy
        return Context.of(retryContext);
    }

    private record Failed(long totalRetries, long totalRetriesInARow, Throwable failure, ContextView retryContextView)
            implements Retry.RetrySignal {}
}
