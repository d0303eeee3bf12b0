package io.reactivemq.test.simulation;

import io.reactivemq.storage.StorageException.Operation;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Which calls of a {@link RecordingStore} fail, and how. */
@FunctionalInterface
public interface StorageFaults {

    /** No call fails. */
    StorageFaults NONE = (operation, path) -> null;

    /** Asked before each call that can fail; null: it works. */
    @Nullable Fault onCall(Operation operation, Path path);

    /**
     * A failure.
     *
     * @param errno what the operating system says
     * @param bytesWritten how many bytes a write writes before it fails; the rest of them, where it has fewer
     */
    record Fault(Errno errno, int bytesWritten) {}

    /** Errors of the operating system, in its words. */
    enum Errno {
        EIO("Input/output error"),
        ENOSPC("No space left on device"),
        EROFS("Read-only file system"),
        EMFILE("Too many open files");

        private final String words;

        Errno(String words) {
            this.words = words;
        }

        /** What the operating system, and so the exception's message, says. */
        public String words() {
            return words;
        }
    }
}
