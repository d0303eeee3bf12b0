package io.reactivemq.examples.demo;

import io.reactivemq.examples.cli.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Where the broker's files are: a directory that the user gave and keeps, or a temporary one that goes when it is closed. */
final class DataDirectory implements AutoCloseable {

    private static final int ATTEMPTS_ON_EXIT = 5;

    private final Path path;
    private final boolean temporary;

    private DataDirectory(Path path, boolean temporary) {
        this.path = path;
        this.temporary = temporary;
    }

    /**
     * A given directory, made where it is missing.
     *
     * @throws BadInputException it is no directory or can't be written to
     */
    static DataDirectory given(Path path) {
        if (Files.exists(path) && !Files.isDirectory(path)) {
            throw new BadInputException("not a directory: " + path);
        }
        try {
            Files.createDirectories(path);
            // asked by doing: permissions alone do not tell (a read-only file system, a superuser)
            Files.delete(Files.createTempFile(path, ".rmq-demo", null));
        } catch (AccessDeniedException e) {
            throw new BadInputException("no permission to write to the data directory " + path, e);
        } catch (IOException e) {
            throw new BadInputException("can't write to the data directory " + path + ": " + reason(e), e);
        }
        return new DataDirectory(path, false);
    }

    /** A new one, deleted on {@link #close} and also when the program is interrupted. */
    static DataDirectory temporary() {
        Path path;
        try {
            path = Files.createTempDirectory("rmq-demo-");
        } catch (IOException e) {
            throw new BadInputException("can't make a temporary directory: " + reason(e) + "; give one with --data", e);
        }
        DataDirectory directory = new DataDirectory(path, true);
        Runtime.getRuntime().addShutdownHook(new Thread(directory::deleteOnExit, "delete-" + path.getFileName()));
        return directory;
    }

    /** The operating system's words where there are any; the message of such an exception may be a path only. */
    private static String reason(IOException e) {
        if (e instanceof AccessDeniedException) {
            return "no permission";
        }
        if (e instanceof NoSuchFileException) {
            return "it can't be made there";
        }
        String reason = e instanceof FileSystemException failed ? failed.getReason() : e.getMessage();
        return reason == null ? e.getClass().getSimpleName() : reason;
    }

    Path path() {
        return path;
    }

    boolean isTemporary() {
        return temporary;
    }

    boolean isEmpty() {
        try (Stream<Path> entries = Files.list(path)) {
            return entries.findAny().isEmpty();
        } catch (IOException e) {
            throw new BadInputException("can't read the data directory " + path + ": " + reason(e), e);
        }
    }

    /** Whether it looks as if a broker had been at work here. */
    boolean isOfABroker() {
        return Files.exists(path.resolve(".lock")) && Files.isDirectory(path.resolve("__cluster_metadata-0"));
    }

    @Override
    public synchronized void close() {
        if (!temporary || !Files.exists(path)) {
            return;
        }
        try {
            Files.walkFileTree(path, new Deleting());
        } catch (IOException e) {
            throw new UncheckedIOException("can't delete the temporary directory " + path, e);
        }
    }

    /** The program was interrupted: the broker's threads are still at work, and may make a file where one was just deleted. */
    private void deleteOnExit() {
        for (int attempt = 1; attempt <= ATTEMPTS_ON_EXIT; attempt++) {
            try {
                close();
                return;
            } catch (UncheckedIOException e) {
                if (attempt == ATTEMPTS_ON_EXIT) {
                    System.err.println("rmq: " + e.getMessage());
                }
            }
        }
    }

    private static final class Deleting extends SimpleFileVisitor<Path> {
        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failed) throws IOException {
            if (failed != null) {
                throw failed;
            }
            Files.deleteIfExists(directory);
            return FileVisitResult.CONTINUE;
        }
    }
}
