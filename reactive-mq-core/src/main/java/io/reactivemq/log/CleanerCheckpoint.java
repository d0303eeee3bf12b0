package io.reactivemq.log;

import java.nio.ByteBuffer;

/**
 * Up to where a log is compacted: {@code cleaner-checkpoint} in the partition's folder, replaced as a whole. Kafka keeps the offset of all partitions in
 * one file of the data directory. Nothing but work depends on it: without it the log is compacted from its begin.
 *
 * <pre>
 * version 1
 * first-dirty-offset 4711          up to here the log has one record of a key, or the last ones in order
 * delete-horizon 1700000000000     when the first tombstone or marker of what is compacted may go; 2^63 - 1: there is none
 * crc 3735928559                   CRC-32C of the lines before this one
 * </pre>
 *
 * @param firstDirtyOffset where the compacted part ends
 * @param deleteHorizonMs from when on compacting that part again is of use
 */
record CleanerCheckpoint(long firstDirtyOffset, long deleteHorizonMs) {

    static final String FILE_NAME = "cleaner-checkpoint";
    static final CleanerCheckpoint NOTHING = new CleanerCheckpoint(0, Long.MAX_VALUE);

    private static final String VERSION = "1";
    private static final String OFFSET = "first-dirty-offset";
    private static final String HORIZON = "delete-horizon";

    ByteBuffer encode() {
        return ChecksummedLines.ofVersion(VERSION)
                .add(OFFSET, firstDirtyOffset)
                .add(HORIZON, deleteHorizonMs)
                .encode();
    }

    /** {@link #NOTHING} where the bytes are not what was written. */
    static CleanerCheckpoint decode(ByteBuffer content) {
        ChecksummedLines lines = ChecksummedLines.decode(content, VERSION);
        try {
            return lines == null ? NOTHING : new CleanerCheckpoint(lines.number(OFFSET), lines.number(HORIZON));
        } catch (IllegalArgumentException e) {
            return NOTHING;
        }
    }
}
