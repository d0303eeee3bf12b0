package io.reactivemq.consume;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;

/**
 * When a record whose handler failed is attempted again: a number of times in place, then perhaps later through retry topics, and never
 * for an error that {@link #retryOn} turns down. Immutable; each method returns a new policy.
 *
 * <p>In place the record keeps its turn: behind it waits its partition, or its key where the order is that of keys. Through a retry topic
 * it loses its turn, and what came behind it goes first.
 */
public final class RetryPolicy {

    /** Bounds the retry history that a dead letter carries. */
    private static final int RETRIES_MAX = 100;

    private static final int RETRY_TOPICS_MAX = 10;
    private static final int ATTEMPTS_MAX = 200;
    private static final Duration BACKOFF_MAX = Duration.ofSeconds(30);

    private final int retries;
    private final Backoff backoff;
    private final double jitter;
    private final List<Duration> delays;
    private final Predicate<? super Throwable> retryOn;

    private RetryPolicy(
            int retries, Backoff backoff, double jitter, List<Duration> delays, Predicate<? super Throwable> retryOn) {
        this.retries = retries;
        this.backoff = backoff;
        this.jitter = jitter;
        this.delays = delays;
        this.retryOn = retryOn;
    }

    /** One attempt. */
    public static RetryPolicy none() {
        return immediately(0);
    }

    /**
     * Attempts in place, one after the other.
     *
     * @param retries how often after the first attempt, 0 to 100
     */
    public static RetryPolicy immediately(int retries) {
        return of(retries, Backoff.none());
    }

    /**
     * Attempts in place with a wait before each, which doubles up to 30 s, or up to {@code first} where that is longer.
     *
     * @param retries how often after the first attempt, 0 to 100
     * @param first the wait before the second attempt
     */
    public static RetryPolicy backoff(int retries, Duration first) {
        return of(retries, Backoff.of(first, first.compareTo(BACKOFF_MAX) > 0 ? first : BACKOFF_MAX));
    }

    private static RetryPolicy of(int retries, Backoff backoff) {
        return new RetryPolicy(checked(retries), backoff, 0, List.of(), error -> true);
    }

    private static int checked(int retries) {
        if (retries < 0 || retries > RETRIES_MAX) {
            throw new IllegalArgumentException("retries must be 0 to " + RETRIES_MAX + ", was " + retries);
        }
        return retries;
    }

    /** The bound on the waits. */
    public RetryPolicy maxBackoff(Duration max) {
        return new RetryPolicy(retries, Backoff.of(backoff.first(), max), jitter, delays, retryOn);
    }

    /**
     * Waits are longer or shorter by chance, so that what failed together is not attempted together.
     *
     * @param factor 0 for not at all, which is the default, to 1 for from nothing to twice as long
     */
    public RetryPolicy jitter(double factor) {
        if (!(factor >= 0 && factor <= 1)) {
            throw new IllegalArgumentException("jitter must be 0 to 1, was " + factor);
        }
        return new RetryPolicy(retries, backoff, factor, delays, retryOn);
    }

    /** Which errors are worth another attempt; the others are for the dead-letter topic at once. Default: all. */
    public RetryPolicy retryOn(Predicate<? super Throwable> worthIt) {
        return new RetryPolicy(retries, backoff, jitter, delays, Objects.requireNonNull(worthIt, "worthIt"));
    }

    /**
     * After the last attempt in place the record is written to the first retry topic, {@code <topic>.<group>.retry-1}, and acknowledged; the
     * same receiver reads it there when the delay has passed, and attempts it as often in place, and so on to the last delay. The topics are created where they are missing.
     *
     * <p>Needs a group and topics given by name, so that {@link Receiver#process} refuses it with an IllegalArgumentException for a receiver without a group, with a
     * pattern, or with partitions assigned by hand. The retry topics are read by the same subscription, shared by the group as the others are: without a group they
     * would have no name and nobody would remember how far they were read; a pattern says only as topics come which retry topics there are, and may take them for topics of
     * its own; and partitions assigned by hand are all that is read. Such receivers attempt in place ({@link #backoff}), and what fails then is a dead letter.
     *
     * @param delays the wait in each retry topic, at most 10
     */
    public RetryPolicy thenAfter(Duration... delays) {
        if (delays.length > RETRY_TOPICS_MAX) {
            throw new IllegalArgumentException(
                    "there are at most " + RETRY_TOPICS_MAX + " retry topics, were " + delays.length);
        }
        for (Duration delay : delays) {
            if (delay.isNegative() || delay.isZero()) {
                throw new IllegalArgumentException("a delay must be more than zero, was " + delay);
            }
        }
        int attempts = (retries + 1) * (delays.length + 1);
        if (attempts > ATTEMPTS_MAX) {
            throw new IllegalArgumentException(
                    "there are at most " + ATTEMPTS_MAX + " attempts in all, were " + attempts);
        }
        return new RetryPolicy(retries, backoff, jitter, List.of(delays), retryOn);
    }

    /** How long a record may be waited for in place, at most. */
    public Duration budget() {
        Duration sum = Duration.ZERO;
        for (int failures = 1; failures <= retries; failures++) {
            sum = sum.plus(backoff.after(failures));
        }
        return sum.plus(Duration.ofNanos((long) (sum.toNanos() * jitter)));
    }

    /** How often after the first attempt in place. */
    public int retries() {
        return retries;
    }

    /** The waits in the retry topics, in order; empty where there are none. */
    public List<Duration> delays() {
        return delays;
    }

    boolean isWorthIt(Throwable error) {
        return retryOn.test(error);
    }

    /** The wait after that many failures in a row, 1 or more. */
    Duration waitAfter(int failures, RandomGenerator random) {
        Duration wait = backoff.after(failures);
        if (jitter == 0 || wait.isZero()) {
            return wait;
        }
        return Duration.ofNanos((long) (wait.toNanos() * (1 - jitter + 2 * jitter * random.nextDouble())));
    }

    @Override
    public String toString() {
        return "RetryPolicy[" + retries + " retries, " + backoff + ", jitter " + jitter + ", then after " + delays
                + "]";
    }
}
