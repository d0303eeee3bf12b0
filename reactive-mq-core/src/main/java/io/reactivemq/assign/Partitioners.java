package io.reactivemq.assign;

import io.reactivemq.Serde;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** The partitioners that come with this library. All can be shared; those with state make their own for each source. */
public final class Partitioners {

    /** The most virtual nodes a partition can have. The ring of 1,000 partitions then has 4 million, in 50 MB. */
    public static final int VIRTUAL_NODES_MAX = 4096;

    /** Virtual nodes a partition, where none are asked for: the fullest partition gets about a quarter more than its share. */
    public static final int VIRTUAL_NODES_DEFAULT = 128;

    private static final KeyPartitioner<Object> MURMUR2 = new Murmur2Partitioner();

    private Partitioners() {}

    /**
     * Kafka's placement: {@link Murmur2} on the bytes that Kafka's own serializers make of the key. For a {@code String} that is UTF-8, for
     * {@code Integer}, {@code Long} and {@code Short} big-endian, for a {@code UUID} its text, for {@code byte[]} the bytes themselves. A key of
     * another type is an error: {@link #murmur2(Serde)}.
     */
    @SuppressWarnings("unchecked") // it takes any object
    public static <K> KeyPartitioner<K> murmur2() {
        return (KeyPartitioner<K>) MURMUR2;
    }

    /** {@link #murmur2()} on the bytes that a serde makes of the key. */
    public static <K> KeyPartitioner<K> murmur2(Serde<? super K> serde) {
        Objects.requireNonNull(serde, "serde");
        return (key, partitions) -> Murmur2.partition(serde.serialize(key), partitions);
    }

    /** One after the other, whatever the key: perfectly even, and without order per key. */
    public static <K> KeyPartitioner<K> roundRobin() {
        return new TakingTurns<>(1);
    }

    /**
     * A run of elements to one partition, then a run to the next, whatever the key: for consumers that work in batches. Without order per
     * key.
     *
     * @param run how many elements in a row, 1 or more
     */
    public static <K> KeyPartitioner<K> sticky(int run) {
        if (run < 1) {
            throw new IllegalArgumentException("run must be 1 or more, but is " + run);
        }
        return new TakingTurns<>(run);
    }

    /** {@link #consistentHash(int)} with {@link #VIRTUAL_NODES_DEFAULT}. */
    public static <K> KeyPartitioner<K> consistentHash() {
        return consistentHash(VIRTUAL_NODES_DEFAULT);
    }

    /**
     * Consistent hashing: when there are N partitions in place of N - 1, about one key in N moves, and each of these to the new
     * partition (Karger et al., 1997). Of the keys that {@link #murmur2()} takes.
     *
     * @param virtualNodes points a partition has on the ring, from 1 to {@link #VIRTUAL_NODES_MAX}; more make it more even
     */
    public static <K> KeyPartitioner<K> consistentHash(int virtualNodes) {
        return new HashRing<>(KeyBytes::hash, checked(virtualNodes));
    }

    /** {@link #consistentHash(int)} on the bytes that a serde makes of the key. */
    public static <K> KeyPartitioner<K> consistentHash(Serde<? super K> serde, int virtualNodes) {
        Objects.requireNonNull(serde, "serde");
        return new HashRing<>(key -> Murmur2.hash(serde.serialize(key)), checked(virtualNodes));
    }

    private static int checked(int virtualNodes) {
        if (virtualNodes < 1 || virtualNodes > VIRTUAL_NODES_MAX) {
            throw new IllegalArgumentException(
                    "virtualNodes must be between 1 and " + VIRTUAL_NODES_MAX + ", but is " + virtualNodes);
        }
        return virtualNodes;
    }

    /**
     * Spreads hot keys: the elements of each take turns over {@code spread} neighbouring partitions, beginning with the one that {@code base}
     * says. Each key has turns of its own, so it is spread evenly however the keys are mixed. The order per key is given up for these keys, and for no other.
     *
     * @param base places the other keys
     * @param hot the keys
     * @param spread over how many partitions; all of them if there are fewer
     */
    public static <K> KeyPartitioner<K> salted(KeyPartitioner<K> base, Set<? extends K> hot, int spread) {
        Set<K> keys = Set.copyOf(hot);
        return new Salted<>(
                base,
                () -> {
                    Map<K, Turn> turns = new HashMap<>();
                    keys.forEach(key -> turns.put(key, new Turn()));
                    return turns::get;
                },
                checkedSpread(spread));
    }

    /**
     * {@link #salted(KeyPartitioner, Set, int)}, with the hot keys found as the elements pass: a key is hot as long as it surely makes up more than {@code share} of
     * the latest elements. A space-saving sketch counts them (Metwally, Agrawal, El Abbadi, 2005); its counts are halved after each {@code window}
     * elements, so a key cools down. The turns begin anew when a key has lost its counter. A key never above its share is never taken for hot: the sketch's lower bound decides.
     *
     * <p>The order is given up for the keys that are hot, while they are, and where they become hot or cool down.
     *
     * @param base places the other keys
     * @param sketch how the hot keys are found
     * @param spread over how many partitions; all of them if there are fewer
     */
    public static <K> KeyPartitioner<K> salted(KeyPartitioner<K> base, HotKeys sketch, int spread) {
        return new Salted<>(
                base,
                () -> {
                    SpaceSaving<K> counts = new SpaceSaving<>(sketch);
                    return counts::hot;
                },
                checkedSpread(spread));
    }

    private static int checkedSpread(int spread) {
        if (spread < 1) {
            throw new IllegalArgumentException("spread must be 1 or more, but is " + spread);
        }
        return spread;
    }
}
