package io.reactivemq.log;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * What a reader of committed records is given.
 *
 * @param records whole batches, as {@link PartitionLog#read} has them
 * @param aborted the transactions whose records in them are to be left out
 */
public record CommittedRead(ByteBuffer records, List<AbortedTransaction> aborted) {}
