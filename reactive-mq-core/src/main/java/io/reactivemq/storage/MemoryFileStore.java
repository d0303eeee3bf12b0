package io.reactivemq.storage;

import io.reactivemq.storage.StorageException.Operation;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A tree of names in memory; the bytes are in {@link MemoryContent}. The lock guards the names only. */
final class MemoryFileStore implements FileStore {

    /** By absolute path; null: a directory. Guarded by this. */
    private final TreeMap<Path, @Nullable MemoryContent> nodes = new TreeMap<>();

    /** Guarded by this. */
    private final Set<Path> locked = new HashSet<>();

    @Override
    public synchronized StoredFile open(Path path, OpenMode mode) {
        Path key = key(path);
        boolean exists = nodes.containsKey(key);
        MemoryContent content = nodes.get(key);
        if (exists && content == null) {
            throw new StorageException(Operation.OPEN, path, "it is a directory", null);
        }
        if (exists && mode == OpenMode.CREATE_NEW) {
            throw new StorageException(Operation.OPEN, path, "it exists already", null);
        }
        if (content == null) {
            if (mode == OpenMode.READ || mode == OpenMode.WRITE) {
                throw new StorageException(Operation.OPEN, path, "there is no such file", null);
            }
            if (!isDirectory(FileStore.parentOf(key))) {
                throw new StorageException(Operation.OPEN, path, "its directory does not exist", null);
            }
            content = new MemoryContent();
            nodes.put(key, content);
        }
        return new MemoryFile(this, path, content, mode.isWritable());
    }

    @Override
    public synchronized boolean exists(Path path) {
        Path key = key(path);
        return nodes.containsKey(key) || key.getParent() == null;
    }

    @Override
    public synchronized boolean isDirectory(Path path) {
        Path key = key(path);
        return key.getParent() == null || (nodes.containsKey(key) && nodes.get(key) == null);
    }

    @Override
    public synchronized long size(Path path) {
        MemoryContent content = nodes.get(key(path));
        if (content == null) {
            throw new StorageException(Operation.SIZE, path, "there is no such file", null);
        }
        return content.size();
    }

    @Override
    public synchronized List<Path> list(Path directory) {
        if (!isDirectory(directory)) {
            throw new StorageException(Operation.LIST, directory, "there is no such directory", null);
        }
        Path key = key(directory);
        List<Path> children = new ArrayList<>();
        for (Path path : below(key)) {
            if (key.equals(path.getParent())) {
                children.add(directory.resolve(key.relativize(path)));
            }
        }
        return children;
    }

    @Override
    public synchronized void createDirectories(Path directory) {
        Path key = key(directory);
        for (Path path = key; path != null; path = path.getParent()) {
            if (nodes.get(path) != null) {
                throw new StorageException(Operation.CREATE_DIRECTORY, directory, "a file has the name " + path, null);
            }
        }
        for (Path path = key; path != null && path.getParent() != null; path = path.getParent()) {
            nodes.put(path, null);
        }
    }

    @Override
    public synchronized void rename(Path from, Path to) {
        Path source = key(from);
        Path target = key(to);
        if (!nodes.containsKey(source)) {
            throw new StorageException(Operation.RENAME, from, "to " + to + "; there is no such file", null);
        }
        if (!isDirectory(FileStore.parentOf(target)) || (target.startsWith(source) && !target.equals(source))) {
            throw new StorageException(Operation.RENAME, from, "to " + to + "; no place for it there", null);
        }
        boolean replacesFile = nodes.get(source) != null && nodes.get(target) != null;
        if (nodes.containsKey(target) && !target.equals(source) && !replacesFile) {
            throw new StorageException(Operation.RENAME, from, "to " + to + "; that is taken", null);
        }
        for (Path path : below(source)) {
            MemoryContent content = nodes.remove(path);
            nodes.put(target.resolve(source.relativize(path)), content);
        }
        MemoryContent content = nodes.remove(source);
        nodes.put(target, content);
    }

    @Override
    public synchronized void delete(Path path) {
        Path key = key(path);
        if (!nodes.containsKey(key)) {
            throw new StorageException(Operation.DELETE, path, "there is no such file", null);
        }
        if (!below(key).isEmpty()) {
            throw new StorageException(Operation.DELETE, path, "the directory is not empty", null);
        }
        nodes.remove(key);
    }

    @Override
    public synchronized void forceDirectory(Path directory) {
        if (!isDirectory(directory)) {
            throw new StorageException(Operation.FORCE_DIRECTORY, directory, "there is no such directory", null);
        }
    }

    @Override
    public synchronized DirectoryLock lock(Path directory) {
        if (!isDirectory(directory)) {
            throw new StorageException(Operation.LOCK, directory, "there is no such directory", null);
        }
        Path key = key(directory);
        if (!locked.add(key)) {
            throw new StorageException(
                    Operation.LOCK,
                    directory,
                    "the directory is in use in this process; stop the other broker, or choose another directory",
                    null);
        }
        return new HeldLock(directory, key);
    }

    private synchronized void unlock(Path key) {
        locked.remove(key);
    }

    /** All that is below a directory, in order; a copy. */
    private List<Path> below(Path key) {
        List<Path> paths = new ArrayList<>();
        for (Map.Entry<Path, @Nullable MemoryContent> entry :
                nodes.tailMap(key, false).entrySet()) {
            if (!entry.getKey().startsWith(key)) {
                if (entry.getKey().toString().startsWith(key.toString())) {
                    continue; // "a-1" sorts between "a" and "a/b"
                }
                break;
            }
            paths.add(entry.getKey());
        }
        return paths;
    }

    private static Path key(Path path) {
        return path.toAbsolutePath().normalize();
    }

    private final class HeldLock implements DirectoryLock {

        private final Path directory;
        private final Path key;
        private boolean held = true;

        HeldLock(Path directory, Path key) {
            this.directory = directory;
            this.key = key;
        }

        @Override
        public Path directory() {
            return directory;
        }

        @Override
        public synchronized void close() {
            if (held) {
                held = false;
                unlock(key);
            }
        }
    }
}
