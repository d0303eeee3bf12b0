package io.reactivemq.log;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.zip.CRC32C;

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

    private static final String VERSION = "version 1";
    private static final String OFFSET = "first-dirty-offset ";
    private static final String HORIZON = "delete-horizon ";
    private static final String CRC = "crc ";

    ByteBuffer encode() {
        String text = VERSION + "\n" + OFFSET + firstDirtyOffset + "\n" + HORIZON + deleteHorizonMs + "\n";
        return ByteBuffer.wrap((text + CRC + crcOf(text) + "\n").getBytes(UTF_8));
    }

    /** {@link #NOTHING} where the bytes are not what was written. */
    static CleanerCheckpoint decode(ByteBuffer content) {
        String text = UTF_8.decode(content.duplicate()).toString();
        int crcLine = text.lastIndexOf("\n" + CRC) + 1;
        String body = text.substring(0, crcLine);
        if (!text.substring(crcLine).equals(CRC + crcOf(body) + "\n")) {
            return NOTHING;
        }
        List<String> lines = body.lines().toList();
        if (lines.size() != 3
                || !lines.get(0).equals(VERSION)
                || !lines.get(1).startsWith(OFFSET)
                || !lines.get(2).startsWith(HORIZON)) {
            return NOTHING;
        }
        return new CleanerCheckpoint(
                Long.parseLong(lines.get(1).substring(OFFSET.length())),
                Long.parseLong(lines.get(2).substring(HORIZON.length())));
    }

    private static long crcOf(String text) {
        CRC32C crc = new CRC32C();
        crc.update(text.getBytes(UTF_8));
        return crc.getValue();
    }
}
