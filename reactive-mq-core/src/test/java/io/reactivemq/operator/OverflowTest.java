package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;
import reactor.test.publisher.TestPublisher;

@DisplayName("Overflow")
class OverflowTest {

    @Test
    @DisplayName("M11 drop-oldest keeps the latest elements and tells which it let go")
    void dropOldestKeepsTheLatest() {
        List<Integer> dropped = new ArrayList<>();
        TestPublisher<Integer> source = TestPublisher.create();
        StepVerifier.create(source.flux().transform(Overflow.dropOldest(3, o -> o.onDropped(dropped::add))), 0)
                .then(() -> source.next(1, 2, 3, 4, 5))
                .then(() -> assertThat(dropped).containsExactly(1, 2))
                .thenRequest(1)
                .expectNext(3)
                .then(() -> source.next(6, 7).complete())
                .then(() -> assertThat(dropped).containsExactly(1, 2, 4))
                .thenRequest(Long.MAX_VALUE)
                .expectNext(5, 6, 7)
                .verifyComplete();
    }

    @Test
    @DisplayName("M11 drop-newest keeps the first elements and tells which it let go")
    void dropNewestKeepsTheFirst() {
        List<Integer> dropped = new ArrayList<>();
        TestPublisher<Integer> source = TestPublisher.create();
        StepVerifier.create(source.flux().transform(Overflow.dropNewest(3, o -> o.onDropped(dropped::add))), 0)
                .then(() -> source.next(1, 2, 3, 4, 5))
                .then(() -> assertThat(dropped).containsExactly(4, 5))
                .thenRequest(1)
                .expectNext(1)
                .then(() -> source.next(6, 7).complete())
                .thenRequest(Long.MAX_VALUE)
                .expectNext(2, 3, 6)
                .verifyComplete();
    }

    @Test
    void infers() {
        Flux<Integer> ticks = Flux.range(0, 10);
        StepVerifier.create(ticks.transform(Overflow.block(4, o -> o.name("ticks"))))
                .expectNextCount(10)
                .verifyComplete();
    }
}
