package io.reactivemq.operator;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/** The keys seen last, bounded by count and by age. For one thread at a time. */
final class SeenKeys<K> {

    /** No bound of age. */
    static final long EVER = Long.MAX_VALUE;

    private final int capacity;
    private final long withinNanos;

    /** When each was seen first, the oldest first. */
    private final Map<K, Long> seen = new LinkedHashMap<>();

    SeenKeys(int capacity, long withinNanos) {
        this.capacity = capacity;
        this.withinNanos = withinNanos;
    }

    boolean contains(K key, long nowNanos) {
        forget(nowNanos);
        return seen.containsKey(key);
    }

    /** Returns false, and leaves its age as it is, if it is there. */
    boolean add(K key, long nowNanos) {
        forget(nowNanos);
        if (seen.putIfAbsent(key, nowNanos) != null) {
            return false;
        }
        if (seen.size() > capacity) {
            Iterator<K> oldest = seen.keySet().iterator();
            oldest.next();
            oldest.remove();
        }
        return true;
    }

    private void forget(long nowNanos) {
        if (withinNanos == EVER) {
            return;
        }
        Iterator<Long> oldest = seen.values().iterator();
        while (oldest.hasNext() && nowNanos - oldest.next() >= withinNanos) {
            oldest.remove();
        }
    }

    int size() {
        return seen.size();
    }
}
