package io.reactivemq.storage;

import io.reactivemq.storage.StorageException.Operation;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;

/** A handle on a {@link MemoryContent}. */
final class MemoryFile implements StoredFile {

    private final MemoryFileStore store;
    private volatile Path path;
    private final MemoryContent content;
    private final boolean writable;
    private volatile boolean closed;

    MemoryFile(MemoryFileStore store, Path path, MemoryContent content, boolean writable) {
        this.store = store;
        this.path = path;
        this.content = content;
        this.writable = writable;
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public void rename(Path to) {
        store.rename(path, to);
        path = to;
    }

    @Override
    public long size() {
        checkOpen(Operation.SIZE);
        return content.size();
    }

    @Override
    public void write(ByteBuffer source, long position) {
        checkWritable("write");
        checkOpen(Operation.WRITE);
        content.write(source, position);
    }

    @Override
    public ByteBuffer read(long position, int lengthMin, int lengthMax) {
        Ranges.checkRead(position, lengthMin, lengthMax);
        checkOpen(Operation.READ);
        long size = content.size();
        if (position + lengthMin > size) {
            throw Ranges.endOfFile(path, position, lengthMin, size);
        }
        return content.read(position, lengthMin, (int) Math.min(lengthMax, Math.max(0, size - position)));
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target) {
        checkOpen(Operation.TRANSFER);
        long length = Math.min(count, content.size() - position);
        if (length <= 0) {
            return 0;
        }
        try {
            return target.write(content.read(position, 1, (int) Math.min(length, Integer.MAX_VALUE)));
        } catch (IOException e) {
            throw new StorageException(Operation.TRANSFER, path, count + " bytes at " + position, e);
        }
    }

    @Override
    public void truncate(long size) {
        checkWritable("truncate");
        checkOpen(Operation.TRUNCATE);
        content.truncate(size);
    }

    @Override
    public void force() {
        checkWritable("force");
        checkOpen(Operation.FORCE);
    }

    @Override
    public void close() {
        closed = true;
    }

    private void checkWritable(String operation) {
        if (!writable) {
            throw new IllegalStateException(operation + " of " + path + ", which is open for reading only");
        }
    }

    private void checkOpen(Operation operation) {
        if (closed) {
            throw new StorageException(operation, path, "the file is closed", null);
        }
    }
}
