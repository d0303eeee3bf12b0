package io.reactivemq.log;

import java.util.List;

/**
 * What a reader of committed records is given, left where it lies.
 *
 * @param region whole batches, as {@link PartitionLog#region} has them; to be closed
 * @param aborted the transactions whose records in them are to be left out
 */
public record CommittedRegion(LogRegion region, List<AbortedTransaction> aborted) {}
