package io.reactivemq.assign;

import java.util.Objects;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** The partitioner behind {@link Partitioners#salted}. */
final class Salted<K> implements KeyPartitioner<K> {

    private final KeyPartitioner<K> base;
    private final Supplier<Predicate<K>> detector;
    private final Predicate<K> isHot;
    private final int spread;

    /** One for all hot keys: each of them meets it at all its values. */
    private int salt;

    Salted(KeyPartitioner<K> base, Supplier<Predicate<K>> detector, int spread) {
        this.base = Objects.requireNonNull(base, "base");
        this.detector = detector;
        this.isHot = detector.get();
        this.spread = spread;
    }

    @Override
    public int partition(K key, int partitions) {
        int home = base.partition(key, partitions);
        if (!isHot.test(key)) {
            return home;
        }
        int width = Math.min(spread, partitions);
        salt = salt + 1 < width ? salt + 1 : 0;
        int index = home + salt;
        return index < partitions ? index : index - partitions;
    }

    @Override
    public KeyPartitioner<K> forOneSource() {
        return new Salted<>(base.forOneSource(), detector, spread);
    }
}
