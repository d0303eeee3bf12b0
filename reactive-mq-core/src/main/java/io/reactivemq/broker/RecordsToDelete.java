package io.reactivemq.broker;

import java.util.Objects;

/**
 * Which records of a partition are to go, always from its begin on. Redis users know it as {@code XTRIM}.
 *
 * @param bound what the number speaks of
 * @param value the number
 * @param precision whether exactly those go
 */
public record RecordsToDelete(Bound bound, long value, Precision precision) {

    /** As an offset: the high watermark, so that all records go. */
    public static final long HIGH_WATERMARK = -1;

    public RecordsToDelete {
        Objects.requireNonNull(bound, "bound");
        Objects.requireNonNull(precision, "precision");
        long min = bound == Bound.BEFORE_OFFSET ? HIGH_WATERMARK : 0;
        if (value < min) {
            throw new IllegalArgumentException("value must be " + min + " or more, was " + value);
        }
    }

    /** What the number speaks of. */
    public enum Bound {
        /** The records below that offset go ({@code MINID}); {@link #HIGH_WATERMARK}: all. */
        BEFORE_OFFSET,
        /** All go but the last that many ({@code MAXLEN}). */
        ALL_BUT_LAST
    }

    /** Whether exactly those go. */
    public enum Precision {
        /** Exactly those. The space of a segment is free once all of it has gone. */
        EXACT,
        /** Whole segments: fewer go than asked for, never more. Cheaper ({@code ~}). */
        WHOLE_SEGMENTS
    }

    /** The records below that offset; {@link #HIGH_WATERMARK}: all. */
    public static RecordsToDelete before(long offset) {
        return new RecordsToDelete(Bound.BEFORE_OFFSET, offset, Precision.EXACT);
    }

    /** All but the last that many. */
    public static RecordsToDelete allButLast(long records) {
        return new RecordsToDelete(Bound.ALL_BUT_LAST, records, Precision.EXACT);
    }

    /** The same, as far as whole segments reach. */
    public RecordsToDelete wholeSegments() {
        return new RecordsToDelete(bound, value, Precision.WHOLE_SEGMENTS);
    }
}
