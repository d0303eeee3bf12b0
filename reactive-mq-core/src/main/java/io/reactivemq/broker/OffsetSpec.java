package io.reactivemq.broker;

/** Which offset of a partition is asked for. */
public sealed interface OffsetSpec {

    /** The first offset there is: the log start offset. */
    static OffsetSpec earliest() {
        return Earliest.INSTANCE;
    }

    /** The offset behind the last record that readers see: the high watermark. */
    static OffsetSpec latest() {
        return Latest.INSTANCE;
    }

    /** The offset behind the last record that readers of committed records see: the last stable offset. */
    static OffsetSpec latestStable() {
        return LatestStable.INSTANCE;
    }

    /** The first record whose timestamp is at or after the given one; the high watermark where there is none. */
    static OffsetSpec atOrAfter(long timestampMs) {
        return new AtOrAfter(timestampMs);
    }

    /** The first of the records with the largest timestamp; -1 where no record has one. */
    static OffsetSpec maxTimestamp() {
        return MaxTimestamp.INSTANCE;
    }

    /** See {@link #earliest()}. */
    enum Earliest implements OffsetSpec {
        INSTANCE
    }

    /** See {@link #latest()}. */
    enum Latest implements OffsetSpec {
        INSTANCE
    }

    /** See {@link #latestStable()}. */
    enum LatestStable implements OffsetSpec {
        INSTANCE
    }

    /** See {@link #maxTimestamp()}. */
    enum MaxTimestamp implements OffsetSpec {
        INSTANCE
    }

    /**
     * See {@link #atOrAfter(long)}.
     *
     * @param timestampMs milliseconds since 1970
     */
    record AtOrAfter(long timestampMs) implements OffsetSpec {}
}
