package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A ring that lets the oldest go:")
class EvictingRingTest {

    private static final int STEPS = 200_000;

    /** Of two threads, each as fast as it can. */
    private static final int ELEMENTS = Integer.getInteger("reactivemq.rounds", 2_000) * 150;

    @ParameterizedTest(name = "of capacity {0}")
    @ValueSource(ints = {1, 2, 3, 4, 7, 8, 1000})
    @DisplayName("M11 on one thread it is a queue that lets the oldest go when it holds one too many:")
    void isAQueueThatLetsTheOldestGo(int capacity) {
        long seed = 20_261_122L + capacity;
        SplittableRandom random = new SplittableRandom(seed);
        EvictingRing<Integer> ring = new EvictingRing<>(capacity);
        Deque<Integer> model = new ArrayDeque<>();
        int leaning = 0;
        for (int step = 0; step < STEPS; step++) {
            if (step % 500 == 0) {
                leaning = random.nextInt(101);
            }
            if (random.nextInt(100) < leaning) {
                model.add(step);
                Integer expected = model.size() > capacity ? model.poll() : null;
                assertThat(ring.put(step)).as("seed %d, step %d", seed, step).isEqualTo(expected);
            } else {
                assertThat(ring.poll()).as("seed %d, step %d", seed, step).isEqualTo(model.poll());
            }
            assertThat(ring.size()).as("seed %d, step %d", seed, step).isEqualTo(model.size());
            assertThat(ring.isEmpty()).as("seed %d, step %d", seed, step).isEqualTo(model.isEmpty());
        }
    }

    @Test
    @DisplayName("what has left it is not kept from the garbage collector")
    void forgetsWhatHasLeft() throws ReflectiveOperationException {
        EvictingRing<Object> ring = new EvictingRing<>(4);
        for (int i = 0; i < 7; i++) {
            ring.put(new Object());
        }
        while (ring.poll() != null) {
            // all leave
        }
        var slots = EvictingRing.class.getDeclaredField("slots");
        slots.setAccessible(true);
        assertThat((Object[]) slots.get(ring)).containsOnlyNulls();
    }

    @ParameterizedTest(name = "of capacity {0}, the consumer pausing {1}")
    @CsvSource({"1, 0", "1, 20", "2, 0", "2, 20", "3, 5", "4, 0", "7, 20", "64, 0", "64, 200"})
    @DisplayName("M11 with two threads each element leaves once, in order, and none goes for which there was room:")
    void eachLeavesOnceInOrder(int capacity, int pause) throws Exception {
        EvictingRing<Integer> ring = new EvictingRing<>(capacity);
        byte[] emitted = new byte[ELEMENTS];
        byte[] dropped = new byte[ELEMENTS];
        Integer[] values = new Integer[ELEMENTS];
        Arrays.setAll(values, i -> i);
        CompletableFuture<Void> producer = CompletableFuture.runAsync(() -> {
            for (int i = 0; i < ELEMENTS; i++) {
                Integer oldest = ring.put(values[i]);
                if (oldest != null) {
                    // exactly the one that is one too many
                    assertThat(oldest).isEqualTo(i - capacity);
                    dropped[oldest]++;
                }
            }
        });
        SplittableRandom random = new SplittableRandom(capacity);
        int last = -1;
        while (!producer.isDone()) {
            last = take(ring, last, emitted);
            if (pause > 0) {
                Duel.busy(random.nextInt(pause));
            }
        }
        producer.get(60, TimeUnit.SECONDS);
        assertThat(ring.size()).isLessThanOrEqualTo(capacity);
        for (int before = -2; before != last; ) {
            before = last;
            last = take(ring, last, emitted);
        }
        assertThat(ring.isEmpty()).isTrue();
        assertThat(last).isEqualTo(ELEMENTS - 1);
        for (int i = 0; i < ELEMENTS; i++) {
            assertThat(emitted[i] + dropped[i]).as("element %d", i).isOne();
        }
    }

    private static int take(EvictingRing<Integer> ring, int last, byte[] emitted) {
        @Nullable Integer element = ring.poll();
        if (element == null) {
            return last;
        }
        assertThat(element).as("after %d", last).isGreaterThan(last);
        emitted[element]++;
        return element;
    }
}
