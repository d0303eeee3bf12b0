package io.reactivemq.examples.resilience;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.resilience4j.circuitbreaker.CallNotPermittedException;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.github.resilience4j.ratelimiter.RateLimiter;
import io.github.resilience4j.ratelimiter.RateLimiterConfig;
import io.github.resilience4j.ratelimiter.RequestNotPermitted;
import io.reactivemq.operator.KeyOrdered;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

@DisplayName("The example of careful calls:")
class CarefulCallsTest {

    private final List<Integer> called = new ArrayList<>();
    private final List<Throwable> failures = new ArrayList<>();

    private List<Integer> handle(int messages, Function<Integer, Mono<Integer>> handler) {
        return Flux.range(0, messages)
                .transform(KeyOrdered.flatMap(n -> n % 2, handler, 2, KeyOrdered.Options::delayErrors))
                .onErrorResume(failure -> {
                    failures.addAll(Exceptions.unwrapMultiple(failure));
                    return Mono.empty();
                })
                .collectList()
                .blockOptional(Duration.ofMinutes(2))
                .orElse(List.of());
    }

    private static RateLimiter limiter(int permissions) {
        return RateLimiter.of(
                "service",
                RateLimiterConfig.custom()
                        .limitForPeriod(permissions)
                        .limitRefreshPeriod(Duration.ofHours(1))
                        .timeoutDuration(Duration.ZERO)
                        .build());
    }

    @Test
    @DisplayName("M12 no more calls than the rate allows; the others fail")
    void rateLimit() {
        Function<Integer, Mono<Integer>> handler = CarefulCalls.of(
                n -> {
                    called.add(n);
                    return Mono.just(n);
                },
                limiter(3),
                CircuitBreaker.ofDefaults("service"));
        assertThat(handle(5, handler)).containsExactly(0, 1, 2).isEqualTo(called);
        assertThat(failures).hasSize(2).hasOnlyElementsOfType(RequestNotPermitted.class);
    }

    @Test
    @DisplayName("a service that is down is not called once the breaker has opened")
    void circuitBreaker() {
        CircuitBreaker breaker = CircuitBreaker.of(
                "service",
                CircuitBreakerConfig.custom()
                        .slidingWindowSize(4)
                        .minimumNumberOfCalls(4)
                        .waitDurationInOpenState(Duration.ofHours(1))
                        .build());
        Function<Integer, Mono<Integer>> handler = CarefulCalls.of(
                n -> {
                    called.add(n);
                    return Mono.error(new IllegalStateException("down"));
                },
                limiter(100),
                breaker);
        assertThat(handle(10, handler)).isEmpty();
        assertThat(called).containsExactly(0, 1, 2, 3);
        assertThat(breaker.getState()).isEqualTo(CircuitBreaker.State.OPEN);
        assertThat(failures).hasSize(10);
        assertThat(failures.subList(4, 10)).hasOnlyElementsOfType(CallNotPermittedException.class);
    }
}
