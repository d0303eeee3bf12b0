package io.reactivemq.produce;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;

/**
 * A source whose records the test emits one by one, from one thread at a time, never more than were requested; it counts
 * demand and remembers what it emitted.
 */
final class RecordSource extends Flux<SenderRecord<String, String>> implements Subscription {

    private final List<SenderRecord<String, String>> emitted = new ArrayList<>();
    private @Nullable CoreSubscriber<? super SenderRecord<String, String>> subscriber;
    private long requested;
    private int cancels;

    @Override
    public void subscribe(CoreSubscriber<? super SenderRecord<String, String>> actual) {
        subscriber = actual;
        actual.onSubscribe(this);
    }

    private CoreSubscriber<? super SenderRecord<String, String>> subscriber() {
        CoreSubscriber<? super SenderRecord<String, String>> s = subscriber;
        if (s == null) {
            throw new AssertionError("not subscribed");
        }
        return s;
    }

    @Override
    public synchronized void request(long n) {
        requested = Operators.addCap(requested, n);
    }

    @Override
    public synchronized void cancel() {
        cancels++;
    }

    /** All that was ever requested. */
    synchronized long requested() {
        return requested;
    }

    /** How often it was cancelled. */
    synchronized int cancels() {
        return cancels;
    }

    synchronized boolean hasDemand() {
        return emitted.size() < requested;
    }

    synchronized List<SenderRecord<String, String>> emitted() {
        return List.copyOf(emitted);
    }

    synchronized int emittedCount() {
        return emitted.size();
    }

    /** Emits the record if it is requested, also after a cancellation, as a source may whom that has not reached. */
    boolean tryEmit(SenderRecord<String, String> record) {
        synchronized (this) {
            if (emitted.size() >= requested) {
                return false;
            }
            emitted.add(record);
        }
        subscriber().onNext(record);
        return true;
    }

    void emit(SenderRecord<String, String> record) {
        if (!tryEmit(record)) {
            throw new AssertionError("no demand for " + record);
        }
    }

    /** Emits although nothing is requested. */
    void emitBeyondDemand(SenderRecord<String, String> record) {
        subscriber().onNext(record);
    }

    void complete() {
        subscriber().onComplete();
    }

    void fail(Throwable error) {
        subscriber().onError(error);
    }
}
