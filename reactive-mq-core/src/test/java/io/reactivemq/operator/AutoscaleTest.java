package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.operator.Autoscale.Load;
import io.reactivemq.operator.AutoscalePolicy.State;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;

@DisplayName("Autoscale:")
class AutoscaleTest {

    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 100_000);
    private static final long SECOND = 1_000_000_000L;

    /** Time to empty 10 s, tolerance 0.2, up at once, down after 30 s, cool-down 60 s, from 1 to 20. */
    private final AutoscalePolicy policy = new AutoscalePolicy(1, 20, 10, 0.2, 0, 30 * SECOND, 60 * SECOND);

    @ParameterizedTest(name = "{0} waiting, {1}/s in, {2}/s each: {3} members become {4}")
    @CsvSource({
        "0, 0, 10, 1, 1",
        "0, 50, 10, 1, 5",
        "0, 50, 10, 5, 5",
        "500, 50, 10, 5, 10", // 50/s more empty 500 in 10 s
        "1000000, 0, 10, 5, 20", // the most
        "0, 55, 10, 5, 5", // within the tolerance
        "0, 61, 10, 5, 7", // beyond it
        "0, 33, 10, 5, 5", // four would do, but barely
        "1, 0.001, 1000, 1, 1",
    })
    @DisplayName("M12 the wish follows depth, rate and time to empty, with a tolerance:")
    void rises(long depth, double arrivals, double perMember, int members, int wish) {
        assertThat(policy.decide(State.of(members), new Load(depth, arrivals, perMember), 0)
                        .members())
                .isEqualTo(wish);
    }

    @Test
    @DisplayName("M12 it falls when fewer have been enough for the time, to the most that was needed meanwhile")
    void falls() {
        State state = State.of(10);
        state = policy.decide(state, new Load(0, 20, 10), 0);
        assertThat(state.members()).isEqualTo(10);
        state = policy.decide(state, new Load(0, 40, 10), 20 * SECOND);
        state = policy.decide(state, new Load(0, 10, 10), 29 * SECOND);
        assertThat(state.members()).isEqualTo(10);
        state = policy.decide(state, new Load(0, 10, 10), 30 * SECOND);
        // four at most were needed, and a fifth to spare
        assertThat(state.members()).isEqualTo(5);
    }

    @Test
    @DisplayName("M12 a break begins the time anew")
    void breaks() {
        State state = State.of(10);
        state = policy.decide(state, new Load(0, 20, 10), 0);
        state = policy.decide(state, new Load(0, 95, 10), 20 * SECOND);
        state = policy.decide(state, new Load(0, 20, 10), 31 * SECOND);
        assertThat(state.members()).isEqualTo(10);
        state = policy.decide(state, new Load(0, 20, 10), 61 * SECOND);
        assertThat(state.members()).isEqualTo(3);
    }

    @Test
    @DisplayName("M12 after a change there is none the other way during the cool-down, but one the same way")
    void coolDown() {
        State state = policy.decide(State.of(1), new Load(0, 50, 10), 0);
        assertThat(state.members()).isEqualTo(5);
        state = policy.decide(state, new Load(0, 100, 10), SECOND);
        assertThat(state.members()).isEqualTo(10);
        for (int second = 2; second < 61; second++) {
            state = policy.decide(state, new Load(0, 5, 10), second * SECOND);
            assertThat(state.members()).isEqualTo(10);
        }
        state = policy.decide(state, new Load(0, 5, 10), 61 * SECOND);
        assertThat(state.members()).isEqualTo(1);
    }

    @Test
    @DisplayName("M12 with a least of 0 an idle queue is left alone, and a first message brings the first member")
    void toZero() {
        AutoscalePolicy zero = new AutoscalePolicy(0, 5, 10, 0.2, 0, 0, 0);
        assertThat(zero.decide(State.of(1), new Load(0, 0, 10), 0).members()).isZero();
        assertThat(zero.decide(State.of(0), new Load(1, 0, 10), 0).members()).isEqualTo(1);
        assertThat(zero.decide(State.of(1), new Load(1, 0, 10), 0).members()).isEqualTo(1);
    }

    @Test
    @DisplayName("M12 a load that wavers less than the tolerance never brings a rise and a fall")
    void neverFlaps() {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES / 10 : only); seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            double tolerance = random.nextDouble(0.05, 0.5);
            // times of zero: nothing but the tolerance holds it still
            AutoscalePolicy steady = new AutoscalePolicy(0, 1000, 10, tolerance, 0, 0, 0);
            double load = random.nextDouble(0, 300);
            State state = State.of(random.nextInt(0, 400));
            boolean rose = false;
            boolean fell = false;
            for (int i = 0; i < 100; i++) {
                double wavers = 1 + tolerance * random.nextDouble(-0.45, 0.45);
                int before = state.members();
                state = steady.decide(state, new Load(0, load * wavers, 1), i * SECOND);
                rose |= state.members() > before;
                fell |= state.members() < before;
            }
            if (rose && fell) {
                throw new AssertionError("-Dreactivemq.seed=" + seed + " replays this: load " + load);
            }
            assertThat(state.members())
                    .isBetween((int) (load / (1 + tolerance)), (int) (load / (1 - tolerance) * 1.5) + 2);
        }
    }

    @Test
    @DisplayName(
            "M12 whatever the load, the wish stays in its bounds, turns no sooner than the cool-down, and falls no sooner than said")
    void anyLoad() {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES : only); seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int min = random.nextInt(0, 4);
            int max = random.nextInt(Math.max(1, min), 20);
            long upAfter = random.nextInt(3) * SECOND;
            long downAfter = random.nextInt(10) * SECOND;
            long coolDown = random.nextInt(20) * SECOND;
            AutoscalePolicy any =
                    new AutoscalePolicy(min, max, 10, random.nextDouble(0, 0.9), upAfter, downAfter, coolDown);
            State state = State.of(random.nextInt(min, max + 1));
            long now = 0;
            int lastChange = 0;
            long lastChangeAt = 0;
            for (int i = 0; i < 20; i++) {
                now += random.nextInt(5) * SECOND;
                int before = state.members();
                state = any.decide(
                        state, new Load(random.nextInt(100), random.nextDouble(0, 30), random.nextDouble(0.1, 5)), now);
                int change = Integer.signum(state.members() - before);
                boolean tooSoon = change != 0 && change == -lastChange && now - lastChangeAt < coolDown;
                boolean fallsTooSoon = change < 0 && now - lastChangeAt < downAfter;
                if (state.members() < min || state.members() > max || tooSoon || fallsTooSoon) {
                    throw new AssertionError("-Dreactivemq.seed=" + seed + " replays this: step " + i + ", " + state);
                }
                if (change != 0) {
                    lastChange = change;
                    lastChangeAt = now;
                }
            }
        }
    }

    @Test
    @DisplayName("M12 a queue under a burst is emptied in about the time, and then has the members that its rate needs")
    void closedLoop() {
        ManualRuntime runtime = new ManualRuntime();
        Sinks.Many<Load> loads = Sinks.many().unicast().onBackpressureBuffer();
        List<Integer> wishes = new ArrayList<>();
        int[] members = {1};
        loads.asFlux()
                .transform(Autoscale.signal(
                        1,
                        100,
                        o -> o.timeToEmpty(Duration.ofSeconds(30))
                                .downAfter(Duration.ofSeconds(60))
                                .coolDown(Duration.ofSeconds(60))
                                .runtime(runtime)))
                .subscribe(wish -> {
                    wishes.add(wish);
                    members[0] = wish;
                });
        double depth = 0;
        int emptyAt = -1;
        for (int second = 0; second < 600; second++) {
            int arrivals = 100;
            if (second == 60) {
                depth += 6_000; // the burst
            }
            depth = Math.max(0, depth + arrivals - members[0] * 10.0);
            if (second > 60 && depth == 0 && emptyAt < 0) {
                emptyAt = second;
            }
            loads.tryEmitNext(new Load((long) depth, arrivals, 10)).orThrow();
            runtime.advanceBy(Duration.ofSeconds(1));
        }
        // the rate alone needs 10; the burst 20 more
        assertThat(wishes.get(0)).isBetween(10, 12);
        assertThat(wishes.stream().mapToInt(wish -> wish).max().orElse(0)).isBetween(28, 32);
        assertThat(emptyAt - 60).isBetween(25, 75);
        assertThat(members[0]).isBetween(10, 12);
        assertThat(wishes).hasSizeLessThan(12);
    }

    @Test
    @DisplayName("M12 the first load brings a wish, later ones only a change; a slow consumer gets the latest")
    void signal() {
        ManualRuntime runtime = new ManualRuntime();
        Flux<Integer> wishes = Flux.just(
                        new Load(0, 0, 1), new Load(0, 0, 1), new Load(0, 5, 1), new Load(0, 9, 1), new Load(0, 9, 1))
                .transform(Autoscale.signal(2, 10, o -> o.runtime(runtime)));
        StepVerifier.create(wishes).expectNext(2, 5, 9).verifyComplete();
        RecordingConsumer slow = new RecordingConsumer();
        wishes.subscribe(slow);
        slow.request(1);
        assertThat(slow.received).containsExactly(9);
        assertThat(slow.completions).hasValue(1);
        StepVerifier.create(Flux.just(new Load(0, 1, 1))
                        .transform(Autoscale.signal(0, 10, o -> o.initial(4).runtime(runtime))))
                .expectNext(4)
                .verifyComplete();
    }

    @Test
    @DisplayName("arguments are checked, with what was expected and given")
    void arguments() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Autoscale.signal(3, 2))
                .withMessage("0 <= min <= max and 1 <= max <= 1000000 is expected, but min is 3 and max 2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Autoscale.signal(1, 2, o -> o.initial(3)))
                .withMessage("initial must be between 1 and 2, but is 3");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Autoscale.signal(1, 2, o -> o.tolerance(1)))
                .withMessage("tolerance must be between 0 and 0.9, but is 1.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Autoscale.signal(1, 2, o -> o.timeToEmpty(Duration.ZERO)))
                .withMessage("timeToEmpty must be above zero, but is PT0S");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Autoscale.signal(1, 2, o -> o.coolDown(Duration.ofSeconds(-1))))
                .withMessage("coolDown must be between 0 and 365 days, but is PT-1S");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Load(-1, 0, 1))
                .withMessage("depth must be 0 or more, but is -1");
        assertThatIllegalArgumentException().isThrownBy(() -> new Load(0, Double.NaN, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> new Load(0, 0, 0));
    }
}
