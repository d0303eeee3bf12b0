package io.reactivemq.operator;

import org.jctools.queues.varhandle.SpscVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;

/**
 * What {@link OverflowSubscriber} needs of a ring: one thread adds, one at a time takes. Most methods are named as JCTools names them,
 * so that its ring is one as it is.
 */
interface Ring<E> {

    /** Adds an element; returns the one that had to go for it, if the ring is one that lets the oldest go, and else null. */
    @Nullable E put(E element);

    /** Takes the oldest element. */
    @Nullable E poll();

    /** How many have left the ring since it was made. */
    long currentConsumerIndex();

    /** Reads first how many have left, then how many have come. */
    boolean isEmpty();

    int size();

    static <E> JcToolsRing<E> ofCapacity(int capacity) {
        return new JcToolsRing<>(capacity);
    }

    /** JCTools' own, rounded up to a power of two: whoever adds keeps the count. */
    final class JcToolsRing<E> extends SpscVarHandleArrayQueue<E> implements Ring<E> {

        JcToolsRing(int capacity) {
            super(capacity);
        }

        @Override
        public @Nullable E put(E element) {
            if (!offer(element)) {
                throw new IllegalStateException("a ring for " + capacity() + " elements took one too many");
            }
            return null;
        }
    }
}
