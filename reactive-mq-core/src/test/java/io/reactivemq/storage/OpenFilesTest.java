package io.reactivemq.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Open files")
class OpenFilesTest {

    @TempDir
    private Path directory;

    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(UTF_8));
    }

    private static String text(StoredFile file) {
        return UTF_8.decode(file.read(0, (int) file.size())).toString();
    }

    @Test
    @DisplayName("are as many as the bound at most, and all can be written, forced and read")
    void bounded() {
        DiskFileStore store = new DiskFileStore(5);
        List<StoredFile> files = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            files.add(store.open(directory.resolve("f" + i), OpenMode.CREATE));
            files.get(i).write(bytes("begin " + i), 0);
            assertThat(store.openFiles()).isLessThanOrEqualTo(5);
        }
        for (int i = 0; i < 40; i++) {
            files.get(i).write(bytes("again " + i), 0);
            files.get(i).force();
            assertThat(text(files.get(i))).isEqualTo("again " + i);
            assertThat(store.openFiles()).isLessThanOrEqualTo(5);
        }
        files.forEach(StoredFile::close);
        assertThat(store.openFiles()).isZero();
        assertThatThrownBy(() -> files.get(0).read(0, 1)).isInstanceOf(StorageException.class);
        assertThatThrownBy(() -> files.get(0).write(bytes("x"), 0)).isInstanceOf(StorageException.class);
    }

    @Test
    @DisplayName("are none for files that are open and were not used")
    void lazy() {
        DiskFileStore store = new DiskFileStore(5);
        store.open(directory.resolve("f"), OpenMode.CREATE).close();
        for (OpenMode mode : List.of(OpenMode.READ, OpenMode.WRITE)) {
            try (StoredFile file = store.open(directory.resolve("f"), mode)) {
                assertThat(file.size()).isZero();
                assertThat(store.openFiles()).isZero();
            }
        }
    }

    @Test
    @DisplayName("that can't be opened are told as such, whatever they were to be opened for")
    void notToBeOpened() throws Exception {
        DiskFileStore store = new DiskFileStore(5);
        Path path = directory.resolve("f");
        store.open(path, OpenMode.CREATE).close();
        try (StoredFile file = store.open(path, OpenMode.WRITE)) {
            Files.delete(path);
            for (ThrowingCallable use : List.<ThrowingCallable>of(
                    () -> file.read(0, 1), () -> file.write(bytes("x"), 0), () -> store.readFile(path))) {
                assertThatThrownBy(use)
                        .isInstanceOfSatisfying(
                                StorageException.class,
                                failure -> assertThat(failure.operation()).isEqualTo(StorageException.Operation.OPEN));
            }
        }
    }

    @Test
    @DisplayName("that were used lately stay open")
    void recentlyUsed() {
        DiskFileStore store = new DiskFileStore(4);
        StoredFile used = store.open(directory.resolve("used"), OpenMode.CREATE);
        used.write(bytes("used"), 0);
        used.force();
        List<StoredFile> others = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            StoredFile other = store.open(directory.resolve("f" + i), OpenMode.CREATE);
            other.force();
            others.add(other);
            used.write(bytes("used"), 0);
            used.force();
        }
        int before = store.openFiles();
        used.write(bytes("used"), 0);
        assertThat(store.openFiles()).as("it was open").isEqualTo(before);
        others.forEach(StoredFile::close);
        used.close();
    }

    @Test
    @DisplayName("that many threads use at once are never closed under them")
    void manyThreads() throws Exception {
        DiskFileStore store = new DiskFileStore(3);
        List<StoredFile> files = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            StoredFile file = store.open(directory.resolve("f" + i), OpenMode.CREATE);
            file.write(bytes("file " + i), 0);
            files.add(file);
        }
        ExecutorService threads = Executors.newFixedThreadPool(4);
        List<Future<?>> done = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            Random random = new Random(t);
            int mine = t;
            done.add(threads.submit(() -> {
                for (int i = 0; i < 2_000; i++) {
                    int n = random.nextInt(files.size());
                    assertThat(text(files.get(n))).isEqualTo("file " + n);
                    files.get(mine).write(bytes("file " + mine), 0);
                }
            }));
        }
        for (Future<?> each : done) {
            each.get();
        }
        threads.shutdown();
        assertThat(store.openFiles()).isLessThanOrEqualTo(3 + 4);
        files.forEach(StoredFile::close);
        assertThat(store.openFiles()).isZero();
    }
}
