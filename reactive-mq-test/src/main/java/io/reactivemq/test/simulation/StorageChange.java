package io.reactivemq.test.simulation;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Locale;

/**
 * A change of a {@link RecordingStore}, or a force that makes changes safe. Bytes belong to a file, known by its number, whatever its name;
 * names belong to the directory they are in.
 */
public sealed interface StorageChange {

    /** A file or directory has got a name that was not there. */
    record Made(Path path, int file, boolean directory) implements StorageChange {}

    /** A file or directory has got another name, in the place of what had that name. */
    record Renamed(Path from, Path to) implements StorageChange {}

    /** A name is gone. */
    record Deleted(Path path) implements StorageChange {}

    /** The remaining bytes of the buffer, which is nobody's to change, were written. */
    record Written(int file, int position, ByteBuffer bytes) implements StorageChange {
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "Written[file=%d, %d bytes at %d]", file, bytes.remaining(), position);
        }
    }

    /** A file was cut. */
    record Cut(int file, int size) implements StorageChange {}

    /** A file's bytes and length are safe. */
    record Forced(int file) implements StorageChange {}

    /**
     * A force failed: of what was not forced any part may be lost for good, though it is still read as if it were there, and no later force
     * brings it to the disk.
     */
    record ForceFailed(int file) implements StorageChange {}

    /** The names in a directory are safe. */
    record ForcedDirectory(Path directory) implements StorageChange {}
}
