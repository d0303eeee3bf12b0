package io.reactivemq.assign;

import java.util.Arrays;
import java.util.function.ToIntFunction;

/**
 * The partitioner behind {@link Partitioners#consistentHash}: each partition has points on a ring of 2^32, and a key belongs to the first
 * point at or after its hash. The points of a partition do not depend on how many partitions there are, so one more partition takes
 * from the others only what lies before its own points.
 */
final class HashRing<K> implements KeyPartitioner<K> {

    private static final int[] EMPTY = {};

    private final ToIntFunction<? super K> hash;
    private final int virtualNodes;

    /** Of how many partitions the ring is. */
    private int partitions;

    /** The points in order; unsigned, moved to the range of int. */
    private int[] points = EMPTY;

    /** The partition of each point. */
    private int[] owners = EMPTY;

    HashRing(ToIntFunction<? super K> hash, int virtualNodes) {
        this.hash = hash;
        this.virtualNodes = virtualNodes;
    }

    @Override
    public int partition(K key, int count) {
        if (count != partitions) {
            build(count);
        }
        // murmur2 spreads similar keys over nearby values at times; the ring needs them apart
        int at = Arrays.binarySearch(points, mix(hash.applyAsInt(key)));
        int index = at >= 0 ? at : -at - 1;
        return owners[index == points.length ? 0 : index];
    }

    private void build(int count) {
        long[] ring = new long[count * virtualNodes];
        for (int partition = 0; partition < count; partition++) {
            for (int node = 0; node < virtualNodes; node++) {
                long point = mix(Murmur2.hash((long) partition << 32 | node));
                ring[partition * virtualNodes + node] = point << 32 | partition;
            }
        }
        // where two points fall together, the smaller partition has it, whatever the number of partitions
        Arrays.sort(ring);
        points = new int[ring.length];
        owners = new int[ring.length];
        int size = 0;
        for (long entry : ring) {
            int point = (int) (entry >> 32);
            if (size == 0 || points[size - 1] != point) {
                points[size] = point;
                owners[size++] = (int) entry;
            }
        }
        points = Arrays.copyOf(points, size);
        owners = Arrays.copyOf(owners, size);
        partitions = count;
    }

    /** The finish of the 32-bit MurmurHash3: a bijection that spreads every bit. */
    private static int mix(int value) {
        int mixed = value;
        mixed ^= mixed >>> 16;
        mixed *= 0x85ebca6b;
        mixed ^= mixed >>> 13;
        mixed *= 0xc2b2ae35;
        return mixed ^ mixed >>> 16;
    }

    @Override
    public KeyPartitioner<K> forOneSource() {
        return new HashRing<>(hash, virtualNodes);
    }
}
