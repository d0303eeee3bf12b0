package io.reactivemq.operator;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A bounded ring that any number of threads add to and one at a time takes from, whose tail says besides whether somebody takes just
 * now and whether it is closed:
 *
 * <pre>
 * state   63                    2        1          0
 *         +---------------------+--------+----------+
 *         | index of the tail   | CLOSED | DRAINING |
 *         +---------------------+--------+----------+
 * </pre>
 *
 * <p>Each change of the state is one compare-and-set, so each of these is one atomic step: to add an element and learn whether
 * somebody is there to take it; to add it and become that somebody; to stop taking, unless something was added meanwhile; to close, behind
 * the elements added before and before all others. A queue with a counter of work beside it, as Reactor's, pays for two
 * such steps an element.
 *
 * <p>An index is claimed first and its slot written then. Who takes waits for the slot of a claimed index: the window is a few
 * instructions of the emitter. It does not yield, as JCTools' rings of many producers do not; nor spin politely, since BlockHound takes
 * {@code Thread.onSpinWait} for a blocking call.
 *
 * <p>Invariant: {@code head <= tail <= head + capacity}; the tail of an evicting ring is further ahead by as many emitters
 * as have claimed an index and not put their element yet.
 */
abstract class EmitterRing<E> {

    static final long DRAINING = 1;
    static final long CLOSED = 2;
    private static final int FLAG_BITS = 2;
    private static final long ONE = 1L << FLAG_BITS;

