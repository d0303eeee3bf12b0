package io.reactivemq.operator.spill;

import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file that says up to where elements have been delivered. It may be lost or be behind: then elements are delivered again. It is never
 * ahead of what was delivered. Its two slots are written in turns, so that a torn one leaves the other.
 */
final class SpillPosition {

    private static final Logger LOGGER = LoggerFactory.getLogger(SpillPosition.class);

    private final FileStore store;
    private final Path directory;
    private final Path path;
    private @Nullable StoredFile file;

    /** As it is on file: the last one that was recorded; -1: none. */
    private long recorded = -1;

    private int nextSlot;
    private boolean nameForced;

    SpillPosition(FileStore store, Path directory) {
        this.store = store;
        this.directory = directory;
        this.path = directory.resolve(SpillFormat.POSITION_FILE);
    }

    /** What is on file; 0 where nothing is. */
    long read() {
        if (!store.exists(path)) {
            return 0;
        }
        ByteBuffer content = store.readFile(path);
        content = content.position() == 0 ? content : content.slice();
        OptionalLong first = SpillFormat.sequenceIn(content, 0);
        OptionalLong second = SpillFormat.sequenceIn(content, SpillFormat.SECOND_SLOT_AT);
        if (first.isEmpty() && second.isEmpty()) {
            LOGGER.warn("{}: {} is damaged; what the files still hold is delivered again", directory, path);
            return 0;
        }
        long sequence = Math.max(first.orElse(0), second.orElse(0));
        nextSlot = first.orElse(-1) == sequence ? 1 : 0;
        recorded = sequence;
        return sequence;
    }

    /** Whether a position was found, or has been recorded. */
    boolean isKnown() {
        return recorded >= 0;
    }

    boolean isAt(long sequence) {
        return recorded == sequence;
    }

    /** Writes into the slot whose turn it is. False where that failed. */
    boolean write(long sequence) {
        try {
            StoredFile opened = file;
            if (opened == null) {
                opened = store.open(path, OpenMode.CREATE);
                file = opened;
                nameForced = false;
            }
            opened.write(SpillFormat.slot(sequence), nextSlot == 0 ? 0 : SpillFormat.SECOND_SLOT_AT);
            return true;
        } catch (StorageException e) {
            LOGGER.warn("{}: the position could not be recorded", directory, e);
            return false;
        }
    }

    /** What was written survives a loss of power. */
    void force() {
        StoredFile opened = file;
        if (opened == null) {
            throw new IllegalStateException("nothing was written to " + path);
        }
        opened.force();
        if (!nameForced) {
            store.forceDirectory(directory);
            nameForced = true;
        }
    }

    /** What was written counts: the next one goes to the other slot. */
    void written(long sequence) {
        nextSlot = 1 - nextSlot;
        recorded = sequence;
    }

    void close() {
        StoredFile opened = file;
        file = null;
        SpillQueue.close(opened);
    }

    void delete() {
        if (store.exists(path)) {
            store.delete(path);
        }
    }
}
