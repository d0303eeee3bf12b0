package io.reactivemq.operator;

import io.reactivemq.MqRuntime;
import java.time.Duration;
import reactor.core.publisher.Mono;

/**
 * Where it is kept which keys have had their effect. A database makes it last: it runs the effect and records the key in one
 * transaction, so that after a crash there are both or neither.
 *
 * <pre>{@code
 * // one row a key, and the effect in the same transaction
 * public Mono<Outcome> applyOnce(String key, Mono<Void> effect) {
 *     Mono<Outcome> once = insertUnlessThere(key)                    // INSERT ... ON CONFLICT DO NOTHING: rows inserted
 *             .flatMap(rows -> rows == 0 ? Mono.just(DUPLICATE) : effect.thenReturn(APPLIED));
 *     return transactional(once);                                    // an error, of the effect too, rolls back the row
 * }
 * }</pre>
 *
 * <p>Implementations are safe for use by many threads, and never block. Nothing happens before the returned Mono is subscribed; a
 * cancellation leaves the key as if it had not been tried, or as recorded, with the effect accordingly.
 *
 * @param <K> the keys, with {@code equals} and {@code hashCode}
 */
public interface IdempotentStore<K> {

    /** What became of an effect. */
    enum Outcome {
        /** It was run now, and the key is recorded. */
        APPLIED,
        /** It had been before: it was not run. */
        DUPLICATE
    }

    /**
     * Runs the effect unless the key is recorded, and records the key when the effect has completed. While another effect of the same
     * key runs, waits for its end: if it completes, this one is a duplicate; if it fails, this one is tried.
     *
     * @param effect completes when it has happened; its error becomes the error of the result, and the key is not recorded
     * @return the outcome, just one
     */
    Mono<Outcome> applyOnce(K key, Mono<Void> effect);

    /** {@link #inMemory(int, Duration, MqRuntime)} with no bound of age. */
    static <K> IdempotentStore<K> inMemory(int window) {
        return new InMemoryIdempotentStore<>(window, SeenKeys.EVER, MqRuntime.system());
    }

    /** {@link #inMemory(int, Duration, MqRuntime)} in the system's time. */
    static <K> IdempotentStore<K> inMemory(int window, Duration within) {
        return inMemory(window, within, MqRuntime.system());
    }

    /**
     * One that is gone with this process. It may be shared by several pipelines.
     *
     * @param window how many keys it remembers, from 1 to {@link Idempotent#WINDOW_MAX}; the oldest goes first
     * @param within how long it remembers one, above zero
     */
    static <K> IdempotentStore<K> inMemory(int window, Duration within, MqRuntime runtime) {
        return new InMemoryIdempotentStore<>(window, Idempotent.nanos(within), runtime);
    }
}
