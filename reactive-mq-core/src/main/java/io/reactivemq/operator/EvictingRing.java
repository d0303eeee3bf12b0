package io.reactivemq.operator;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A ring whose producer, when it is full, puts the newest element in the place of the oldest and takes that. So there are two that
 * take: the consumer the oldest, whichever it is; the producer element {@code tail - capacity} or none.
 *
 * <p>That is why it is not one of JCTools': those take the oldest as of now. Between the producer's look at the count and its
 * taking the consumer may have made room, and then an element goes that need not have gone. With a capacity of 1 it would
 * be the newest, and the consumer would never see the latest state.
 *
 * <p>Each side takes by one exchange of a slot, for the newer element or for null, and has what was in it. The producer's is always what
 * it wants: only it fills the slot. The consumer's may be newer than the oldest, if the producer has come round to that slot
 * meanwhile. It can tell, since the producer says what it is about to write before it does ({@code claimed}). Then it
 * puts the element back and looks again. If that fails, the producer has written there once more since the consumer took: it has found the
 * slot empty and dropped nothing, and just before that the element was the oldest. So the consumer may have it, and everything older is gone.
 *
 * <p>The consumer waits for an element that is claimed and not yet written: the window is two instructions of the producer. It does not yield, as
 * JCTools' rings do not; nor spin politely, since BlockHound takes {@code Thread.onSpinWait} for a blocking call. The producer never
 * waits.
 *
 * <p>Invariant: {@code head <= tail <= claimed <= tail + 1}. What waits is {@code max(head, tail - capacity)} up to {@code tail}.
 */
final class EvictingRing<E> implements Ring<E> {

    private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Object[].class);
    private static final VarHandle HEAD = index("head");
    private static final VarHandle TAIL = index("tail");
    private static final VarHandle CLAIMED = index("claimed");

    /** As many as the capacity, so that the newest comes to where the oldest is. Null where nothing waits. */
    private final Object[] slots;

    /** The slot of the next element. Written by the producer. */
    private int next;

    /** No element below it waits. Written by the consumer. */
    private volatile long head;

    /** How many have come. Written by the producer. */
    private volatile long tail;

    /** How many have come, or are about to: one more while an element is being written. Written by the producer. */
    private volatile long claimed;

    EvictingRing(int capacity) {
        this.slots = new Object[capacity];
    }

    private static VarHandle index(String name) {
        try {
            return MethodHandles.lookup().findVarHandle(EvictingRing.class, name, long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /**
     * By the producer: adds an element and returns the oldest if there is one too many; null if not. It is a full fence between the
     * element's coming, as {@link #isEmpty} sees it, and what the producer looks at next.
     */
    @Override
    @SuppressWarnings("unchecked") // only elements are written
    public @Nullable E put(E element) {
        long count = (long) TAIL.get(this) + 1;
        int slot = next;
        next = slot + 1 == slots.length ? 0 : slot + 1;
        CLAIMED.setOpaque(this, count);
        E oldest = (E) SLOT.getAndSet(slots, slot, element);
        TAIL.setRelease(this, count);
        return oldest;
    }

    @Override
    @SuppressWarnings("unchecked") // only elements are written
    public @Nullable E poll() {
        int capacity = slots.length;
        for (; ; ) {
            long end = tail;
            long index = Math.max(head, end - capacity);
            if (index == end) {
                if (index == claimed) {
                    return null;
                }
                continue;
            }
            int slot = slotOf(index);
            Object element = SLOT.getAndSet(slots, slot, null);
            // claimed again: it may be the newer one
            if (claimed - index > capacity && SLOT.compareAndSet(slots, slot, null, element)) {
                continue;
            }
            HEAD.setRelease(this, index + 1);
            return (E) element;
        }
    }

    private int slotOf(long index) {
        int capacity = slots.length;
        // a division costs more than all else here
        return (capacity & (capacity - 1)) == 0 ? (int) index & (capacity - 1) : (int) (index % capacity);
    }

    @Override
    public long currentConsumerIndex() {
        return head;
    }

    @Override
    public boolean isEmpty() {
        // first what has left
        long from = head;
        return from == claimed;
    }

    @Override
    public int size() {
        long from = head;
        return (int) Math.min(tail - from, slots.length);
    }
}
