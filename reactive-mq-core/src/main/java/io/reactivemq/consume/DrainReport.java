package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import java.util.Map;

/**
 * What a drain did.
 *
 * @param finished records that were in flight when the drain began and were acknowledged before it ended
 * @param abandoned records that were in flight and were not acknowledged: their handler did not end in time, or waited for
 *     its next attempt. They are delivered again
 * @param unstarted records that had been fetched and were let go before anyone saw them; by their offsets, so that gaps
 *     which compaction left count too
 * @param committed what stands committed by this receiver, by partition: the offset of the next record to read. Empty
 *     without a group
 * @param timedOut whether the timeout passed before all that was in flight had ended
 */
public record DrainReport(
        long finished, long abandoned, long unstarted, Map<TopicPartition, Long> committed, boolean timedOut) {

    static final DrainReport NOTHING = new DrainReport(0, 0, 0, Map.of(), false);

    public DrainReport {
        committed = Map.copyOf(committed);
    }
}
