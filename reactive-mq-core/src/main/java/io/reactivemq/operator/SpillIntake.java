package io.reactivemq.operator;

import io.reactivemq.operator.spill.SpillBuffer;
import java.nio.ByteBuffer;
import reactor.core.Exceptions;

/** What the source's thread does with an element that can't go straight into the head: makes it bytes, and sees that these are bounded. */
final class SpillIntake<T> {

    private final SpillSubscriber<T> subscriber;
    private final SpillSpec<T> spec;
    private final SpillCodec<T> codec;
    private final SpillBuffer buffer;
    private final SpillDemand demand;
    private final SpillWait wait;

    SpillIntake(
            SpillSubscriber<T> subscriber,
            SpillSpec<T> spec,
            SpillCodec<T> codec,
            SpillBuffer buffer,
            SpillDemand demand,
            SpillWait wait) {
        this.subscriber = subscriber;
        this.spec = spec;
        this.codec = codec;
        this.buffer = buffer;
        this.demand = demand;
        this.wait = wait;
    }

    /** False where the element is not taken: then it is let go, and that is the end. */
    boolean take(T element) {
        byte[] bytes;
        try {
            bytes = codec.serialize(element);
        } catch (Throwable failure) {
            subscriber.stop(failure, element);
            subscriber.discard(element);
            return false;
        }
        if (buffer.bytes() >= spec.bufferBytes() && !makeRoom(element)) {
            return false;
        }
        if (wait.isFree()) {
            wait.goesToBuffer();
            buffer.watchNext();
        }
        buffer.add(bytes);
        try {
            spec.onSpilled().accept(element);
        } catch (Throwable failure) {
            subscriber.stop(failure, element);
        }
        return true;
    }

    /** As many bytes wait to be written as may. False where the element is not taken: then it is let go. */
    private boolean makeRoom(T element) {
        switch (spec.whenFull()) {
            case DROP_OLDEST -> {
                return dropOldest(element);
            }
            case BLOCK -> {
                if (!demand.isExceeded()) {
                    return true;
                }
                overflow(element, ": the source sends more than is requested");
            }
            case ERROR, DROP_NEWEST -> overflow(element, ": the disk is slower than the source");
        }
        return false;
    }

    private boolean dropOldest(T newest) {
        boolean watching = buffer.isWatching();
        boolean more = true;
        while (more && buffer.bytes() >= spec.bufferBytes()) {
            more = buffer.evict(bytes -> evicted(bytes, newest));
        }
        if (watching && !buffer.isWatching()) {
            wait.letGo();
        }
        if (subscriber.isDone()) {
            // one that went has brought about the end, and this one comes behind it
            subscriber.discard(newest);
            return false;
        }
        return true;
    }

    /** Lets an element go that was to be written; one that can't be read ends the source, and the others go as well. */
    private void evicted(ByteBuffer bytes, T newest) {
        T oldest;
        try {
            oldest = codec.deserialize(bytes, "an element that waits to be written");
        } catch (Throwable failure) {
            subscriber.countDropped();
            subscriber.stop(failure, newest);
            return;
        }
        drop(oldest);
    }

    private void overflow(T element, String why) {
        subscriber.stop(
                Exceptions.failWithOverflow(spec.describe() + " is full, with " + buffer.bytes() + " of "
                        + spec.bufferBytes() + " bytes waiting to be written" + why),
                element);
        drop(element);
    }

    private void drop(T element) {
        try {
            subscriber.tellDropped(element);
        } catch (Throwable failure) {
            subscriber.stop(failure, element);
        }
        subscriber.discard(element);
    }
}
