package io.reactivemq.log;

/**
 * What a pass of compaction has done.
 *
 * @param bytesRead bytes of batches that were read, those read twice counted twice
 * @param bytesBefore bytes of the segments that were looked at
 * @param bytesAfter bytes of what they have become
 * @param recordsBefore records in them, markers of transactions among them
 * @param recordsAfter of these, those that stayed
 * @param recordsWithoutKey records that were taken away because they had no key; a compacted topic takes none
 * @param partial whether the keys of what was dirty did not all fit into the map, so that another pass is of use
 */
public record CompactionStats(
        long bytesRead,
        long bytesBefore,
        long bytesAfter,
        long recordsBefore,
        long recordsAfter,
        long recordsWithoutKey,
        boolean partial) {}
