package io.reactivemq.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;

@DisplayName("the simulated runtime")
class SimulatedRuntimeTest {

    private final SimulatedRuntime runtime = SimulatedRuntime.inOrder();
    private final List<Object> ran = new ArrayList<>();

    static LongStream seeds() {
        return Seeds.upTo(20);
    }

    @Test
    void nothing_runs_until_the_test_says_so() {
        runtime.workers().schedule(() -> ran.add("a"));
        assertThat(ran).isEmpty();

        runtime.runUntilIdle();

        assertThat(ran).containsExactly("a");
        assertThat(runtime.elapsed()).isZero();
    }

    @Test
    void tasks_of_all_schedulers_run_by_time_and_then_in_the_order_of_scheduling() {
        runtime.timers().schedule(() -> ran.add("t2"), 2, TimeUnit.MILLISECONDS);
        runtime.io().schedule(() -> ran.add("io"));
        runtime.workers().schedule(() -> ran.add("w1"), 1, TimeUnit.MILLISECONDS);
        runtime.timers().schedule(() -> ran.add("t1"), 1, TimeUnit.MILLISECONDS);

        runtime.advance(Duration.ofMillis(2));

        assertThat(ran).containsExactly("io", "w1", "t1", "t2");
    }

    @Test
    void a_task_sees_the_time_it_was_scheduled_for_on_every_clock() {
        long wallStart = runtime.currentTimeMillis();
        long nanoStart = runtime.nanoTime();
        runtime.timers()
                .schedule(
                        () -> {
                            ran.add(runtime.currentTimeMillis() - wallStart);
                            ran.add(runtime.nanoTime() - nanoStart);
                            ran.add(runtime.timers().now(TimeUnit.MILLISECONDS) - wallStart);
                        },
                        1500,
                        TimeUnit.MILLISECONDS);

        runtime.advance(Duration.ofSeconds(5));

        assertThat(ran).containsExactly(1500L, 1_500_000_000L, 1500L);
        assertThat(wallStart).isEqualTo(SimulatedRuntime.START.toEpochMilli());
        assertThat(runtime.elapsed()).isEqualTo(Duration.ofSeconds(5));
    }

    @Test
    void the_wall_clock_may_jump_back_while_durations_go_on() {
        long nanoStart = runtime.nanoTime();
        runtime.shiftWallClock(Duration.ofHours(-1));
        runtime.advance(Duration.ofSeconds(1));

        assertThat(runtime.currentTimeMillis()).isEqualTo(SimulatedRuntime.START.toEpochMilli() - 3_600_000 + 1000);
        assertThat(runtime.nanoTime() - nanoStart).isEqualTo(1_000_000_000L);
    }

