package io.reactivemq.storage;

import io.reactivemq.storage.StorageException.Operation;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The file system, through java.nio.channels. */
final class DiskFileStore implements FileStore {

    /** Files that are open at a time, of brokers that do not say. */
    static final int OPEN_FILES_MAX = 1_000;

    static final DiskFileStore INSTANCE = new DiskFileStore(OPEN_FILES_MAX);

    private static final String LOCK_FILE = ".lock";
    private static final FileAttribute<?> DIRECTORY_0700 =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
    private static final FileAttribute<?> FILE_0600 =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
    private static final FileAttribute<?>[] NO_ATTRIBUTES = {};

    /**
     * Directories locked by this process. Asked before the file is opened: POSIX gives up a process's locks on a file when
     * any descriptor of it is closed, also that of an attempt that was refused.
     */
    private static final Set<Path> LOCKED = ConcurrentHashMap.newKeySet();

    private final OpenFiles files;

    private final Consumer<Runnable> forcing;

    DiskFileStore(int openFilesMax) {
        this(openFilesMax, Runnable::run);
    }

    /** @param forcing runs each force of a file */
    DiskFileStore(int openFilesMax, Consumer<Runnable> forcing) {
        this.forcing = forcing;
        this.files = new OpenFiles(openFilesMax);
    }

    /** How many files are open now. */
    int openFiles() {
        return files.count();
    }

    @Override
    public StoredFile open(Path path, OpenMode mode) {
        OpenFiles.Channel reader = files.reader(path);
        if (mode == OpenMode.READ || mode == OpenMode.WRITE) {
            // opened by the first that uses it
            if (!Files.isRegularFile(path)) {
                throw new StorageException(Operation.OPEN, path, "there is no such file", null);
            }
            return new DiskFile(path, reader, mode == OpenMode.READ ? null : files.writer(path), forcing);
        }
        StandardOpenOption creation =
                mode == OpenMode.CREATE ? StandardOpenOption.CREATE : StandardOpenOption.CREATE_NEW;
        OpenFiles.Channel writer = files.writer(path);
        try {
            writer.open(Set.of(StandardOpenOption.WRITE, creation), attributes(path, FILE_0600));
        } catch (IOException e) {
            throw new StorageException(Operation.OPEN, path, "mode " + mode, e);
        }
        return new DiskFile(path, reader, writer, forcing);
    }

    @Override
    public boolean exists(Path path) {
        return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
    }

    @Override
    public boolean isDirectory(Path path) {
        return Files.isDirectory(path);
    }

    @Override
    public long size(Path path) {
        try {
            return Files.size(path);
        } catch (IOException e) {
            throw new StorageException(Operation.SIZE, path, "", e);
        }
    }

    @Override
    public long lastModifiedMs(Path path) {
        try {
            return Files.getLastModifiedTime(path).toMillis();
        } catch (IOException e) {
            throw new StorageException(Operation.SIZE, path, "and the time of its last write", e);
        }
    }

