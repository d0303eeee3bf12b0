package io.reactivemq.log;

/**
 * A segment as retention sees it.
 *
 * @param baseOffset the offset of its first record
 * @param nextOffset the offset behind its last record
 * @param sizeInBytes the bytes of its batches
 * @param active whether it is the last one, which is written to
 */
public record SegmentInfo(long baseOffset, long nextOffset, int sizeInBytes, boolean active) {}
