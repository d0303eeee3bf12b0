package io.reactivemq.operator;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.operator.spill.SpillBuffer;
import io.reactivemq.operator.spill.SpillQueue;
import io.reactivemq.storage.StorageException;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
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
final class SpillMover<T> {

    private static final Logger LOGGER = LoggerFactory.getLogger(SpillMover.class);

    /** Frames written in one cycle, before the consumer's end gets its turn. */
    private static final int FRAMES_PER_CYCLE = 4;

    private static final long RETRY_DELAY_MAX_MS = 4_096;

    private final SpillSubscriber<T> subscriber;
    private final SpillSpec<T> spec;
    private final SpillCodec<T> codec;
    private final SpillHead<T> head;
    private final SpillBuffer buffer;
    private final SpillDemand demand;
    private final DutyCycle turns;
    private final SpillDirectory directory;
    private final SpillOutage reading;
    private final SpillOutage writing;

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

    private final SpillPlaces places = new SpillPlaces();

    /** A failure is on its way to the consumer, behind what was taken before. */
    private boolean failing;

    /** What can't be read may be of use to somebody. */
    private boolean keepsFiles;

    SpillMover(
            SpillSubscriber<T> subscriber,
            SpillSpec<T> spec,
            SpillCodec<T> codec,
            SpillHead<T> head,
            SpillBuffer buffer,
            SpillDemand demand) {
        this.subscriber = subscriber;
        this.spec = spec;
        this.codec = codec;
        this.head = head;
        this.buffer = buffer;
        this.demand = demand;
        this.turns = new DutyCycle(spec.runtime(), this::cycle, this::unforeseen, this::stopped);
        this.directory = new SpillDirectory(spec, this::wake);
        this.reading = new SpillOutage(spec.runtime(), this::wake);
        this.writing = new SpillOutage(spec.runtime(), this::wake);
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
        turns.wake();
    }

    /** The runtime has been stopped. What is in files stays there: they are the io threads'. */
    private void stopped(RejectedExecutionException e) {
        if (closed) {
            return;
        }
        fail(e);
        done = true;
        discardBuffer();
        closed = true;
        subscriber.drain();
    }

    // --- the duty cycle ------------------------------------------------------------------------------------------

    private void unforeseen(Throwable failure) {
        Exceptions.throwIfJvmFatal(failure);
        keepsFiles = true;
        failAtOnce(failure);
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
        // before the files hear of what was taken: for what is taken later there is room in the next turn, so that a
        // kill
        // repeats no more than the head holds
        int room = head.free();
        retire(files, subscriber.taken());
        boolean worked = false;
        boolean moving = isMoving(files);
        if (moving) {
            worked = fill(files, room);
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

    private @Nullable SpillQueue openedQueue() {
        try {
            return directory.open();
        } catch (RuntimeException e) {
            failAtOnce(e);
            return null;
        }
    }

    // --- towards the consumer ------------------------------------------------------------------------------------

    /** Tells the files what was delivered. */
    private void retire(SpillQueue files, long taken) {
        long consumed = places.sequenceBelow(taken);
        if (consumed > files.consumedSequence()) {
            long before = files.diskBytes();
            try {
                files.consumed(consumed);
            } catch (StorageException e) {
                failBehind(e);
            }
            if (files.diskBytes() < before) {
                // there may be room now
                writing.isDue();
            }
        }
    }

    /** Adds to the head as many as there was room for; true if something came into it. */
    private boolean fill(SpillQueue files, int free) {
        int room = reading.isPausing() ? 0 : Math.min(free, head.free());
        int left = room;
        boolean fromBuffer = false;
        try {
            for (; left > 0; left--) {
                ByteBuffer bytes = files.next();
                if (bytes != null) {
                    T element = deserialized(bytes, files);
                    long sequence = files.readSequence() - 1;
                    places.add(head.tail(), sequence);
                    subscriber.timed().comesToHead(sequence, head.tail());
                    head.add(element);
                    continue;
                }
                bytes = buffer.next();
                if (bytes == null) {
                    break;
                }
                fromBuffer = true;
                T element = codec.deserialize(bytes, "an element that waits to be written");
                if (buffer.watchedAt() == 0) {
                    subscriber.timed().comesToHead(head.tail());
                }
                head.add(element);
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
        if (reading.isNew()) {
            LOGGER.warn("{} can't read; it tries again for {}", spec.describe(), spec.retryTimeout(), e);
        }
        if (!reading.isBorne(spec.retryTimeout().toNanos(), RETRY_DELAY_MAX_MS)) {
            keepsFiles = true;
            failAtOnce(new MqException(e.errorCode(), spec.describe() + " can't be read: " + e.getMessage(), e));
        }
    }

    private T deserialized(ByteBuffer bytes, SpillQueue files) {
        try {
            return codec.deserialize(bytes);
        } catch (RuntimeException e) {
            throw codec.unreadable(files.describeLast(), e);
        }
    }

    /** True if that has come about already. */
    private boolean chooseWakeAt(SpillQueue files) {
        long place = Long.MAX_VALUE;
        if (isMoving(files) && !reading.isPausing()) {
            place = head.tail() - head.capacity / 2;
        }
        if (!places.isEmpty()) {
            long half = places.end() - head.capacity / 2;
            place = Math.min(place, half > subscriber.taken() ? half : places.end());
        }
        wakeAt = place;
        VarHandle.fullFence();
        return subscriber.taken() >= place;
    }

    // --- towards the files ---------------------------------------------------------------------------------------

    /** Writes what the buffer holds; true if something was. */
    private boolean write(SpillQueue files) {
        if (failing || done || buffer.isEmpty() || writing.isPausing()) {
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
            if (buffer.watchedAt() >= 0) {
                subscriber.timed().goesToFiles(files.writtenSequence() - count + buffer.watchedAt());
            }
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
        if (reading.isPausing()) {
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
                subscriber.timed().leavesFiles(files.readSequence() - 1);
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
            subscriber.timed().goesBackToBuffer(files.writtenSequence());
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
        if (writing.isNew()) {
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
            if (demand.isLow()) {
                subscriber.requestOnWorker(demand.ask());
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
        reading.dispose();
        writing.dispose();
        SpillQueue files = directory.queue();
        if (files != null) {
            inGoodOrder(() -> {
                if (spec.files().keep() && subscriber.isCancelled() && !failing) {
                    writeRest(files);
                }
                retire(files, subscriber.taken());
            });
            boolean deletes = !spec.files().keep() && !keepsFiles;
            if (deletes) {
                subscriber.deleted(files.unread());
            }
            inGoodOrder(() -> files.close(deletes));
            unread = 0;
            diskBytes = 0;
        }
        inGoodOrder(this::discardBuffer);
        inGoodOrder(directory::close);
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
                subscriber.discard(codec.deserialize(bytes));
            } catch (RuntimeException e) {
                LOGGER.debug("{}: an element that is let go can't be read", spec.describe(), e);
            }
        }
        buffer.mark();
        buffer.release();
    }
}
