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
 */
record LogEnd(
        Segment segment,
        int position,
        long offset,
        long maxTimestampMs,
        int maxTimestampOffset,
        int offsetEntries,
        int timeEntries) {

    /** The writer's: the end behind what was added to the segment and its index. */
    static LogEnd of(Segment segment, int position, long offset) {
        GrowingIndex index = segment.growingIndex();
        return new LogEnd(
                segment,
                position,
                offset,
                index.maxTimestampMs(),
                index.maxTimestampOffset(),
                index.offsetCount(),
                index.timeCount());
    }

    static LogEnd beginOf(Segment segment, long offset) {
        return of(segment, 0, offset);
    }
}
