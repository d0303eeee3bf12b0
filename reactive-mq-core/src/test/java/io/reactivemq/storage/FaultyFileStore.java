package io.reactivemq.storage;

import io.reactivemq.storage.StorageException.Operation;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BiPredicate;

/** Passes calls on to another store, and fails those that the test chooses, before they do anything or, writes, in the middle. */
public final class FaultyFileStore implements FileStore {

    private final FileStore store;
    private volatile BiPredicate<Operation, Path> fails = (operation, path) -> false;
    private volatile int bytesBeforeFailure;

    public FaultyFileStore(FileStore store) {
        this.store = store;
    }

    /** Every call for which this is true fails, from now on. */
    public void failIf(BiPredicate<Operation, Path> condition) {
        fails = condition;
    }

    /** Every call works again. */
    public void heal() {
        fails = (operation, path) -> false;
        bytesBeforeFailure = 0;
    }

    /** How many bytes a write that fails writes before it fails. */
    public void writeBeforeFailure(int bytes) {
        bytesBeforeFailure = bytes;
    }

    private void check(Operation operation, Path path) {
        if (fails.test(operation, path)) {
            throw new StorageException(operation, path, "", new IOException("No space left on device (by the test)"));
        }
    }

    @Override
    public StoredFile open(Path path, OpenMode mode) {
        check(Operation.OPEN, path);
        return new FaultyFile(store.open(path, mode));
    }

    @Override
    public boolean exists(Path path) {
        return store.exists(path);
    }

    @Override
    public boolean isDirectory(Path path) {
        return store.isDirectory(path);
    }

    @Override
    public long size(Path path) {
        check(Operation.SIZE, path);
        return store.size(path);
    }

    @Override
    public List<Path> list(Path directory) {
        check(Operation.LIST, directory);
        return store.list(directory);
    }

    @Override
    public void createDirectories(Path directory) {
        check(Operation.CREATE_DIRECTORY, directory);
        store.createDirectories(directory);
    }

    @Override
    public void rename(Path from, Path to) {
        check(Operation.RENAME, from);
        store.rename(from, to);
    }

    @Override
    public void delete(Path path) {
        check(Operation.DELETE, path);
        store.delete(path);
    }

    @Override
    public void forceDirectory(Path directory) {
        check(Operation.FORCE_DIRECTORY, directory);
        store.forceDirectory(directory);
    }

    @Override
    public DirectoryLock lock(Path directory) {
        check(Operation.LOCK, directory);
        return store.lock(directory);
    }

    private final class FaultyFile implements StoredFile {

        private final StoredFile file;

        FaultyFile(StoredFile file) {
            this.file = file;
        }

        @Override
        public Path path() {
            return file.path();
        }

        @Override
        public void rename(Path to) {
            check(Operation.RENAME, path());
            file.rename(to);
        }

        @Override
        public long size() {
            check(Operation.SIZE, path());
            return file.size();
        }

        @Override
        public void write(ByteBuffer source, long position) {
            try {
                check(Operation.WRITE, path());
            } catch (StorageException e) {
                int bytes = Math.min(bytesBeforeFailure, source.remaining());
                file.write(source.slice(source.position(), bytes), position);
                throw e;
            }
            file.write(source, position);
        }

        @Override
        public ByteBuffer read(long position, int lengthMin, int lengthMax) {
            check(Operation.READ, path());
            return file.read(position, lengthMin, lengthMax);
        }

        @Override
        public long transferTo(long position, long count, WritableByteChannel target) {
            check(Operation.TRANSFER, path());
            return file.transferTo(position, count, target);
        }

        @Override
        public void truncate(long size) {
            check(Operation.TRUNCATE, path());
            file.truncate(size);
        }

        @Override
        public void force() {
            check(Operation.FORCE, path());
            file.force();
        }

        @Override
        public void close() {
            file.close();
        }
    }
}
