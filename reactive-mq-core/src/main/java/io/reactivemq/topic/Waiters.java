package io.reactivemq.topic;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Who waits for a partition to move. Safe for many threads. */
final class Waiters {

    /** Guarded by this. Woken in the order in which they came, so that a simulated run can be repeated. Made by the first. */
    private @Nullable Set<Runnable> all;

    synchronized void add(Runnable waiter) {
        if (all == null) {
            all = new LinkedHashSet<>();
        }
        all.add(waiter);
    }

    synchronized void remove(Runnable waiter) {
        if (all != null) {
            all.remove(waiter);
        }
    }

    void wake() {
        List<Runnable> now;
        synchronized (this) {
            if (all == null || all.isEmpty()) {
                return;
            }
            now = List.copyOf(all);
        }
        now.forEach(Runnable::run);
    }
}
