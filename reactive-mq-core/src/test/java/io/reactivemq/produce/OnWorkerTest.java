package io.reactivemq.produce;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.MqRuntime;
import io.reactivemq.broker.testing.ManualRuntime;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.util.RaceTestUtils;

class OnWorkerTest {

    private static final int RACES = 2_000;

    private final ManualRuntime manual = new ManualRuntime();
    private final List<String> heard = new ArrayList<>();

    private void ask(Mono<String> question) {
        OnWorker.of(manual, question)
                .subscribe(
                        value -> heard.add(value + manual.onWorker()),
                        error -> heard.add(error.getMessage() + manual.onWorker()),
                        () -> heard.add("end"));
    }

    @Test
    void whatIsThereAtOnceGoesOnAtOnce() {
        ask(Mono.just("a "));
        ask(Mono.empty());
        ask(Mono.create(sink -> sink.error(new IllegalStateException("b "))));

        assertThat(heard).containsExactly("a false", "end", "end", "b false");
        assertThat(manual.pendingTasks()).isZero();
    }

    @Test
    void whatComesLaterGoesOnOnAWorker() {
        Sinks.One<String> answer = Sinks.one();
        Sinks.One<String> failure = Sinks.one();
        ask(answer.asMono());
        ask(failure.asMono());
        answer.tryEmitValue("a ");
        failure.tryEmitError(new IllegalStateException("b "));
        assertThat(heard).isEmpty();

        manual.run();

        assertThat(heard).containsExactlyInAnyOrder("a true", "end", "b true");
    }

    @Test
    void anAnswerThatRacesWithTheQuestionIsHeardOnce() throws Exception {
        for (int i = 0; i < RACES; i++) {
            Sinks.One<Integer> answer = Sinks.one();
            AtomicInteger values = new AtomicInteger();
            CompletableFuture<Integer> told = new CompletableFuture<>();
            int expected = i;
            boolean fails = i % 3 == 0;
            RaceTestUtils.race(
                    () -> OnWorker.of(MqRuntime.system(), answer.asMono())
                            .subscribe(
                                    value -> {
                                        values.incrementAndGet();
                                        told.complete(value);
                                    },
                                    error -> told.complete(-1)),
                    () -> {
                        if (fails) {
                            answer.tryEmitError(new IllegalStateException("it is to fail"));
                        } else {
                            answer.tryEmitValue(expected);
                        }
                    });

            assertThat(told.get(30, TimeUnit.SECONDS)).as("round %d", i).isEqualTo(fails ? -1 : expected);
            assertThat(values.get()).as("round %d", i).isEqualTo(fails ? 0 : 1);
        }
    }
}
