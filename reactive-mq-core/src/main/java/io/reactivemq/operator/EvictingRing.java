package io.reactivemq.operator;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A ring whose producer takes back the oldest element when it holds one more than its capacity. So there are two that
 * take: the consumer the oldest, whichever it is; the producer element {@code tail - capacity - 1} or none.
 *
 * <p>That is why it is not one of JCTools': those take the oldest as of now. Between the producer's look at the count and its
 * taking the consumer may have made room, and then an element goes that need not have gone. With a capacity of 1 it would
 * be the newest, and the consumer would never see the latest state. Here both claim by moving {@code head} from the value
 * they looked at, so one of them fails: the consumer looks again, the producer has nothing left to do.
 *
 * <p>Who has claimed a slot clears it. The producer waits for that before it writes there again, which is a turn of the whole
 * ring later: the window is two instructions of the consumer, and the ring has more slots than its capacity. It does not yield, as
 * JCTools' rings of many consumers do not; nor spin politely, since BlockHound takes {@code Thread.onSpinWait} for a blocking call.
 *
 * <p>Invariant: {@code head <= tail <= head + capacity}, and one more between {@link #offer} and {@link #evict}.
 */
final class EvictingRing<E> implements Ring<E> {

    private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Object[].class);
    private static final VarHandle HEAD = index("head");
    private static final VarHandle TAIL = index("tail");

    private final Object[] slots;
    private final int mask;
    private final int capacity;

    /** How many have left. Moved by both sides, by compare-and-set. */
    private volatile long head;

    /** How many have come. Written by the producer. */
    private volatile long tail;

    EvictingRing(int capacity) {
        this.capacity = capacity;
        // a power of two above the capacity: the newest comes before the oldest goes
        this.slots = new Object[Integer.highestOneBit(capacity) << 1];
        this.mask = slots.length - 1;
    }

    private static VarHandle index(String name) {
        try {
            return MethodHandles.lookup().findVarHandle(EvictingRing.class, name, long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** To be followed by {@link #evict}. */
    @Override
    public boolean offer(E element) {
        long index = tail;
        int slot = (int) index & mask;
        while (SLOT.getAcquire(slots, slot) != null) {
            // the consumer is about to clear it
        }
        SLOT.setRelease(slots, slot, element);
        TAIL.setRelease(this, index + 1);
        return true;
    }

    /** By the producer: takes the oldest if there is one too many; null if not. */
    @Nullable E evict() {
        long index = head;
        return tail - index > capacity ? claim(index) : null;
    }

    @Override
    public @Nullable E poll() {
        for (; ; ) {
            long index = head;
            if (index == tail) {
                return null;
            }
            E element = claim(index);
            if (element != null) {
                return element;
            }
        }
    }

    /** Null if the other side was quicker. */
    @SuppressWarnings("unchecked") // only offer writes elements
    private @Nullable E claim(long index) {
        int slot = (int) index & mask;
        Object element = SLOT.getAcquire(slots, slot);
        if (!HEAD.compareAndSet(this, index, index + 1)) {
            return null;
        }
        SLOT.setRelease(slots, slot, null);
        return (E) element;
    }

    @Override
    public long currentConsumerIndex() {
        return head;
    }

    @Override
    public boolean isEmpty() {
        return head == tail;
    }

    @Override
    public int size() {
        long from = head;
        return (int) Math.min(tail - from, capacity);
    }
}
