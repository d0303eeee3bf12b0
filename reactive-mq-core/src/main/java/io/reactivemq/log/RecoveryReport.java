package io.reactivemq.log;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What opening a log found and did.
 *
 * @param origin what was there
 * @param scannedBytes bytes of batches that were read and checked, behind the last recovery point
 * @param cutBytes bytes that were cut from the end, a tail that a crash had torn; 0: none
 * @param cutFile the file they were cut from; null: none
 * @param cutPosition the length that file has now; -1: nothing was cut
 * @param cutReason what was wrong with the first bytes that were cut; empty: nothing was cut
 * @param rebuiltIndexes segments whose index files were missing or damaged and were made again
 */
public record RecoveryReport(
        Origin origin,
        long scannedBytes,
        long cutBytes,
        @Nullable Path cutFile,
        long cutPosition,
        String cutReason,
        int rebuiltIndexes) {

    /** What was there. */
    public enum Origin {
        /** Nothing: the log is new. */
        CREATED,
        /** A log that was closed in good order; nothing had to be scanned. */
        CLEAN,
        /** A log that was not closed, or whose checkpoint can't be read. It has a new leader epoch. */
        UNCLEAN
    }

    /** Whether the log was closed in good order, or is new. */
    public boolean isClean() {
        return origin != Origin.UNCLEAN;
    }
}
