package io.reactivemq.test.crash;

import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordCursor;
import io.reactivemq.storage.FileStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;

/** What a full scan says, which the indexes must say too. */
final class LogScan {

    private LogScan() {}

    static long offsetForTimestamp(List<SentBatch> batches, long timestampMs, long fromOffset, long endOffset) {
        for (SentBatch batch : batches) {
            if (batch.maxTimestamp() < timestampMs
                    || batch.nextOffset() <= fromOffset
                    || batch.baseOffset() >= endOffset) {
                continue;
            }
            RecordCursor cursor = batch.header().records();
            while (cursor.next()) {
                long offset = batch.baseOffset() + cursor.offset();
                if (cursor.timestampMs() >= timestampMs && offset >= fromOffset) {
                    return offset;
                }
            }
        }
        return -1;
    }

    /** The index files of a log that is closed are byte by byte what docs/data-format.md has made of the segments. */
    static void checkIndexFiles(FileStore store, Path folder, int intervalBytes) {
        List<Path> segments = store.list(folder).stream()
                .filter(path -> path.toString().endsWith(".log"))
                .toList();
        for (int i = 0; i < segments.size(); i++) {
            check(store, segments.get(i), intervalBytes, i < segments.size() - 1);
        }
    }

    private static void check(FileStore store, Path segment, int intervalBytes, boolean closed) {
        ByteBuffer bytes = store.readFile(segment);
        ByteBuffer offsets = ByteBuffer.allocate(bytes.remaining());
        ByteBuffer times = ByteBuffer.allocate(bytes.remaining() + 12);
        long baseOffset = bytes.hasRemaining() ? bytes.getLong(0) : 0;
        int indexed = 0;
        long maxTimestamp = -1;
        int maxOffset = 0;
        long timed = -1;
        for (int at = 0; at < bytes.limit(); ) {
            int relative = (int) (bytes.getLong(at) - baseOffset) + bytes.getInt(at + RecordBatch.LAST_OFFSET_DELTA_AT);
            if (bytes.getLong(at + RecordBatch.MAX_TIMESTAMP_AT) > maxTimestamp) {
                maxTimestamp = bytes.getLong(at + RecordBatch.MAX_TIMESTAMP_AT);
                maxOffset = relative;
            }
            if (at - indexed > intervalBytes) {
                offsets.putInt(relative).putInt(at);
                indexed = at;
                if (maxTimestamp > timed) {
                    times.putLong(maxTimestamp).putInt(maxOffset);
                    timed = maxTimestamp;
                }
            }
            at += bytes.getInt(at + RecordBatch.LENGTH_AT) + RecordBatch.LENGTH_OVERHEAD_BYTES;
        }
        if (closed && maxTimestamp > timed) {
            times.putLong(maxTimestamp).putInt(maxOffset);
        }
        String name = String.valueOf(segment.getFileName()).replace(".log", "");
        compare(store, segment.resolveSibling(name + ".index"), offsets.flip());
        compare(store, segment.resolveSibling(name + ".timeindex"), times.flip());
    }

    private static void compare(FileStore store, Path file, ByteBuffer expected) {
        if (!store.exists(file)) {
            LogLife.check(!expected.hasRemaining(), file + " is missing");
            return;
        }
        ByteBuffer actual = store.readFile(file);
        LogLife.check(
                actual.equals(expected),
                () -> file + " is not the index of its segment: " + actual + ", by a scan " + expected
                        + ", first difference at " + actual.mismatch(expected));
    }
}
