package io.reactivemq.produce;

import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.InitProducerId;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * The idempotent producers of a {@link Sender}: a send takes one and gives it back at its end, so that many sends, one after the other, are
 * one producer to the broker. Safe for many threads.
 */
final class PooledProducers implements Producers {

    /** Producers that are kept for later; more are there only after that many sends at once. */
    private static final int IDLE_MAX = 64;

    private final Broker broker;

    /** Guarded by itself. */
    private final ArrayDeque<ProducerSession> idle = new ArrayDeque<>();

    PooledProducers(Broker broker) {
        this.broker = broker;
    }

    /** One that nobody uses. */
    @Override
    public @Nullable ProducerSession poll() {
        synchronized (idle) {
            return idle.pollLast();
        }
    }

    /** A new one. */
    @Override
    public Mono<ProducerSession> make(Caller caller) {
        return broker.initProducerId(caller, InitProducerId.idempotent())
                .map(producer -> new ProducerSession(producer, null));
    }

    @Override
    public void giveBack(ProducerSession session) {
        if (session.isExhausted()) {
            return;
        }
        synchronized (idle) {
            if (idle.size() < IDLE_MAX) {
                idle.addLast(session);
            }
        }
    }
}
