package io.reactivemq.log;

import io.reactivemq.TopicPartition;
import io.reactivemq.storage.FileStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The small files beside the segments of a partition: {@link LogCheckpoint} and {@link LeaderEpochs}. Each is replaced as a whole. */
final class LogFiles {

    private static final Logger LOGGER = LoggerFactory.getLogger(LogFiles.class);

    private final FileStore store;
    private final Path directory;
    private final TopicPartition partition;

    LogFiles(FileStore store, Path directory, TopicPartition partition) {
        this.store = store;
        this.directory = directory;
        this.partition = partition;
    }

    /** Made when it is asked for: a broker has many partitions, and most are idle. */
    private Path checkpointFile() {
        return directory.resolve(LogCheckpoint.FILE_NAME);
    }

    private Path epochsFile() {
        return directory.resolve(LeaderEpochs.FILE_NAME);
    }

    /** Null where there is none that is whole. */
    @Nullable LogCheckpoint readCheckpoint(LogFolder folder) {
        if (!folder.has(LogCheckpoint.FILE_NAME)) {
            LOGGER.warn("{}: there is no {}; the whole log is scanned", partition, checkpointFile());
            return null;
        }
        LogCheckpoint checkpoint = LogCheckpoint.decode(store.readFile(checkpointFile()));
        if (checkpoint == null) {
            LOGGER.warn("{}: {} is damaged; the whole log is scanned", partition, checkpointFile());
        }
        return checkpoint;
    }

    /** Null where they are not those that the checkpoint tells of. */
    @Nullable LeaderEpochs readEpochs(LogFolder folder, LogCheckpoint recorded) {
        LeaderEpochs epochs = null;
        if (folder.has(LeaderEpochs.FILE_NAME)) {
            ByteBuffer content = store.readFile(epochsFile());
            if (LeaderEpochs.crcOf(content) == recorded.leaderEpochsCrc()) {
                epochs = LeaderEpochs.decode(content);
            }
        }
        if (epochs == null) {
            LOGGER.warn("{}: {} is not what was recorded; it is made again from the log", partition, epochsFile());
        }
        return epochs;
    }

    void write(LogCheckpoint checkpoint) {
        store.replaceFile(checkpointFile(), checkpoint.encode());
    }

    void write(LeaderEpochs epochs) {
        store.replaceFile(epochsFile(), epochs.encode());
    }
}
