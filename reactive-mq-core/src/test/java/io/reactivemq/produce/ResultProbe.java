package io.reactivemq.produce;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/** A subscriber that remembers what it gets and what its upstream discards; demand is the test's. */
final class ResultProbe implements CoreSubscriber<SenderResult<String, String>> {

    private final List<SenderResult<String, String>> results = new ArrayList<>();
    private final List<SenderRecord<?, ?>> discarded = new ArrayList<>();
    private final Context context;
    private volatile @Nullable Subscription subscription;
    private @Nullable Throwable error;
    private int ends;
    private boolean isComplete;
    Runnable onResult = () -> {};

    ResultProbe() {
        this(Context.empty());
    }

    ResultProbe(Context context) {
        this.context = Operators.enableOnDiscard(context, this::discard);
    }

    /** As {@code doOnDiscard(SenderRecord.class, ..)}: the broker's own pipelines see the context too. */
    private synchronized void discard(Object element) {
        if (element instanceof SenderRecord<?, ?> record) {
            discarded.add(record);
        }
    }

    @Override
    public Context currentContext() {
        return context;
    }

    @Override
    public void onSubscribe(Subscription s) {
        subscription = s;
    }

    ResultProbe request(long n) {
        subscription().request(n);
        return this;
    }

    void cancel() {
        subscription().cancel();
    }

    private Subscription subscription() {
        Subscription s = subscription;
        if (s == null) {
            throw new AssertionError("not subscribed");
        }
        return s;
    }

    @Override
    public void onNext(SenderResult<String, String> result) {
        synchronized (this) {
            if (ends > 0) {
                throw new AssertionError("a result after the end: " + result);
            }
            results.add(result);
        }
        onResult.run();
    }

    @Override
    public synchronized void onError(Throwable t) {
        error = t;
        ends++;
    }

    @Override
    public synchronized void onComplete() {
        isComplete = true;
        ends++;
    }

    synchronized List<SenderResult<String, String>> results() {
        return List.copyOf(results);
    }

    synchronized int resultCount() {
        return results.size();
    }

    synchronized List<@Nullable String> values() {
        List<@Nullable String> values = new ArrayList<>();
        results.forEach(result -> values.add(result.record().value()));
        return values;
    }

    /** The values of the records discarded. */
    synchronized List<String> discardedValues() {
        return discarded.stream().map(record -> String.valueOf(record.value())).toList();
    }

    synchronized @Nullable Throwable error() {
        return error;
    }

    synchronized boolean isComplete() {
        return isComplete;
    }

    /** Completions and errors got; one at most is right. */
    synchronized int ends() {
        return ends;
    }
}
