package io.reactivemq.broker;

/**
 * Where the records of a leader epoch end: what a reader has read beyond it was lost, and others stand there now.
 *
 * @param leaderEpoch the epoch asked for, or the last before it that the log has records of; -1: the log knows none such
 * @param endOffset the offset behind its last record that readers see; -1 where the epoch is
 */
public record EpochEnd(int leaderEpoch, long endOffset) {

    /** The log knows no such epoch. */
    public static final EpochEnd UNKNOWN = new EpochEnd(-1, -1);
}
