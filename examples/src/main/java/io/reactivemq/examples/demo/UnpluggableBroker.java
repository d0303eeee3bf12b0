package io.reactivemq.examples.demo;

import io.reactivemq.broker.Broker;
import io.reactivemq.broker.ForwardingBroker;
import reactor.core.publisher.Mono;

/**
 * A broker behind a cable that can be pulled. From then on no request arrives and no answer comes back, and neither side is told:
 * what a member sees when its machine loses the network, and what the broker sees when a process is killed.
 */
final class UnpluggableBroker extends ForwardingBroker {

    private volatile boolean unplugged;

    UnpluggableBroker(Broker broker) {
        super(broker);
    }

    void unplug() {
        unplugged = true;
    }

    @Override
    protected <T> Mono<T> forward(Mono<T> request) {
        return Mono.defer(() -> unplugged ? Mono.<T>never() : request)
                .materialize()
                .flatMap(answer -> unplugged ? Mono.never() : Mono.just(answer))
                .dematerialize();
    }
}
