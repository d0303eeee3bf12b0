package io.reactivemq.operator;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.operator.FluxSpill.Spec;
import io.reactivemq.operator.FluxSpill.SpillSubscriber;
import io.reactivemq.operator.spill.SpillBuffer;
import io.reactivemq.operator.spill.SpillQueue;
import io.reactivemq.storage.DirectoryLock;
import io.reactivemq.storage.StorageException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.Exceptions;

/**
 * The part of a spill that has to do with files: a duty cycle on the io threads, one at a time. A cycle records what was
 * delivered, fills the head from the files (or, where there is nothing in files, from the buffer), writes what the buffer holds,
 * and asks the source for more. It runs again until it finds nothing to do, and is woken by an element in the buffer, by the
 * consumer having taken as many as {@link #wakeAt} says, by a timer, by the end.
 *
 * <p><b>Failed writes</b> are tried again, later and later, until the timeout; the elements stay in the buffer. Then, or at once where
 * a force failed, the spill fails in good order: the source is cancelled, what is in files is delivered, then what is in the
 * buffer, then the error. Bytes that can't be read are an error at once, and no file is deleted any more.
 */
final class SpillMover<T> implements Runnable {

    private static final Logger LOGGER = LoggerFactory.getLogger(SpillMover.class);

    private static final VarHandle STATE = state();

    /** No work, and no task scheduled. */
    private static final int IDLE = 0;
    /** A duty cycle is under way. */
    private static final int RUNNING = 1;
    /** Something has come since it began, or a task is scheduled. */
    private static final int SIGNALLED = 2;

    /** Duty cycles before the thread goes to others that share it. */
    private static final int CYCLES_MAX = 64;

    /** Frames written in one cycle, before the consumer's end gets its turn. */
    private static final int FRAMES_PER_CYCLE = 4;

    /** The directory may still be held by a subscription that was just cancelled. */
    private static final long LOCK_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(2);

    private static final long LOCK_DELAY_MAX_MS = 64;
    private static final long RETRY_DELAY_MAX_MS = 4_096;

    private final SpillSubscriber<T> subscriber;
    private final Spec<T> spec;
    private final SpillHead<T> head;
    private final SpillBuffer buffer;
    private final Outage locking = new Outage();
    private final Outage reading = new Outage();
    private final Outage writing = new Outage();

    private volatile int state;

    // written by the mover, read by others

    /** How many elements from the buffer are in the head, if nothing else is on its way there; -1: the files are not open yet. */
    private volatile long clear = -1;

    /** How many elements the consumer must have taken to make the mover's work. */
    private volatile long wakeAt = Long.MAX_VALUE;

    private volatile long unread;
    private volatile long diskBytes;
    private volatile @Nullable Throwable failure;

    /** After a failure: all that can be delivered is in the head. */
    private volatile boolean done;

    private volatile boolean closed;

    // the mover's own

    private @Nullable DirectoryLock lock;
    private @Nullable SpillQueue queue;

    /** Elements from files that are in the head, by their places there; contiguous ones in one run. */
    private final Deque<Run> runs = new ArrayDeque<>();

    /** A failure is on its way to the consumer, behind what was taken before. */
    private boolean failing;

    /** What can't be read may be of use to somebody. */
    private boolean keepsFiles;

    /** What fails, and is tried again, later and later. */
    private final class Outage {
        private final Disposable.Swap timer = Disposables.swap();
        private int failures;
        private long sinceNanos;

        /** The next attempt is not due yet. */
        private volatile boolean pausing;

        /** An attempt has failed. False if that has been so for so long that there is to be no other. */
        boolean isBorne(long timeoutNanos, long delayMaxMs) {
            long now = spec.runtime().nanoTime();
            if (failures == 0) {
                sinceNanos = now;
            }
            long left = timeoutNanos - (now - sinceNanos);
            if (left <= 0) {
                return false;
            }
            long delay = Math.min(delayMaxMs, 1L << Math.min(failures, 20));
            failures++;
            pausing = true;
            timer.update(spec.runtime()
                    .timers()
                    .schedule(
                            this::resume, Math.min(left, TimeUnit.MILLISECONDS.toNanos(delay)), TimeUnit.NANOSECONDS));
            return true;
        }

