package io.reactivemq.test.simulation;

import io.reactivemq.storage.DirectoryLock;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StorageException.Operation;
import io.reactivemq.storage.StoredFile;
import io.reactivemq.test.simulation.StorageChange.Cut;
import io.reactivemq.test.simulation.StorageChange.Deleted;
import io.reactivemq.test.simulation.StorageChange.ForceFailed;
import io.reactivemq.test.simulation.StorageChange.Forced;
import io.reactivemq.test.simulation.StorageChange.ForcedDirectory;
import io.reactivemq.test.simulation.StorageChange.Made;
import io.reactivemq.test.simulation.StorageChange.Renamed;
import io.reactivemq.test.simulation.StorageChange.Written;
import io.reactivemq.test.simulation.StorageFaults.Fault;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A file store in memory that remembers every change since it began, in order, for {@link CrashStates} to find out what a crash leaves of
 * them; and fails the calls that {@link #failWith} chooses. What is read is what was written last, forced or not, as an operating system
 * that goes on running shows it: opening what is in the store again, without an image between, is what happens after a kill.
 *
 * <p>Paths must be absolute. Safe for many threads.
 */
public final class RecordingStore implements FileStore {

    private final DiskImage base;

    // All guarded by this, the nodes' content included.
    private final Map<Path, Node> names = new HashMap<>();
    private final Map<Path, Integer> baseFiles = new LinkedHashMap<>();
    private final List<StorageChange> changes = new ArrayList<>();
    private final Set<Path> locked = new HashSet<>();
    private int nodes;

    private volatile StorageFaults faults = StorageFaults.NONE;

    /** A store that begins with what is on that disk, all of it safe. */
    public RecordingStore(DiskImage base) {
        this.base = base;
        for (Path directory : base.directories()) {
            names.put(directory, new Node(nodes++, null));
        }
        base.files().forEach((path, content) -> {
            baseFiles.put(path, nodes);
            names.put(path, new Node(nodes++, content));
        });
    }

    /** Every call is shown to these from now on, and fails where they say so. */
    public void failWith(StorageFaults newFaults) {
        faults = newFaults;
    }

    /** What the store began with. */
    public DiskImage base() {
        return base;
    }

    /** The numbers of the files that the store began with. */
    synchronized Map<Path, Integer> baseFiles() {
        return Map.copyOf(baseFiles);
    }

    /** How many changes there have been. */
    public synchronized int changeCount() {
        return changes.size();
    }

    /** The changes so far; a copy. */
    public synchronized List<StorageChange> changes() {
        return List.copyOf(changes);
    }

    /** The tree as it is read now. */
    public synchronized DiskImage now() {
        Set<Path> directories = new HashSet<>();
        Map<Path, byte[]> files = new HashMap<>();
        names.forEach((path, node) -> {
            if (node.isDirectory()) {
                directories.add(path);
            } else {
                files.put(path, Arrays.copyOf(node.content, node.size));
            }
        });
        return new DiskImage(directories, files);
    }

    private @Nullable Fault check(Operation operation, Path path) {
        Fault fault = faults.onCall(operation, path);
        if (fault != null && operation != Operation.WRITE && operation != Operation.FORCE) {
            throw failure(operation, path, fault);
        }
        return fault;
    }

    private static StorageException failure(Operation operation, Path path, Fault fault) {
        return new StorageException(
                operation, path, "", new IOException(fault.errno().words()));
    }

    @Override
    public StoredFile open(Path path, OpenMode mode) {
        check(Operation.OPEN, path);
        synchronized (this) {
            Node node = names.get(path);
            if (node != null && (node.isDirectory() || mode == OpenMode.CREATE_NEW)) {
                throw new StorageException(Operation.OPEN, path, "it exists already", null);
            }
            if (node == null) {
                if (mode == OpenMode.READ || mode == OpenMode.WRITE || !isDirectory(FileStore.parentOf(path))) {
                    throw new StorageException(Operation.OPEN, path, "there is no such file or directory", null);
                }
                node = new Node(nodes++, new byte[0]);
                names.put(path, node);
                changes.add(new Made(path, node.number, false));
            }
            return new RecordedFile(path, node, mode != OpenMode.READ);
        }
    }

    @Override
    public synchronized boolean exists(Path path) {
        return names.containsKey(path) || path.getParent() == null;
    }

    @Override
    public synchronized boolean isDirectory(Path path) {
        Node node = names.get(path);
        return path.getParent() == null || (node != null && node.isDirectory());
    }

    @Override
    public long size(Path path) {
        check(Operation.SIZE, path);
        synchronized (this) {
            return node(Operation.SIZE, path).size;
        }
    }

    @Override
    public List<Path> list(Path directory) {
        check(Operation.LIST, directory);
        synchronized (this) {
            if (!isDirectory(directory)) {
                throw new StorageException(Operation.LIST, directory, "there is no such directory", null);
            }
            List<Path> children = new ArrayList<>();
            for (Path path : names.keySet()) {
                if (directory.equals(path.getParent())) {
                    children.add(path);
                }
            }
            children.sort(null);
            return children;
        }
    }

    @Override
    public void createDirectories(Path directory) {
        check(Operation.CREATE_DIRECTORY, directory);
        synchronized (this) {
            makeDirectories(directory);
        }
    }

    private void makeDirectories(Path directory) {
        if (isDirectory(directory)) {
            return;
        }
        if (names.containsKey(directory)) {
            throw new StorageException(Operation.CREATE_DIRECTORY, directory, "a file has that name", null);
        }
        makeDirectories(FileStore.parentOf(directory));
        Node node = new Node(nodes++, null);
        names.put(directory, node);
        changes.add(new Made(directory, node.number, true));
    }

    @Override
    public void rename(Path from, Path to) {
        check(Operation.RENAME, from);
        synchronized (this) {
            Node node = node(Operation.RENAME, from);
            Node former = names.get(to);
            boolean replaces = former != null && !former.isDirectory() && !node.isDirectory();
            if (!isDirectory(FileStore.parentOf(to)) || to.startsWith(from) || (former != null && !replaces)) {
                throw new StorageException(Operation.RENAME, from, "to " + to + "; no place for it there", null);
            }
            names.remove(from);
            names.put(to, node);
            for (Path below : List.copyOf(names.keySet())) {
                if (node.isDirectory() && below.startsWith(from)) {
                    names.put(to.resolve(from.relativize(below)), names.remove(below));
                }
            }
            changes.add(new Renamed(from, to));
        }
    }

    @Override
    public void delete(Path path) {
        check(Operation.DELETE, path);
        synchronized (this) {
            node(Operation.DELETE, path);
            for (Path other : names.keySet()) {
                if (path.equals(other.getParent())) {
                    throw new StorageException(Operation.DELETE, path, "the directory is not empty", null);
                }
            }
            names.remove(path);
            changes.add(new Deleted(path));
        }
    }

    @Override
    public void forceDirectory(Path directory) {
        check(Operation.FORCE_DIRECTORY, directory);
        synchronized (this) {
            if (!isDirectory(directory)) {
                throw new StorageException(Operation.FORCE_DIRECTORY, directory, "there is no such directory", null);
            }
            changes.add(new ForcedDirectory(directory));
        }
    }

    @Override
    public DirectoryLock lock(Path directory) {
        check(Operation.LOCK, directory);
        synchronized (this) {
            if (!locked.add(directory)) {
                throw new StorageException(Operation.LOCK, directory, "the directory is in use", null);
            }
        }
        return new DirectoryLock() {
            @Override
            public Path directory() {
                return directory;
            }

            @Override
            public void close() {
                synchronized (RecordingStore.this) {
                    locked.remove(directory);
                }
            }
        };
    }

    private Node node(Operation operation, Path path) {
        Node node = names.get(path);
        if (node == null) {
            throw new StorageException(operation, path, "there is no such file", null);
        }
        return node;
    }

    /** What a name stands for. Invariant: bytes of {@code content} that an image or a change shares are not written to. */
    private static final class Node {

        private final int number;
        private final boolean directory;
        private byte[] content;
        private int size;
        private boolean shared;

        Node(int number, byte @Nullable [] content) {
            this.number = number;
            this.directory = content == null;
            this.content = content == null ? new byte[0] : content;
            this.size = this.content.length;
            this.shared = true;
        }

        boolean isDirectory() {
            return directory;
        }

        void write(int position, byte[] bytes) {
            int end = position + bytes.length;
            if (shared || end > content.length) {
                content = Arrays.copyOf(content, Math.max(end, Math.max(size, Math.min(2 * size, size + (1 << 20)))));
                shared = false;
            }
            if (position > size) {
                Arrays.fill(content, size, position, (byte) 0);
            }
            System.arraycopy(bytes, 0, content, position, bytes.length);
            size = Math.max(size, end);
        }
    }

    private final class RecordedFile implements StoredFile {

        private volatile Path path;
        private final Node node;
        private final boolean writable;
        private volatile boolean closed;

        RecordedFile(Path path, Node node, boolean writable) {
            this.path = path;
            this.node = node;
            this.writable = writable;
        }

        private @Nullable Fault check(Operation operation, boolean writes) {
            if (writes && !writable) {
                throw new IllegalStateException(operation + " of " + path + ", which is open for reading only");
            }
            if (closed) {
                throw new StorageException(operation, path, "the file is closed", null);
            }
            return RecordingStore.this.check(operation, path);
        }

        @Override
        public Path path() {
            return path;
        }

        @Override
        public void rename(Path to) {
            RecordingStore.this.rename(path, to);
            path = to;
        }

        @Override
        public long size() {
            check(Operation.SIZE, false);
            synchronized (RecordingStore.this) {
                return node.size;
            }
        }

        @Override
        public void write(ByteBuffer source, long position) {
            Fault fault = check(Operation.WRITE, true);
            byte[] bytes =
                    new byte[fault == null ? source.remaining() : Math.min(source.remaining(), fault.bytesWritten())];
            source.get(bytes);
            synchronized (RecordingStore.this) {
                int at = Math.toIntExact(position);
                node.write(at, bytes);
                changes.add(new Written(node.number, at, ByteBuffer.wrap(bytes)));
            }
            if (fault != null) {
                throw failure(Operation.WRITE, path, fault);
            }
        }

        @Override
        public ByteBuffer read(long position, int lengthMin, int lengthMax) {
            check(Operation.READ, false);
            synchronized (RecordingStore.this) {
                if (position + lengthMin > node.size) {
                    throw new StorageException(
                            Operation.READ,
                            path,
                            lengthMin + " bytes at " + position + ", but the file ends at " + node.size,
                            null);
                }
                int length = (int) Math.max(0, Math.min(lengthMax, node.size - position));
                return ByteBuffer.wrap(node.content, (int) position, length)
                        .slice()
                        .asReadOnlyBuffer();
            }
        }

        @Override
        public long transferTo(long position, long count, WritableByteChannel target) {
            check(Operation.TRANSFER, false);
            try {
                long available = size() - position;
                return available <= 0 ? 0 : target.write(read(position, 0, (int) Math.min(count, available)));
            } catch (IOException e) {
                throw new StorageException(Operation.TRANSFER, path, "", e);
            }
        }

        @Override
        public void truncate(long size) {
            check(Operation.TRUNCATE, true);
            synchronized (RecordingStore.this) {
                if (size < node.size) {
                    node.size = (int) size;
                    changes.add(new Cut(node.number, node.size));
                }
            }
        }

        @Override
        public void force() {
            Fault fault = check(Operation.FORCE, true);
            synchronized (RecordingStore.this) {
                changes.add(fault == null ? new Forced(node.number) : new ForceFailed(node.number));
            }
            if (fault != null) {
                throw failure(Operation.FORCE, path, fault);
            }
        }

        @Override
        public void close() {
            closed = true;
        }
    }
}
