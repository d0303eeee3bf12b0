package io.reactivemq.log;

import org.jspecify.annotations.Nullable;

/**
 * The sparse indexes of one segment: from an offset to a position at or before its batch, and from a timestamp to an offset
 * at or before the first record that is as late. A hint only: whoever uses an entry checks it against the batch it points
 * at, and has the index rebuilt if they disagree.
 */
sealed interface OffsetTimeIndex permits GrowingIndex, StoredIndex {

    /** The last entry whose offset is at or below that one; null: none, begin at the segment's begin. */
    @Nullable OffsetEntry floorOffset(int relativeOffset);

    /** The last entry whose batch begins at or before that position; null: none, begin at the segment's begin. */
    @Nullable OffsetEntry floorPosition(int position);

    /** The last entry whose timestamp is at or below that one; null: none, begin at the segment's begin. */
    @Nullable TimeEntry floorTimestamp(long timestampMs);

    /** The last entry of the time index; in a closed segment that of its largest timestamp. */
    @Nullable TimeEntry lastTime();

    /** Gives up what the index holds open. */
    void close();

    /**
     * The batch that begins at the position has that last offset.
     *
     * @param relativeOffset the batch's last offset minus the segment's base offset
     * @param position where the batch begins in the segment
     */
    record OffsetEntry(int relativeOffset, int position) {}

    /**
     * No record before the batch is as late; the batch is the first that has the timestamp.
     *
     * @param timestampMs the largest timestamp up to and including the batch
     * @param relativeOffset the batch's last offset minus the segment's base offset
     */
    record TimeEntry(long timestampMs, int relativeOffset) {}
}
