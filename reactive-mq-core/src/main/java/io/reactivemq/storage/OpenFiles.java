package io.reactivemq.storage;

import io.reactivemq.storage.StorageException.Operation;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import org.jspecify.annotations.Nullable;

/**
 * Bounds how many files of a store are open at a time, so that a broker of many partitions does not run out of file handles. A file is opened when it
 * is used; at the bound, one that has not been used for a while and is not in use is closed for it, by the clock algorithm, and opened again when it is
 * needed.
 *
 * <p>A file with writes that are not forced yet is closed last, and forced before: the operating system reports a page that it could not write
 * to those who have the file open, and might forget it when nobody has. If that force fails, so does every later one of that file.
 *
 * <p>Locks: this and a channel's are never held together. The bound may be passed by as many files as threads are at it
 * or {@linkplain HeldChannel hold} one.
 */
final class OpenFiles {

    private final int max;

    /** The open channels; the first is looked at next. Guarded by this. */
    private final LinkedHashSet<Channel> ring = new LinkedHashSet<>();

    OpenFiles(int max) {
        if (max < 1) {
            throw new IllegalArgumentException("openFilesMax must be 1 or more, was " + max);
        }
        this.max = max;
    }

    synchronized int count() {
        return ring.size();
    }

    private void makeRoom() throws IOException {
        for (int looks = 2 * count(); looks > 0 && closeNext(false); looks--) {
            // until there is room, or all are in use or not forced
        }
        for (int looks = count(); looks > 0 && closeNext(true); looks--) {
            // until there is room, or all are in use
        }
    }

    /** Looks at one channel; false where there is room. A force takes its time, so that one is not under the lock. */
    private boolean closeNext(boolean unforcedToo) throws IOException {
        Channel next = next();
        if (next == null) {
            return false;
        }
        if (next.touched && !unforcedToo) {
            next.touched = false;
            opened(next);
        } else if (!next.tryClose(unforcedToo)) {
            opened(next);
        }
        return true;
    }

    /** Takes out the one that is looked at next; null where there is room. */
    private synchronized @Nullable Channel next() {
        if (ring.size() < max) {
            return null;
        }
        Iterator<Channel> first = ring.iterator();
        Channel next = first.next();
        first.remove();
        return next;
    }

    private synchronized void opened(Channel channel) {
        if (!channel.ended) {
            ring.add(channel);
        }
    }

    private synchronized void ended(Channel channel) {
        ring.remove(channel);
    }

    /** A channel for reading. */
    Channel reader(Path path) {
        return new Channel(path, StandardOpenOption.READ);
    }

    /** A channel for writing to a file that exists. */
    Channel writer(Path path) {
        return new Channel(path, StandardOpenOption.WRITE);
    }

    /** A channel to one file, open or not. Users take it and give it back; while one has it, it is not closed for others. */
    final class Channel {

        private static final int NOT_OPEN = -1;

        /** Guarded by this. */
        private Path path;

        private final OpenOption option;

        private static final AtomicIntegerFieldUpdater<Channel> USERS =
                AtomicIntegerFieldUpdater.newUpdater(Channel.class, "users");

        /** Threads that have it; NOT_OPEN. */
        private volatile int users = NOT_OPEN;

        /** Guarded by this for writes. */
        private volatile @Nullable FileChannel channel;

        private volatile boolean touched;

        /** There are writes which are not forced. */
        private volatile boolean unforced;

        /** Why writes that were not forced may be gone. */
        private volatile @Nullable IOException lost;

        /** Guarded by this for writes. */
        private volatile boolean ended;

        Channel(Path path, OpenOption option) {
            this.path = path;
            this.option = option;
        }

        /** The open channel, to be given back by {@link #release}. */
        FileChannel take() throws IOException {
            while (true) {
                int count = users;
                if (count == NOT_OPEN) {
                    openAgain();
                } else if (USERS.compareAndSet(this, count, count + 1)) {
                    touched = true;
                    FileChannel taken = channel;
                    if (taken != null) {
                        return taken;
                    }
                    release(); // ended
                    throw new ClosedChannelException();
                }
            }
        }

        /** That it can't be opened is told as that, whatever it was to be opened for. */
        private void openAgain() throws ClosedChannelException {
            try {
                open(Set.of(option));
            } catch (ClosedChannelException e) {
                throw e;
            } catch (IOException e) {
                throw new StorageException(Operation.OPEN, path(), "again", e);
            }
        }

        private synchronized Path path() {
            return path;
        }

        void release() {
            USERS.decrementAndGet(this);
        }

        /** Opens it now, with options that may make the file. */
        void open(Set<OpenOption> options, FileAttribute<?>... attributes) throws IOException {
            makeRoom();
            synchronized (this) {
                if (ended) {
                    throw new ClosedChannelException();
                }
                if (users != NOT_OPEN) {
                    return;
                }
                channel = FileChannel.open(path, options, attributes);
                touched = true;
                users = 0;
            }
            opened(this);
        }

        /** Opens it anew where an interruption has closed it under its users. */
        synchronized void reopen() throws IOException {
            FileChannel current = channel;
            if (!ended && current != null && !current.isOpen()) {
                try {
                    channel = FileChannel.open(path, option);
                } catch (IOException e) {
                    throw new StorageException(Operation.OPEN, path, "again", e);
                }
            }
        }

        /**
         * Gives the file another name, under the locks that it is opened under: it is always opened by the name that it has.
         *
         * @param writer the other channel to the same file; its lock comes after this one
         */
        synchronized void rename(Path to, @Nullable Channel writer) throws IOException {
            if (writer == null) {
                Files.move(path, to, StandardCopyOption.ATOMIC_MOVE);
            } else {
                writer.rename(to, null);
            }
            path = to;
        }

        void wrote() {
            unforced = true;
        }

        /** Forces what was written before. */
        void force() throws IOException {
            FileChannel forcing = take();
            try {
                IOException failure = lost;
                if (failure != null) {
                    throw new IOException("a force of this file has failed before: " + failure.getMessage(), failure);
                }
                unforced = false;
                boolean done = false;
                try {
                    forcing.force(false); // without the times of the file: its length is forced all the same
                    done = true;
                } finally {
                    if (!done) {
                        unforced = true;
                    }
                }
            } finally {
                release();
            }
        }

        private synchronized boolean tryClose(boolean unforcedToo) throws IOException {
            FileChannel closing = channel;
            if ((unforced && !unforcedToo) || closing == null || !USERS.compareAndSet(this, 0, NOT_OPEN)) {
                return false;
            }
            channel = null;
            try (closing) {
                if (unforced && closing.isOpen()) {
                    forceBeforeClose(closing);
                }
            }
            return true;
        }

        private void forceBeforeClose(FileChannel closing) {
            try {
                closing.force(false);
                unforced = false;
            } catch (IOException e) {
                lost = e; // for who forces the file; whoever wanted room has nothing to do with it
            }
        }

        /** For good. Users that have it at the moment fail. */
        void end() throws IOException {
            FileChannel closing;
            synchronized (this) {
                ended = true;
                closing = channel;
                channel = null;
            }
            ended(this);
            if (closing != null) {
                closing.close();
            }
        }
    }
}
