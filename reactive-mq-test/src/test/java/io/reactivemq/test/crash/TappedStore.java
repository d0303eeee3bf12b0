package io.reactivemq.test.crash;

import io.reactivemq.storage.DirectoryLock;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.List;

/** Passes every call on, and the calls that change something past a {@link PlantedBug} first. */
final class TappedStore implements FileStore {

    private final FileStore store;
    private final PlantedBug bug;

    TappedStore(FileStore store, PlantedBug bug) {
        this.store = store;
        this.bug = bug;
    }

    @Override
    public StoredFile open(Path path, OpenMode mode) {
        boolean made = mode != OpenMode.READ && !store.exists(path);
        StoredFile file = new TappedFile(store.open(path, mode));
        if (made) {
            bug.onMade(path);
        }
        return file;
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
        return store.size(path);
    }

    @Override
    public List<Path> list(Path directory) {
        return store.list(directory);
    }

    @Override
    public void createDirectories(Path directory) {
        store.createDirectories(directory);
    }

    @Override
    public void rename(Path from, Path to) {
        bug.rename(store, from, to);
    }

    @Override
    public void delete(Path path) {
        bug.delete(store, path);
    }

    @Override
    public void forceDirectory(Path directory) {
        bug.forceDirectory(store, directory);
    }

    @Override
    public DirectoryLock lock(Path directory) {
        return store.lock(directory);
    }

    private final class TappedFile implements StoredFile {

        private final StoredFile file;

        TappedFile(StoredFile file) {
            this.file = file;
        }

        @Override
        public Path path() {
            return file.path();
        }

        @Override
        public void rename(Path to) {
            bug.rename(file, to);
        }

        @Override
        public long size() {
            return file.size();
        }

        @Override
        public void write(ByteBuffer source, long position) {
            bug.write(file, source, position);
        }

        @Override
        public ByteBuffer read(long position, int lengthMin, int lengthMax) {
            return bug.read(file, position, lengthMin, lengthMax);
        }

        @Override
        public long transferTo(long position, long count, WritableByteChannel target) {
            return file.transferTo(position, count, target);
        }

        @Override
        public void truncate(long size) {
            bug.truncate(file, size);
        }

        @Override
        public void force() {
            bug.force(file);
        }

        @Override
        public void close() {
            file.close();
        }
    }
}
