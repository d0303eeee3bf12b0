package io.reactivemq.produce;

import io.reactivemq.broker.Caller;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** Where a send gets the producer from as which it appends. Safe for many threads. */
interface Producers {

    /** One that can be used at once; null: {@link #make} has to be asked. */
    @Nullable ProducerSession poll();

    /** Whether it is to be asked for before there is a record to be sent, so that its failure ends a send that has none yet. */
    default boolean isAskedFirst() {
        return false;
    }

    /** One that the broker is asked for. */
    Mono<ProducerSession> make(Caller caller);

    /** A send has ended. */
    void giveBack(ProducerSession session);
}
