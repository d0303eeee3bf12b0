package io.reactivemq.test.history;

import java.util.Objects;

/**
 * Something in a history that a correct broker does not do.
 *
 * @param kind what it is
 * @param client who saw or did it
 * @param where the place: a partition and offset, a transaction
 * @param expected what was to be
 * @param actual what was
 */
public record Anomaly(Kind kind, String client, String where, String expected, String actual) {

    public Anomaly {
        Objects.requireNonNull(kind, "kind");
        Objects.requireNonNull(client, "client");
        Objects.requireNonNull(where, "where");
        Objects.requireNonNull(expected, "expected");
        Objects.requireNonNull(actual, "actual");
    }

    /** What can be wrong. */
    public enum Kind {
        /** Two values at one offset. */
        INCONSISTENT_OFFSET,
        /** A value that nobody sent, or whose send had failed. */
        PHANTOM,
        /** A value of an idempotent producer at two offsets, or a record that was processed twice. */
        DUPLICATE,
        /** A reader of committed records saw one of a transaction that was aborted, or not yet committed. */
        ABORTED_READ,
        /** Acknowledged, below what was read, and never read. */
        LOST_WRITE,
        /** Acknowledged, and not there when everything was read to its end. */
        UNSEEN,
        /** A reader passed over a record that nobody of its group had acknowledged. */
        SKIPPED_POLL,
        /** A reader went back. */
        NON_MONOTONIC_POLL,
        /** Records of one producer are not in the order in which it sent them. */
        NON_MONOTONIC_SEND,
        /** A part of a transaction is there and a part is not, its offsets included. */
        TORN_TRANSACTION,
        /** A producer that was fenced has written. */
        FENCED_WRITE,
        /** A group's committed offset went back. */
        OFFSET_REGRESSION,
        /** A member has committed an offset of a partition that was another's by then. */
        STALE_COMMIT,
        /** An offset was committed beyond a record that nobody had acknowledged. */
        UNACKNOWLEDGED_COMMIT,
        /** A partition was given to a member while another still worked on it. */
        SHARED_PARTITION
    }

    @Override
    public String toString() {
        return kind + " at " + where + ", " + client + ": expected " + expected + ", but " + actual;
    }
}
