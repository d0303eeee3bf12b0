package io.reactivemq.test.crash;

import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * A mistake that a log could make, put between the log and its files: what the log asks for is not done, done too late, or done otherwise. One
 * that overrides nothing is the log as it is.
 */
class PlantedBug {

    /** What the log is doing, as its user sees it. */
    enum Phase {
        OPEN,
        APPEND,
        FORCE,
        ROLL,
        DELETE,
        COMPACT,
        CLOSE
    }

    private Phase phase = Phase.OPEN;

    void phase(Phase now) {
        phase = now;
    }

    final boolean isIn(Phase one) {
        return phase == one;
    }

    /** A full segment is closed either way. */
    final boolean isWriting() {
        return phase == Phase.APPEND || phase == Phase.ROLL;
    }

    static boolean isLog(Path path) {
        return path.toString().endsWith(".log");
    }

    static boolean isCheckpoint(Path path) {
        return path.toString().endsWith("recovery-checkpoint");
    }

    void onMade(Path path) {
        // nothing is wrong
    }

    void rename(FileStore store, Path from, Path to) {
        store.rename(from, to);
    }

    void rename(StoredFile file, Path to) {
        file.rename(to);
    }

    void delete(FileStore store, Path path) {
        store.delete(path);
    }

    void forceDirectory(FileStore store, Path directory) {
        store.forceDirectory(directory);
    }

    void write(StoredFile file, ByteBuffer source, long position) {
        file.write(source, position);
    }

    ByteBuffer read(StoredFile file, long position, int lengthMin, int lengthMax) {
        return file.read(position, lengthMin, lengthMax);
    }

    void truncate(StoredFile file, long size) {
        file.truncate(size);
    }

    void force(StoredFile file) {
        file.force();
    }

    /** Whether what is only written is taken for durable. */
    boolean acknowledgesWritten() {
        return false;
    }

    /** Whether an append that failed is acknowledged. */
    boolean acknowledgesFailed() {
        return false;
    }
}