    @Test
    void advance_runs_what_is_due_at_its_last_moment_and_nothing_later() {
        runtime.timers().schedule(() -> ran.add("due"), 10, TimeUnit.MILLISECONDS);
        runtime.timers().schedule(() -> ran.add("late"), 10_000_001, TimeUnit.NANOSECONDS);

        runtime.advance(Duration.ofMillis(10));

        assertThat(ran).containsExactly("due");
        assertThatThrownBy(() -> runtime.advance(Duration.ofMillis(-1))).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void a_negative_delay_is_none_and_an_endless_one_does_not_overflow() {
        runtime.timers().schedule(() -> ran.add("never"), Long.MAX_VALUE, TimeUnit.DAYS);
        runtime.advance(Duration.ofDays(1));
        runtime.timers().schedule(() -> ran.add("never"), Long.MAX_VALUE, TimeUnit.DAYS);
        runtime.timers().schedule(() -> ran.add("now"), -5, TimeUnit.SECONDS);

        runtime.runUntilIdle();

        assertThat(ran).containsExactly("now");
    }

    @Test
    void a_periodic_task_runs_at_its_initial_delay_and_each_period_until_disposed() {
        Disposable task = runtime.timers()
                .schedulePeriodically(() -> ran.add(runtime.elapsed().toMillis()), 5, 10, TimeUnit.MILLISECONDS);

        runtime.advance(Duration.ofMillis(30));
        assertThat(ran).containsExactly(5L, 15L, 25L);
        assertThat(task.isDisposed()).isFalse();

        task.dispose();
        runtime.advance(Duration.ofSeconds(1));
        assertThat(ran).hasSize(3);
        assertThat(task.isDisposed()).isTrue();
    }

    @Test
    void a_periodic_task_can_end_itself() {
        Disposable.Swap self = reactor.core.Disposables.swap();
        self.update(runtime.timers()
                .createWorker()
                .schedulePeriodically(
                        () -> {
                            ran.add("once");
                            self.dispose();
                        },
                        1,
                        1,
                        TimeUnit.MILLISECONDS));

        runtime.advance(Duration.ofSeconds(1));

        assertThat(ran).containsExactly("once");
    }

    @Test
    void a_period_of_zero_is_refused() {
        assertThatThrownBy(() -> runtime.timers().schedulePeriodically(() -> {}, 0, 0, TimeUnit.SECONDS))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("period");
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void a_disposed_task_does_not_run_even_when_it_was_ready(long seed) {
        SimulatedRuntime seeded = SimulatedRuntime.seeded(seed);
        List<Disposable> tasks = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            tasks.add(seeded.workers().schedule(() -> {
                ran.add("ran");
                tasks.forEach(Disposable::dispose);
            }));
        }

        seeded.runUntilIdle();

        assertThat(ran).containsExactly("ran");
        assertThat(tasks).allMatch(Disposable::isDisposed);
    }

    @Test
    void a_disposed_worker_cancels_its_tasks_and_takes_no_more() {
        Scheduler.Worker worker = runtime.workers().createWorker();
        Disposable task = worker.schedule(() -> ran.add("a"));
        Disposable later = worker.schedule(() -> ran.add("b"), 1, TimeUnit.SECONDS);

        worker.dispose();
        runtime.advance(Duration.ofSeconds(2));

        assertThat(ran).isEmpty();
        assertThat(worker.isDisposed()).isTrue();
        assertThat(task.isDisposed()).isTrue();
        assertThat(later.isDisposed()).isTrue();
        assertThatThrownBy(() -> worker.schedule(() -> {})).isInstanceOf(RejectedExecutionException.class);
        assertThatThrownBy(() -> worker.schedulePeriodically(() -> {}, 1, 1, TimeUnit.SECONDS))
                .isInstanceOf(RejectedExecutionException.class);
        assertThat(runtime.workers().isDisposed()).isFalse();
    }

    @Test
    void a_disposed_scheduler_cancels_all_its_tasks_and_those_of_its_workers() {
        Scheduler timers = runtime.timers();
        Scheduler.Worker worker = timers.createWorker();
        timers.schedule(() -> ran.add("a"), 1, TimeUnit.SECONDS);
        worker.schedule(() -> ran.add("b"));
        timers.schedulePeriodically(() -> ran.add("c"), 1, 1, TimeUnit.SECONDS);

        timers.dispose();
        runtime.advance(Duration.ofSeconds(2));

        assertThat(ran).isEmpty();
        assertThat(timers.isDisposed()).isTrue();
        assertThatThrownBy(() -> timers.schedule(() -> {})).isInstanceOf(RejectedExecutionException.class);
        assertThatThrownBy(() -> worker.schedule(() -> {})).isInstanceOf(RejectedExecutionException.class);
        assertThat(timers.createWorker().isDisposed()).isTrue();
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void a_workers_tasks_keep_their_order_under_every_seed(long seed) {
        SimulatedRuntime seeded = SimulatedRuntime.seeded(seed);
        for (Scheduler scheduler : List.of(seeded.io(), seeded.workers(), seeded.timers())) {
            List<Integer> order = new ArrayList<>();
            Scheduler.Worker worker = scheduler.createWorker();
            Scheduler.Worker other = scheduler.createWorker();
            for (int i = 0; i < 50; i++) {
                int number = i;
                worker.schedule(() -> order.add(number));
                other.schedule(() -> {});
            }
            seeded.awaitUntil(() -> order.size() == 50);
            assertThat(order)
                    .as("seed %d on %s", seed, scheduler)
                    .isEqualTo(IntStream.range(0, 50).boxed().toList());
        }
    }

    @Test
    void seeds_differ_in_the_order_of_independent_tasks_and_a_seed_repeats_itself() {
        List<String> orders =
                LongStream.range(0, 20).mapToObj(this::orderOfTenTasks).toList();

        assertThat(orders.stream().distinct().count()).isGreaterThan(10);
        assertThat(LongStream.range(0, 20).mapToObj(this::orderOfTenTasks).toList())
                .isEqualTo(orders);
    }

    private String orderOfTenTasks(long seed) {
        SimulatedRuntime seeded = SimulatedRuntime.seeded(seed);
        StringBuilder order = new StringBuilder();
        for (int i = 0; i < 10; i++) {
            int number = i;
            seeded.workers().schedule(() -> order.append(number));
        }
        seeded.runUntilIdle();
        return order + " " + seeded.traceHash() + " " + seeded.random().nextLong();
    }

    @Test
    void seeded_io_sometimes_takes_its_time_and_never_starts_early() {
        SimulatedRuntime seeded = SimulatedRuntime.seeded(1);
        List<Duration> latencies = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            seeded.io().schedule(() -> latencies.add(seeded.elapsed()), 1, TimeUnit.SECONDS);
        }

        seeded.advance(Duration.ofSeconds(2));

        assertThat(latencies).hasSize(200).allMatch(time -> time.compareTo(Duration.ofSeconds(1)) >= 0);
        assertThat(latencies).anyMatch(time -> time.compareTo(Duration.ofMillis(1001)) > 0);
    }

    @Test
    void await_moves_the_time_until_the_mono_ends_and_not_further() {
        Mono<String> later = Mono.delay(Duration.ofMinutes(3), runtime.timers()).map(tick -> "done");

        assertThat(runtime.await(later)).isEqualTo("done");
        assertThat(runtime.elapsed()).isEqualTo(Duration.ofMinutes(3));
        assertThat(runtime.<Object>await(Mono.empty())).isNull();
    }

    @Test
    void await_throws_the_monos_own_error() {
        MqException error = new MqException(ErrorCode.INVALID_REQUEST, "no");

        assertThatThrownBy(() -> runtime.await(Mono.error(error))).isSameAs(error);
    }

    @Test
    void await_of_what_never_ends_fails_at_once_when_nothing_is_scheduled() {
        AtomicBoolean cancelled = new AtomicBoolean();

        assertThatThrownBy(() -> runtime.await(Mono.never().doOnCancel(() -> cancelled.set(true))))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("nothing is scheduled any more")
                .hasMessageContaining("seed 0");
        assertThat(cancelled).isTrue();
    }

    @Test
    void await_fails_at_its_virtual_deadline_and_names_seed_and_what_is_scheduled() {
        SimulatedRuntime seeded = SimulatedRuntime.seeded(4711);
        seeded.timers().schedulePeriodically(() -> {}, 1, 1, TimeUnit.SECONDS);

        assertThatThrownBy(() -> seeded.await(Mono.never(), Duration.ofSeconds(30)))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("more than PT30S of virtual time")
                .hasMessageContaining("seed 4711")
                .hasMessageContaining("timers in PT1S");
        assertThat(seeded.elapsed()).isEqualTo(Duration.ofSeconds(30));
    }

    @Test
    void tasks_that_reschedule_each_other_for_ever_fail_the_call_at_its_bound() {
        SimulatedRuntime bounded = SimulatedRuntime.seeded(7, 1000);
        Runnable[] endless = new Runnable[1];
        endless[0] = () -> bounded.workers().schedule(endless[0]);
        endless[0].run();

        assertThatThrownBy(bounded::runUntilIdle)
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("1000 tasks without an end")
                .hasMessageContaining("seed 7");
    }

    @Test
    void await_until_stops_at_the_first_task_that_makes_it_true() {
        AtomicInteger count = new AtomicInteger();
        runtime.timers().schedulePeriodically(count::incrementAndGet, 1, 1, TimeUnit.SECONDS);

        runtime.awaitUntil(() -> count.get() == 3);

        assertThat(runtime.elapsed()).isEqualTo(Duration.ofSeconds(3));
        assertThatThrownBy(() -> runtime.awaitUntil(() -> false, Duration.ofSeconds(5)))
                .isInstanceOf(AssertionError.class);
    }

    @Test
    void a_condition_may_itself_wait() {
        AtomicInteger count = new AtomicInteger();
        runtime.timers().schedulePeriodically(count::incrementAndGet, 1, 1, TimeUnit.SECONDS);

        runtime.awaitUntil(() -> runtime.await(
                        Mono.delay(Duration.ofMillis(10), runtime.timers()).map(tick -> count.get()))
                == 2);

        assertThat(count).hasValue(2);
    }

    @Test
    void a_task_that_throws_fails_the_call_that_ran_it() {
        IllegalArgumentException error = new IllegalArgumentException("broken");
        runtime.workers().schedule(() -> {
            throw error;
        });

        assertThatThrownBy(runtime::runUntilIdle)
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("a task of workers failed")
                .hasCause(error);
    }

    @Test
    void a_task_can_not_wait_nor_block() {
        runtime.workers().schedule(() -> {
            ran.add(caught(() -> runtime.await(Mono.empty())));
            ran.add(caught(() -> Mono.never().block(Duration.ofSeconds(5))));
        });

        runtime.runUntilIdle();

        assertThat(ran).hasSize(2).allSatisfy(e -> assertThat(e).isInstanceOf(IllegalStateException.class));
        assertThat(Mono.just("outside").block()).isEqualTo("outside");
    }

    @Test
    void an_io_task_may_block() {
        runtime.io().schedule(() -> ran.add(String.valueOf(Mono.just("read").block())));

        runtime.runUntilIdle();

        assertThat(ran).containsExactly("read");
    }

    @Test
    void another_thread_is_turned_away() throws Exception {
        FutureTask<Object> foreign =
                new FutureTask<>(() -> caught(() -> runtime.workers().schedule(() -> {})));
        Thread thread = new Thread(foreign, "foreign");
        thread.start();

        assertThat(foreign.get(10, TimeUnit.SECONDS))
                .isInstanceOfSatisfying(
                        IllegalStateException.class, e -> assertThat(e).hasMessageContaining("foreign"));
    }

    @Test
    void reactor_operators_run_on_it_in_virtual_time() {
        Mono<List<Long>> numbers = Flux.interval(Duration.ofHours(1), runtime.timers())
                .publishOn(runtime.workers())
                .take(24)
                .collectList();
        Sinks.One<String> never = Sinks.one();

        assertThat(runtime.await(numbers, Duration.ofDays(2))).hasSize(24).startsWith(0L, 1L);
        assertThat(runtime.elapsed()).isEqualTo(Duration.ofDays(1));
        assertThatThrownBy(() -> runtime.await(never.asMono().timeout(Duration.ofSeconds(1), runtime.timers())))
                .hasCauseInstanceOf(java.util.concurrent.TimeoutException.class);
    }

    private static Object caught(Callable<?> call) {
        try {
            return "returned " + call.call();
        } catch (Exception e) {
            return e;
        }
    }
}
