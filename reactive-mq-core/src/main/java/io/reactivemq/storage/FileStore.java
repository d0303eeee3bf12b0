package io.reactivemq.storage;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/**
 * A tree of directories and files. Safe for many threads. All failures are {@link StorageException}.
 *
 * <p>{@link #replaceFile}, {@link #createForcedDirectories}, {@link #readFile} and {@link #deleteRecursively} are made of the other calls where a store
 * does not have its own, so that one that wraps another sees every single step.
 */
public interface FileStore {

    /** The file system. Directories are made with permissions 0700 and files with 0600, where it knows permissions. */
    static FileStore disk() {
        return DiskFileStore.INSTANCE;
    }

    /**
     * The file system, with a bound of its own on how many files are open at a time; others are opened when they are used.
     *
     * @param openFilesMax 1 or more; as many more as threads are at it may be open for a moment
     */
    static FileStore disk(int openFilesMax) {
        return new DiskFileStore(openFilesMax);
    }

    /**
     * The same, with a look at its forces.
     *
     * @param forcing runs each force of a file, on the thread that it was handed; for one who counts or times them
     */
    static FileStore disk(int openFilesMax, Consumer<Runnable> forcing) {
        return new DiskFileStore(openFilesMax, forcing);
    }

    /** A new, empty tree in memory, gone with this object. Forces do nothing. */
    static FileStore memory() {
        return new MemoryFileStore();
    }

    /** Opens a file; its directory must exist. A new file survives a loss of power once its directory is forced. */
    StoredFile open(Path path, OpenMode mode);

    /** Whether a file or directory of that name is there. */
    boolean exists(Path path);

    boolean isDirectory(Path path);

    /** The size of a file in bytes. */
    long size(Path path);

    /** When the file was last written to, in ms since the epoch; -1: not known, as in memory. */
    default long lastModifiedMs(Path path) {
        return -1;
    }

    /** What is directly in a directory, in the order of the names. */
    List<Path> list(Path directory);

    /** Makes the directory and those above it, where they are missing. See {@link #createForcedDirectories}. */
    void createDirectories(Path directory);

    /** Renames a file or directory within its file system, atomically; a file in the place of the new name is replaced. */
    void rename(Path from, Path to);

    /**
     * Deletes a file or an empty directory, which must exist. Who is at the file may finish, and not count on more: a file that was not used for a
     * while is opened again by its name.
     */
    void delete(Path path);

    /** Returns when the names in the directory (made, renamed, deleted) survive a loss of power. A failure is final. */
    void forceDirectory(Path directory);

    /**
     * Takes the directory for this process alone, by a lock on the file {@code .lock} in it, which stays behind and means
     * nothing by itself: the lock ends with the process.
     *
     * @throws StorageException naming the directory, if it is in use by another process or in this one
     */
    DirectoryLock lock(Path directory);

    /**
     * Replaces the file's content so that after a crash either the former or the new content is there, whole: written to
     * {@code <name>.tmp}, forced, renamed, and the directory forced.
     */
    default void replaceFile(Path path, ByteBuffer content) {
        Path temporary = path.resolveSibling(path.getFileName() + ".tmp");
        try (StoredFile file = open(temporary, OpenMode.CREATE)) {
            file.truncate(0);
            file.write(content, 0);
            file.force();
        }
        rename(temporary, path);
        forceDirectory(parentOf(path));
    }

    /** {@link #createDirectories}, and forces the names of those that were made, and of the last one in any case. */
    default void createForcedDirectories(Path directory) {
        Path path = directory.toAbsolutePath();
        Path existing = path;
        while (!exists(existing)) {
            existing = parentOf(existing);
        }
        createDirectories(directory);
        do {
            path = parentOf(path);
            forceDirectory(path);
        } while (path.startsWith(existing) && !path.equals(existing));
    }

    /** The whole content of a small file. */
    default ByteBuffer readFile(Path path) {
        try (StoredFile file = open(path, OpenMode.READ)) {
            return file.read(0, Math.toIntExact(file.size()));
        }
    }

    /** Deletes a directory and everything in it. */
    default void deleteRecursively(Path directory) {
        for (Path child : list(directory)) {
            if (isDirectory(child)) {
                deleteRecursively(child);
            } else {
                delete(child);
            }
        }
        delete(directory);
    }

    /** The directory a path is in. */
    static Path parentOf(Path path) {
        Path parent = path.toAbsolutePath().getParent();
        if (parent == null) {
            throw new IllegalArgumentException(path + " is in no directory");
        }
        return parent;
    }
}