        /** Something has changed: the next attempt is due. */
        void resume() {
            pausing = false;
            wake();
        }

        void isOver() {
            failures = 0;
        }

        void dispose() {
            timer.dispose();
        }
    }

    private static final class Run {
        final long firstPlace;
        final long firstSequence;
        long count;

        Run(long firstPlace, long firstSequence) {
            this.firstPlace = firstPlace;
            this.firstSequence = firstSequence;
        }

        long endPlace() {
            return firstPlace + count;
        }

        long endSequence() {
            return firstSequence + count;
        }
    }

    SpillMover(SpillSubscriber<T> subscriber, Spec<T> spec, SpillHead<T> head, SpillBuffer buffer) {
        this.subscriber = subscriber;
        this.spec = spec;
        this.head = head;
        this.buffer = buffer;
    }

    private static VarHandle state() {
        try {
            return MethodHandles.lookup().findVarHandle(SpillMover.class, "state", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    // --- from any thread -----------------------------------------------------------------------------------------

    /** Whether all elements, {@code accepted} by the buffer so far, are in the head. */
    boolean isClear(long accepted) {
        return clear == accepted;
    }

    long wakeAt() {
        return wakeAt;
    }

    /** How many elements are in files and not in the head. */
    long unread() {
        return unread;
    }

    long diskBytes() {
        return diskBytes;
    }

    @Nullable Throwable failure() {
        return failure;
    }

    /** No more comes into the head, because of a failure. */
    boolean isDone() {
        return done;
    }

    /** The directory has been given up. */
    boolean isClosed() {
        return closed;
    }

    /** There may be work. */
    void wake() {
        VarHandle.fullFence();
        if (state != SIGNALLED && (int) STATE.getAndSet(this, SIGNALLED) == IDLE) {
            schedule();
        }
    }

    private void schedule() {
        try {
            spec.runtime().io().schedule(this);
        } catch (RejectedExecutionException e) {
            // stopped: nobody else will run this any more
            fail(e);
            done = true;
            discardBuffer();
            closed = true;
            subscriber.drain();
        }
    }

    // --- the duty cycle ------------------------------------------------------------------------------------------

    @Override
    public void run() {
        for (int cycles = 0; ; cycles++) {
            if (cycles == CYCLES_MAX) {
                state = SIGNALLED;
                schedule();
                return;
            }
            state = RUNNING;
            VarHandle.fullFence();
            boolean more = false;
            try {
                more = cycle();
            } catch (Throwable unforeseen) {
                Exceptions.throwIfJvmFatal(unforeseen);
                keepsFiles = true;
                failAtOnce(unforeseen);
            }
            if (!more && STATE.compareAndSet(this, RUNNING, IDLE)) {
                return;
            }
        }
    }

    /** True if it may find more to do at once. */
    private boolean cycle() {
        if (closed) {
            discardBuffer();
            return false;
        }
        if (subscriber.isOver()) {
            close();
            return false;
        }
        if (subscriber.isCancelled() || done) {
            return false;
        }
        SpillQueue files = openedQueue();
        if (files == null) {
            return false;
        }
        retire(files, subscriber.taken());
        boolean worked = false;
        boolean moving = isMoving(files);
        if (moving) {
            worked = fill(files);
            worked |= write(files);
        }
        if (moving || clear < 0 || failing) {
            settle(files);
        }
        unread = files.unread();
        diskBytes = files.diskBytes();
        return chooseWakeAt(files) || worked;
    }

    /** Something is between the two ends. Then it is this one's turn to add to the head. */
    private boolean isMoving(SpillQueue files) {
        return !buffer.isEmpty() || files.unread() > 0;
    }

    // --- opening -------------------------------------------------------------------------------------------------

    private @Nullable SpillQueue openedQueue() {
        SpillQueue files = queue;
        if (files != null) {
            return files;
        }
        if (locking.pausing) {
            return null;
        }
        try {
            if (lock == null) {
                SpillQueue.makeDirectory(spec.store(), spec.directory(), spec.files());
                lock = spec.store().lock(spec.directory());
            }
            files = SpillQueue.open(spec.store(), spec.directory(), spec.files());
            queue = files;
            return files;
        } catch (StorageException e) {
            boolean mayBeGivenUpSoon = e.operation() == StorageException.Operation.LOCK;
            if (!mayBeGivenUpSoon || !locking.isBorne(LOCK_TIMEOUT_NANOS, LOCK_DELAY_MAX_MS)) {
                failAtOnce(new MqException(
                        e.errorCode(), spec.describe() + " can't use its directory: " + e.getMessage(), e));
            }
        } catch (RuntimeException e) {
            failAtOnce(e);
        }
        return null;
    }

    // --- towards the consumer ------------------------------------------------------------------------------------

    /** Tells the files what was delivered. */
    private void retire(SpillQueue files, long taken) {
        long consumed = -1;
        for (Run run = runs.peekFirst(); run != null && run.firstPlace < taken; run = runs.peekFirst()) {
            if (run.endPlace() > taken) {
                consumed = run.firstSequence + taken - run.firstPlace;
                break;
            }
            consumed = run.endSequence();
            runs.removeFirst();
        }
        if (consumed > files.consumedSequence()) {
            long before = files.diskBytes();
            try {
                files.consumed(consumed);
            } catch (StorageException e) {
                failBehind(e);
            }
            if (files.diskBytes() < before) {
                // there may be room now
                writing.pausing = false;
            }
        }
    }

    /** Fills the head; true if something came into it. */
    private boolean fill(SpillQueue files) {
        int room = reading.pausing ? 0 : head.free();
        int left = room;
        boolean fromBuffer = false;
        try {
            for (; left > 0; left--) {
                ByteBuffer bytes = files.next();
                if (bytes != null) {
                    T element = deserialized(bytes, files);
                    addRun(head.tail(), files.readSequence() - 1);
                    head.add(element);
                    continue;
                }
                bytes = buffer.next();
                if (bytes == null) {
                    break;
                }
                fromBuffer = true;
                head.add(deserialized(bytes, "an element that waits to be written"));
            }
            reading.isOver();
        } catch (StorageException e) {
            readFailed(e);
        } catch (RuntimeException e) {
            keepsFiles = true;
            failAtOnce(e);
        }
        if (fromBuffer) {
            buffer.mark();
            buffer.release();
        }
        if (left < room) {
            subscriber.signal();
        }
        return left < room;
    }

    private void readFailed(StorageException e) {
        if (reading.failures == 0) {
            LOGGER.warn("{} can't read; it tries again for {}", spec.describe(), spec.retryTimeout(), e);
        }
        if (!reading.isBorne(spec.retryTimeout().toNanos(), RETRY_DELAY_MAX_MS)) {
            keepsFiles = true;
            failAtOnce(new MqException(e.errorCode(), spec.describe() + " can't be read: " + e.getMessage(), e));
        }
    }

    private void addRun(long place, long sequence) {
        Run run = runs.peekLast();
        if (run == null || run.endPlace() != place || run.endSequence() != sequence) {
            run = new Run(place, sequence);
            runs.addLast(run);
        }
        run.count++;
    }

    private T deserialized(ByteBuffer bytes, SpillQueue files) {
        try {
            return deserialized(bytes);
        } catch (RuntimeException e) {
            throw unreadable(files.describeLast(), e);
        }
    }

    /** @param what the element, for the error's message */
    T deserialized(ByteBuffer bytes, String what) {
        try {
            return deserialized(bytes);
        } catch (RuntimeException e) {
            throw unreadable(what, e);
        }
    }

    private T deserialized(ByteBuffer bytes) {
        T element = spec.serde().deserialize(bytes);
        if (element == null) {
            throw new IllegalStateException("it returned null");
        }
        return element;
    }

    private MqException unreadable(String what, RuntimeException cause) {
        return new MqException(
                ErrorCode.INVALID_RECORD, spec.describe() + ": the serde can't read " + what + ": " + cause, cause);
    }

    /** True if that has come about already. */
    private boolean chooseWakeAt(SpillQueue files) {
        long place = Long.MAX_VALUE;
        if (isMoving(files) && !reading.pausing) {
            place = head.tail() - head.capacity / 2;
        }
        Run run = runs.peekLast();
        if (run != null) {
            long half = run.endPlace() - head.capacity / 2;
            place = Math.min(place, half > subscriber.taken() ? half : run.endPlace());
        }
        wakeAt = place;
        VarHandle.fullFence();
        return subscriber.taken() >= place;
    }

    // --- towards the files ---------------------------------------------------------------------------------------

    /** Writes what the buffer holds; true if something was. */
    private boolean write(SpillQueue files) {
        if (failing || done || buffer.isEmpty() || writing.pausing) {
            return false;
        }
        long elements = 0;
        long bytes = 0;
        boolean madeRoom = false;
        RuntimeException failed = null;
        for (int frames = 0; frames < FRAMES_PER_CYCLE && !buffer.isEmpty(); frames++) {
            ByteBuffer frame = files.frame(buffer.nextBytes());
            int count = buffer.copyTo(frame);
            long cost = files.cost(frame);
            if (files.diskBytes() + cost > spec.maxBytes()) {
                buffer.reset();
                madeRoom = full(files);
                break;
            }
            try {
                files.append(frame, count);
            } catch (RuntimeException e) {
                buffer.reset();
                failed = e;
                break;
            }
            buffer.mark();
            elements += count;
            bytes += cost;
        }
        if (elements > 0) {
            failed = forced(files, failed);
            if (!files.isFenced() || !spec.files().forced()) {
                buffer.release();
                subscriber.spilled(elements, bytes);
                writing.isOver();
            }
        }
        return failed == null ? elements > 0 || madeRoom : writeFailed(files, failed) || elements > 0;
    }

    /** The error, if there is one, of this or of what was before. */
    private @Nullable RuntimeException forced(SpillQueue files, @Nullable RuntimeException before) {
        try {
            files.force();
            return before;
        } catch (RuntimeException e) {
            return e;
        }
    }

    /** The limit is reached. True if there is room now. */
    private boolean full(SpillQueue files) {
        switch (spec.whenFull()) {
            case BLOCK -> {
                return false;
            }
            case DROP_OLDEST -> {
                return dropOldest(files);
            }
            case ERROR, DROP_NEWEST ->
                failBehind(Exceptions.failWithOverflow(spec.describe() + " is full, with " + files.diskBytes() + " of "
                        + spec.maxBytes() + " bytes: the consumer is slower than the source"));
        }
        return false;
    }

    /** Lets go what is in the oldest segment and not in the head, and deletes it. */
    private boolean dropOldest(SpillQueue files) {
        if (reading.pausing) {
            return false;
        }
        long before = files.diskBytes();
        long end = files.endOfOldest();
        try {
            while (files.readSequence() < end) {
                ByteBuffer bytes = files.next();
                if (bytes == null) {
                    break;
                }
                T element = deserialized(bytes, files);
                try {
                    subscriber.tellDropped(element);
                } catch (Throwable callback) {
                    Exceptions.throwIfJvmFatal(callback);
                    failBehind(callback);
                } finally {
                    subscriber.discard(element);
                }
            }
            files.dropRead();
        } catch (StorageException e) {
            readFailed(e);
            return false;
        } catch (RuntimeException e) {
            keepsFiles = true;
            failAtOnce(e);
            return false;
        }
        return files.diskBytes() < before;
    }

    /** True if it can be tried again at once. */
    private boolean writeFailed(SpillQueue files, RuntimeException e) {
        if (files.isFenced()) {
            // what was not forced is looked at again, from the release on
            buffer.resetToReleased();
            failBehind(new MqException(
                    ErrorCode.KAFKA_STORAGE_ERROR,
                    spec.describe() + " can't be written any more: " + e.getMessage(),
                    e));
            return true;
        }
        if (spec.whenFull() == OverflowStrategy.ERROR) {
            failBehind(unwritable(e));
            return true;
        }
        if (spec.whenFull() == OverflowStrategy.DROP_OLDEST && dropOldest(files)) {
            return true;
        }
        if (writing.failures == 0) {
            LOGGER.warn("{} can't write; it tries again for {}", spec.describe(), spec.retryTimeout(), e);
        }
        if (!writing.isBorne(spec.retryTimeout().toNanos(), RETRY_DELAY_MAX_MS)) {
            failBehind(unwritable(e));
            return true;
        }
        return false;
    }

    private MqException unwritable(RuntimeException e) {
        return new MqException(
                ErrorCode.KAFKA_STORAGE_ERROR, spec.describe() + " can't be written: " + e.getMessage(), e);
    }

    /** Says what has become of it all, and asks for more where there is room. */
    private void settle(SpillQueue files) {
        if (done) {
            return;
        }
        if (spec.blocks() && !failing && buffer.bytes() < spec.bufferBytes()) {
            if (subscriber.openDemand() <= spec.prefetch() >> 2) {
                subscriber.requestOnWorker(subscriber.ask());
            }
        }
        if (buffer.isEmpty() && files.unread() == 0) {
            if (failing) {
                done = true;
            } else {
                clear = buffer.released();
            }
            subscriber.signal();
        }
    }

    // --- failing and closing -------------------------------------------------------------------------------------

    private void fail(Throwable cause) {
        if (failure == null) {
            failure = cause;
        } else if (failure != cause) {
            failure.addSuppressed(cause);
        }
        failing = true;
        subscriber.refuse();
    }

    /** Behind all that was taken. */
    private void failBehind(Throwable cause) {
        fail(cause);
    }

    /** Behind what is in the head. */
    private void failAtOnce(Throwable cause) {
        fail(cause);
        done = true;
        subscriber.signal();
    }

    private void close() {
        locking.dispose();
        reading.dispose();
        writing.dispose();
        SpillQueue files = queue;
        if (files != null) {
            inGoodOrder(() -> {
                if (spec.files().keep() && subscriber.isCancelled() && !failing) {
                    writeRest(files);
                }
                retire(files, subscriber.taken());
            });
            inGoodOrder(() -> files.close(!spec.files().keep() && !keepsFiles));
            unread = 0;
            diskBytes = 0;
        }
        inGoodOrder(this::discardBuffer);
        DirectoryLock held = lock;
        if (held != null) {
            inGoodOrder(held::close);
        }
        closed = true;
        subscriber.closed();
    }

    /** At the end nobody can do anything about a failure but read of it. */
    private void inGoodOrder(Runnable step) {
        try {
            step.run();
        } catch (RuntimeException e) {
            LOGGER.warn("{} could not be closed in good order", spec.describe(), e);
        }
    }

    /** What was taken as bytes goes to those that stay, as far as there is room. */
    private void writeRest(SpillQueue files) {
        try {
            while (!buffer.isEmpty()) {
                ByteBuffer frame = files.frame(buffer.nextBytes());
                int count = buffer.copyTo(frame);
                if (files.diskBytes() + files.cost(frame) > spec.maxBytes()) {
                    break;
                }
                files.append(frame, count);
                buffer.mark();
            }
            files.force();
            buffer.release();
        } catch (RuntimeException e) {
            LOGGER.warn("{} could not write all that waited when it was cancelled", spec.describe(), e);
        }
        buffer.resetToReleased();
    }

    private void discardBuffer() {
        for (ByteBuffer bytes = buffer.next(); bytes != null; bytes = buffer.next()) {
            try {
                subscriber.discard(deserialized(bytes));
            } catch (RuntimeException e) {
                LOGGER.debug("{}: an element that is let go can't be read", spec.describe(), e);
            }
        }
        buffer.mark();
        buffer.release();
    }
}
