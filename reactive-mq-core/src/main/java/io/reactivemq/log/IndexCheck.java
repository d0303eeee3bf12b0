package io.reactivemq.log;

import io.reactivemq.log.LogFinding.Kind;
import io.reactivemq.storage.FileStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Compares the index files of a segment with its batches as these go by, in order. An entry of the offset index has to be the last
 * offset of the batch that begins at its position; one of the time index the first offset with the largest timestamp so far. How close the entries
 * lie is a matter of configuration, and not looked at.
 */
final class IndexCheck {

    private final long base;
    private final Path offsetFile;
    private final Path timeFile;
    private final @Nullable ByteBuffer offsets;
    private final @Nullable ByteBuffer times;
    private final List<LogFinding> findings = new ArrayList<>();
    private long maxTimestamp = -1;
    private long offsetOfMax = -1;

    private IndexCheck(FileStore store, Path folder, long base) {
        this.base = base;
        this.offsetFile = IndexFormat.offsetIndexFile(folder, base);
        this.timeFile = IndexFormat.timeIndexFile(folder, base);
        this.offsets = load(store, offsetFile, IndexFormat.OFFSET_ENTRY_BYTES);
        this.times = load(store, timeFile, IndexFormat.TIME_ENTRY_BYTES);
    }

    static IndexCheck of(FileStore store, Path folder, long base) {
        return new IndexCheck(store, folder, base);
    }

    private @Nullable ByteBuffer load(FileStore store, Path file, int entryBytes) {
        if (!store.exists(file)) {
            note(file, 0, "missing");
            return null;
        }
        long size = store.size(file);
        if (size % entryBytes != 0 || size > Integer.MAX_VALUE) {
            note(file, size, "size: expected a multiple of " + entryBytes + " bytes, actual " + size);
            return null;
        }
        return store.readFile(file);
    }

    /** The next batch of the segment. */
    void batch(int position, long lastOffset, long batchMaxTimestamp) {
        if (batchMaxTimestamp > maxTimestamp) {
            maxTimestamp = batchMaxTimestamp;
            offsetOfMax = lastOffset;
        }
        if (offsets != null) {
            checkOffset(offsets, position, lastOffset);
        }
        if (times != null) {
            checkTime(times, lastOffset);
        }
    }

    private void checkOffset(ByteBuffer entries, int position, long lastOffset) {
        while (entries.hasRemaining() && entries.getInt(entries.position() + Integer.BYTES) <= position) {
            int at = entries.position();
            int relativeOffset = entries.getInt();
            int indexed = entries.getInt();
            if (indexed != position || base + relativeOffset != lastOffset) {
                note(
                        offsetFile,
                        at,
                        "entry: expected a batch's position and last offset, as " + position + " and " + lastOffset
                                + ", actual " + indexed + " and " + (base + relativeOffset));
            }
        }
    }

    private void checkTime(ByteBuffer entries, long lastOffset) {
        while (entries.hasRemaining() && base + entries.getInt(entries.position() + Long.BYTES) <= lastOffset) {
            int at = entries.position();
            long timestamp = entries.getLong();
            int relativeOffset = entries.getInt();
            if (timestamp != maxTimestamp || base + relativeOffset != offsetOfMax) {
                note(
                        timeFile,
                        at,
                        "entry: expected the largest timestamp so far and its offset, " + maxTimestamp + " and "
                                + offsetOfMax + ", actual " + timestamp + " and " + (base + relativeOffset));
            }
        }
    }

    /** Behind the last batch: what was found. */
    List<LogFinding> end() {
        if (offsets != null && offsets.hasRemaining()) {
            note(offsetFile, offsets.position(), "entries behind the last batch of the segment");
        }
        if (times != null && times.hasRemaining()) {
            note(timeFile, times.position(), "entries behind the last batch of the segment");
        }
        return findings;
    }

    private void note(Path file, long position, String what) {
        findings.add(new LogFinding(Kind.NOTE, file, position, what + "; the next opening makes the index again"));
    }
}
