package io.reactivemq.log;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Which leader epoch the log's offsets were written in. Immutable. The file is Kafka's {@code leader-epoch-checkpoint}:
 *
 * <pre>
 * 0                      version
 * 2                      number of entries
 * 0 0                    epoch, its first offset
 * 1 4711
 * </pre>
 *
 * @param entries in order; at least one. Invariant: epochs and first offsets both grow
 */
record LeaderEpochs(List<Entry> entries) {

    static final String FILE_NAME = "leader-epoch-checkpoint";

    private static final String VERSION = "0";

    LeaderEpochs {
        entries = List.copyOf(entries);
        if (entries.isEmpty()) {
            throw new IllegalArgumentException("a log has at least one leader epoch");
        }
        for (int i = 1; i < entries.size(); i++) {
            if (!entries.get(i).isBehind(entries.get(i - 1))) {
                throw new IllegalArgumentException("leader epochs must grow with their offsets: " + entries);
            }
        }
    }

    static LeaderEpochs startingAt(int epoch, long offset) {
        return new LeaderEpochs(List.of(new Entry(epoch, offset)));
    }

    /** Begins an epoch; one without records before it is forgotten. */
    LeaderEpochs with(int epoch, long startOffset) {
        List<Entry> next = new ArrayList<>(entries);
        while (!next.isEmpty() && next.get(next.size() - 1).startOffset >= startOffset) {
            next.remove(next.size() - 1);
        }
        next.add(new Entry(epoch, startOffset));
        return new LeaderEpochs(next);
    }

    /** Takes in a batch of the log; one of the latest epoch changes nothing. */
    LeaderEpochs observing(int epoch, long baseOffset) {
        return epoch == latest() ? this : with(epoch, baseOffset);
    }

    int latest() {
        return entries.get(entries.size() - 1).epoch;
    }

    /** The epoch an offset was, or the next one will be, written in. */
    int epochOf(long offset) {
        for (int i = entries.size() - 1; i > 0; i--) {
            if (entries.get(i).startOffset <= offset) {
                return entries.get(i).epoch;
            }
        }
        return entries.get(0).epoch;
    }

    /** The epoch, or the last one before it; -1 where the log began later, or has not come to it yet. */
    int floor(int epoch) {
        int floor = -1;
        for (Entry entry : entries) {
            if (entry.epoch <= epoch) {
                floor = entry.epoch;
            }
        }
        return epoch > latest() ? -1 : floor;
    }

    /** Where the first epoch behind that one begins; the given end where it is the latest. */
    long endOf(int epoch, long end) {
        for (Entry entry : entries) {
            if (entry.epoch > epoch) {
                return Math.min(entry.startOffset, end);
            }
        }
        return end;
    }

    ByteBuffer encode() {
        StringBuilder text = new StringBuilder();
        text.append(VERSION).append('\n').append(entries.size()).append('\n');
        for (Entry entry : entries) {
            text.append(entry.epoch).append(' ').append(entry.startOffset).append('\n');
        }
        return ByteBuffer.wrap(text.toString().getBytes(UTF_8));
    }

    static long crcOf(ByteBuffer content) {
        CRC32C crc = new CRC32C();
        crc.update(content.duplicate());
        return crc.getValue();
    }

    /** Null where the bytes are not such a file. */
    static @Nullable LeaderEpochs decode(ByteBuffer content) {
        String[] lines = UTF_8.decode(content.duplicate()).toString().split("\n", -1);
        try {
            if (lines.length < 4 || !lines[0].equals(VERSION) || !lines[lines.length - 1].isEmpty()) {
                return null;
            }
            int count = Integer.parseInt(lines[1]);
            if (count != lines.length - 3) {
                return null;
            }
            List<Entry> entries = new ArrayList<>(count);
            for (int i = 2; i < lines.length - 1; i++) {
                int space = lines[i].indexOf(' ');
                if (space < 0) {
                    return null;
                }
                entries.add(new Entry(
                        Integer.parseInt(lines[i].substring(0, space)), Long.parseLong(lines[i].substring(space + 1))));
            }
            return new LeaderEpochs(entries);
        } catch (IllegalArgumentException e) {
            // not a number, or epochs out of order: the file is damaged, and is made again from the log
            return null;
        }
    }

    /**
     * An epoch.
     *
     * @param epoch its number
     * @param startOffset the offset of the first record written in it
     */
    record Entry(int epoch, long startOffset) {
        private boolean isBehind(Entry former) {
            return epoch > former.epoch && startOffset > former.startOffset;
        }
    }
}
