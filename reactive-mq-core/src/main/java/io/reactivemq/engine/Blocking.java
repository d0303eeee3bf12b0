package io.reactivemq.engine;

import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;

/** Work on files as a Mono. What it throws is an expected outcome and becomes the Mono's error, no operator's failure. */
final class Blocking {

    private Blocking() {}

    /**
     * Runs the work for each subscriber.
     *
     * @param scheduler where; null runs it on the subscriber's thread
     */
    static <T> Mono<T> call(Callable<? extends T> work, @Nullable Scheduler scheduler) {
        Mono<T> call = Mono.create(sink -> {
            T result;
            try {
                result = work.call();
            } catch (Exception e) {
                sink.error(e);
                return;
            }
            sink.success(result);
        });
        return scheduler == null ? call : call.subscribeOn(scheduler);
    }

    /** An expected failure; {@link Mono#error} inside an operator would count as that operator's. */
    static <T> Mono<T> failed(Throwable failure) {
        return Mono.create(sink -> sink.error(failure));
    }
}
