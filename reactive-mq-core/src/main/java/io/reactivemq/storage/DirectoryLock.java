package io.reactivemq.storage;

import java.io.Closeable;
import java.nio.file.Path;

/** The right to be the only process, and the only holder in this process, that uses a directory. Closing gives it back. */
public interface DirectoryLock extends Closeable {

    /** The directory. */
    Path directory();

    /** Idempotent. */
    @Override
    void close();
}
