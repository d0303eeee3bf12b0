package io.reactivemq.operator;

import io.reactivemq.MqRuntime;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** Keys in a bounded window, behind a lock that is held for a look at a map. */
final class InMemoryIdempotentStore<K> implements IdempotentStore<K> {

    private final MqRuntime runtime;

    /** Guarded by this. */
    private final SeenKeys<K> applied;

    /** The effects that run; their number is that of those who wait for an outcome. Guarded by this. */
    private final Map<K, Running> running = new HashMap<>();

    private static final class Running {
        /** Completes when the effect has completed, failed, or was cancelled. */
        final Sinks.Empty<Void> end = Sinks.empty();
    }

    InMemoryIdempotentStore(int window, long withinNanos, MqRuntime runtime) {
        Idempotent.checkWindow(window);
        this.applied = new SeenKeys<>(window, withinNanos);
        this.runtime = runtime;
    }

    @Override
    public Mono<Outcome> applyOnce(K key, Mono<Void> effect) {
        return Mono.defer(() -> attempt(key, effect));
    }

    private Mono<Outcome> attempt(K key, Mono<Void> effect) {
        Running mine = new Running();
        Running other;
        synchronized (this) {
            if (applied.contains(key, runtime.nanoTime())) {
                return Mono.just(Outcome.DUPLICATE);
            }
            other = running.putIfAbsent(key, mine);
        }
        if (other != null) {
            return other.end.asMono().then(applyOnce(key, effect));
        }
        return effect.then(Mono.fromCallable(() -> {
                    end(key, mine, runtime.nanoTime());
                    return Outcome.APPLIED;
                }))
                .doFinally(signal -> end(key, mine, null));
    }

    /** The first call counts. */
    private void end(K key, Running mine, @Nullable Long appliedAtNanos) {
        synchronized (this) {
            if (!running.remove(key, mine)) {
                return;
            }
            if (appliedAtNanos != null) {
                applied.add(key, appliedAtNanos);
            }
        }
        mine.end.tryEmitEmpty().orThrow();
    }
}
