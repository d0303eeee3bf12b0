package io.reactivemq.storage;

import io.reactivemq.storage.StorageException.Operation;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * A file on disk. Reads go through a channel of their own, opened by the first read: Java closes a channel when a thread
 * that uses it is interrupted, and a cancelled reader must take the channel from neither the writer nor, for longer than
 * it takes to open it again, from other readers.
 */
final class DiskFile implements StoredFile {

    /** How often one read may find that other threads' interruptions have closed the channel under it. */
    private static final int REOPENS_MAX = 16;

    private final Path path;
    private final @Nullable FileChannel writer;
    // guarded by this for writes
    private volatile @Nullable FileChannel reader;
    // guarded by this for writes
    private volatile boolean closed;

    /** @param writer null where the file is for reading only */
    DiskFile(Path path, @Nullable FileChannel writer) {
        this.path = path;
        this.writer = writer;
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public long size() {
        try {
            FileChannel channel = writer;
            return (channel == null ? reader() : channel).size();
        } catch (IOException e) {
            throw new StorageException(Operation.SIZE, path, "", e);
        }
    }

    @Override
    public void write(ByteBuffer source, long position) {
        FileChannel channel = writer("write");
        int length = source.remaining();
        long at = position;
        try {
            while (source.hasRemaining()) {
                at += channel.write(source, at);
            }
        } catch (IOException e) {
            throw new StorageException(Operation.WRITE, path, length + " bytes at " + position, e);
        }
    }

    @Override
    public ByteBuffer read(long position, int lengthMin, int lengthMax) {
        Ranges.checkRead(position, lengthMin, lengthMax);
        ByteBuffer target = ByteBuffer.allocate(lengthMax);
        for (int reopens = 0; ; reopens++) {
            try {
                FileChannel channel = reader();
                while (target.hasRemaining() && channel.read(target, position + target.position()) >= 0) {
                    // until the buffer is full or the file ends
                }
                break;
            } catch (IOException e) {
                if (!isReopenable(e) || reopens == REOPENS_MAX) {
                    throw new StorageException(
                            Operation.READ, path, lengthMin + " to " + lengthMax + " bytes at " + position, e);
                }
            }
        }
        if (target.position() < lengthMin) {
            throw Ranges.endOfFile(path, position, lengthMin, position + target.position());
        }
        return target.flip();
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target) {
        try {
            return reader().transferTo(position, count, target);
        } catch (IOException e) {
            throw new StorageException(Operation.TRANSFER, path, count + " bytes at " + position, e);
        }
    }

    @Override
    public void truncate(long size) {
        try {
            writer("truncate").truncate(size);
        } catch (IOException e) {
            throw new StorageException(Operation.TRUNCATE, path, "to " + size, e);
        }
    }

    /** Without the times of the file: its length is forced all the same, and there is less to write. */
    @Override
    public void force() {
        try {
            writer("force").force(false);
        } catch (IOException e) {
            throw new StorageException(Operation.FORCE, path, "", e);
        }
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        FileChannel reading = reader;
        FileChannel writing = writer;
        try {
            try {
                if (reading != null) {
                    reading.close();
                }
            } finally {
                if (writing != null) {
                    writing.close();
                }
            }
        } catch (IOException e) {
            throw new StorageException(Operation.CLOSE, path, "", e);
        }
    }

    private FileChannel writer(String operation) {
        FileChannel channel = writer;
        if (channel == null) {
            throw new IllegalStateException(operation + " of " + path + ", which is open for reading only");
        }
        return channel;
    }

    private FileChannel reader() throws IOException {
        FileChannel channel = reader;
        return channel != null && channel.isOpen() ? channel : openReader();
    }

    private synchronized FileChannel openReader() throws IOException {
        if (closed) {
            throw new ClosedChannelException();
        }
        FileChannel channel = reader;
        if (channel == null || !channel.isOpen()) {
            channel = FileChannel.open(path, StandardOpenOption.READ);
            reader = channel;
        }
        return channel;
    }

    /** Another thread's interruption has closed the channel; if it was this thread's, the read is over. */
    private boolean isReopenable(IOException e) {
        return e instanceof ClosedChannelException && !(e instanceof ClosedByInterruptException) && !closed;
    }
}
