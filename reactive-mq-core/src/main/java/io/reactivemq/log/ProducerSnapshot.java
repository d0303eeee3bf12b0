package io.reactivemq.log;

import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The {@link ProducerStates} of a log at an offset, as a file of that name: {@code 00000000000000004711.snapshot}, in Kafka's
 * format. Kafka has one entry of a producer there, of its last batch; here each batch that is remembered has one, the last one behind the others, so
 * that a client that had several under way when the log was closed is answered as before. Kafka takes the last entry of a producer.
 *
 * <pre>
 * version int16 = 1, crc uint32 (CRC-32C of what follows), number of entries int32, and for each:
 *     producer id int64, epoch int16, last sequence int32, last offset int64, offset delta int32, timestamp int64,
 *     coordinator epoch int32, first offset of the open transaction int64 (-1: none; in the last entry of a producer)
 * </pre>
 *
 * The timestamp of the last entry is when the producer was last heard of; Kafka has that of its last batch there. Snapshots are not forced while the log can
 * stand in for them: one that a crash has torn is not taken, and an older one or the log itself is read. Before segments are deleted, the
 * snapshot that stands in for them is.
 */
final class ProducerSnapshot {

    static final String SUFFIX = ".snapshot";

    private static final Logger LOGGER = LoggerFactory.getLogger(ProducerSnapshot.class);
    private static final short VERSION = 1;
    private static final int CRC_AT = 2;
    private static final int COUNT_AT = 6;
    private static final int HEADER_BYTES = 10;
    private static final int ENTRY_BYTES = 46;
    private static final int NO_SEQUENCE = -1;

    private ProducerSnapshot() {}

    static Path file(Path directory, long offset) {
        return IndexFormat.file(directory, offset, SUFFIX);
    }

    /** False where it could not be written; what is there then is not taken for a snapshot. */
    static boolean write(FileStore store, Path directory, long offset, List<ProducerState> producers) {
        Path path = file(directory, offset);
        try (StoredFile file = store.open(path, OpenMode.CREATE)) {
            ByteBuffer content = encode(producers);
            file.write(content, 0);
            file.truncate(content.limit());
            return true;
        } catch (StorageException e) {
            LOGGER.warn("snapshot {} could not be written; the log is read in its place", path, e);
            return false;
        }
    }

    /** Writes one that survives a loss of power. */
    static void replace(FileStore store, Path directory, long offset, List<ProducerState> producers) {
        store.replaceFile(file(directory, offset), encode(producers));
    }

    /** Null where there is no such file, or it is damaged. */
    static @Nullable List<ProducerState> read(FileStore store, Path directory, long offset) {
        Path path = file(directory, offset);
        if (!store.exists(path)) {
            return null;
        }
        List<ProducerState> producers = decode(store.readFile(path));
        if (producers == null) {
            LOGGER.warn("snapshot {} is damaged; an older one or the log is read in its place", path);
        }
        return producers;
    }

    static OptionalLong offsetOf(Path file) {
        return IndexFormat.baseOffsetOf(file, SUFFIX);
    }

    static ByteBuffer encode(List<ProducerState> producers) {
        int entries = producers.stream()
                .mapToInt(producer -> Math.max(1, producer.batchCount()))
                .sum();
        ByteBuffer content = ByteBuffer.allocate(HEADER_BYTES + entries * ENTRY_BYTES);
        content.putShort(VERSION).position(COUNT_AT);
        content.putInt(entries);
        for (ProducerState producer : producers) {
            for (int i = 0; i < producer.batchCount() - 1; i++) {
                ProducerState.Batch batch = producer.batch(i);
                put(content, producer, batch, batch.appendTimeMs(), ProducerState.NO_OFFSET);
            }
            put(content, producer, producer.lastBatch(), producer.heardMs(), producer.transactionFirstOffset());
        }
        return content.putInt(CRC_AT, crcOf(content)).flip();
    }

    private static void put(
            ByteBuffer content,
            ProducerState producer,
            ProducerState.@Nullable Batch batch,
            long timestampMs,
            long transactionFirstOffset) {
        content.putLong(producer.producerId())
                .putShort(producer.epoch())
                .putInt(batch == null ? NO_SEQUENCE : batch.lastSequence())
                .putLong(batch == null ? ProducerState.NO_OFFSET : batch.lastOffset())
                .putInt(batch == null ? 0 : batch.offsetDelta())
                .putLong(timestampMs)
                .putInt(producer.coordinatorEpoch())
                .putLong(transactionFirstOffset);
    }

    /** Null where the bytes are not a whole snapshot. */
    static @Nullable List<ProducerState> decode(ByteBuffer content) {
        ByteBuffer from = content.slice();
        if (from.limit() < HEADER_BYTES || from.getShort(0) != VERSION || from.getInt(CRC_AT) != crcOf(from)) {
            return null;
        }
        int count = from.getInt(COUNT_AT);
        if (count != (from.limit() - HEADER_BYTES) / ENTRY_BYTES) {
            return null;
        }
        Map<Long, ProducerState> producers = new LinkedHashMap<>();
        from.position(HEADER_BYTES);
        for (int i = 0; i < count; i++) {
            long id = from.getLong();
            short epoch = from.getShort();
            ProducerState producer = producers.computeIfAbsent(id, same -> new ProducerState(same, epoch));
            producer.moveTo(epoch);
            int lastSequence = from.getInt();
            long lastOffset = from.getLong();
            int offsetDelta = from.getInt();
            long timestampMs = from.getLong();
            if (lastSequence != NO_SEQUENCE) {
                producer.add(new ProducerState.Batch(lastSequence, lastOffset, offsetDelta, timestampMs));
            }
            producer.restore(from.getInt(), from.getLong(), timestampMs);
        }
        return List.copyOf(producers.values());
    }

    private static int crcOf(ByteBuffer content) {
        CRC32C crc = new CRC32C();
        crc.update(content.slice(COUNT_AT, content.limit() - COUNT_AT));
        return (int) crc.getValue();
    }
}
