package io.reactivemq.log;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.MqException;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * How far a log went, as {@code unfinished-repair} in the partition's folder: written before a repair takes the first byte away, and deleted when the log is whole
 * again. While it is there the log opens for a repair only. Lines of {@code name value}, the last one the CRC-32C of those before it.
 *
 * @param logStartOffset where the log began
 * @param end the offset that the next record may have at the least
 * @param leaderEpoch the latest epoch that the log has had; -1: none is known
 * @param keptTo the offset behind the last record that is kept; -1: that is not decided yet
 * @param damage what was wrong first
 */
record UnfinishedRepair(long logStartOffset, long end, int leaderEpoch, long keptTo, String damage) {

    static final String FILE_NAME = "unfinished-repair";

    /** Nothing is known. */
    static final UnfinishedRepair NONE = new UnfinishedRepair(0, 0, -1, -1, "");

    private static final String VERSION = "1";

    UnfinishedRepair withDamage(String what) {
        return new UnfinishedRepair(logStartOffset, end, leaderEpoch, keptTo, what);
    }

    UnfinishedRepair withKeptTo(long offset) {
        return new UnfinishedRepair(logStartOffset, end, leaderEpoch, offset, damage);
    }

    /** Null where there is none that is whole. */
    static @Nullable UnfinishedRepair read(FileStore store, Path folder) {
        Path file = folder.resolve(FILE_NAME);
        try {
            return store.exists(file) ? decode(store.readFile(file)) : null;
        } catch (StorageException e) {
            return null; // as good as none: what else tells of the log is looked at
        }
    }

    /** Whether there is one, and it does not tell how far the log went. */
    static boolean isUnreadable(FileStore store, Path folder) {
        return store.exists(folder.resolve(FILE_NAME)) && read(store, folder) == null;
    }

    void write(FileStore store, Path folder) {
        store.replaceFile(folder.resolve(FILE_NAME), encode());
    }

    static void delete(FileStore store, Path folder) {
        Path file = folder.resolve(FILE_NAME);
        if (store.exists(file)) {
            store.delete(file);
            store.forceDirectory(folder);
        }
    }

    /** @throws MqException CORRUPT_MESSAGE where a repair of the log in that folder has not ended */
    static void requireNone(LogFolder folder) {
        if (folder.has(FILE_NAME)) {
            throw LogDamage.of(
                    folder.path(),
                    0,
                    "the repair of the log, as " + FILE_NAME + " tells",
                    "one that ended",
                    "one that began");
        }
    }

    private ByteBuffer encode() {
        String text = "version " + VERSION + "\n"
                + "log-start-offset " + logStartOffset + "\n"
                + "end " + end + "\n"
                + "leader-epoch " + leaderEpoch + "\n"
                + "kept-to " + keptTo + "\n"
                + "damage " + damage.replace('\n', ' ') + "\n";
        return UTF_8.encode(text + "crc " + crcOf(text) + "\n");
    }

    private static @Nullable UnfinishedRepair decode(ByteBuffer content) {
        String text = UTF_8.decode(content).toString();
        int crcLine = text.lastIndexOf("\ncrc ") + 1;
        String body = text.substring(0, crcLine);
        if (crcLine == 0 || !text.substring(crcLine).equals("crc " + crcOf(body) + "\n")) {
            return null;
        }
        Map<String, String> values = new HashMap<>();
        body.lines()
                .forEach(line ->
                        values.put(line.substring(0, line.indexOf(' ')), line.substring(line.indexOf(' ') + 1)));
        if (!VERSION.equals(values.get("version"))) {
            return null;
        }
        return new UnfinishedRepair(
                Long.parseLong(values.getOrDefault("log-start-offset", "0")),
                Long.parseLong(values.getOrDefault("end", "0")),
                Integer.parseInt(values.getOrDefault("leader-epoch", "-1")),
                Long.parseLong(values.getOrDefault("kept-to", "-1")),
                values.getOrDefault("damage", ""));
    }

    private static long crcOf(String text) {
        CRC32C crc = new CRC32C();
        crc.update(text.getBytes(UTF_8));
        return crc.getValue();
    }
}