    static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);
    static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Object[].class);

    // the indices of words that are written by different threads, 128 bytes apart for the sake of the caches
    private static final int STATE = 16;
    static final int LIMIT = 32;
    static final int HEAD = 48;
    private static final int WORDS = 64;

    final int capacity;
    final int mask;
    final long[] words = new long[WORDS];

    /** Null where nothing waits. */
    final Object[] slots;

    private EmitterRing(int capacity, int slotsMin) {
        this.capacity = capacity;
        this.slots = new Object[slotsMin == 1 ? 1 : Integer.highestOneBit(slotsMin - 1) << 1];
        this.mask = slots.length - 1;
    }

    /** One that holds no more than its capacity: whoever adds looks for room first. */
    static <E> EmitterRing<E> bounded(int capacity) {
        return new Bounded<>(capacity);
    }

    /** One that always takes the newest, and has to be rid of the oldest then. */
    static <E> EmitterRing<E> evicting(int capacity) {
        return new Evicting<>(capacity);
    }

    static boolean isDraining(long state) {
        return (state & DRAINING) != 0;
    }

    static boolean isClosed(long state) {
        return (state & CLOSED) != 0;
    }

    /** How many had come. */
    static long index(long state) {
        return state >>> FLAG_BITS;
    }

    final long state() {
        return (long) WORD.getVolatile(words, STATE);
    }

    /** How many have left. */
    final long head() {
        return (long) WORD.getVolatile(words, HEAD);
    }

    final boolean isEmpty(long state) {
        return index(state) == head();
    }

    /** How many wait, as far as one can say while others act. */
    final int size() {
        long from = head();
        return (int) Math.min(Math.max(index(state()) - from, 0), capacity);
    }

    private boolean move(long from, long to) {
        return WORD.compareAndSet(words, STATE, from, to);
    }

    // whoever takes

    /** Becomes the one who takes. Only from a state in which nobody is. */
    final boolean tryOwn(long state) {
        return move(state, state | DRAINING);
    }

    /** Stops taking. Fails if the state is another by now. Only by who takes. */
    final boolean tryRelease(long state) {
        return move(state, state & ~DRAINING);
    }

    /** Takes the oldest; null if there is none. Only by who takes. */
    abstract @Nullable E poll();

    // whoever adds

    /** Whether one could be added to the ring as of this state. */
    abstract boolean hasRoom(long state);

    /** Claims the index of this state, and becomes the one who takes, if wished. Fails if the state is another by now. */
    final boolean tryClaim(long state, boolean own) {
        return move(state, (state + ONE) | (own ? DRAINING : 0));
    }

    /** Puts an element at an index that was claimed; returns the one that had to go for it, or null. */
    abstract @Nullable E put(long index, E element);

    /** From now on no index can be claimed. */
    final void close() {
        for (; ; ) {
            long state = state();
            if (isClosed(state) || move(state, state | CLOSED)) {
                return;
            }
        }
    }

    private static final class Bounded<E> extends EmitterRing<E> {

        Bounded(int capacity) {
            super(capacity, capacity);
        }

        @Override
        boolean hasRoom(long state) {
            long index = index(state);
            // the limit as last looked up: the head changes with each element, and reading it costs both sides
            if (index < (long) WORD.getAcquire(words, LIMIT)) {
                return true;
            }
            long limit = head() + capacity;
            WORD.setRelease(words, LIMIT, limit);
            return index < limit;
        }

        @Override
        @Nullable E put(long index, E element) {
            // there is room, so it is clear
            SLOT.setRelease(slots, (int) index & mask, element);
            return null;
        }

        @Override
        @SuppressWarnings("unchecked") // only put writes elements
        @Nullable E poll() {
            long head = (long) WORD.get(words, HEAD);
            int slot = (int) head & mask;
            Object element = SLOT.getAcquire(slots, slot);
            if (element == null) {
                if (head == index(state())) {
                    return null;
                }
                do {
                    element = SLOT.getAcquire(slots, slot);
                } while (element == null);
            }
            SLOT.set(slots, slot, null);
            WORD.setRelease(words, HEAD, head + 1);
            return (E) element;
        }
    }

    /**
     * Emitters take from the head, too: each the element that is one too many on its behalf, if the drain has not. So the head moves by
     * compare-and-set. A slot says whose turn it is, since an index that is claimed and not yet written must not be
     * taken for the one a turn of the ring before.
     */
    private static final class Evicting<E> extends EmitterRing<E> {

        /** Of each slot: the index it is free for, or the index of its element and one. */
        private final long[] turns;

        Evicting(int capacity) {
            // of one slot alone, free for the next and filled would be the same
            super(capacity, Math.max(2, capacity));
            turns = new long[slots.length];
            for (int i = 0; i < turns.length; i++) {
                turns[i] = i;
            }
        }

        @Override
        boolean hasRoom(long state) {
            return true;
        }

        @Override
        @Nullable E put(long index, E element) {
            E oldest = evict(index - capacity);
            int slot = (int) index & mask;
            while ((long) WORD.getAcquire(turns, slot) != index) {
                // who has claimed its element is about to clear it
            }
            SLOT.set(slots, slot, element);
            WORD.setRelease(turns, slot, index + 1);
            return oldest;
        }

        /** Takes the element of this index; null if it is gone. */
        private @Nullable E evict(long index) {
            for (; ; ) {
                long head = head();
                if (head > index) {
                    return null;
                }
                if (head == index) {
                    return claim(head);
                }
                // an emitter before this one is about to evict
            }
        }

        @Override
        @Nullable E poll() {
            for (; ; ) {
                long head = head();
                if (head == index(state())) {
                    return null;
                }
                E oldest = claim(head);
                if (oldest != null) {
                    return oldest;
                }
            }
        }

        /** Null if another was quicker. */
        @SuppressWarnings("unchecked") // only put writes elements
        private @Nullable E claim(long head) {
            int slot = (int) head & mask;
            while ((long) WORD.getAcquire(turns, slot) != head + 1) {
                // it is being put
                if (head() != head) {
                    return null;
                }
            }
            Object element = SLOT.get(slots, slot);
            if (!WORD.compareAndSet(words, HEAD, head, head + 1)) {
                return null;
            }
            SLOT.set(slots, slot, null);
            WORD.setRelease(turns, slot, head + slots.length);
            return (E) element;
        }
    }
}
