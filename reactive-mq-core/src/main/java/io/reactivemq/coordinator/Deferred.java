package io.reactivemq.coordinator;

import io.reactivemq.MqException;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * A response that a later event gives: the answer to a request that waits for others. The state machine keeps it, and hands in {@link #with} or
 * {@link #failing} as one of the answers of the event that decides it.
 *
 * @param <R> the type of the response
 */
public final class Deferred<R> {

    // one event decides it, on the coordinator's loop
    private final Sinks.One<R> sink = Sinks.unsafe().one();

    /** The response, for who asked. */
    public Mono<R> response() {
        return sink.asMono();
    }

    /** It is answered by that value. */
    public Answer with(R value) {
        return new Answer() {
            @Override
            public void give() {
                sink.tryEmitValue(value);
            }

            @Override
            public void fail(MqException error) {
                Deferred.this.fail(error);
            }
        };
    }

    /** It is answered by that error. */
    public Answer failing(MqException error) {
        return new Answer() {
            @Override
            public void give() {
                Deferred.this.fail(error);
            }

            @Override
            public void fail(MqException instead) {
                Deferred.this.fail(instead);
            }
        };
    }

    /** Answers it with an error at once, as the state machine is thrown away. */
    public void fail(MqException error) {
        sink.tryEmitError(error);
    }
}
