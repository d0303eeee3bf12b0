package io.reactivemq.storage;

import io.reactivemq.storage.StorageException.Operation;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A tree in memory that knows what a loss of power may take: whatever was written, cut, made, renamed or deleted and not forced
 * since. {@link #crash} gives one of the trees that could be found afterwards. Not for several threads.
 *
 * <p>The model: a force of a file keeps its bytes and its length, but not its name; a force of a directory keeps the names in
 * it. A rename is atomic. What is not forced is kept or lost as the {@link Loss} says.
 */
public final class CrashFileStore implements FileStore {

    /** How much a loss of power may mix up. */
    public enum Loss {
        /** Each file and each directory loses what came last; the first write that is lost may be there in part. */
        LATEST,
        /** Of what is not forced any part may be there, down to single sectors, whatever came later. */
        ANY
    }

    private static final int SECTOR_BYTES = 512;

    private final TreeMap<Path, Node> names = new TreeMap<>();
    private final TreeMap<Path, Node> forcedNames = new TreeMap<>();
    private final List<NameChange> nameChanges = new ArrayList<>();

    /** What the disk may hold if the power fails now. */
    public CrashFileStore crash(Random random, Loss loss) {
        TreeMap<Path, Node> kept = new TreeMap<>(forcedNames);
        Map<Path, Integer> budgets = new HashMap<>();
        for (NameChange change : nameChanges) {
            int budget =
                    budgets.computeIfAbsent(change.directory, directory -> random.nextInt(changesIn(directory) + 1));
            budgets.put(change.directory, budget - 1);
            if (loss == Loss.ANY ? random.nextBoolean() : budget > 0) {
                change.apply(kept);
            }
        }
        CrashFileStore after = new CrashFileStore();
        Map<Node, Node> copies = new HashMap<>();
        kept.forEach((path, node) -> {
            if (after.hasParent(path)) {
                Node copy = copies.computeIfAbsent(node, original -> original.crash(random, loss));
                after.names.put(path, copy);
                after.forcedNames.put(path, copy);
            }
        });
        return after;
    }

    /** How many changes a loss of power could take now. */
    public int unforced() {
        return nameChanges.size()
                + names.values().stream()
                        .distinct()
                        .mapToInt(node -> node.changes.size())
                        .sum();
    }

    private int changesIn(Path directory) {
        return (int) nameChanges.stream()
                .filter(change -> change.directory.equals(directory))
                .count();
    }

    private boolean hasParent(Path path) {
        Path parent = path.getParent();
        return parent == null || parent.getParent() == null || names.containsKey(parent);
    }

    private void change(NameChange change) {
        change.apply(names);
        nameChanges.add(change);
    }

    @Override
    public StoredFile open(Path path, OpenMode mode) {
        Node node = names.get(path);
        if (node != null && (node.directory || mode == OpenMode.CREATE_NEW)) {
            throw new StorageException(Operation.OPEN, path, "it exists", null);
        }
        if (node == null) {
            if (mode == OpenMode.READ || mode == OpenMode.WRITE || !hasParent(path)) {
                throw new StorageException(Operation.OPEN, path, "there is no such file", null);
            }
            node = new Node(false);
            change(new NameChange(FileStore.parentOf(path), null, path, node));
        }
        return new CrashFile(path, node);
    }

    @Override
    public boolean exists(Path path) {
        return names.containsKey(path) || path.getParent() == null;
    }

    @Override
    public boolean isDirectory(Path path) {
        Node node = names.get(path);
        return path.getParent() == null || (node != null && node.directory);
    }

    @Override
    public long size(Path path) {
        return node(Operation.SIZE, path).size;
    }

    @Override
    public List<Path> list(Path directory) {
        node(Operation.LIST, directory);
        return names.keySet().stream()
                .filter(path -> directory.equals(path.getParent()))
                .toList();
    }

    @Override
    public void createDirectories(Path directory) {
        if (directory.getParent() == null || exists(directory)) {
            return;
        }
        createDirectories(FileStore.parentOf(directory));
        change(new NameChange(FileStore.parentOf(directory), null, directory, new Node(true)));
    }

    @Override
    public void rename(Path from, Path to) {
        Node node = node(Operation.RENAME, from);
        if (node.directory || !FileStore.parentOf(from).equals(FileStore.parentOf(to))) {
            throw new UnsupportedOperationException("only files, within their directory");
        }
        change(new NameChange(FileStore.parentOf(to), from, to, node));
    }

    @Override
    public void delete(Path path) {
        node(Operation.DELETE, path);
        change(new NameChange(FileStore.parentOf(path), path, null, null));
    }

    @Override
    public void forceDirectory(Path directory) {
        if (directory.getParent() != null) {
            node(Operation.FORCE_DIRECTORY, directory);
        }
        nameChanges.removeIf(change -> {
            if (!change.directory.equals(directory)) {
                return false;
            }
            change.apply(forcedNames);
            return true;
        });
    }

    @Override
    public DirectoryLock lock(Path directory) {
        throw new UnsupportedOperationException("no locks here");
    }

    private Node node(Operation operation, Path path) {
        Node node = names.get(path);
        if (node == null) {
            throw new StorageException(operation, path, "there is no such file", null);
        }
        return node;
    }

    /**
     * A name that appears, goes, or both.
     *
     * @param from the name that goes; null: none
     * @param to the name that appears; null: none
     */
    private record NameChange(
            Path directory,
            @Nullable Path from,
            @Nullable Path to,
            @Nullable Node node) {
        void apply(Map<Path, Node> names) {
            if (from != null) {
                names.remove(from);
            }
            if (to != null && node != null) {
                names.put(to, node);
            }
        }
    }

    /** A file's bytes, or a directory, whatever its name. */
    private static final class Node {
        private final boolean directory;
        private byte[] content = new byte[0];
        private int size;
        private byte[] forced = new byte[0];
        private final List<ContentChange> changes = new ArrayList<>();

        Node(boolean directory) {
            this.directory = directory;
        }

        void change(ContentChange change) {
            Node after = change.appliedTo(this);
            content = after.content;
            size = after.size;
            changes.add(change);
        }

        void force() {
            forced = Arrays.copyOf(content, size);
            changes.clear();
        }

        Node crash(Random random, Loss loss) {
            Node node = new Node(directory);
            node.content = forced;
            node.size = forced.length;
            int budget = random.nextInt(changes.size() + 1);
            for (ContentChange change : changes) {
                boolean whole = loss == Loss.ANY ? random.nextBoolean() : budget > 0;
                boolean torn = loss == Loss.ANY ? random.nextBoolean() : budget == 0;
                if (whole) {
                    node = change.appliedTo(node);
                } else if (torn) {
                    node = change.tornOn(node, random, loss);
                }
                budget--;
            }
            node.force();
            return node;
        }
    }

    /** A write or a cut. */
    private static final class ContentChange {
        private final int position;
        /** What was written; null: the file was cut to the position. */
        private final byte @Nullable [] bytes;

        ContentChange(int position, byte @Nullable [] bytes) {
            this.position = position;
            this.bytes = bytes;
        }

        Node appliedTo(Node before) {
            Node after = new Node(before.directory);
            int size = bytes == null ? Math.min(before.size, position) : Math.max(before.size, position + bytes.length);
            after.content = size <= before.content.length && bytes == null
                    ? before.content
                    : Arrays.copyOf(
                            Arrays.copyOf(before.content, before.size),
                            Math.max(size, Math.min(2 * before.content.length, size + 4096)));
            after.size = size;
            if (bytes != null) {
                System.arraycopy(bytes, 0, after.content, position, bytes.length);
            }
            after.changes.addAll(before.changes);
            return after;
        }

        Node tornOn(Node before, Random random, Loss loss) {
            if (bytes == null || bytes.length == 0) {
                return before;
            }
            int extent = random.nextInt(bytes.length + 1);
            if (random.nextInt(3) == 0) {
                return new ContentChange(position, Arrays.copyOf(bytes, extent)).appliedTo(before);
            }
            // The length is there, but of the sectors only some; where the file had no bytes yet, they read as zeros.
            byte[] part = new byte[bytes.length];
            if (position < before.size) {
                System.arraycopy(before.content, position, part, 0, Math.min(part.length, before.size - position));
            }
            boolean rest = true;
            for (int from = 0; from < part.length; ) {
                int to = Math.min(part.length, from + SECTOR_BYTES - (position + from) % SECTOR_BYTES);
                rest = loss == Loss.ANY ? random.nextBoolean() : rest && random.nextInt(4) > 0;
                if (rest) {
                    System.arraycopy(bytes, from, part, from, to - from);
                }
                from = to;
            }
            return new ContentChange(position, part).appliedTo(before);
        }
    }

    private final class CrashFile implements StoredFile {

        private Path path;
        private final Node node;

        CrashFile(Path path, Node node) {
            this.path = path;
            this.node = node;
        }

        @Override
        public Path path() {
            return path;
        }

        @Override
        public void rename(Path to) {
            CrashFileStore.this.rename(path, to);
            path = to;
        }

        @Override
        public long size() {
            return node.size;
        }

        @Override
        public void write(ByteBuffer source, long position) {
            byte[] bytes = new byte[source.remaining()];
            source.get(bytes);
            node.change(new ContentChange((int) position, bytes));
        }

        @Override
        public ByteBuffer read(long position, int lengthMin, int lengthMax) {
            if (position + lengthMin > node.size) {
                throw new StorageException(Operation.READ, path, "behind the end " + node.size, null);
            }
            int from = (int) position;
            return ByteBuffer.wrap(Arrays.copyOfRange(node.content, from, Math.min(node.size, from + lengthMax)));
        }

        @Override
        public long transferTo(long position, long count, WritableByteChannel target) {
            throw new UnsupportedOperationException("no transfers here");
        }

        @Override
        public void truncate(long size) {
            if (size < node.size) {
                node.change(new ContentChange((int) size, null));
            }
        }

        @Override
        public void force() {
            node.force();
        }

        @Override
        public void close() {
            // nothing is held
        }
    }
}
