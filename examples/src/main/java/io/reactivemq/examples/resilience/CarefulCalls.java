package io.reactivemq.examples.resilience;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.ratelimiter.RateLimiter;
import io.github.resilience4j.reactor.circuitbreaker.operator.CircuitBreakerOperator;
import io.github.resilience4j.reactor.ratelimiter.operator.RateLimiterOperator;
import java.util.function.Function;
import reactor.core.publisher.Mono;

/**
 * A handler of messages that calls another service: no more often than that allows, and not at all while it is down. For {@code
 * KeyOrdered.flatMap}, {@code Idempotent.apply}, {@code Receiver.process}, or any other that takes a function to a Mono.
 *
 * <p>What is not permitted fails with resilience4j's exceptions, and is retried or dead-lettered as any failure.
 */
public final class CarefulCalls {

    private CarefulCalls() {}

    /**
     * @param call the call of the service
     * @param limiter waits up to its timeout for a permission, then fails
     * @param breaker counts the calls that were made, and fails without one while it is open
     */
    public static <T, R> Function<T, Mono<R>> of(
            Function<? super T, Mono<R>> call, RateLimiter limiter, CircuitBreaker breaker) {
        return message -> Mono.defer(() -> call.apply(message))
                .transformDeferred(CircuitBreakerOperator.of(breaker))
                // outside: a call that is not made for lack of permission is no failure of the service
                .transformDeferred(RateLimiterOperator.of(limiter));
    }
}
