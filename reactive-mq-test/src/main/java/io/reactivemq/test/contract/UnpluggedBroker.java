package io.reactivemq.test.contract;

import io.reactivemq.broker.Broker;
import io.reactivemq.broker.ForwardingBroker;
import java.time.Duration;
import reactor.core.publisher.Mono;

/**
 * A broker whose cable can be pulled: from then on no request reaches it and no answer comes back, as for a process that
 * was killed or a host that lost its network. A request that was under way may have had its effect.
 */
final class UnpluggedBroker extends ForwardingBroker {

    private volatile boolean unplugged;

    UnpluggedBroker(Broker broker) {
        super(broker);
    }

    void unplug() {
        unplugged = true;
    }

    /** Requests from now on are answered again. */
    void plug() {
        unplugged = false;
    }

    boolean isUnplugged() {
        return unplugged;
    }

    @Override
    protected <T> Mono<T> forward(Mono<T> request) {
        return Mono.defer(() -> unplugged ? Mono.<T>never() : request)
                .materialize()
                .flatMap(signal -> unplugged ? Mono.never() : Mono.just(signal))
                .dematerialize();
    }

    @Override
    public Mono<Void> closeGracefully(Duration timeout) {
        return Mono.error(new IllegalStateException("a client does not close the broker"));
    }
}
