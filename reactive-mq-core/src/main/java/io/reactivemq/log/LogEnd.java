package io.reactivemq.log;

/**
 * Where a log ends, all of one moment, so that a force beside the writer knows exactly what it has made durable.
 *
 * @param segment the active segment
 * @param position the bytes in it
 * @param offset the next record's
 * @param maxTimestampMs the largest timestamp in the segment; -1: none
 * @param maxTimestampOffset the offset it stands for, relative to the segment
 * @param offsetEntries entries of its offset index
 * @param timeEntries entries of its time index
 * @param transactionEntries entries of its transaction index
 * @param producers where what is known of the producers can be taken up
 */
record LogEnd(
        Segment segment,
        int position,
        long offset,
        long maxTimestampMs,
        int maxTimestampOffset,
        int offsetEntries,
        int timeEntries,
        int transactionEntries,
        ProducerPoint producers) {

    /** The writer's: the end behind what was added to the segment and its index. */
    static LogEnd of(Segment segment, int position, long offset, ProducerPoint producers) {
        GrowingIndex index = segment.growingIndex();
        return new LogEnd(
                segment,
                position,
                offset,
                index.maxTimestampMs(),
                index.maxTimestampOffset(),
                index.offsetCount(),
                index.timeCount(),
                segment.transactions().count(),
                producers);
    }

    /** The recovery point of a log that was closed there: nothing of its index need be read. */
    static LogEnd of(Segment segment, LogCheckpoint closed, ProducerPoint producers) {
        return new LogEnd(
                segment,
                closed.position(),
                closed.recoveryPoint(),
                closed.maxTimestampMs(),
                closed.maxTimestampOffset(),
                closed.index().offsetCount(),
                closed.index().timeCount(),
                segment.transactions().count(),
                producers);
    }

    /**
     * An offset at which it is known what the producers had done.
     *
     * @param offset the offset
     * @param none whether none was known there; else there is a {@link ProducerSnapshot} of that offset
     */
    record ProducerPoint(long offset, boolean none) {}
}
