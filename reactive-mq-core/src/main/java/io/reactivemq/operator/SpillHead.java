package io.reactivemq.operator;

/**
 * The end of a spill that the consumer is at: a ring of exactly the capacity asked for. Who adds to it changes: the source's
 * thread while all is in memory, else the io thread that moves elements here from the files; each learns that it is its turn from
 * a volatile field that the other has written.
 */
final class SpillHead<T> {

    final Ring.JcToolsRing<T> ring;
    final int capacity;

    /** How many have been added. Written by who adds. */
    private long tail;

    SpillHead(int capacity) {
        this.ring = Ring.ofCapacity(capacity);
        this.capacity = capacity;
    }

    /** By who adds: for how many there is room. */
    int free() {
        return capacity - (int) (tail - ring.currentConsumerIndex());
    }

    /** By who adds: how many have been added. */
    long tail() {
        return tail;
    }

    void add(T element) {
        if (!ring.offer(element)) {
            throw new IllegalStateException("the ring of capacity " + capacity + " took one too many");
        }
        tail++;
    }
}
