package io.reactivemq.assign;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Counts the keys that come most often, in fixed space (Metwally, Agrawal, El Abbadi: Efficient computation of frequent and top-k elements in
 * data streams, 2005). A key without a counter takes over the smallest one: its count is the upper bound of how often it
 * can have come, and what it took over is the error. So {@code count - error} is how often it has come at least.
 *
 * <p>Counters of equal count hang in one bucket, and buckets are linked in the order of their counts: each step is O(1).
 *
 * <p>Invariant: bucket counts rise strictly along the links; no bucket is empty; {@code 0 <= error <= count}.
 */
final class SpaceSaving<K> {

    private final HotKeys limits;
    private final Map<K, Counter<K>> counters;

    /** The bucket of the smallest counts. */
    private @Nullable Bucket<K> smallest;

    private int observed;

    SpaceSaving(HotKeys limits) {
        this.limits = limits;
        this.counters = new HashMap<>(limits.counters() * 2);
    }

    /**
     * Counts the key. Its turn if it is hot: surely more than its share of what was counted, this one included; else null. A key keeps its turn as long as its counter.
     */
    @Nullable Turn hot(K key) {
        if (observed == limits.window()) {
            halve();
        }
        observed++;
        Counter<K> counter = count(key);
        boolean isHot =
                observed * 10L >= limits.window() && counter.count() - counter.error > limits.share() * observed;
        return isHot ? counter : null;
    }

    /** The least and the most that the key can have come since the counts began; for tests. */
    long atLeast(K key) {
        Counter<K> counter = counters.get(key);
        return counter == null ? 0 : counter.count() - counter.error;
    }

    long atMost(K key) {
        Counter<K> counter = counters.get(key);
        if (counter != null) {
            return counter.count();
        }
        return counters.size() < limits.counters() || smallest == null ? 0 : smallest.count;
    }

    int size() {
        return counters.size();
    }

    private Counter<K> count(K key) {
        Counter<K> counter = counters.get(key);
        if (counter == null) {
            counter = counters.size() < limits.counters() ? new Counter<>() : takeSmallest();
            counter.key = key;
            counters.put(key, counter);
        }
        raise(counter);
        return counter;
    }

    private Counter<K> takeSmallest() {
        Bucket<K> bucket = smallest;
        if (bucket == null || bucket.first == null || bucket.first.key == null) {
            throw new IllegalStateException("all " + counters.size() + " counters are taken, and none is the smallest");
        }
        Counter<K> counter = bucket.first;
        counters.remove(counter.key);
        counter.error = bucket.count;
        counter.restart();
        return counter;
    }

    /** Moves the counter to the bucket of one more. */
    private void raise(Counter<K> counter) {
        Bucket<K> from = counter.bucket;
        long count = counter.count() + 1;
        Bucket<K> next = from == null ? smallest : from.next;
        if (next == null || next.count != count) {
            Bucket<K> bucket = new Bucket<>(count);
            link(bucket, from, next);
            next = bucket;
        }
        if (from != null) {
            from.remove(counter);
            if (from.first == null) {
                link(null, from.previous, next);
            }
        }
        next.add(counter);
    }

    /** Makes {@code left}, {@code middle} (if any) and {@code right} neighbours. */
    private void link(@Nullable Bucket<K> middle, @Nullable Bucket<K> left, @Nullable Bucket<K> right) {
        if (middle != null) {
            middle.previous = left;
            middle.next = right;
        }
        Bucket<K> afterLeft = middle == null ? right : middle;
        Bucket<K> beforeRight = middle == null ? left : middle;
        if (left == null) {
            smallest = afterLeft;
        } else {
            left.next = afterLeft;
        }
        if (right != null) {
            right.previous = beforeRight;
        }
    }

    /** Rounds the lower bounds down and the upper bounds up, so both stay bounds. */
    private void halve() {
        observed /= 2;
        Bucket<K> last = null;
        Bucket<K> bucket = smallest;
        smallest = null;
        while (bucket != null) {
            Bucket<K> following = bucket.next;
            long half = (bucket.count + 1) / 2;
            if (last == null || last.count != half) {
                Bucket<K> fresh = new Bucket<>(half);
                link(fresh, last, null);
                last = fresh;
            }
            for (Counter<K> counter = bucket.first; counter != null; ) {
                Counter<K> sibling = counter.next;
                counter.error = half - (bucket.count - counter.error) / 2;
                counter.next = null;
                counter.previous = null;
                last.add(counter);
                counter = sibling;
            }
            bucket = following;
        }
    }

    private static final class Counter<K> extends Turn {
        private @Nullable K key;
        private long error;
        private @Nullable Bucket<K> bucket;
        private @Nullable Counter<K> previous;
        private @Nullable Counter<K> next;

        long count() {
            return bucket == null ? 0 : bucket.count;
        }
    }

    private static final class Bucket<K> {
        private final long count;
        private @Nullable Counter<K> first;
        private @Nullable Bucket<K> previous;
        private @Nullable Bucket<K> next;

        Bucket(long count) {
            this.count = count;
        }

        void add(Counter<K> counter) {
            counter.bucket = this;
            counter.previous = null;
            counter.next = first;
            if (first != null) {
                first.previous = counter;
            }
            first = counter;
        }

        void remove(Counter<K> counter) {
            if (counter.previous == null) {
                first = counter.next;
            } else {
                counter.previous.next = counter.next;
            }
            if (counter.next != null) {
                counter.next.previous = counter.previous;
            }
        }
    }
}
