package io.reactivemq.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.MqRuntime;
import io.reactivemq.examples.cli.BadInputException;
import io.reactivemq.examples.cli.UnfinishedException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

class DeadlineTest {

    private static Deadline deadline(Duration bound) {
        return new Deadline(MqRuntime.system(), bound, () -> "1 of 2 rows done");
    }

    @Test
    void whatComesInTimeIsReturned() {
        Deadline deadline = deadline(Duration.ofMinutes(1));
        AtomicInteger looks = new AtomicInteger();

        assertThat(deadline.await("a value", Mono.just(7))).isEqualTo(7);
        assertThat(deadline.<Integer>await("nothing", Mono.empty())).isNull();
        deadline.until("the third look", () -> looks.incrementAndGet() == 3);
        assertThat(looks).hasValue(3);
    }

    @Test
    void whatDoesNotComeInTimeIsGivenUpWithWhatItWaitedFor() {
        Deadline deadline = deadline(Duration.ofMillis(1));

        assertThatThrownBy(() -> deadline.await("Godot", Mono.never()))
                .isInstanceOf(UnfinishedException.class)
                .hasMessage("not done within 0 s, waiting for Godot (1 of 2 rows done)");
        assertThatThrownBy(() -> deadline.until("Godot", () -> false)).isInstanceOf(UnfinishedException.class);
    }

    @Test
    void aPipelineThatFailsEndsTheWaitAtOnce() {
        Deadline deadline = deadline(Duration.ofMinutes(1));
        deadline.failed("the audit", new IllegalStateException("why"));
        deadline.failed("another", new IllegalStateException("too late to be told"));

        assertThatThrownBy(() -> deadline.await("Godot", Mono.never()))
                .isInstanceOf(UnfinishedException.class)
                .hasMessage("the audit failed: java.lang.IllegalStateException: why");
    }

    @Test
    void anErrorOfTheStepItselfSaysWhatWasWaitedFor() {
        Deadline deadline = deadline(Duration.ofMinutes(1));

        assertThatThrownBy(() -> deadline.await("a topic", Mono.error(new IllegalStateException("why"))))
                .isInstanceOf(UnfinishedException.class)
                .hasMessage("failed while waiting for a topic: why");
        assertThatThrownBy(() -> deadline.await("a broker", Mono.error(new BadInputException("no"))))
                .isInstanceOf(BadInputException.class);
        assertThatThrownBy(() -> deadline.awaitValue("a value", Mono.empty()))
                .isInstanceOf(UnfinishedException.class)
                .hasMessage("nothing came while waiting for a value");
    }
}
