package io.reactivemq.log;

/**
 * How a topic is compacted where its policy is to compact.
 *
 * @param deleteRetentionMs {@code delete.retention.ms}: how long a tombstone stays behind what it removes
 * @param minCleanableDirtyRatio {@code min.cleanable.dirty.ratio}: the share of bytes that have not been compacted from which on
 *     it is worth the work, 0 to 1
 * @param minLagMs {@code min.compaction.lag.ms}: how old a record gets at least before it may go
 * @param maxLagMs {@code max.compaction.lag.ms}: how old one gets at most before the log is compacted, whatever the ratio
 */
public record Compaction(long deleteRetentionMs, double minCleanableDirtyRatio, long minLagMs, long maxLagMs) {

    /** Kafka's defaults. */
    public static final Compaction DEFAULT = new Compaction(24L * 60 * 60 * 1000, 0.5, 0, Long.MAX_VALUE);

    public Compaction {
        if (deleteRetentionMs < 0 || minLagMs < 0 || maxLagMs < 1) {
            throw new IllegalArgumentException(
                    "deleteRetentionMs and minLagMs must be 0 or more and maxLagMs 1 or more; were " + deleteRetentionMs
                            + ", " + minLagMs + ", " + maxLagMs);
        }
        if (!(minCleanableDirtyRatio >= 0 && minCleanableDirtyRatio <= 1)) {
            throw new IllegalArgumentException("minCleanableDirtyRatio must be 0 to 1, was " + minCleanableDirtyRatio);
        }
    }

    public Compaction withDeleteRetentionMs(long value) {
        return new Compaction(value, minCleanableDirtyRatio, minLagMs, maxLagMs);
    }

    public Compaction withMinCleanableDirtyRatio(double value) {
        return new Compaction(deleteRetentionMs, value, minLagMs, maxLagMs);
    }

    public Compaction withMinLagMs(long value) {
        return new Compaction(deleteRetentionMs, minCleanableDirtyRatio, value, maxLagMs);
    }

    public Compaction withMaxLagMs(long value) {
        return new Compaction(deleteRetentionMs, minCleanableDirtyRatio, minLagMs, value);
    }
}
