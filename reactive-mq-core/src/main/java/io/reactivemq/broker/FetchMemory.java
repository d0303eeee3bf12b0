package io.reactivemq.broker;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The bound on the records that a transport has in memory for the fetches of all its clients: from when they are read until their answers are sent.
 * Records that are {@linkplain LentRecords lent} are in no memory and do not count.
 *
 * <p>A fetch may take half of what is free, so that one alone never takes all, and one batch at least. Where there is no room for that one it waits its turn;
 * who comes later takes nothing before it. What nobody else's records are in the way of goes through, be it larger than the bound.
 *
 * <p>Invariant: {@code 0 <= taken}, and {@code taken <= bytesMax} but for one batch that was let through alone.
 *
 * <p>Thread-safe. Calls nobody while it holds its lock.
 */
public final class FetchMemory {

    private final long bytesMax;

    /** Guarded by this. */
    private long taken;

    /** Who waits, the first in turn first, and what wakes it. Guarded by this. */
    private final Map<FetchLease, Runnable> waiting = new LinkedHashMap<>();

    /** Whether a thread is waking, and whether it has to look once more: so that one who is woken and done wakes the next without recursion. Guarded by this. */
    private boolean isWaking;

    private boolean wakesAgain;

    /** @param bytesMax of the records of all fetches together, 1 or more */
    public FetchMemory(long bytesMax) {
        if (bytesMax < 1) {
            throw new IllegalArgumentException("bytesMax must be 1 or more, was " + bytesMax);
        }
        this.bytesMax = bytesMax;
    }

    /** The bytes that fetches have now. */
    public synchronized long taken() {
        return taken;
    }

    /** How many fetches wait for room. */
    public synchronized int waiting() {
        return waiting.size();
    }

    /** How much more that one may take, which has had {@code own}. */
    synchronized int room(FetchLease lease, long own) {
        long room = isBehindOthers(lease) ? 0 : (bytesMax - taken + own) / 2 - own;
        return (int) Math.min(Integer.MAX_VALUE, Math.max(0, room));
    }

    /** Takes that much, all or nothing. */
    synchronized boolean take(FetchLease lease, long bytes) {
        if (isBehindOthers(lease) || (taken > 0 && bytes > bytesMax - taken)) {
            return false;
        }
        taken += bytes;
        return true;
    }

    private boolean isBehindOthers(FetchLease lease) {
        FetchLease first = first();
        return first != null && first != lease;
    }

    private @Nullable FetchLease first() {
        return waiting.isEmpty() ? null : waiting.keySet().iterator().next();
    }

    /** Takes what came to be in memory beyond what was foreseen; less than 0: gives back. */
    void add(long bytes) {
        synchronized (this) {
            taken += bytes;
        }
        if (bytes < 0) {
            wakeFirst();
        }
    }

    /** Takes its place behind those that wait, if it has none: it is woken when it is the first, and there is more room than before. */
    void await(FetchLease lease, Runnable wake) {
        boolean isFirst;
        synchronized (this) {
            isFirst = waiting.putIfAbsent(lease, wake) == null && lease == first();
        }
        if (isFirst) {
            wakeFirst(); // something may have been given back since it has looked
        }
    }

    /** Gives up its place, if it has one. */
    void leave(FetchLease lease) {
        boolean wasFirst;
        synchronized (this) {
            wasFirst = lease == first();
            waiting.remove(lease);
        }
        if (wasFirst) {
            wakeFirst();
        }
    }

    private void wakeFirst() {
        Runnable wake = beginWaking();
        while (wake != null) {
            boolean done = false;
            try {
                wake.run();
                done = true;
            } finally {
                wake = done ? nextToWake() : endWaking();
            }
        }
    }

    private synchronized @Nullable Runnable endWaking() {
        isWaking = false;
        return null;
    }

    private synchronized @Nullable Runnable beginWaking() {
        if (isWaking) {
            wakesAgain = true;
            return null;
        }
        FetchLease first = first();
        isWaking = first != null;
        return first == null ? null : waiting.get(first);
    }

    private synchronized @Nullable Runnable nextToWake() {
        FetchLease first = first();
        isWaking = wakesAgain && first != null;
        wakesAgain = false;
        return isWaking && first != null ? waiting.get(first) : null;
    }
}
