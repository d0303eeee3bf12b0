package io.reactivemq.broker;

/**
 * What a producer waits for. On one node {@link #LEADER} and {@link #ALL} are the same: durable as the topic's durability
 * level says.
 */
public enum Acks {
    /** Nothing is awaited: the answer comes before the append, and its offset is -1. */
    NONE,
    /** The partition's leader has it. */
    LEADER,
    /** Every in-sync replica has it. */
    ALL
}
