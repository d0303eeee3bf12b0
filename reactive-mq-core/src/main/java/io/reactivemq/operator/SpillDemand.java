package io.reactivemq.operator;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * How many elements the source may still send, where demand is bounded: up to {@code prefetch}, and more is asked for when three quarters of
 * that have come. Whose turn it is to add to the head asks: the source's thread while all is in memory, else the mover.
 */
final class SpillDemand {

    private static final VarHandle RECEIVED = field("received");
    private static final VarHandle ASKED = field("asked");

    private final int prefetch;

    /** How many elements have come. Written by the source's thread. */
    private long received;

    /** How many were asked for. Written by whose turn it is. */
    private long asked;

    SpillDemand(int prefetch) {
        this.prefetch = prefetch;
    }

    private static VarHandle field(String name) {
        try {
            return MethodHandles.lookup().findVarHandle(SpillDemand.class, name, long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** By the source's thread: an element has come. */
    void received() {
        RECEIVED.setOpaque(this, received + 1);
    }

    /** By the source's thread: more have come than were asked for. */
    boolean isExceeded() {
        return received > (long) ASKED.getOpaque(this);
    }

    /** By whose turn it is: more is to be asked for. */
    boolean isLow() {
        return open() <= prefetch >> 2;
    }

    /** By whose turn it is: how many are to be requested now, which counts as done. */
    long ask() {
        long more = prefetch - open();
        ASKED.setOpaque(this, asked + more);
        return more;
    }

    private long open() {
        return asked - (long) RECEIVED.getOpaque(this);
    }
}
