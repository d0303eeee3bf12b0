package io.reactivemq.consume;

import java.time.Duration;

/**
 * Waits that double: {@code first}, twice that, and so on up to {@code max}.
 *
 * @param first the first wait; zero for none at all
 * @param max the bound, not below {@code first}
 */
record Backoff(Duration first, Duration max) {

    /** For requests to the broker: soon at first, and never more than one a second. */
    static final Backoff OF_REQUESTS = of(Duration.ofMillis(50), Duration.ofSeconds(1));

    private static final Backoff NONE = new Backoff(Duration.ZERO, Duration.ZERO);

    Backoff {
        if (first.isNegative() || max.compareTo(first) < 0) {
            throw new IllegalArgumentException(
                    "a backoff must be 0 <= first <= max, was first " + first + ", max " + max);
        }
    }

    static Backoff of(Duration first, Duration max) {
        return new Backoff(first, max);
    }

    static Backoff none() {
        return NONE;
    }

    /** The wait after that many failures in a row, 1 or more. */
    Duration after(int failures) {
        Duration half = max.dividedBy(2);
        Duration wait = first;
        for (int i = 1; i < failures && !wait.equals(max); i++) {
            wait = wait.compareTo(half) > 0 ? max : wait.multipliedBy(2);
        }
        return wait;
    }
}
