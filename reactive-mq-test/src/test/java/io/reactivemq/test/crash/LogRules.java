package io.reactivemq.test.crash;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.record.RecordBatch;
import io.reactivemq.test.simulation.DiskImage;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * What the rules say of a segment's bytes, worked out without the log's own code: where the batches that follow each other end, and whether one that
 * counts is behind that, so that the end is no torn tail but damage.
 */
final class LogRules {

    private LogRules() {}

    /**
     * The disk with batches behind the end of the last segment that have a perfect checksum and are none of the log's: one of an offset that is
     * there already, one of the next offset and the epoch before. Null where the end has no epoch before, or is torn.
     */
    static @Nullable DiskImage withStaleBatches(DiskImage disk, Path folder) {
        Map.Entry<Long, byte[]> last = segments(disk, folder).lastEntry();
        if (last == null) {
            return null;
        }
        byte[] bytes = last.getValue();
        End end = end(last.getKey(), bytes);
        if (end.epoch == 0 || end.position != bytes.length) {
            return null;
        }
        int size = sizeAt(ByteBuffer.wrap(bytes), 0);
        byte[] stale = Arrays.copyOf(bytes, bytes.length + 2 * size);
        boolean offsetFirst = end.offset % 2 == 0;
        for (int i = 0; i < 2; i++) {
            int at = bytes.length + i * size;
            System.arraycopy(bytes, 0, stale, at, size);
            ByteBuffer batch = ByteBuffer.wrap(stale);
            boolean oldOffset = offsetFirst == (i == 0);
            batch.putLong(at, oldOffset ? last.getKey() : end.offset);
            batch.putInt(at + RecordBatch.LEADER_EPOCH_AT, oldOffset ? end.epoch : end.epoch - 1);
        }
        Map<Path, byte[]> files = new HashMap<>(disk.files());
        String name = Long.toString(last.getKey());
        files.put(folder.resolve("0".repeat(20 - name.length()) + name + ".log"), stale);
        return new DiskImage(disk.directories(), files);
    }

    /** The checkpoint is replaced as a whole, so that no crash leaves a part of one. */
    static void checkWholeCheckpoint(DiskImage disk, Path folder) {
        byte[] bytes = disk.files().get(folder.resolve("recovery-checkpoint"));
        if (bytes == null) {
            return;
        }
        String text = new String(bytes, UTF_8);
        int crcLine = text.lastIndexOf("\ncrc ") + 1;
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, crcLine);
        LogLife.check(
                text.substring(crcLine).equals("crc " + crc.getValue() + "\n"),
                () -> "a part of a checkpoint: " + text);
    }

    /** Why the rules have a log refused that a crash, and nothing else, has left like this; null: it must open. */
    static @Nullable String damage(DiskImage disk, Path folder) {
        Map.Entry<Long, byte[]> last = segments(disk, folder).lastEntry();
        if (last == null) {
            return null;
        }
        ByteBuffer segment = ByteBuffer.wrap(last.getValue());
        End end = end(last.getKey(), last.getValue());
        for (int at = end.position; at + RecordBatch.HEADER_BYTES <= segment.limit(); at++) {
            if (segment.get(at + RecordBatch.MAGIC_AT) == RecordBatch.MAGIC
                    && segment.getLong(at) >= end.offset
                    && epochAt(segment, at) >= end.epoch
                    && isBatch(segment, at)) {
                return "a batch that counts is at " + at + ", behind the end " + end.position;
            }
        }
        return null;
    }

    private static NavigableMap<Long, byte[]> segments(DiskImage disk, Path folder) {
        TreeMap<Long, byte[]> segments = new TreeMap<>();
        for (Map.Entry<Path, byte[]> file : disk.files().entrySet()) {
            String name = String.valueOf(file.getKey().getFileName());
            if (name.endsWith(".log") && folder.equals(file.getKey().getParent())) {
                segments.put(Long.parseLong(name.substring(0, name.length() - 4)), file.getValue());
            }
        }
        return segments;
    }

    /** Where the batches end that follow each other, the offset behind them, and the epoch of the last. */
    private record End(int position, long offset, int epoch) {}

    private static End end(long baseOffset, byte[] bytes) {
        ByteBuffer segment = ByteBuffer.wrap(bytes);
        int position = 0;
        long offset = baseOffset;
        int epoch = 0;
        while (isBatch(segment, position)
                && segment.getLong(position) == offset
                && epochAt(segment, position) >= epoch) {
            offset += segment.getInt(position + RecordBatch.LAST_OFFSET_DELTA_AT) + 1L;
            epoch = epochAt(segment, position);
            position += sizeAt(segment, position);
        }
        return new End(position, offset, epoch);
    }

    private static int epochAt(ByteBuffer segment, int position) {
        return segment.getInt(position + RecordBatch.LEADER_EPOCH_AT);
    }

    private static int sizeAt(ByteBuffer segment, int position) {
        return segment.getInt(position + RecordBatch.LENGTH_AT) + RecordBatch.LENGTH_OVERHEAD_BYTES;
    }

    private static boolean isBatch(ByteBuffer segment, int position) {
        if (segment.limit() - position < RecordBatch.HEADER_BYTES) {
            return false;
        }
        int size = sizeAt(segment, position);
        if (size < RecordBatch.HEADER_BYTES || size > segment.limit() - position) {
            return false;
        }
        CRC32C crc = new CRC32C();
        crc.update(segment.slice(position + RecordBatch.ATTRIBUTES_AT, size - RecordBatch.ATTRIBUTES_AT));
        return segment.get(position + RecordBatch.MAGIC_AT) == RecordBatch.MAGIC
                && (int) crc.getValue() == segment.getInt(position + RecordBatch.CRC_AT)
                && segment.getInt(position + RecordBatch.LAST_OFFSET_DELTA_AT) >= 0;
    }
}
