package io.reactivemq.storage;

import io.reactivemq.storage.StorageException.Operation;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A file on disk, open only while it is used: see {@link OpenFiles}. Reads go through a channel of their own: Java closes a channel when a thread
 * that uses it is interrupted, and a cancelled reader must take the channel from neither the writer nor, for longer than
 * it takes to open it again, from other readers.
 */
final class DiskFile implements StoredFile {

    /** What is read at once: it goes through a buffer outside of the heap, and this much of that stays in a core's own cache. */
    private static final int PIECE_BYTES = 128 << 10;

    /** How often one read may find that other threads' interruptions have closed the channel under it. */
    private static final int REOPENS_MAX = 16;

    private volatile Path path;
    private final OpenFiles.@Nullable Channel writer;
    private final OpenFiles.Channel reader;
    private final Consumer<Runnable> forcing;
    private volatile boolean closed;

    /**
     * @param writer null where the file is for reading only
     * @param forcing runs each force
     */
    DiskFile(Path path, OpenFiles.Channel reader, OpenFiles.@Nullable Channel writer, Consumer<Runnable> forcing) {
        this.forcing = forcing;
        this.path = path;
        this.reader = reader;
        this.writer = writer;
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public void rename(Path to) {
        Path from = path;
        try {
            reader.rename(to, writer);
            path = to;
        } catch (IOException e) {
            throw new StorageException(Operation.RENAME, from, "to " + to, e);
        }
    }

    @Override
    public long size() {
        try {
            if (closed) {
                throw new ClosedChannelException();
            }
            return Files.size(path);
        } catch (IOException e) {
            throw new StorageException(Operation.SIZE, path, "", e);
        }
    }

    @Override
    public void write(ByteBuffer source, long position) {
        OpenFiles.Channel to = writer("write");
        int length = source.remaining();
        long at = position;
        try {
            FileChannel channel = to.take();
            try {
                to.wrote();
                while (source.hasRemaining()) {
                    at += channel.write(source, at);
                }
            } finally {
                to.release();
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
                readInto(target, position);
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

    private void readInto(ByteBuffer target, long position) throws IOException {
        FileChannel channel = reader.take();
        int end = target.limit();
        try {
            if (!channel.isOpen()) {
                reader.reopen();
            }
            int got = 0;
            while (got >= 0 && target.position() < end) {
                target.limit((int) Math.min(end, (long) target.position() + PIECE_BYTES));
                got = channel.read(target, position + target.position());
            }
        } finally {
            target.limit(end); // a read that failed is tried again
            reader.release();
        }
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target) {
        try {
            FileChannel channel = reader.take();
            try {
                if (!channel.isOpen()) {
                    reader.reopen();
                }
                return channel.transferTo(position, count, target);
            } finally {
                reader.release();
            }
        } catch (IOException e) {
            throw new StorageException(Operation.TRANSFER, path, count + " bytes at " + position, e);
        }
    }

    @Override
    public HeldChannel holdChannel() {
        try {
            for (int reopens = 0; reopens < REOPENS_MAX; reopens++) {
                FileChannel channel = reader.take();
                if (channel.isOpen()) {
                    return new Held(reader, channel);
                }
                reader.release();
                reader.reopen();
            }
            throw new ClosedChannelException();
        } catch (IOException e) {
            throw new StorageException(Operation.OPEN, path, "to be held open", e);
        }
    }

    private record Held(OpenFiles.Channel owner, FileChannel channel) implements HeldChannel {
        @Override
        public void close() {
            owner.release();
        }
    }

    @Override
    public void truncate(long size) {
        OpenFiles.Channel to = writer("truncate");
        try {
            FileChannel channel = to.take();
            try {
                to.wrote();
                channel.truncate(size);
            } finally {
                to.release();
            }
        } catch (IOException e) {
            throw new StorageException(Operation.TRUNCATE, path, "to " + size, e);
        }
    }

    @Override
    public void force() {
        forcing.accept(this::forceNow);
    }

    private void forceNow() {
        try {
            writer("force").force();
        } catch (IOException e) {
            throw new StorageException(Operation.FORCE, path, "", e);
        }
    }

    @Override
    public void close() {
        closed = true;
        OpenFiles.Channel writing = writer;
        try {
            try {
                reader.end();
            } finally {
                if (writing != null) {
                    writing.end();
                }
            }
        } catch (IOException e) {
            throw new StorageException(Operation.CLOSE, path, "", e);
        }
    }

    private OpenFiles.Channel writer(String operation) {
        OpenFiles.Channel channel = writer;
        if (channel == null) {
            throw new IllegalStateException(operation + " of " + path + ", which is open for reading only");
        }
        return channel;
    }

    /** Another thread's interruption has closed the channel; if it was this thread's, the read is over. */
    private boolean isReopenable(IOException e) {
        return e instanceof ClosedChannelException && !(e instanceof ClosedByInterruptException) && !closed;
    }
}
