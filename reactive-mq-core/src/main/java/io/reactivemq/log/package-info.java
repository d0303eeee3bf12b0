/**
 * The log of one partition. Start at {@link io.reactivemq.log.PartitionLog}: append, force, read, open again. Behind it: {@code LogSegments}
 * (what readers see), {@code LogDurability} (what is forced and recorded) with {@code LogFence}, {@code Incoming} (an append that was looked at) with {@code RecordLook}, {@code ProducerStates} (idempotent producers and open transactions) with {@code
 * LogProducers}, {@code ProducerSnapshot} and {@code ProducerRecovery}, {@code TransactionIndex} (what was aborted),
 * {@code Segment} (one file of batches with its index and the leases of its readers), {@code LogRegion} (batches for a channel to take from the
 * file, without the heap), {@code GrowingIndex} and {@code
 * StoredIndex} (offset and time index, in memory and on file), {@code TailScan} (which bytes are data and which a torn tail or
 * damage), {@code LogRecovery} (what opening does) with {@code LogFolder}, {@code LogFiles},
 * {@code SegmentIndexes} and {@code FormerSegments}, {@code LogCompaction} (when and what to compact), {@code CompactionRun} (one pass of it, beside the
 * writer), {@code SegmentSwap} (how its segment takes the place of others), {@code LogCheckpoint} and {@code LeaderEpochs} (the small files beside the
 * segments). {@code docs/data-format.md} has the layouts.
 *
 * <p>May import: {@code storage}, {@code record}, the vocabulary. Threading: one thread appends, rolls, deletes and closes; one
 * thread at a time forces, and may do so while another appends; any number read, without locks. All of it blocks on files. The
 * few locks are for the small files and for forces, and are taken in this order: that of {@code LogDurability}, its {@code forcing}, a segment's, an
 * index's.
 */
@NullMarked
package io.reactivemq.log;

import org.jspecify.annotations.NullMarked;
