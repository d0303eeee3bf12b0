package io.reactivemq.test;

import java.util.stream.LongStream;

/**
 * The seeds a random test runs with. A build takes the same ones each time, so that it is green or red for a reason; a longer run takes
 * more, and a failure is replayed alone:
 *
 * <pre>
 * -Dreactivemq.seed=17        only this seed
 * -Dreactivemq.seeds=20000    that many instead of the test's own number
 * </pre>
 *
 * <p>For {@code @MethodSource}: {@code static LongStream seeds() { return Seeds.upTo(50); }}. Whoever uses a seed names it in
 * the failure message; {@link SimulatedRuntime} does.
 */
public final class Seeds {

    private static final String ONE = "reactivemq.seed";
    private static final String COUNT = "reactivemq.seeds";

    private Seeds() {}

    /** The seeds 1 to {@code count}, unless a system property asks for others. */
    public static LongStream upTo(int count) {
        Long one = Long.getLong(ONE);
        if (one != null) {
            return LongStream.of(one);
        }
        return LongStream.rangeClosed(1, Integer.getInteger(COUNT, count));
    }
}
