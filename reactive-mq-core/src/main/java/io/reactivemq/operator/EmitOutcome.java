package io.reactivemq.operator;

/** What became of an element that was given to an {@link OverflowSink}. */
public enum EmitOutcome {
    /** Taken: it was handed on, or waits. */
    ACCEPTED(true, false),
    /** Taken, and to make room the element that had waited longest was let go (a few, if several emitters met). */
    ACCEPTED_OLDEST_DROPPED(true, false),
    /** Taken, in the place of an older one with the same key, which was let go. */
    ACCEPTED_REPLACED(true, false),
    /** Let go for lack of room: {@code onDropped} and the discard hook have had it. */
    DROPPED(false, false),
    /** Let go for lack of room, and the sink has failed with an overflow. Later elements are {@link #TERMINATED}. */
    OVERFLOWED(false, false),
    /** Not taken: there was no room in the time given. It is the emitter's, who may try again. */
    TIMED_OUT(false, true),
    /** Not taken: the emitter was interrupted while parked, and still is. The element is the emitter's. */
    INTERRUPTED(false, true),
    /** Not taken: the subscriber has cancelled, and no other will come. The element is the emitter's. */
    CANCELLED(false, true),
    /** Not taken: the sink was completed or has failed before. The element is the emitter's. */
    TERMINATED(false, true);

    private final boolean accepted;
    private final boolean returned;

    EmitOutcome(boolean accepted, boolean returned) {
        this.accepted = accepted;
        this.returned = returned;
    }

    /**
     * Whether the sink has taken the element. It may still be let go later: as the oldest in its turn, for a newer one with its
     * key, by a cancellation.
     */
    public boolean isAccepted() {
        return accepted;
    }

    /** Whether the element is still the emitter's: neither taken nor let go. */
    public boolean isReturned() {
        return returned;
    }
}
