package io.reactivemq.log;

/**
 * Where an append went.
 *
 * @param baseOffset the offset of its first record
 * @param nextOffset the offset behind its last record
 * @param logAppendTimeMs the timestamp the log gave its records; -1 where they keep their own
 */
public record AppendInfo(long baseOffset, long nextOffset, long logAppendTimeMs) {}
