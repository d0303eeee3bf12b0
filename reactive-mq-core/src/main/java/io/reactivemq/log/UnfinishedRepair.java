package io.reactivemq.log;

import io.reactivemq.MqException;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * How far a log went, as {@code unfinished-repair} in the partition's folder: written before a repair takes the first byte away, and deleted when the log is whole
 * again. While it is there the log opens for a repair only. {@link ChecksummedLines} has the format.
 *
 * @param logStartOffset where the log began
 * @param end the offset that the next record may have at the least
 * @param leaderEpoch the latest epoch that the log has had; -1: none is known
 * @param damage what was wrong first
 */
record UnfinishedRepair(long logStartOffset, long end, int leaderEpoch, String damage) {

    static final String FILE_NAME = "unfinished-repair";

    /** Nothing is known. */
    static final UnfinishedRepair NONE = new UnfinishedRepair(0, 0, -1, "");

    private static final String VERSION = "1";

    UnfinishedRepair withDamage(String what) {
        return new UnfinishedRepair(logStartOffset, end, leaderEpoch, what);
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
        return ChecksummedLines.ofVersion(VERSION)
                .add("log-start-offset", logStartOffset)
                .add("end", end)
                .add("leader-epoch", leaderEpoch)
                .add("damage", damage.replaceAll("\\R", " "))
                .encode();
    }

    private static @Nullable UnfinishedRepair decode(ByteBuffer content) {
        ChecksummedLines lines = ChecksummedLines.decode(content, VERSION);
        try {
            return lines == null
                    ? null
                    : new UnfinishedRepair(
                            lines.number("log-start-offset"),
                            lines.number("end"),
                            lines.integer("leader-epoch"),
                            lines.text("damage"));
        } catch (IllegalArgumentException e) {
            return null;
        }
    }
}
