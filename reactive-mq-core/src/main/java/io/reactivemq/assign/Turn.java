package io.reactivemq.assign;

/** Where the next element of a hot key goes, among the partitions that it is spread over. */
class Turn {

    private int next;

    /** From 0, one after the other, below {@code width}. */
    final int take(int width) {
        int taken = next < width ? next : 0;
        next = taken + 1;
        return taken;
    }

    final void restart() {
        next = 0;
    }
}
