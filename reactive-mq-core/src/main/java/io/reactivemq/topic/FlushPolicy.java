package io.reactivemq.topic;

/**
 * How often a log at level {@code os-buffered} is forced although nobody waits for it: what a loss of power takes at most.
 * At level {@code fsync} every append is forced, and {@code messages} is 1.
 *
 * @param messages {@code flush.messages}: a force after so many records; {@link Long#MAX_VALUE}: never for their number
 * @param ms {@code flush.ms}: a force at the latest so long after a record was written; {@link Long#MAX_VALUE}: never for its age
 */
public record FlushPolicy(long messages, long ms) {

    static final long NEVER = Long.MAX_VALUE;

    /** Kafka's defaults: the operating system decides. */
    static final FlushPolicy DEFAULT = new FlushPolicy(NEVER, NEVER);

    public FlushPolicy {
        if (messages < 1 || ms < 0) {
            throw new IllegalArgumentException(
                    "messages must be 1 or more and ms 0 or more; were " + messages + " and " + ms);
        }
    }

    FlushPolicy withMessages(long value) {
        return new FlushPolicy(value, ms);
    }

    FlushPolicy withMs(long value) {
        return new FlushPolicy(messages, value);
    }
}
