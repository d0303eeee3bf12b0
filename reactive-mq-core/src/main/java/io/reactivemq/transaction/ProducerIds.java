package io.reactivemq.transaction;

import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * Gives out producer ids, none of them twice: in blocks, each of which is recorded before its first id is given. What is left of a
 * block when the broker stops is never used. Safe for many threads.
 */
public final class ProducerIds {

    /** Ids in a block, as Kafka has it: one record for a thousand producers. */
    private static final int BLOCK_IDS = 1000;

    private final LongFunction<Mono<Long>> allocation;

    // guarded by this
    private long next;
    private long end;
    private @Nullable Mono<Long> refill;

    /** @param allocation records that so many ids are given out, and says which is the first */
    public ProducerIds(LongFunction<Mono<Long>> allocation) {
        this.allocation = allocation;
    }

    /** An id that nobody has. */
    public Mono<Long> next() {
        return Mono.defer(() -> {
            Mono<Long> filling;
            synchronized (this) {
                if (next < end) {
                    return Mono.just(next++);
                }
                filling = refill;
                if (filling == null) {
                    filling = allocation
                            .apply(BLOCK_IDS)
                            .doOnSuccess(this::filled)
                            .doOnError(failure -> filled(null))
                            .cache();
                    refill = filling;
                }
            }
            return filling.then(next());
        });
    }

    private synchronized void filled(@Nullable Long first) {
        refill = null;
        if (first != null) {
            next = first;
            end = first + BLOCK_IDS;
        }
    }
}
