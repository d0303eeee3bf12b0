package io.reactivemq.operator;

/**
 * What became of an element that a {@link Router} was to route.
 *
 * @param element the element; of one that found no queue the receiver of this is the owner
 * @param outcome where it went
 * @param queues how many queues took it; a queue may still let it go under its overflow policy
 */
public record Routed<T>(T element, Outcome outcome, int queues) {

    /** Where an element went. */
    public enum Outcome {
        /** To at least one queue that is bound for it. */
        ROUTED,
        /** To at least one queue of an alternate router, as no queue here is bound for it. */
        ALTERNATE,
        /** Nowhere: it is returned to whoever published it. */
        UNROUTABLE
    }

    /** Whether no queue took it. */
    public boolean isUnroutable() {
        return outcome == Outcome.UNROUTABLE;
    }
}
