package io.reactivemq.produce;

import io.reactivemq.MqRuntime;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.MonoSink;
import reactor.util.context.Context;

/**
 * Hands the broker's answer on to a worker: what follows it is the subscriber's code, which does not belong on the broker's threads. An answer that is
 * there when asking returns goes on at once, on the thread that asked.
 */
final class OnWorker<T> {

    private static final int ASKING = 0;
    private static final int ANSWERED = 1;
    private static final int ASKED = 2;

    private final MqRuntime runtime;
    private final MonoSink<T> sink;
    private final AtomicInteger state = new AtomicInteger(ASKING);

    // written before the state, or handed to the worker
    private @Nullable T value;
    private @Nullable Throwable failure;

    private OnWorker(MqRuntime runtime, MonoSink<T> sink) {
        this.runtime = runtime;
        this.sink = sink;
    }

    static <T> Mono<T> of(MqRuntime runtime, Mono<T> question) {
        return Mono.create(sink -> new OnWorker<>(runtime, sink).ask(question));
    }

    private void ask(Mono<T> question) {
        sink.onDispose(question.subscribe(
                answer -> value = answer,
                error -> {
                    failure = error;
                    answered();
                },
                this::answered,
                Context.of(sink.contextView())));
        if (!state.compareAndSet(ASKING, ASKED)) {
            goOn();
        }
    }

    private void answered() {
        if (state.compareAndSet(ASKING, ANSWERED)) {
            return; // the thread that asked goes on with it
        }
        try {
            Disposable unused = runtime.workers().schedule(this::goOn);
        } catch (RejectedExecutionException e) {
            goOn(); // the runtime was shut down
        }
    }

    private void goOn() {
        if (failure != null) {
            sink.error(failure);
        } else {
            sink.success(value);
        }
    }
}
