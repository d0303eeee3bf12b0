package io.reactivemq.metrics;

import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * How full an operator's buffers are, live. The user makes one, hands it to an operator's options, and reads it whenever he
 * likes:
 *
 * <pre>{@code
 * BufferDepth depth = new BufferDepth();
 * ticks.transform(Overflow.dropOldest(4096, o -> o.depth(depth))).subscribe(...);
 * depth.getAsLong();
 * }</pre>
 *
 * <p>It is the sum over all live subscriptions of all operators that were given it; a subscription that has ended counts no more.
 * Reading takes no lock and holds nobody up; what is read may be old by the time it is used.
 */
public final class BufferDepth implements LongSupplier {

    private final Set<Buffer> live = ConcurrentHashMap.newKeySet();

    /** What one subscription tells of itself. */
    static final class Buffer {

        private final long capacity;
        private final LongSupplier depth;
        private final @Nullable LongSupplier diskBytes;

        Buffer(long capacity, LongSupplier depth, @Nullable LongSupplier diskBytes) {
            this.capacity = capacity;
            this.depth = depth;
            this.diskBytes = diskBytes;
        }

        /** What of it is in a registry. */
        Map<BufferMeter, LongSupplier> gauges() {
            Map<BufferMeter, LongSupplier> gauges = new EnumMap<>(BufferMeter.class);
            gauges.put(BufferMeter.DEPTH, depth);
            gauges.put(BufferMeter.CAPACITY, () -> capacity);
            if (diskBytes != null) {
                gauges.put(BufferMeter.DISK_BYTES, diskBytes);
            }
            return gauges;
        }
    }

    public BufferDepth() {}

    /** How many elements wait now. */
    @Override
    public long getAsLong() {
        return live.stream().mapToLong(buffer -> buffer.depth.getAsLong()).sum();
    }

    /** How many may wait in memory. */
    public long capacity() {
        return live.stream().mapToLong(buffer -> buffer.capacity).sum();
    }

    /** How many subscriptions are live. */
    public int buffers() {
        return live.size();
    }

    void join(Buffer buffer) {
        live.add(buffer);
    }

    /** Does nothing the second time. */
    void leave(Buffer buffer) {
        live.remove(buffer);
    }

    @Override
    public String toString() {
        return getAsLong() + " of " + capacity() + " elements in " + buffers() + " buffers";
    }
}
