package io.reactivemq.storage;

import io.reactivemq.storage.StorageException.Operation;
import java.nio.file.Path;

/** What both implementations check alike. */
final class Ranges {

    private Ranges() {}

    static void checkRead(long position, int lengthMin, int lengthMax) {
        if (position < 0 || lengthMin < 0 || lengthMax < lengthMin) {
            throw new IllegalArgumentException("expected position >= 0 and 0 <= lengthMin <= lengthMax, actual "
                    + position + ", " + lengthMin + ", " + lengthMax);
        }
    }

    static StorageException endOfFile(Path path, long position, int lengthMin, long end) {
        return new StorageException(
                Operation.READ, path, lengthMin + " bytes at " + position + ", but the file ends at " + end, null);
    }
}
