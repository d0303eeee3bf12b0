package io.reactivemq.broker;

/**
 * Where an append went.
 *
 * @param baseOffset the offset of its first record; -1 with {@link Acks#NONE}
 * @param logAppendTimeMs the timestamp the log gave its records; -1 where they keep their own
 * @param logStartOffset the first offset of the partition
 */
public record AppendResult(long baseOffset, long logAppendTimeMs, long logStartOffset) {}
