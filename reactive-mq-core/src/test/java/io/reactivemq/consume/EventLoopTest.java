package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.broker.testing.ManualRuntime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.util.RaceTestUtils;

class EventLoopTest {

    private final ManualRuntime runtime = new ManualRuntime();
    private final List<String> seen = new ArrayList<>();
    private int workLeft;

    private final EventLoop loop = new EventLoop(runtime, new EventLoop.Turns() {
        @Override
        public boolean turn() {
            seen.add("turn");
            return workLeft-- > 0;
        }

        @Override
        public void failed(Throwable error) {
            seen.add("failed " + error.getMessage());
        }

        @Override
        public void stopped(Throwable error) {
            seen.add("stopped " + (error instanceof RejectedExecutionException));
        }
    });

    @Test
    void eventsRunInOrderAndATurnFollows() {
        loop.execute(() -> seen.add("a"));
        loop.execute(() -> seen.add("b"));
        assertThat(seen).isEmpty();
        runtime.run();

        assertThat(seen).startsWith("a", "b", "turn").doesNotContain("failed");
        assertThat(runtime.pendingTasks()).isZero();
    }

    @Test
    void anEventThatThrowsIsReportedAndTheLoopGoesOn() {
        loop.execute(() -> {
            throw new IllegalStateException("x");
        });
        loop.execute(() -> seen.add("b"));
        runtime.run();

        assertThat(seen).startsWith("failed x", "b");
    }

    @Test
    void theWorkersThreadIsGivenBackNowAndThen() {
        workLeft = 100;
        loop.wake();
        Disposable unused = runtime.workers().schedule(() -> seen.add("somebody else"));
        runtime.run();

        assertThat(seen.indexOf("somebody else")).isBetween(5, 50);
        assertThat(seen).hasSizeGreaterThan(100);
    }

    @Test
    void answersComeOnTheWorkerAndNotWhileTheCallIsMade() {
        List<Boolean> onWorker = new ArrayList<>();
        loop.execute(() -> {
            Disposable unused = loop.call(
                    () -> Mono.just("answer"),
                    Duration.ofSeconds(1),
                    value -> {
                        seen.add(value);
                        onWorker.add(runtime.onWorker());
                    },
                    error -> seen.add("error"));
            seen.add("called");
        });
        runtime.run();

        assertThat(seen).containsSubsequence("called", "answer").doesNotContain("error");
        assertThat(onWorker).containsExactly(true);
        assertThat(runtime.pendingTasks()).isZero();
    }

    @Test
    void aRequestWithoutAnswerFailsAfterItsTimeoutAndIsCancelled() {
        AtomicInteger cancelled = new AtomicInteger();
        loop.execute(() -> {
            Disposable unused = loop.call(
                    () -> Mono.never().doOnCancel(cancelled::incrementAndGet),
                    Duration.ofSeconds(1),
                    value -> seen.add("value"),
                    error -> seen.add(error.getClass().getSimpleName()));
        });
        runtime.advanceBy(Duration.ofSeconds(1));

        assertThat(seen).contains(TimeoutException.class.getSimpleName()).doesNotContain("value");
        assertThat(cancelled).hasValue(1);
    }

    @Test
    void aRequestThatThrowsOrEndsWithoutAnAnswerHasFailed() {
        loop.execute(() -> {
            Disposable unused = loop.call(
                    () -> {
                        throw new IllegalStateException("thrown");
                    },
                    Duration.ofSeconds(1),
                    value -> seen.add("value"),
                    error -> seen.add(String.valueOf(error.getMessage())));
            unused = loop.call(
                    Mono::empty,
                    Duration.ofSeconds(1),
                    value -> seen.add("value"),
                    error -> seen.add(String.valueOf(error.getMessage())));
        });
        runtime.run();

        assertThat(seen).contains("thrown", "the broker completed a request without an answer");
    }

    @Test
    void whatIsDisposedIsNotHeardOfAgain() {
        Sinks.One<String> late = Sinks.one();
        loop.execute(() -> {
            Disposable call = loop.call(
                    late::asMono, Duration.ofSeconds(1), value -> seen.add("value"), error -> seen.add("error"));
            Disposable timer = loop.after(Duration.ofSeconds(1), () -> seen.add("timer"));
            Disposable answered = loop.call(
                    () -> Mono.just(1), Duration.ofSeconds(1), value -> seen.add("value"), error -> seen.add("error"));
            call.dispose();
            timer.dispose();
            answered.dispose();
        });
        runtime.run();
        late.emitValue("late", Sinks.EmitFailureHandler.FAIL_FAST);
        runtime.advanceBy(Duration.ofSeconds(2));

        assertThat(seen).containsOnly("turn");
        assertThat(runtime.pendingTasks()).isZero();
    }

    @Test
    void theEndCancelsEverything() {
        AtomicInteger cancelled = new AtomicInteger();
        loop.execute(() -> {
            Disposable call = loop.call(
                    () -> Mono.never().doOnCancel(cancelled::incrementAndGet),
                    Duration.ofSeconds(1),
                    value -> seen.add("value"),
                    error -> seen.add("error"));
            Disposable timer = loop.after(Duration.ofSeconds(1), () -> seen.add("timer"));
            loop.close();
            Disposable late = loop.after(Duration.ofSeconds(1), () -> seen.add("timer"));
            assertThat(call.isDisposed()).isTrue();
            assertThat(timer.isDisposed()).isTrue();
            assertThat(late.isDisposed()).isTrue();
        });
        loop.execute(() -> seen.add("event"));
        runtime.advanceBy(Duration.ofSeconds(2));
        loop.execute(() -> seen.add("event"));
        runtime.run();

        assertThat(seen).isEmpty();
        assertThat(cancelled).hasValue(1);
        assertThat(runtime.pendingTasks()).isZero();
        assertThat(runtime.openWorkers()).isZero();
    }

    @Test
    void aWorkerThatIsGoneIsTheEnd() {
        EventLoop orphan = new EventLoop(new StoppedRuntime(runtime), new EventLoop.Turns() {
            @Override
            public boolean turn() {
                throw new AssertionError("no worker, no turn");
            }

            @Override
            public void failed(Throwable error) {
                seen.add("failed");
            }

            @Override
            public void stopped(Throwable error) {
                seen.add("stopped");
            }
        });

        orphan.execute(() -> seen.add("event"));
        orphan.execute(() -> seen.add("event"));
        orphan.wake();

        assertThat(seen).containsExactly("stopped");
    }

    @Test
    void noEventIsLostHoweverManyThreadsLeaveThem() {
        AtomicInteger done = new AtomicInteger();
        io.reactivemq.MqRuntime system = io.reactivemq.MqRuntime.system();
        EventLoop real = new EventLoop(system, new EventLoop.Turns() {
            @Override
            public boolean turn() {
                return false;
            }

            @Override
            public void failed(Throwable error) {
                done.set(-1_000_000);
            }

            @Override
            public void stopped(Throwable error) {
                done.set(-1_000_000);
            }
        });
        for (int round = 1; round <= 5_000; round++) {
            RaceTestUtils.race(() -> real.execute(done::incrementAndGet), () -> real.execute(done::incrementAndGet));
        }
        Sinks.One<Integer> last = Sinks.one();
        real.execute(() -> last.emitValue(done.get(), Sinks.EmitFailureHandler.FAIL_FAST));

        assertThat(last.asMono().block(Duration.ofSeconds(30))).isEqualTo(10_000);
        real.execute(real::close);
    }
}
