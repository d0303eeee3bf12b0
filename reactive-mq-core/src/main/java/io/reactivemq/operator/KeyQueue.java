package io.reactivemq.operator;

import java.util.ArrayDeque;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * A key of a {@link FluxKeyOrdered} that has an element: the one that is handled or waits for a place, and those behind it. All by the turn.
 */
final class KeyQueue<T, R> {

    final Object key;

    /** The publisher that runs, has results, or backs off. */
    @Nullable KeyOrderedInner<T, R> inner;

    /** Most keys have none. */
    private @Nullable ArrayDeque<T> waiters;

    KeyQueue(Object key) {
        this.key = key;
    }

    void add(T element) {
        if (waiters == null) {
            waiters = new ArrayDeque<>(4);
        }
        waiters.add(element);
    }

    boolean isEmpty() {
        return waiters == null || waiters.isEmpty();
    }

    /** How many elements wait behind the one that is being handled. */
    int size() {
        return waiters == null ? 0 : waiters.size();
    }

    T next() {
        return Objects.requireNonNull(waiters, "a key is ready because it has a waiter")
                .remove();
    }

    void discard(Context context) {
        if (waiters != null) {
            Operators.onDiscardQueueWithClear(waiters, context, null);
        }
    }
}
