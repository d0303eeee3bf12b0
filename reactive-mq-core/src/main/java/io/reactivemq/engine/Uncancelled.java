package io.reactivemq.engine;

import reactor.core.publisher.Mono;

/** Work that is done to its end once it is begun, whoever waits for it. */
final class Uncancelled {

    private Uncancelled() {}

    /** Begins the work when it is subscribed to. Who cancels hears nothing more of it, not even of its failure. */
    static <T> Mono<T> of(Mono<T> work) {
        // a future that fails when nobody waits any more would be told to Reactor as an error that is dropped
        return Mono.fromFuture(() -> work.materialize().toFuture(), true).dematerialize();
    }
}
