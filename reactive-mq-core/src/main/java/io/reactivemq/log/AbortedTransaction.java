package io.reactivemq.log;

/**
 * A transaction that was aborted: a reader of committed records leaves out its producer's transactional records from the first offset
 * to the last.
 *
 * @param producerId whose it was
 * @param firstOffset of its first record
 * @param lastOffset of the marker that ended it
 * @param lastStableOffset the first offset of the transactions that were open when it ended, or that behind the marker: every transaction
 *     with records before this offset has ended at or before the marker
 */
public record AbortedTransaction(long producerId, long firstOffset, long lastOffset, long lastStableOffset) {}
