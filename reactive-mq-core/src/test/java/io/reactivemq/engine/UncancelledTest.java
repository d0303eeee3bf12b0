package io.reactivemq.engine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;

@DisplayName("Work that is not cancelled")
class UncancelledTest {

    @Test
    @DisplayName("gives its value, its error or nothing")
    void outcomes() {
        StepVerifier.create(Uncancelled.of(Mono.just(7))).expectNext(7).verifyComplete();
        StepVerifier.create(Uncancelled.of(Mono.empty())).verifyComplete();
        StepVerifier.create(Uncancelled.of(Mono.error(new IllegalStateException("planted"))))
                .verifyErrorMessage("planted");
    }

    @Test
    @DisplayName("begins when it is subscribed to, goes on when nobody waits, and its failure is then nobody's")
    void goesOn() {
        Sinks.Empty<Void> end = Sinks.empty();
        Mono<Void> work = Uncancelled.of(end.asMono());
        assertThat(end.currentSubscriberCount()).isZero();
        Disposable waiting = work.subscribe();
        waiting.dispose();
        assertThat(end.currentSubscriberCount()).isEqualTo(1);
        end.tryEmitError(new IllegalStateException("planted")).orThrow();
        assertThat(end.currentSubscriberCount()).isZero();
    }
}
