package io.reactivemq.assign;

import java.util.Objects;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The partitioner behind {@link Partitioners#salted}.
 *
 * <p>Each hot key has a turn of its own. With one for all of them, keys that come in a pattern would not be spread: of two that alternate, over two partitions, each would
 * meet the same turn again and again.
 */
final class Salted<K> implements KeyPartitioner<K> {

    private final KeyPartitioner<K> base;
    private final Supplier<Function<K, @Nullable Turn>> detectors;

    /** The turn of a hot key; null: it is not hot. */
    private final Function<K, @Nullable Turn> hot;

    private final int spread;

    Salted(KeyPartitioner<K> base, Supplier<Function<K, @Nullable Turn>> detectors, int spread) {
        this.base = Objects.requireNonNull(base, "base");
        this.detectors = detectors;
        this.hot = detectors.get();
        this.spread = spread;
    }

    @Override
    public int partition(K key, int partitions) {
        int home = base.partition(key, partitions);
        Turn turn = hot.apply(key);
        if (turn == null) {
            return home;
        }
        int index = home + turn.take(Math.min(spread, partitions));
        return index < partitions ? index : index - partitions;
    }

    @Override
    public KeyPartitioner<K> forOneSource() {
        return new Salted<>(base.forOneSource(), detectors, spread);
    }
}
