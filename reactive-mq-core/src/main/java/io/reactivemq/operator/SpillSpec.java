package io.reactivemq.operator;

import io.reactivemq.Durability;
import io.reactivemq.MqRuntime;
import io.reactivemq.Serde;
import io.reactivemq.metrics.Metering;
import io.reactivemq.operator.spill.SpillQueue;
import io.reactivemq.storage.FileStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What is said about a spill; checked.
 *
 * @param prefetch how many elements are requested ahead, at most; only with BLOCK
 */
record SpillSpec<T>(
        Path directory,
        Serde<T> serde,
        int capacity,
        int prefetch,
        SpillQueue.Config files,
        long maxBytes,
        int bufferBytes,
        OverflowStrategy whenFull,
        Duration retryTimeout,
        @Nullable String name,
        Consumer<? super T> onDropped,
        Consumer<? super T> onSpilled,
        FileStore store,
        MqRuntime runtime,
        Metering metering) {

    /** Between these the demand is bounded that is open with the source: enough to keep it busy, whatever the capacity. */
    private static final int PREFETCH_MIN = 256;

    private static final int PREFETCH_MAX = 1 << 16;

    static <T> SpillSpec<T> of(Path directory, Serde<T> serde, int capacity, SpillOptions<T> options) {
        boolean forced = options.durability() == Durability.FSYNC;
        return new SpillSpec<>(
                directory,
                serde,
                capacity,
                Math.max(PREFETCH_MIN, Math.min(capacity, PREFETCH_MAX)),
                new SpillQueue.Config(options.recovers(), forced, options.segmentBytes()),
                options.maxBytes(),
                options.bufferBytes(),
                options.whenFull(),
                options.retryTimeout(),
                options.name(),
                options.onDropped(),
                options.onSpilled(),
                options.store(),
                options.runtime(),
                options.metering("spillToDisk"));
    }

    /** The largest element that fits in a segment. */
    int elementBytesMax() {
        return files.segmentBytes() - SpillQueue.OVERHEAD_BYTES;
    }

    String describe() {
        return (name == null ? "the spill" : "the spill '" + name + "'") + " in " + directory;
    }

    boolean blocks() {
        return whenFull == OverflowStrategy.BLOCK;
    }
}
