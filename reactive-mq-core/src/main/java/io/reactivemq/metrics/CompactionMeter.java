package io.reactivemq.metrics;

/** The meters of a broker's compaction, without tags: it compacts one partition at a time. */
public enum CompactionMeter implements MeterText {
    /** Timer: from the begin of a pass over a partition to its end. Its count is that of the passes that did something. */
    TIME("reactivemq.compaction.time", "seconds", "Time of a pass of compaction over a partition"),
    /** Counter: bytes of batches that were read, those read twice counted twice. */
    READ("reactivemq.compaction.read", "bytes", "Bytes of batches that compaction has read"),
    /** Counter: how much smaller the segments have become. */
    RECLAIMED("reactivemq.compaction.reclaimed", "bytes", "Bytes of the log that compaction has given back"),
    /** Counter: records that were taken away. */
    REMOVED("reactivemq.compaction.removed", "records", "Records that compaction has taken away"),
    /** Counter: passes that failed. */
    FAILURES("reactivemq.compaction.failures", "passes", "Passes of compaction that failed");

    private final String meterName;
    private final String unit;
    private final String description;

    CompactionMeter(String meterName, String unit, String description) {
        this.meterName = meterName;
        this.unit = unit;
        this.description = description;
    }

    @Override
    public String meterName() {
        return meterName;
    }

    @Override
    public String unit() {
        return unit;
    }

    @Override
    public String description() {
        return description;
    }
}
