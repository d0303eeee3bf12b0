package io.reactivemq.broker;

import java.io.Closeable;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Says of a fetch how its records may come, and keeps account of them: lent, where they lie, or copied, as far as there is {@link FetchMemory}. Whatever
 * becomes of the answer, also where it never comes or is dropped on its way, closing this gives back what was lent and taken, and what comes later at once.
 *
 * <p>For one fetch. While it is open the files are kept, beyond what retention says, so it is closed once the answer has been sent. Thread-safe.
 */
public final class FetchLease implements Closeable {

    private final @Nullable FetchMemory memory;
    private final boolean lends;

    /** Guarded by this. */
    private final List<LentRecords> lent = new ArrayList<>();

    /** Of {@link #memory}. Guarded by this. */
    private long copiedBytes;

    /** Whether it may have a place among those that wait. Guarded by this. */
    private boolean waits;

    /** Guarded by this. */
    private boolean closed;

    /** Of records that may be lent, or copied without bound. */
    public FetchLease() {
        this.memory = null;
        this.lends = true;
    }

    /**
     * Of records that are copied within a bound.
     *
     * @param memory what copies take
     * @param lends whether records may also be lent
     */
    public FetchLease(FetchMemory memory, boolean lends) {
        this.memory = memory;
        this.lends = lends;
    }

    /** Whether records may be lent. */
    public boolean lends() {
        return lends;
    }

    /** The broker's: hands records to whoever closes this. */
    public void lend(LentRecords records) {
        synchronized (this) {
            if (!closed) {
                lent.add(records);
                return;
            }
        }
        records.close();
    }

    /** Whether copies have a bound, so that the broker has to ask before it makes one. */
    public boolean isBounded() {
        return memory != null;
    }

    /** The broker's: how many bytes may be copied beyond those that were; one batch that has more may still find {@linkplain #take room}. */
    public synchronized int room() {
        return memory == null ? Integer.MAX_VALUE : memory.room(this, copiedBytes);
    }

    /** The broker's: takes room for a copy; false where there is not so much, and nothing was taken. */
    public synchronized boolean take(int bytes) {
        if (closed) {
            return false;
        }
        if (memory == null || bytes == 0) {
            return true;
        }
        boolean taken = memory.take(this, bytes);
        copiedBytes += taken ? bytes : 0;
        return taken;
    }

    /** The broker's: notes that a copy has that many bytes more than were taken for it, or less where that is below 0. */
    public void correct(int bytes) {
        if (memory == null || bytes == 0) {
            return;
        }
        synchronized (this) {
            if (closed) {
                return;
            }
            copiedBytes += bytes;
        }
        memory.add(bytes);
    }

    /** The broker's: lets go of all copies, since the fetch is to be tried again. */
    public void dropCopies() {
        release();
    }

    /** The broker's: for want of room the fetch waits; it is woken when it is to try again, on any thread. Until {@link #noLongerWaits}. */
    public void await(Runnable wake) {
        if (memory != null) {
            synchronized (this) {
                if (closed) {
                    return;
                }
                waits = true;
            }
            memory.await(this, wake);
            synchronized (this) {
                if (!closed) {
                    return;
                }
            }
            memory.leave(this); // closed in between
        }
    }

    /** The broker's: the fetch is answered or given up, or finds nothing that it needs room for. */
    public void noLongerWaits() {
        synchronized (this) {
            if (!waits) {
                return;
            }
            waits = false;
        }
        if (memory != null) {
            memory.leave(this);
        }
    }

    private void release() {
        long back;
        synchronized (this) {
            back = copiedBytes;
            copiedBytes = 0;
        }
        if (memory != null && back > 0) {
            memory.add(-back);
        }
    }

    /** Idempotent. */
    @Override
    public void close() {
        List<LentRecords> back;
        synchronized (this) {
            closed = true;
            back = List.copyOf(lent);
            lent.clear();
        }
        back.forEach(LentRecords::close);
        release();
        noLongerWaits();
    }
}
