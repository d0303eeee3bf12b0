package io.reactivemq.queue;

import io.reactivemq.TopicPartition;

/**
 * A dead letter that was sent back, or parked.
 *
 * @param letterPartition the partition of the dead-letter topic that it is in
 * @param letterOffset its offset there
 * @param partition where it is now besides
 * @param offset its offset there
 * @param parked whether that is where those are put that were replayed too often, and not its source
 */
public record ReplayedLetter(
        TopicPartition letterPartition, long letterOffset, TopicPartition partition, long offset, boolean parked) {}
