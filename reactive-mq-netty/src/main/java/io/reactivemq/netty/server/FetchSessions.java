package io.reactivemq.netty.server;

import io.reactivemq.MqRuntime;
import io.reactivemq.broker.FetchResult;
import java.time.Duration;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The fetch sessions of a server (KIP-227). There is a bound on them and on their partitions together. Where a new one has no room, one that was not used
 * for two minutes goes, else the smallest of those that were opened more than two minutes ago, if it is no larger than the new one; else the client is
 * told no session, and goes on naming all partitions in each fetch. A client whose session has gone is told so, and begins anew.
 *
 * <p>A session is its principal's: another's fetches do not find it. What may be read is asked at each fetch all the same.
 *
 * <p>Safe for many threads. Calls sessions while it holds its own lock; they never call it.
 */
final class FetchSessions implements AutoCloseable {

    /** What clients have for no session. */
    static final int NO_SESSION = 0;

    /** As Kafka ({@code max.incremental.fetch.session.cache.slots}). */
    static final int SESSIONS_MAX = 1_000;

    /** Of all sessions together: some 50 MiB. */
    static final int PARTITIONS_MAX = 200_000;

    /** As Kafka. */
    private static final long SAFE_NANOS = Duration.ofMinutes(2).toNanos();

    private final int sessionsMax;
    private final int partitionsMax;
    private final MqRuntime runtime;
    private final FetchSessionMeters meters;

    /** By id, the one that was not used for the longest time first. Guarded by this, as what follows. */
    private final Map<Integer, Slot> slots = new LinkedHashMap<>();

    /** Those that are old enough to give way to a larger one, the smallest first. */
    private final TreeSet<Slot> replaceable =
            new TreeSet<>(Comparator.<Slot>comparingInt(slot -> slot.size).thenComparingInt(slot -> slot.session.id()));

    private int partitions;
    private boolean closed;

    FetchSessions(int sessionsMax, int partitionsMax, MqRuntime runtime, FetchSessionMeters meters) {
        this.sessionsMax = sessionsMax;
        this.partitionsMax = partitionsMax;
        this.runtime = runtime;
        this.meters = meters;
    }

    /**
     * Opens a session after its first fetch; the arguments are those of {@link FetchSession}.
     *
     * @return its id; {@link #NO_SESSION} where there is no room
     */
    synchronized int open(
            String principal, boolean byTopicId, List<FetchPosition> asked, List<FetchResult.Partition> found) {
        long now = runtime.nanoTime();
        if (closed || !areShort(asked) || !makeRoom(asked.size(), now)) {
            return NO_SESSION;
        }
        int id;
        do {
            id = runtime.random().nextInt(1, Integer.MAX_VALUE);
        } while (slots.containsKey(id));
        Slot slot = new Slot(new FetchSession(id, principal, byTopicId, asked, found), now);
        slots.put(id, slot);
        resize(slot, slot.session.size());
        meters.opened();
        return id;
    }

    private boolean makeRoom(int size, long now) {
        if (size > partitionsMax) {
            return false;
        }
        while (slots.size() >= sessionsMax || partitions + size > partitionsMax) {
            Slot leaving = leaving(size, now);
            if (leaving == null) {
                return false;
            }
            remove(leaving);
            meters.evicted();
        }
        return true;
    }

    /** Who gives way to a session of that size; null: nobody. */
    private @Nullable Slot leaving(int size, long now) {
        if (slots.isEmpty()) {
            return null;
        }
        Slot idle = slots.values().iterator().next();
        if (now - idle.usedNanos > SAFE_NANOS) {
            return idle;
        }
        Slot smallest = replaceable.isEmpty() ? null : replaceable.first();
        return smallest != null && smallest.size <= size ? smallest : null;
    }

    /** The session of that id, if it is that principal's. */
    synchronized @Nullable FetchSession find(int id, String principal) {
        Slot slot = slots.get(id);
        return slot != null && slot.session.principal().equals(principal) ? slot.session : null;
    }

    /**
     * Notes that a fetch has begun in a session, and how many partitions that has by now; one that has none is let go of.
     *
     * @return false: there are more partitions than there is room for, and the session has been let go of
     */
    synchronized boolean used(FetchSession session) {
        int size = session.size();
        Slot slot = slots.get(session.id());
        if (slot == null || slot.session != session) {
            return true; // let go of by another fetch meanwhile: this is its last one
        }
        long now = runtime.nanoTime();
        if (size == 0) {
            remove(slot);
            return true;
        }
        if (partitions - slot.size + size > partitionsMax) {
            remove(slot);
            meters.evicted();
            return false;
        }
        slot.usedNanos = now;
        slots.remove(session.id());
        slots.put(session.id(), slot);
        boolean isOld = now - slot.openedNanos > SAFE_NANOS;
        if (size != slot.size || isOld != slot.replaceable) {
            replaceable.remove(slot);
            resize(slot, size);
            slot.replaceable = isOld;
            if (isOld) {
                replaceable.add(slot);
            }
        }
        meters.used();
        return true;
    }

    private void resize(Slot slot, int size) {
        partitions += size - slot.size;
        slot.size = size;
    }

    /** Whether all may be remembered. */
    static boolean areShort(List<FetchPosition> asked) {
        for (FetchPosition position : asked) {
            if (!position.isShort()) {
                return false;
            }
        }
        return true;
    }

    /** Lets go of a session, if it is there and that principal's. */
    synchronized void close(int id, String principal) {
        Slot slot = slots.get(id);
        if (slot != null && slot.session.principal().equals(principal)) {
            remove(slot);
        }
    }

    private void remove(Slot slot) {
        slots.remove(slot.session.id());
        replaceable.remove(slot);
        resize(slot, 0);
        meters.closed();
    }

    synchronized int size() {
        return slots.size();
    }

    /** Of all sessions. */
    synchronized int partitions() {
        return partitions;
    }

    /** Lets go of all sessions and opens no more. Idempotent. */
    @Override
    public synchronized void close() {
        closed = true;
        List.copyOf(slots.values()).forEach(this::remove);
    }

    /** A session, and what its place depends on. */
    private static final class Slot {

        private final FetchSession session;
        private final long openedNanos;
        private long usedNanos;

        /** How many partitions it is counted with. */
        private int size;

        /** Whether it is among those. */
        private boolean replaceable;

        Slot(FetchSession session, long now) {
            this.session = session;
            this.openedNanos = now;
            this.usedNanos = now;
        }
    }
}
