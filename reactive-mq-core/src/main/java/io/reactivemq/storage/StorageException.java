package io.reactivemq.storage;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A call to a file that failed: {@link ErrorCode#KAFKA_STORAGE_ERROR} with the operation, the path and the reason. */
public final class StorageException extends MqException {

    private static final long serialVersionUID = 1L;

    private final Operation operation;
    private final String path;

    public StorageException(Operation operation, Path path, String detail, @Nullable IOException cause) {
        super(ErrorCode.KAFKA_STORAGE_ERROR, message(operation, path, detail, cause), cause);
        this.operation = operation;
        this.path = path.toString();
    }

    /** What was tried. */
    public Operation operation() {
        return operation;
    }

    /** The file or directory. */
    public Path path() {
        return Path.of(path);
    }

    private static String message(Operation operation, Path path, String detail, @Nullable IOException cause) {
        StringBuilder message =
                new StringBuilder(operation.words).append(' ').append(path).append(" failed");
        if (!detail.isEmpty()) {
            message.append(" (").append(detail).append(')');
        }
        if (cause != null) {
            message.append(": ").append(cause.getClass().getSimpleName());
            if (cause.getMessage() != null) {
                message.append(": ").append(cause.getMessage());
            }
        }
        return message.toString();
    }

    /** The calls of this room that can fail. */
    public enum Operation {
        OPEN("opening"),
        CLOSE("closing"),
        READ("reading"),
        WRITE("writing"),
        TRANSFER("transferring from"),
        TRUNCATE("truncating"),
        FORCE("forcing"),
        SIZE("reading the size of"),
        CREATE_DIRECTORY("creating directory"),
        LIST("listing directory"),
        RENAME("renaming"),
        DELETE("deleting"),
        FORCE_DIRECTORY("forcing directory"),
        LOCK("locking directory");

        private final String words;

        Operation(String words) {
            this.words = words;
        }

        /** Whether what was written before can no longer be trusted to reach the disk: such a failure is final. */
        public boolean isForce() {
            return this == FORCE || this == FORCE_DIRECTORY;
        }
    }
}
