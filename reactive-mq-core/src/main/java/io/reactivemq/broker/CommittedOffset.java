package io.reactivemq.broker;

import java.util.Objects;

/**
 * What a group has committed of a partition.
 *
 * @param offset the offset of the next record to read
 * @param leaderEpoch the leader epoch of the last record read; -1 where unknown
 * @param metadata the committer's own note, at most 4,096 bytes in UTF-8; may be empty
 */
public record CommittedOffset(long offset, int leaderEpoch, String metadata) {

    public CommittedOffset {
        Objects.requireNonNull(metadata, "metadata");
        if (offset < 0) {
            throw new IllegalArgumentException("a committed offset must be 0 or more, was " + offset);
        }
    }

    public static CommittedOffset of(long offset) {
        return new CommittedOffset(offset, -1, "");
    }
}