    @Override
    public List<Path> list(Path directory) {
        List<Path> children = new ArrayList<>();
        // not File.list(), which takes an error half way for the end
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
            for (Path child : stream) {
                children.add(child);
            }
        } catch (IOException e) {
            throw new StorageException(Operation.LIST, directory, "", e);
        } catch (java.nio.file.DirectoryIteratorException e) {
            throw new StorageException(Operation.LIST, directory, "", e.getCause());
        }
        children.sort(null);
        return children;
    }

    /** By one channel of its own: an opening reads a few such files of each partition. */
    @Override
    public ByteBuffer readFile(Path path) {
        try (FileChannel channel = openToRead(path)) {
            ByteBuffer content = ByteBuffer.allocate(Math.toIntExact(channel.size()));
            while (content.hasRemaining() && channel.read(content) >= 0) {
                // until the buffer is full or the file ends
            }
            return content.flip();
        } catch (IOException e) {
            throw new StorageException(Operation.READ, path, "the whole file", e);
        }
    }

    private static FileChannel openToRead(Path path) {
        try {
            return FileChannel.open(path, StandardOpenOption.READ);
        } catch (IOException e) {
            throw new StorageException(Operation.OPEN, path, "to be read as a whole", e);
        }
    }

    @Override
    public void createDirectories(Path directory) {
        try {
            Files.createDirectories(directory, attributes(directory, DIRECTORY_0700));
        } catch (FileAlreadyExistsException e) {
            throw new StorageException(Operation.CREATE_DIRECTORY, directory, "a file has that name", e);
        } catch (IOException e) {
            throw new StorageException(Operation.CREATE_DIRECTORY, directory, "", e);
        }
    }

    @Override
    public void rename(Path from, Path to) {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new StorageException(Operation.RENAME, from, "to " + to, e);
        }
    }

    @Override
    public void delete(Path path) {
        try {
            Files.delete(path);
        } catch (IOException e) {
            throw new StorageException(Operation.DELETE, path, "", e);
        }
    }

    /** Where directories can't be opened (Windows) there is nothing to force: the file system journals its names itself. */
    @Override
    public void forceDirectory(Path directory) {
        if (!isPosix(directory)) {
            return;
        }
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        } catch (IOException e) {
            throw new StorageException(Operation.FORCE_DIRECTORY, directory, "", e);
        }
    }

    @Override
    public DirectoryLock lock(Path directory) {
        Path real;
        try {
            real = directory.toRealPath();
        } catch (IOException e) {
            throw new StorageException(Operation.LOCK, directory, "", e);
        }
        if (!LOCKED.add(real)) {
            throw inUse(directory, "in this process");
        }
        FileChannel channel = null;
        boolean done = false;
        try {
            Path file = real.resolve(LOCK_FILE);
            channel = FileChannel.open(
                    file, Set.of(StandardOpenOption.WRITE, StandardOpenOption.CREATE), attributes(file, FILE_0600));
            FileLock lock = channel.tryLock();
            if (lock == null) {
                throw inUse(directory, "by another process");
            }
            done = true;
            return new HeldLock(directory, real, channel);
        } catch (OverlappingFileLockException e) {
            throw inUse(directory, "in this process");
        } catch (IOException e) {
            throw new StorageException(Operation.LOCK, directory, "", e);
        } finally {
            if (!done) {
                LOCKED.remove(real);
                closeQuietly(channel);
            }
        }
    }

    private static StorageException inUse(Path directory, String byWhom) {
        return new StorageException(
                Operation.LOCK,
                directory,
                "the directory is in use " + byWhom + "; stop the other broker, or choose another directory",
                null);
    }

    /** After an error that is thrown anyway. */
    private static void closeQuietly(@Nullable FileChannel channel) {
        if (channel != null) {
            try {
                channel.close();
            } catch (IOException e) {
                // The refused lock is the error to report; nothing was written through this channel.
                return;
            }
        }
    }

    private static FileAttribute<?>[] attributes(Path path, FileAttribute<?> permissions) {
        return isPosix(path) ? new FileAttribute<?>[] {permissions} : NO_ATTRIBUTES;
    }

    private static boolean isPosix(Path path) {
        return path.getFileSystem().supportedFileAttributeViews().contains("posix");
    }

    private static final class HeldLock implements DirectoryLock {

        private final Path directory;
        private final Path real;
        private final FileChannel channel;

        HeldLock(Path directory, Path real, FileChannel channel) {
            this.directory = directory;
            this.real = real;
            this.channel = channel;
        }

        @Override
        public Path directory() {
            return directory;
        }

        @Override
        public synchronized void close() {
            if (!channel.isOpen()) {
                return;
            }
            try {
                channel.close();
            } catch (IOException e) {
                throw new StorageException(Operation.CLOSE, real.resolve(LOCK_FILE), "", e);
            } finally {
                LOCKED.remove(real);
            }
        }
    }
}
