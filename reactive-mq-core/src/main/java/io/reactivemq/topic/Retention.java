package io.reactivemq.topic;

/**
 * How much of a topic is kept where its policy is to delete. Whole segments go, the oldest first, and never so many that less is left
 * than is to be kept.
 *
 * @param ms {@code retention.ms}: how old the youngest record of a segment gets at least; -1: no bound
 * @param bytes {@code retention.bytes}: how many bytes of batches a partition keeps at least; -1: no bound
 * @param records {@code retention.records}: how many records a partition keeps at least; -1: no bound. This project's own
 */
public record Retention(long ms, long bytes, long records) {

    /** As a number: no bound. */
    public static final long UNBOUNDED = -1;

    /** Kafka's defaults: seven days, whatever the size. */
    static final Retention DEFAULT = new Retention(7L * 24 * 60 * 60 * 1000, UNBOUNDED, UNBOUNDED);

    public Retention {
        requireBound("ms", ms);
        requireBound("bytes", bytes);
        requireBound("records", records);
    }

    private static void requireBound(String name, long value) {
        if (value < UNBOUNDED) {
            throw new IllegalArgumentException(name + " must be 0 or more, or -1 for no bound, was " + value);
        }
    }

    Retention withMs(long value) {
        return new Retention(value, bytes, records);
    }

    Retention withBytes(long value) {
        return new Retention(ms, value, records);
    }

    Retention withRecords(long value) {
        return new Retention(ms, bytes, value);
    }
}
