package io.reactivemq.consume;

import io.reactivemq.broker.Broker;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;

/**
 * A Flux of a Receiver: each subscription is one of its {@link Subscriptions}, of which one is active at a time.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 * @param <T> what is emitted
 */
abstract class FluxOutput<K, V, T> extends Flux<T> {

    final Broker broker;
    final ReceiverOptions<K, V> options;
    final Subscriptions subscriptions;

    FluxOutput(Broker broker, ReceiverOptions<K, V> options, Subscriptions subscriptions) {
        this.broker = broker;
        this.options = options;
        this.subscriptions = subscriptions;
    }

    @Override
    public final void subscribe(CoreSubscriber<? super T> actual) {
        open(actual).begin(options, subscriptions);
    }

    /** A subscription that has not begun. */
    abstract OutputSubscription<T> open(CoreSubscriber<? super T> actual);
}
