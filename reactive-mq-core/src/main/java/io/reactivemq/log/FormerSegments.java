package io.reactivemq.log;

import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a deletion that a crash has interrupted, or undone, has left in the folder of a log that is opened: it goes. */
final class FormerSegments {

    private static final Logger LOGGER = LoggerFactory.getLogger(FormerSegments.class);

    private static final List<String> SUFFIXES = List.of(
            IndexFormat.OFFSET_INDEX_SUFFIX,
            IndexFormat.TIME_INDEX_SUFFIX,
            IndexFormat.TRANSACTION_INDEX_SUFFIX,
            ProducerSnapshot.SUFFIX,
            ProducerSnapshot.SUFFIX + ".tmp");

    private final FileStore store;
    private final Path directory;
    private final TopicPartition partition;
    private final LogConfig config;

    FormerSegments(FileStore store, Path directory, TopicPartition partition, LogConfig config) {
        this.store = store;
        this.directory = directory;
        this.partition = partition;
        this.config = config;
    }

    /**
     * Segments wholly below the log start offset were deleted before, and brought back by a crash; or a crash came before they were deleted. In
     * the second case they stay where they alone tell of the producers that wrote in them.
     */
    void drop(long logStartOffset, @Nullable LogCheckpoint recorded, List<Long> bases) {
        int count = 0;
        while (count + 1 < bases.size()
                && bases.get(count + 1) <= logStartOffset
                && (recorded == null || bases.get(count) < recorded.segment())) {
            count++;
        }
        if (count == 0 || (!isKnownWithout(bases.get(count), recorded) && isUnbroken(bases.subList(0, count + 1)))) {
            return;
        }
        for (int i = 0; i < count; i++) {
            Segment.deleteFiles(store, directory, bases.remove(0));
        }
    }

    /** Whether what is known of the producers at an offset can be had without the log before it; it is made sure that it stays so. */
    private boolean isKnownWithout(long base, @Nullable LogCheckpoint recorded) {
        if (recorded != null
                && recorded.producers().none()
                && recorded.producers().offset() >= base) {
            return true;
        }
        List<ProducerState> snapshot = ProducerSnapshot.read(store, directory, base);
        if (snapshot == null) {
            return false;
        }
        ProducerSnapshot.replace(store, directory, base, snapshot);
        return true;
    }

    /** Whether the segments follow one another without a gap, the last only by its begin. */
    private boolean isUnbroken(List<Long> bases) {
        for (int i = 0; i + 1 < bases.size(); i++) {
            try (StoredFile file = store.open(IndexFormat.logFile(directory, bases.get(i)), OpenMode.READ)) {
                GrowingIndex index = new GrowingIndex(config.indexIntervalBytes());
                if (Segment.scanIndex(file, bases.get(i), bases.get(i), 0, LogRecovery.sizeOf(file), index)
                        != bases.get(i + 1)) {
                    return false;
                }
            } catch (MqException e) {
                LOGGER.info("{}: a segment below the log start offset is not whole any more", partition, e);
                return false;
            }
        }
        return true;
    }

    /** An index of a segment that is gone. */
    void dropFilesBelow(long firstBase, LogFolder folder) {
        for (String suffix : SUFFIXES) {
            for (long base : folder.offsets(suffix)) {
                Path path = IndexFormat.file(directory, base, suffix);
                if (base < firstBase && store.exists(path)) {
                    store.delete(path);
                }
            }
        }
    }
}
