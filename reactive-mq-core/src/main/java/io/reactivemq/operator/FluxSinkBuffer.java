package io.reactivemq.operator;

import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;

/** The one subscription of an {@link OverflowSink}. */
final class FluxSinkBuffer<T> extends Flux<T> implements Scannable {

    private final SinkBuffer<T> buffer;

    FluxSinkBuffer(SinkBuffer<T> buffer) {
        this.buffer = buffer;
    }

    @Override
    public void subscribe(CoreSubscriber<? super T> actual) {
        buffer.subscribe(actual);
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        return key == Attr.ACTUAL || key == Attr.REQUESTED_FROM_DOWNSTREAM ? null : buffer.scanUnsafe(key);
    }
}
