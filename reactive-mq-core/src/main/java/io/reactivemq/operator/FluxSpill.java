package io.reactivemq.operator;

import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxOperator;
import reactor.core.publisher.Operators;

/** The operator behind {@link Overflow#spillToDisk}; {@link SpillSubscriber} says how it works. */
final class FluxSpill<T> extends FluxOperator<T, T> {

    private final SpillSpec<T> spec;

    FluxSpill(Flux<? extends T> source, SpillSpec<T> spec) {
        super(source);
        this.spec = spec;
    }

    @Override
    public void subscribe(CoreSubscriber<? super T> actual) {
        SpillSubscriber<T> subscriber;
        try {
            subscriber = new SpillSubscriber<>(actual, spec);
        } catch (Throwable failure) {
            // the registry refuses the meters
            Operators.error(actual, Operators.onOperatorError(failure, actual.currentContext()));
            return;
        }
        source.subscribe(subscriber);
    }

    @Override
    public int getPrefetch() {
        return spec.blocks() ? spec.prefetch() : Integer.MAX_VALUE;
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.RUN_STYLE) {
            return Attr.RunStyle.ASYNC;
        }
        return key == Attr.NAME ? spec.name() : super.scanUnsafe(key);
    }
}
