package io.reactivemq.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** A new directory, deleted with all that is in it at the end. */
record Folder(Path path) implements AutoCloseable {

    static Folder in(Path directory) throws IOException {
        return new Folder(Files.createTempDirectory(directory, "rmq-benchmark"));
    }

    @Override
    public void close() throws IOException {
        try (Stream<Path> files = Files.walk(path)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
