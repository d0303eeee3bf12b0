package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import java.util.function.Supplier;
import reactor.core.publisher.Mono;

/** A failure that is expected and becomes an error in the answer; {@link Mono#error} inside an operator would count as that operator's own. */
final class Refusal {

    private Refusal() {}

    static <T> Mono<T> of(Throwable reason) {
        return Mono.create(sink -> sink.error(reason));
    }

    /** The request, or as a refusal what was thrown when it was made. */
    static <T> Mono<T> orElse(Supplier<Mono<T>> request) {
        try {
            return request.get();
        } catch (MqException e) {
            return of(e);
        }
    }

    static <T> Mono<T> of(ErrorCode code, String message) {
        return of(new MqException(code, message));
    }
}
