package io.reactivemq.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.reactivemq.storage.StorageException.Operation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A store on disk:")
class DiskFileStoreTest extends FileStoreContract {

    DiskFileStoreTest() {
        super(FileStore.disk());
    }

    @Test
    @DisplayName("directories have permissions 0700 and files 0600")
    void permissions() throws IOException {
        assumeTrue(directory.getFileSystem().supportedFileAttributeViews().contains("posix"), "no POSIX permissions");
        Path deep = directory.resolve("x").resolve("y");
        store.createDirectories(deep);
        Path file = deep.resolve("f");
        store.open(file, OpenMode.CREATE).close();
        store.replaceFile(deep.resolve("g"), bytes("g"));
        store.lock(deep).close();
        assertThat(permissionsOf(directory.resolve("x"))).isEqualTo("rwx------");
        assertThat(permissionsOf(deep)).isEqualTo("rwx------");
        assertThat(permissionsOf(file)).isEqualTo("rw-------");
        assertThat(permissionsOf(deep.resolve("g"))).isEqualTo("rw-------");
        assertThat(permissionsOf(deep.resolve(".lock"))).isEqualTo("rw-------");
    }

    private static String permissionsOf(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }

    @Test
    @DisplayName("an interrupted reader takes the file from neither the writer nor other readers")
    void interruptedReader() throws Exception {
        ExecutorService other = Executors.newSingleThreadExecutor();
        Path path = directory.resolve("a");
        try (StoredFile file = store.open(path, OpenMode.CREATE)) {
            file.write(bytes("abc"), 0);
            assertThat(text(file.read(0, 3))).isEqualTo("abc");
            Future<?> interrupted = other.submit(() -> {
                Thread.currentThread().interrupt();
                assertFails(Operation.READ, path, () -> file.read(0, 3));
                assertThat(Thread.interrupted()).isTrue();
            });
            interrupted.get();
            assertThat(text(file.read(0, 3))).isEqualTo("abc");
            file.write(bytes("d"), 3);
            file.force();
            assertThat(text(file.read(0, 4))).isEqualTo("abcd");
        } finally {
            other.shutdownNow();
        }
    }

    @Test
    @DisplayName("a directory that another process has locked is refused, and free again when that process has ended")
    void lockedByAnotherProcess() throws Exception {
        Process holder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        LockHolder.class.getName(),
                        directory.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try {
            assertThat(holder.inputReader().readLine()).isEqualTo("locked");
            // Twice: a refused attempt must not free what is held.
            for (int attempt = 0; attempt < 2; attempt++) {
                assertThatThrownBy(() -> store.lock(directory))
                        .isInstanceOf(StorageException.class)
                        .hasMessageContaining(directory.toString())
                        .hasMessageContaining("in use by another process");
            }
        } finally {
            holder.destroyForcibly().waitFor();
        }
        store.lock(directory).close();
    }

    @Test
    @DisplayName("what refuses a second lock in this process does not free the first for other processes")
    void refusedInThisProcess() throws Exception {
        try (DirectoryLock lock = store.lock(directory)) {
            assertThatThrownBy(() -> store.lock(lock.directory())).hasMessageContaining("in use in this process");
            Process other = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-cp",
                            System.getProperty("java.class.path"),
                            LockHolder.class.getName(),
                            directory.toString())
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            try {
                assertThat(other.inputReader().readLine()).isEqualTo("refused");
            } finally {
                other.destroyForcibly().waitFor();
            }
        }
    }

    /** Takes a lock, says so, and holds it until it is killed. */
    static final class LockHolder {

        private LockHolder() {}

        public static void main(String[] arguments) throws IOException {
            try {
                FileStore.disk().lock(Path.of(arguments[0]));
            } catch (StorageException e) {
                System.out.println("refused");
                return;
            }
            System.out.println("locked");
            System.in.read();
        }
    }
}
