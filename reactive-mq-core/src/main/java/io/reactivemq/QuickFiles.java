package io.reactivemq;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Leave for a thread that must not wait, an event loop, to use files all the same, as long as they are quick: a write to the page cache takes as long
 * as a copy of the bytes, and to wake a thread of {@link MqRuntime#io()} for it, and the event loop after it, takes longer than the write.
 *
 * <p>Who owns such a thread {@linkplain #lend lends} it for a task; what is called from there may then write and read a little on it, if {@link #areQuick}
 * says so, and tells how long that {@linkplain #took took}. One use that takes {@value #SLOW_MS} ms or more, because the disk is busy and the system lets
 * writers wait, ends the leave of all threads for {@value #PAUSE_MS} ms: until then files are the io threads' alone. So a slow disk holds up event
 * loops for one use in a second.
 *
 * <p>Nobody may interrupt a thread that is lent: Java closes a file when a thread is interrupted that uses it.
 *
 * <p>Safe for many threads.
 */
public final class QuickFiles {

    static final long SLOW_MS = 10;
    static final long PAUSE_MS = 1_000;

    /** No thread is ever given leave. */
    static final QuickFiles NONE = new QuickFiles(() -> 0);

    private static final ThreadLocal<@Nullable QuickFiles> LENT = new ThreadLocal<>();

    private final LongSupplier nanoTime;
    private volatile boolean paused;

    /** Meaningful while paused. */
    private volatile long pausedSince;

    /** @param nanoTime a clock for durations, {@link MqRuntime#nanoTime} */
    public QuickFiles(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
    }

    /** Runs the task, which may use files on this thread. */
    public void lend(Runnable task) {
        if (this == NONE) {
            task.run();
            return;
        }
        QuickFiles before = LENT.get();
        LENT.set(this);
        try {
            task.run();
        } finally {
            if (before == null) {
                LENT.remove();
            } else {
                LENT.set(before);
            }
        }
    }

    /** Whether the calling thread may use files: it is lent, and they are quick. */
    public boolean areQuick() {
        if (LENT.get() != this) {
            return false;
        }
        if (paused && nanoTime.getAsLong() - pausedSince >= TimeUnit.MILLISECONDS.toNanos(PAUSE_MS)) {
            paused = false;
        }
        return !paused;
    }

    /** The time in ns, for {@link #took}. */
    public long now() {
        return nanoTime.getAsLong();
    }

    /** Tells that a thread that had leave has used files, since that time in ns of {@link #now}. */
    public void took(long since) {
        long now = nanoTime.getAsLong();
        if (now - since >= TimeUnit.MILLISECONDS.toNanos(SLOW_MS)) {
            pausedSince = now;
            paused = true;
        }
    }
}
