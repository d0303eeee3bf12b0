package io.reactivemq.log;

/**
 * Where an append went.
 *
 * @param baseOffset the offset of its first record
 * @param nextOffset the offset behind its last record
 * @param logAppendTimeMs the timestamp the log gave its records; -1 where they keep their own
 * @param duplicate whether the batch repeats one of its producer's that was appended before: nothing was written, and the rest speaks of that
 *     one
 */
public record AppendInfo(long baseOffset, long nextOffset, long logAppendTimeMs, boolean duplicate) {

    /** Of an append that was written. */
    public AppendInfo(long baseOffset, long nextOffset, long logAppendTimeMs) {
        this(baseOffset, nextOffset, logAppendTimeMs, false);
    }
}
