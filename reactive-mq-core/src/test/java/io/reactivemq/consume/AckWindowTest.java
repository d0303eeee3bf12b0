package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.TopicPartition;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import reactor.test.util.RaceTestUtils;

class AckWindowTest {

    private static final TopicPartition PARTITION = new TopicPartition("t", 0);
    private static final long SEED = Long.getLong("ackWindow.seed", 20_260_101);
    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 100_000);

    private final AtomicInteger wakes = new AtomicInteger();

    private AckWindow window(long start, int limit) {
        return new AckWindow(PARTITION, start, limit, wakes::incrementAndGet);
    }

    private static void emit(AckWindow window, long... offsets) {
        for (long offset : offsets) {
            assertThat(window.hasRoom(offset)).as("room for %d", offset).isTrue();
            window.emitting(offset);
        }
    }

    @Test
    void theBaseFollowsAcknowledgementsInOrder() {
        AckWindow window = window(10, 100);
        emit(window, 10, 11, 12);

        assertThat(window.advance()).isEqualTo(10);
        window.acknowledge(10);
        window.acknowledge(11);

        assertThat(window.advance()).isEqualTo(12);
        assertThat(window.isQuiet()).isFalse();
        window.acknowledge(12);
        assertThat(window.advance()).isEqualTo(13);
        assertThat(window.isQuiet()).isTrue();
    }

    @Test
    void theBaseWaitsForTheOldestAndThenPassesTheWholeRun() {
        AckWindow window = window(0, 100);
        emit(window, 0, 1, 2, 3);

        window.acknowledge(3);
        window.acknowledge(1);
        window.acknowledge(2);

        assertThat(window.advance()).isZero();
        assertThat(window.unacknowledged()).isEqualTo(1);
        window.acknowledge(0);
        assertThat(window.advance()).isEqualTo(4);
    }

    @Test
    void thereIsRoomForTheLimitBeyondTheOldestUnacknowledged() {
        AckWindow window = window(0, 3);
        emit(window, 0, 1, 2);

        assertThat(window.hasRoom(3)).isFalse();
        window.acknowledge(1);
        assertThat(window.hasRoom(3)).isFalse();
        window.acknowledge(0);
        assertThat(window.hasRoom(3)).isTrue();
        assertThat(window.hasRoom(4)).isTrue();
        assertThat(window.hasRoom(5)).isFalse();
    }

    @Test
    void offsetsWithoutARecordCountAsAcknowledged() {
        AckWindow window = window(0, 100);
        emit(window, 0, 5, 70);

        window.acknowledge(0);
        assertThat(window.advance()).isEqualTo(5);
        window.acknowledge(70);
        assertThat(window.unacknowledged()).isEqualTo(1);
        window.acknowledge(5);
        assertThat(window.advance()).isEqualTo(71);
    }

    @Test
    void aGapLargerThanTheWindowWaitsUntilNothingIsInFlight() {
        AckWindow window = window(0, 10);
        emit(window, 0);

        assertThat(window.hasRoom(1_000_000)).isFalse();
        window.acknowledge(0);
        assertThat(window.hasRoom(1_000_000)).isTrue();
        emit(window, 1_000_000);
        assertThat(window.advance()).isEqualTo(1_000_000);
    }

    @Test
    void anAcknowledgementInTheMomentOfTheEndSaysJustWhetherItCounts() {
        for (int round = 0; round < 20_000; round++) {
            AckWindow window = window(0, 10);
            emit(window, 0);
            AtomicBoolean counted = new AtomicBoolean();

            RaceTestUtils.race(() -> counted.set(window.acknowledge(0)), window::close);

            assertThat(window.advance()).as("round %d", round).isEqualTo(counted.get() ? 1 : 0);
        }
    }

    @Test
    void anAcknowledgementAfterTheEndHasNoEffectAndSaysSo() {
        AckWindow window = window(0, 10);
        emit(window, 0, 1);
        assertThat(window.acknowledge(0)).isTrue();

        window.close();

        assertThat(window.acknowledge(1)).isFalse();
        assertThat(window.advance()).isEqualTo(1);
    }

    @Test
    void whoeverWaitsIsWokenByTheOldestOnly() {
        AckWindow window = window(0, 10);
        emit(window, 0, 1, 2);
        assertThat(window.arm()).isTrue();

        window.acknowledge(1);
        assertThat(wakes).hasValue(0);
        window.acknowledge(0);
        assertThat(wakes).hasValue(1);

        assertThat(window.arm()).as("2 is in flight").isTrue();
        window.acknowledge(2);
        assertThat(wakes).hasValue(2);
        assertThat(window.arm()).as("nothing is in flight").isFalse();
    }

    @Test
    void manyRoundsOfTheRingAreAsTheFirst() {
        AckWindow window = window(7, 64);
        for (long offset = 7; offset < 10_000; offset += 2) {
            emit(window, offset, offset + 1);
            window.acknowledge(offset + 1);
            assertThat(window.advance()).isEqualTo(offset);
            window.acknowledge(offset);
            assertThat(window.advance()).isEqualTo(offset + 2);
        }
    }

    @Test
    void agreesWithAPlainModelOnRandomSequences() {
        for (int i = 0; i < SEQUENCES; i++) {
            long seed = SEED + i;
            try {
                compareWithModel(new SplittableRandom(seed));
            } catch (AssertionError e) {
                throw new AssertionError("replay with -Dreactivemq.sequences=1 -DackWindow.seed=" + seed, e);
            }
        }
    }

    private void compareWithModel(SplittableRandom random) {
        int limit = 1 + random.nextInt(random.nextBoolean() ? 8 : 200);
        long start = random.nextInt(1000);
        AckWindow window = window(start, limit);
        BitSet done = new BitSet();
        List<Long> inFlight = new ArrayList<>();
        long base = start;
        long next = start;
        for (int step = 0; step < 60; step++) {
            if (random.nextInt(100) < 55) {
                long offset = next + (random.nextInt(10) == 0 ? random.nextInt(2 * limit + 70) : 0);
                boolean room = inFlight.isEmpty() || offset - base < limit;
                check(window.hasRoom(offset), room, "room", offset);
                if (room) {
                    window.emitting(offset);
                    done.set((int) (next - start), (int) (offset - start));
                    inFlight.add(offset);
                    next = offset + 1;
                }
            } else if (!inFlight.isEmpty()) {
                long offset = inFlight.remove(random.nextInt(Math.min(inFlight.size(), 1 + random.nextInt(50))));
                check(window.acknowledge(offset), true, "acknowledgement", offset);
                done.set((int) (offset - start));
            }
            base = Math.min(next, start + done.nextClearBit((int) (base - start)));
            if (random.nextInt(3) == 0) {
                check(window.advance(), base, "base", base);
            }
            if (random.nextInt(8) == 0) {
                check(window.unacknowledged(), (long) inFlight.size(), "unacknowledged", base);
                check(window.isQuiet(), inFlight.isEmpty(), "quiet", base);
            }
        }
        inFlight.forEach(window::acknowledge);
        check(window.advance(), next, "base at the end", next);
    }

    /** An assertion costs more than a hundred steps of a sequence. */
    private static void check(Object actual, Object expected, String what, long offset) {
        if (!actual.equals(expected)) {
            throw new AssertionError(what + " at offset " + offset + ": expected " + expected + ", was " + actual);
        }
    }

    @Test
    void acknowledgementsFromSeveralThreadsAllCount() {
        for (int round = 0; round < 500; round++) {
            AckWindow window = window(0, 192);
            emitAll(window, 192);
            RaceTestUtils.race(
                    () -> acknowledge(window, 0, 192, 3),
                    () -> acknowledge(window, 1, 192, 3),
                    () -> acknowledge(window, 2, 192, 3),
                    window::advance);
            assertThat(window.advance()).isEqualTo(192);
        }
    }

    private static void emitAll(AckWindow window, int count) {
        for (int offset = 0; offset < count; offset++) {
            window.emitting(offset);
        }
    }

    private static void acknowledge(AckWindow window, int from, int until, int step) {
        for (int offset = from; offset < until; offset += step) {
            window.acknowledge(offset);
        }
    }

    /** The worker waits for the oldest again and again, while another thread acknowledges as fast as it can. */
    @Test
    void whoeverIsArmedIsWoken() {
        int count = 1 << 14;
        for (int round = 0; round < 300; round++) {
            AckWindow window = window(0, count);
            emitAll(window, count);
            wakes.set(0);
            AtomicBoolean finished = new AtomicBoolean();
            boolean[] forgotten = new boolean[1];
            RaceTestUtils.race(
                    () -> {
                        acknowledge(window, 0, count, 1);
                        finished.set(true);
                    },
                    () -> {
                        while (!window.isQuiet() && !forgotten[0]) {
                            int before = wakes.get();
                            if (window.arm()) {
                                forgotten[0] = !isWokenAfter(before, finished);
                            }
                        }
                    });
            assertThat(forgotten[0])
                    .as("round %d: armed and never woken", round)
                    .isFalse();
        }
    }

    /** A single core is the other's as well. */
    private static void letTheOtherGoOn(int spins) {
        if (spins % 2_000 == 0) {
            LockSupport.parkNanos(1);
        } else {
            Thread.onSpinWait();
        }
    }

    private boolean isWokenAfter(int before, AtomicBoolean finished) {
        int spins = 0;
        while (wakes.get() == before) {
            if (finished.get() && wakes.get() == before) {
                return false;
            }
            letTheOtherGoOn(++spins);
        }
        return true;
    }

    /** The worker keeps up with the acknowledgements, then closes and looks a last time. */
    @Test
    void anAcknowledgementThatSucceedsWhileTheWindowClosesIsFound() {
        int count = 1 << 14;
        SplittableRandom random = new SplittableRandom(SEED);
        for (int round = 0; round < 1_000; round++) {
            AckWindow window = window(0, count);
            emitAll(window, count);
            long closeAt = 1 + random.nextLong(count / 2);
            long[] succeeded = new long[1];
            long[] base = new long[1];
            RaceTestUtils.race(
                    () -> {
                        while (succeeded[0] < count && window.acknowledge(succeeded[0])) {
                            succeeded[0]++;
                        }
                    },
                    () -> {
                        for (int spins = 0; window.advance() < closeAt; ) {
                            letTheOtherGoOn(++spins);
                        }
                        window.close();
                        base[0] = window.advance();
                    });
            assertThat(base[0])
                    .as("round %d, seed %d: found behind the close", round, SEED)
                    .isGreaterThanOrEqualTo(succeeded[0]);
        }
    }
}
