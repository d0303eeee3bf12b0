package io.reactivemq.consume;

import io.reactivemq.broker.Broker;
import io.reactivemq.broker.ForwardingBroker;
import java.util.function.BooleanSupplier;
import reactor.core.publisher.Mono;

/** A broker behind a cable: once it is cut, nothing arrives and nothing is answered. */
final class SilentBroker extends ForwardingBroker {

    private final BooleanSupplier cut;

    SilentBroker(Broker broker, BooleanSupplier cut) {
        super(broker);
        this.cut = cut;
    }

    @Override
    protected <T> Mono<T> forward(Mono<T> request) {
        return Mono.defer(() -> cut.getAsBoolean() ? Mono.never() : request);
    }
}
