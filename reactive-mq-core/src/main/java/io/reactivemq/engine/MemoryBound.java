package io.reactivemq.engine;

import io.reactivemq.topic.Admission;
import io.reactivemq.topic.Partition;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Holds the logs of a broker in memory to a number of bytes. At the bound, what every group has passed is let go; where that is
 * not enough, appends wait until a group has passed more.
 *
 * <p>The broker's own topics are outside of the bound: an offset that can't be committed would never free anything.
 */
final class MemoryBound implements Admission {

    private final long bytesMax;
    private Runnable reclaim = () -> {};

    /** Guarded by this. */
    private long bytes;

    /** Guarded by this. In the order in which they began to wait. */
    private final Set<Partition> waiting = new LinkedHashSet<>();

    MemoryBound(long bytesMax) {
        this.bytesMax = bytesMax;
    }

    /** What looks for bytes to let go, called when an append has to wait. Set once, before the first append. */
    void onFull(Runnable reclaim) {
        this.reclaim = reclaim;
    }

    @Override
    public boolean tryAdmit(Partition partition, int size) {
        boolean news;
        synchronized (this) {
            // a batch larger than the bound gets in alone; max.message.bytes is what refuses it
            if (bytes == 0 || bytes + size <= bytesMax) {
                bytes += size;
                waiting.remove(partition);
                return true;
            }
            news = waiting.add(partition);
        }
        if (news) {
            reclaim.run();
        }
        return false;
    }

    @Override
    public void onFreed(long freed) {
        List<Partition> all;
        synchronized (this) {
            bytes -= freed;
            if (waiting.isEmpty()) {
                return;
            }
            all = new ArrayList<>(waiting);
            waiting.clear();
        }
        all.forEach(Partition::resume);
    }

    /** Whether an append waits, so that it is worth looking for what can be let go. */
    synchronized boolean isFull() {
        return !waiting.isEmpty();
    }

    synchronized long bytes() {
        return bytes;
    }
}
