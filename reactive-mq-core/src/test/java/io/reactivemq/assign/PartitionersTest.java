package io.reactivemq.assign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.reactivemq.Serde;
import io.reactivemq.Serdes;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.serialization.IntegerSerializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.ShortSerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.serialization.UUIDSerializer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Partitioners:")
class PartitionersTest {

    @Test
    @DisplayName("K01 murmur2 places each kind of key where Kafka's serializer and partitioner place it")
    void murmur2() {
        KeyPartitioner<Object> partitioner = Partitioners.murmur2();
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 10_000; i++) {
            int partitions = random.nextInt(1, 200);
            long number = random.nextLong();
            check(partitioner, (int) number, new IntegerSerializer().serialize("", (int) number), partitions);
            check(partitioner, number, new LongSerializer().serialize("", number), partitions);
            check(partitioner, (short) number, new ShortSerializer().serialize("", (short) number), partitions);
            String text = "kéy-\u20ac-" + Long.toString(number, 36);
            check(partitioner, text, new StringSerializer().serialize("", text), partitions);
            check(
                    partitioner,
                    text.getBytes(StandardCharsets.UTF_16),
                    text.getBytes(StandardCharsets.UTF_16),
                    partitions);
            UUID id = new UUID(number, random.nextLong());
            check(partitioner, id, new UUIDSerializer().serialize("", id), partitions);
            byte[] bytes = ByteBuffer.allocate(8).putLong(number).array();
            assertThat(Murmur2.hash(number)).isEqualTo(Murmur2.hash(bytes));
            assertThat(Murmur2.hash((int) number)).isEqualTo(Murmur2.hash(Arrays.copyOfRange(bytes, 4, 8)));
        }
    }

    private static void check(KeyPartitioner<Object> partitioner, Object key, byte[] bytes, int partitions) {
        assertThat(partitioner.partition(key, partitions))
                .isEqualTo(BuiltInPartitioner.partitionForKey(bytes, partitions));
    }

    @Test
    @DisplayName("K01 murmur2 takes other keys with a serde, and says so")
    void murmur2OfOtherKeys() {
        Serde<List<String>> serde =
                Serde.of(list -> String.join(",", list).getBytes(StandardCharsets.UTF_8), bytes -> List.of());
        assertThat(Partitioners.<List<String>>murmur2(serde).partition(List.of("a", "b"), 7))
                .isEqualTo(Murmur2.partition("a,b".getBytes(StandardCharsets.UTF_8), 7));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Partitioners.<Object>murmur2().partition(1.5, 7))
                .withMessage("a key must be a String, Integer, Long, Short, UUID or byte[], but is a java.lang.Double;"
                        + " give the partitioner a Serde");
    }

    @Test
    @DisplayName("round-robin takes turns, sticky takes longer ones; each source begins anew")
    void turns() {
        assertThat(places(Partitioners.roundRobin(), 7, 3)).containsExactly(0, 1, 2, 0, 1, 2, 0);
        KeyPartitioner<Integer> sticky = Partitioners.sticky(3);
        assertThat(places(sticky, 7, 2)).containsExactly(0, 0, 0, 1, 1, 1, 0);
        assertThat(places(sticky.forOneSource(), 4, 2)).containsExactly(0, 0, 0, 1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Partitioners.sticky(0))
                .withMessage("run must be 1 or more, but is 0");
    }

    private static List<Integer> places(KeyPartitioner<Integer> partitioner, int elements, int partitions) {
        return IntStream.range(0, elements)
                .map(i -> partitioner.partition(i, partitions))
                .boxed()
                .toList();
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 8, 16, 50})
    @DisplayName(
            "M18 consistent hashing: of N partitions, the new one takes about one key in N, and no other key moves:")
    void consistentHash(int partitions) {
        int keys = 100_000;
        KeyPartitioner<String> before = Partitioners.<String>consistentHash().forOneSource();
        KeyPartitioner<String> after = Partitioners.<String>consistentHash().forOneSource();
        int moved = 0;
        int[] loads = new int[partitions];
        for (int i = 0; i < keys; i++) {
            String key = "customer-" + i;
            int old = before.partition(key, partitions - 1);
            int now = after.partition(key, partitions);
            loads[now]++;
            if (old != now) {
                moved++;
                assertThat(now).isEqualTo(partitions - 1);
            }
        }
        assertThat((double) moved / keys * partitions).isBetween(0.7, 1.3);
        for (int load : loads) {
            assertThat((double) load / keys * partitions).isBetween(0.6, 1.5);
        }
    }

    @Test
    @DisplayName("M18 consistent hashing: with a serde, and one ring for several numbers of partitions")
    void consistentHashOfOtherKeys() {
        KeyPartitioner<String> plain = Partitioners.consistentHash(16);
        KeyPartitioner<String> serialized = Partitioners.consistentHash(Serdes.string(), 16);
        for (int i = 0; i < 1000; i++) {
            assertThat(serialized.partition("key" + i, 1 + i % 9)).isEqualTo(plain.partition("key" + i, 1 + i % 9));
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Partitioners.consistentHash(0))
                .withMessage("virtualNodes must be between 1 and 4096, but is 0");
    }

    @Test
    @DisplayName("M18 salting spreads the given keys evenly, and leaves the others where they were")
    void salted() {
        KeyPartitioner<String> base = Partitioners.murmur2();
        KeyPartitioner<String> salted =
                Partitioners.salted(base, Set.of("hot"), 4).forOneSource();
        Map<Integer, Integer> hot = new HashMap<>();
        for (int i = 0; i < 4000; i++) {
            hot.merge(salted.partition("hot", 6), 1, Integer::sum);
            assertThat(salted.partition("key" + i, 6)).isEqualTo(base.partition("key" + i, 6));
        }
        int home = base.partition("hot", 6);
        assertThat(hot)
                .containsOnlyKeys(home, (home + 1) % 6, (home + 2) % 6, (home + 3) % 6)
                .containsValue(1000)
                .doesNotContainValue(999);
        // no more than there are
        assertThat(salted.partition("hot", 1)).isZero();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Partitioners.salted(base, Set.of("hot"), 0))
                .withMessage("spread must be 1 or more, but is 0");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 6})
    @DisplayName("M18 hot keys are spread evenly in whatever pattern they come, given or found; number of hot keys:")
    void saltedInPatterns(int hotKeys) {
        KeyPartitioner<Integer> base = (key, partitions) -> 5 * key % partitions;
        List<Integer> hot = IntStream.range(0, hotKeys).boxed().toList();
        for (int spread : new int[] {2, 3, 4}) {
            KeyPartitioner<Integer> given = Partitioners.salted(base, Set.copyOf(hot), spread);
            KeyPartitioner<Integer> found = Partitioners.salted(base, new HotKeys(0.1, 20, 120), spread);
            checkSpread(base, given, hot, spread);
            checkSpread(base, given.forOneSource(), hot, spread);
            checkSpread(base, found.forOneSource(), hot, spread);
        }
    }

    /** The keys in turn, then each of them twice in a row, in turn. */
    private static void checkSpread(
            KeyPartitioner<Integer> base, KeyPartitioner<Integer> salted, List<Integer> hot, int spread) {
        for (int times = 1; times <= 2; times++) {
            int[][] loads = new int[hot.size()][16];
            // 120 elements of each key until the sketch knows, then 120 that are counted
            for (int i = 0; i < 240; i += times) {
                for (int key : hot) {
                    for (int again = 0; again < times; again++) {
                        int place = salted.partition(key, 16);
                        loads[key][place] += i >= 120 ? 1 : 0;
                    }
                }
            }
            for (int key : hot) {
                int home = base.partition(key, 16);
                int[] expected = new int[16];
                IntStream.range(0, spread).forEach(i -> expected[(home + i) % 16] = 120 / spread);
                assertThat(loads[key])
                        .as("loads of key %s, spread %s, %s in a row", key, spread, times)
                        .isEqualTo(expected);
            }
        }
    }

    @Test
    @DisplayName("M18 a sketch finds the hot key, spreads it, lets it cool down, and never takes another for hot")
    void saltedBySketch() {
        KeyPartitioner<Integer> base = (key, partitions) -> key % partitions;
        KeyPartitioner<Integer> salted =
                Partitioners.salted(base, new HotKeys(0.2, 50, 10_000), 8).forOneSource();
        SplittableRandom random = new SplittableRandom(7);
        Set<Integer> places = new HashSet<>();
        for (int i = 0; i < 30_000; i++) {
            // every second element is of key 0, none other has more than a thousandth
            if (random.nextBoolean()) {
                int place = salted.partition(0, 8);
                if (i > 10_000) {
                    places.add(place);
                }
            } else {
                int key = random.nextInt(1, 1000);
                assertThat(salted.partition(key, 8)).isEqualTo(key % 8);
            }
        }
        assertThat(places).hasSize(8);
        for (int i = 0; i < 60_000; i++) {
            int key = random.nextInt(1, 1000);
            assertThat(salted.partition(key, 8)).isEqualTo(key % 8);
        }
        for (int i = 0; i < 10; i++) {
            assertThat(salted.partition(0, 8)).isZero();
        }
    }

    @Test
    @DisplayName("M18 the sketch's bounds hold at every step, on random sequences beside exact counts")
    void sketch() {
        for (int seed = 1; seed <= Integer.getInteger("reactivemq.sketches", 2_000); seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int counters = random.nextInt(2, 10);
            int window = random.nextInt(counters, 200);
            HotKeys limits = new HotKeys(0.01 + random.nextDouble() * 0.9, counters, window);
            SpaceSaving<Integer> sketch = new SpaceSaving<>(limits);
            // the exact counts, halved when the sketch's are, as numbers without rounding
            Map<Integer, Double> exact = new HashMap<>();
            int observed = 0;
            Deque<Integer> latest = new ArrayDeque<>();
            for (int i = 0; i < 300; i++) {
                if (observed == window) {
                    exact.replaceAll((key, count) -> count / 2);
                    observed /= 2;
                }
                int key = (int) (random.nextDouble() * random.nextDouble() * 20);
                latest.add(key);
                exact.merge(key, 1.0, Double::sum);
                observed++;
                boolean hot = sketch.hot(key) != null;
                double count = exact.getOrDefault(key, 0.0);
                if (hot && count <= limits.share() * observed) {
                    throw new AssertionError("seed " + seed + ": " + key + " was called hot, of " + latest);
                }
                for (Map.Entry<Integer, Double> entry : exact.entrySet()) {
                    if (sketch.atLeast(entry.getKey()) > entry.getValue()
                            || sketch.atMost(entry.getKey()) < Math.floor(entry.getValue())) {
                        throw new AssertionError(
                                "seed " + seed + ": " + entry + " is not between " + sketch.atLeast(entry.getKey())
                                        + " and " + sketch.atMost(entry.getKey()) + ", of " + latest);
                    }
                }
                if (sketch.size() > counters) {
                    throw new AssertionError("seed " + seed + ": " + sketch.size() + " counters of " + counters);
                }
            }
        }
    }

    @Test
    @DisplayName("hot keys are described within limits")
    void hotKeys() {
        assertThat(HotKeys.above(0.1)).isEqualTo(new HotKeys(0.1, 100, 100_000));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new HotKeys(0, 10, 10))
                .withMessage("share must be above 0 and below 1, but is 0.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new HotKeys(0.5, 1, 10))
                .withMessage("counters must be between 2 and 65536, but is 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new HotKeys(0.5, 10, 9))
                .withMessage("window must be 10 or more, as many as there are counters, but is 9");
    }
}
