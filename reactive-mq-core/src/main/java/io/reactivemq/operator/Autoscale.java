package io.reactivemq.operator;

import io.reactivemq.MqRuntime;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/**
 * How many consumers a queue should have, from its depth, the rate at which messages arrive, and the time in which it should be
 * empty:
 *
 * <pre>{@code
 * Flux.interval(ofSeconds(5))
 *         .map(tick -> new Autoscale.Load(queue.depth(), arrivals.rate(), 1 / handling.meanSeconds()))
 *         .transform(Autoscale.signal(2, 50, o -> o.timeToEmpty(ofSeconds(30))))
 *         .subscribe(deployment::scaleTo);
 * }</pre>
 *
 * <p><img src="doc-files/autoscale.svg" alt="wishes rise at once and fall late">
 *
 * <p><b>The wish</b> is what keeps up with the arrivals and empties the queue in the time: {@code (arrivals + depth / timeToEmpty) /
 * perMember}, rounded up, within the bounds.
 *
 * <p><b>It does not flap.</b> It rises when more than the members and the {@code tolerance} are needed, and falls when one member fewer
 * would do with the tolerance to spare; in between it stays. A rise has to be asked for during {@code upAfter}, a fall during
 * {@code downAfter}, without a break, and a fall goes to the most that was needed meanwhile. After a change none goes the
 * other way during {@code coolDown}.
 *
 * <p><b>Signals.</b> The first load brings a wish, later ones only when it changes. The time is looked at when a load comes, so loads should
 * come regularly, more often than those times. The source is asked without bound, its loads are handled as they come; a consumer that is slower
 * gets the latest wish.
 */
public final class Autoscale {

    /** The most members that can be wished for. */
    public static final int MEMBERS_MAX = 1_000_000;

    private Autoscale() {}

    /**
     * What a queue has to do.
     *
     * @param depth messages that wait or are being handled, 0 or more
     * @param arrivalsPerSecond messages that arrive, 0 or more
     * @param perMemberPerSecond messages that one member can do when it never has to wait for one, above 0: its concurrency by the
     *     mean time of handling. What members do while the queue is empty is less, and would wish for more of them than are needed
     */
    public record Load(long depth, double arrivalsPerSecond, double perMemberPerSecond) {

        public Load {
            if (depth < 0) {
                throw new IllegalArgumentException("depth must be 0 or more, but is " + depth);
            }
            if (!(arrivalsPerSecond >= 0) || Double.isInfinite(arrivalsPerSecond)) {
                throw new IllegalArgumentException(
                        "arrivalsPerSecond must be 0 or more and finite, but is " + arrivalsPerSecond);
            }
            if (!(perMemberPerSecond > 0) || Double.isInfinite(perMemberPerSecond)) {
                throw new IllegalArgumentException(
                        "perMemberPerSecond must be above 0 and finite, but is " + perMemberPerSecond);
            }
        }
    }

    /**
     * @param min the least members to wish for, 0 or more
     * @param max the most, at least {@code min}, up to {@link #MEMBERS_MAX}
     */
    public static Function<Flux<Load>, Flux<Integer>> signal(int min, int max) {
        return signal(min, max, options -> {});
    }

    /** {@link #signal(int, int)} with options. */
    public static Function<Flux<Load>, Flux<Integer>> signal(int min, int max, Consumer<Options> configure) {
        if (min < 0 || max < 1 || min > max || max > MEMBERS_MAX) {
            throw new IllegalArgumentException("0 <= min <= max and 1 <= max <= " + MEMBERS_MAX
                    + " is expected, but min is " + min + " and max " + max);
        }
        Options options = new Options();
        configure.accept(options);
        int initial = options.initial < 0 ? min : options.initial;
        if (initial < min || initial > max) {
            throw new IllegalArgumentException(
                    "initial must be between " + min + " and " + max + ", but is " + initial);
        }
        AutoscalePolicy policy = new AutoscalePolicy(
                min,
                max,
                options.timeToEmpty.toNanos() / 1e9,
                options.tolerance,
                options.upAfter.toNanos(),
                options.downAfter.toNanos(),
                options.coolDown.toNanos());
        MqRuntime runtime = options.runtime == null ? MqRuntime.system() : options.runtime;
        return loads ->
                Flux.defer(() -> wishes(loads, policy, initial, runtime)).onBackpressureLatest();
    }

    private static Flux<Integer> wishes(Flux<Load> loads, AutoscalePolicy policy, int initial, MqRuntime runtime) {
        Wish wish = new Wish(AutoscalePolicy.State.of(initial));
        return loads.handle((load, sink) -> {
            int before = wish.state.members();
            wish.state = policy.decide(wish.state, load, runtime.nanoTime());
            if (wish.state.members() != before || !wish.told) {
                wish.told = true;
                sink.next(wish.state.members());
            }
        });
    }

    /** Of one subscription, by its source's thread. */
    private static final class Wish {

        AutoscalePolicy.State state;
        boolean told;

        Wish(AutoscalePolicy.State state) {
            this.state = state;
        }
    }

    /** What can be said besides the bounds. */
    public static final class Options {

        private Duration timeToEmpty = Duration.ofSeconds(30);
        private Duration upAfter = Duration.ZERO;
        private Duration downAfter = Duration.ofMinutes(1);
        private Duration coolDown = Duration.ofMinutes(1);
        private double tolerance = 0.1;
        private int initial = -1;
        private @Nullable MqRuntime runtime;

        private Options() {}

        /** In which time the queue should be empty; 30 seconds if nothing is said. */
        public Options timeToEmpty(Duration time) {
            if (time.isZero()) {
                throw new IllegalArgumentException("timeToEmpty must be above zero, but is " + time);
            }
            this.timeToEmpty = checked("timeToEmpty", time);
            return this;
        }

        /** How long more have to be needed before more are wished for; at once if nothing is said. */
        public Options upAfter(Duration time) {
            this.upAfter = checked("upAfter", time);
            return this;
        }

        /** How long fewer have to be enough before fewer are wished for; a minute if nothing is said. */
        public Options downAfter(Duration time) {
            this.downAfter = checked("downAfter", time);
            return this;
        }

        /** How long after a change there is none the other way; a minute if nothing is said. */
        public Options coolDown(Duration time) {
            this.coolDown = checked("coolDown", time);
            return this;
        }

        /** What part of the members' work the load may be off before the wish changes, from 0 to 0.9; 0.1 if nothing is said. */
        public Options tolerance(double part) {
            if (!(part >= 0 && part <= 0.9)) {
                throw new IllegalArgumentException("tolerance must be between 0 and 0.9, but is " + part);
            }
            this.tolerance = part;
            return this;
        }

        /** How many members there are at the beginning; the least if nothing is said. */
        public Options initial(int members) {
            if (members < 0) {
                throw new IllegalArgumentException("initial must be 0 or more, but is " + members);
            }
            this.initial = members;
            return this;
        }

        /** Where time comes from; {@link MqRuntime#system()} if nothing is said. */
        public Options runtime(MqRuntime runtime) {
            this.runtime = Objects.requireNonNull(runtime, "runtime");
            return this;
        }

        private static Duration checked(String name, Duration time) {
            if (time.isNegative() || time.compareTo(Duration.ofDays(365)) > 0) {
                throw new IllegalArgumentException(name + " must be between 0 and 365 days, but is " + time);
            }
            return time;
        }
    }
}
