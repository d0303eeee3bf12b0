package io.reactivemq.operator;

import io.reactivemq.MqException;
import io.reactivemq.operator.spill.SpillQueue;
import io.reactivemq.storage.DirectoryLock;
import io.reactivemq.storage.StorageException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A spill's directory: locked, so that it is nobody else's, and the queue in it. For one thread at a time. */
final class SpillDirectory {

    /** It may still be held by a subscription that was just cancelled. */
    private static final long LOCK_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(2);

    private static final long LOCK_DELAY_MAX_MS = 64;

    private final SpillSpec<?> spec;
    private final SpillOutage locking;
    private @Nullable DirectoryLock lock;
    private @Nullable SpillQueue queue;

    /** @param wake called when the lock is to be tried again */
    SpillDirectory(SpillSpec<?> spec, Runnable wake) {
        this.spec = spec;
        this.locking = new SpillOutage(spec.runtime(), wake);
    }

    /** The queue, if it is open. */
    @Nullable SpillQueue queue() {
        return queue;
    }

    /**
     * The queue, opened where it is not yet; null if that is to be tried again later.
     *
     * @throws MqException where there is no use in trying
     */
    @Nullable SpillQueue open() {
        if (queue != null || locking.isPausing()) {
            return queue;
        }
        try {
            if (lock == null) {
                SpillQueue.makeDirectory(spec.store(), spec.directory(), spec.files());
                lock = spec.store().lock(spec.directory());
            }
            queue = SpillQueue.open(spec.store(), spec.directory(), spec.files());
        } catch (StorageException e) {
            boolean mayBeGivenUpSoon = e.operation() == StorageException.Operation.LOCK;
            if (!mayBeGivenUpSoon || !locking.isBorne(LOCK_TIMEOUT_NANOS, LOCK_DELAY_MAX_MS)) {
                throw new MqException(
                        e.errorCode(), spec.describe() + " can't use its directory: " + e.getMessage(), e);
            }
        }
        return queue;
    }

    /** Behind the queue's end: gives up the lock. */
    void close() {
        locking.dispose();
        DirectoryLock held = lock;
        if (held != null) {
            held.close();
        }
    }
}
