package io.reactivemq.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.storage.StorageException.Operation;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every store does. */
abstract class FileStoreContract {

    @TempDir
    Path temporary;

    final FileStore store;
    Path directory = Path.of("");

    FileStoreContract(FileStore store) {
        this.store = store;
    }

    @BeforeEach
    void makeDirectory() {
        directory = temporary.resolve("data");
        store.createDirectories(directory);
    }

    static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(UTF_8));
    }

    static String text(ByteBuffer buffer) {
        return UTF_8.decode(buffer.duplicate()).toString();
    }

    static void assertFails(Operation operation, Path path, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(StorageException.class, e -> {
            assertThat(e.operation()).isEqualTo(operation);
            assertThat(e.path()).isEqualTo(path);
            assertThat(e.errorCode()).isEqualTo(ErrorCode.KAFKA_STORAGE_ERROR);
            assertThat(e).hasMessageContaining(path.toString());
        });
    }

    @Test
    @DisplayName("what is written is read, also by another opening of the file")
    void writeAndRead() {
        Path path = directory.resolve("a");
        try (StoredFile file = store.open(path, OpenMode.CREATE_NEW);
                StoredFile reader = store.open(path, OpenMode.READ)) {
            ByteBuffer source = bytes("hello world");
            file.write(source, 0);
            assertThat(source.hasRemaining()).isFalse();
            assertThat(file.size()).isEqualTo(11);
            assertThat(text(file.read(6, 5))).isEqualTo("world");
            assertThat(text(reader.read(0, 11))).isEqualTo("hello world");
            file.write(bytes("J"), 0);
            assertThat(text(reader.read(0, 5))).isEqualTo("Jello");
            assertThat(reader.size()).isEqualTo(11);
            assertThat(store.size(path)).isEqualTo(11);
        }
        try (StoredFile file = store.open(path, OpenMode.WRITE)) {
            assertThat(text(file.read(0, 11))).isEqualTo("Jello world");
        }
        assertThat(text(store.readFile(path))).isEqualTo("Jello world");
    }

    @Test
    @DisplayName("a read takes at least what is asked for and at most what is allowed")
    void readBetween() {
        Path path = directory.resolve("a");
        try (StoredFile file = store.open(path, OpenMode.CREATE)) {
            file.write(bytes("0123456789"), 0);
            assertThat(file.read(2, 1, 4).remaining()).isBetween(1, 4);
            assertThat(text(file.read(2, 1, 4)))
                    .isEqualTo("2345".substring(0, file.read(2, 1, 4).remaining()));
            assertThat(text(file.read(7, 3, 100))).isEqualTo("789");
            assertThat(file.read(10, 0, 5).hasRemaining()).isFalse();
            assertThat(file.read(3, 0).hasRemaining()).isFalse();
            assertFails(Operation.READ, path, () -> file.read(7, 4, 100));
            assertFails(Operation.READ, path, () -> file.read(11, 1));
            assertThatThrownBy(() -> file.read(-1, 1)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> file.read(0, 2, 1)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    @DisplayName("a write behind the end leaves zeros before it, also where bytes were cut off")
    void gap() {
        try (StoredFile file = store.open(directory.resolve("a"), OpenMode.CREATE)) {
            file.write(bytes("xxxxxxxx"), 0);
            file.truncate(2);
            assertThat(file.size()).isEqualTo(2);
            file.write(bytes("y"), 5);
            assertThat(text(file.read(0, 6))).isEqualTo("xx\0\0\0y");
            file.write(bytes("z"), 100_000);
            assertThat(file.size()).isEqualTo(100_001);
            assertThat(file.read(99_000, 1000)).isEqualTo(ByteBuffer.allocate(1000));
        }
    }

    @Test
    @DisplayName("truncating to more than there is changes nothing")
    void truncateLonger() {
        try (StoredFile file = store.open(directory.resolve("a"), OpenMode.CREATE)) {
            file.write(bytes("abc"), 0);
            file.truncate(10);
            assertThat(file.size()).isEqualTo(3);
            file.force();
            file.truncate(0);
            assertThat(file.size()).isZero();
        }
    }

    @Test
    @DisplayName("the open modes ask for what they say")
    void openModes() {
        Path path = directory.resolve("a");
        assertFails(Operation.OPEN, path, () -> store.open(path, OpenMode.READ));
        assertFails(Operation.OPEN, path, () -> store.open(path, OpenMode.WRITE));
        store.open(path, OpenMode.CREATE).close();
        assertThat(store.exists(path)).isTrue();
        assertFails(Operation.OPEN, path, () -> store.open(path, OpenMode.CREATE_NEW));
        Path nowhere = directory.resolve("nowhere").resolve("a");
        assertFails(Operation.OPEN, nowhere, () -> store.open(nowhere, OpenMode.CREATE));
        assertFails(Operation.OPEN, directory, () -> store.open(directory, OpenMode.READ));
        assertFails(Operation.OPEN, directory, () -> store.open(directory, OpenMode.CREATE));
        try (StoredFile file = store.open(path, OpenMode.READ)) {
            assertThatThrownBy(() -> file.write(bytes("x"), 0)).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> file.truncate(0)).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(file::force).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    @DisplayName("a closed file does nothing more, and closing twice is fine")
    void closedFile() {
        Path path = directory.resolve("a");
        StoredFile file = store.open(path, OpenMode.CREATE);
        file.write(bytes("abc"), 0);
        file.read(0, 1);
        file.close();
        file.close();
        assertFails(Operation.WRITE, path, () -> file.write(bytes("x"), 0));
        assertFails(Operation.READ, path, () -> file.read(0, 1));
        assertFails(Operation.FORCE, path, file::force);
        assertFails(Operation.TRUNCATE, path, () -> file.truncate(0));
        assertFails(Operation.SIZE, path, file::size);
        StoredFile neverRead = store.open(path, OpenMode.READ);
        neverRead.close();
        assertFails(Operation.READ, path, () -> neverRead.read(0, 1));
    }

    @Test
    @DisplayName("an open file is renamed under its readers: they go on with it, whatever gets its former name")
    void renameOpenFile() {
        Path name = directory.resolve("a");
        Path aside = directory.resolve("a.deleted");
        try (StoredFile writer = store.open(name, OpenMode.CREATE)) {
            writer.write(bytes("former"), 0);
        }
        try (StoredFile read = store.open(name, OpenMode.READ);
                StoredFile notReadYet = store.open(name, OpenMode.READ);
                StoredFile next = store.open(directory.resolve("b"), OpenMode.CREATE)) {
            next.write(bytes("latter"), 0);
            assertThat(text(read.read(0, 6))).isEqualTo("former");
            notReadYet.rename(aside);
            next.rename(name);

            assertThat(notReadYet.path()).isEqualTo(aside);
            assertThat(text(notReadYet.read(0, 6))).isEqualTo("former");
            assertThat(text(read.read(0, 6))).isEqualTo("former");
            assertThat(text(next.read(0, 6))).isEqualTo("latter");
            assertThat(text(store.readFile(name))).isEqualTo("latter");
            assertThat(store.exists(directory.resolve("b"))).isFalse();
            next.write(bytes("!"), 6);
            assertThat(text(store.readFile(name))).isEqualTo("latter!");
            store.delete(aside);
            assertFails(Operation.RENAME, aside, () -> notReadYet.rename(directory.resolve("c")));
        }
    }

    @Test
    @DisplayName("names: list in order, rename over another, delete, directories")
    void names() {
        for (String name : new String[] {"b", "a", "a-1", "c"}) {
            try (StoredFile file = store.open(directory.resolve(name), OpenMode.CREATE)) {
                file.write(bytes(name), 0);
            }
        }
        Path below = directory.resolve("a-0");
        store.createDirectories(below.resolve("deep"));
        store.createDirectories(below);
        store.open(below.resolve("x"), OpenMode.CREATE).close();
        assertThat(store.list(directory))
                .extracting(path -> path.getFileName().toString())
                .containsExactly("a", "a-0", "a-1", "b", "c");
        assertThat(store.list(below)).containsExactly(below.resolve("deep"), below.resolve("x"));
        assertThat(store.isDirectory(below)).isTrue();
        assertThat(store.isDirectory(directory.resolve("a"))).isFalse();
        assertThat(store.exists(below)).isTrue();

        store.rename(directory.resolve("a"), directory.resolve("c"));
        assertThat(store.exists(directory.resolve("a"))).isFalse();
        assertThat(text(store.readFile(directory.resolve("c")))).isEqualTo("a");

        store.rename(below, directory.resolve("z"));
        assertThat(store.exists(below)).isFalse();
        assertThat(store.list(directory.resolve("z"))).hasSize(2);
        assertThat(store.isDirectory(directory.resolve("z").resolve("deep"))).isTrue();

        assertFails(Operation.DELETE, directory.resolve("z"), () -> store.delete(directory.resolve("z")));
        store.deleteRecursively(directory.resolve("z"));
        assertThat(store.exists(directory.resolve("z"))).isFalse();
        store.delete(directory.resolve("b"));
        assertFails(Operation.DELETE, directory.resolve("b"), () -> store.delete(directory.resolve("b")));
        assertThat(store.list(directory)).hasSize(2);

        Path gone = directory.resolve("gone");
        assertFails(Operation.RENAME, gone, () -> store.rename(gone, directory.resolve("there")));
        assertFails(Operation.LIST, gone, () -> store.list(gone));
        assertFails(Operation.SIZE, gone, () -> store.size(gone));
        assertFails(Operation.FORCE_DIRECTORY, gone, () -> store.forceDirectory(gone));
        Path underFile = directory.resolve("c").resolve("d");
        assertFails(Operation.CREATE_DIRECTORY, underFile, () -> store.createDirectories(underFile));
        store.forceDirectory(directory);
    }

    @Test
    @DisplayName("replacing a file leaves the new content and no other file")
    void replace() {
        Path path = directory.resolve("checkpoint");
        store.replaceFile(path, bytes("a longer first content"));
        store.replaceFile(path, bytes("second"));
        assertThat(text(store.readFile(path))).isEqualTo("second");
        assertThat(store.list(directory)).containsExactly(path);
        try (StoredFile leftover = store.open(directory.resolve("checkpoint.tmp"), OpenMode.CREATE)) {
            leftover.write(bytes("what a crash has left behind, longer than what comes"), 0);
        }
        store.replaceFile(path, bytes("third"));
        assertThat(text(store.readFile(path))).isEqualTo("third");
    }

    @Test
    @DisplayName("a file that is deleted while it is open can be read to the end")
    void deleteWhileOpen() {
        Path path = directory.resolve("a");
        try (StoredFile file = store.open(path, OpenMode.CREATE)) {
            file.write(bytes("abc"), 0);
            file.read(0, 1);
            store.delete(path);
            assertThat(store.exists(path)).isFalse();
            assertThat(text(file.read(0, 3))).isEqualTo("abc");
        }
    }

    @Test
    @DisplayName("bytes are handed to a channel")
    void transfer() {
        byte[] content = new byte[200_000];
        new Random(1).nextBytes(content);
        try (StoredFile file = store.open(directory.resolve("a"), OpenMode.CREATE)) {
            file.write(ByteBuffer.wrap(content), 0);
            ByteArrayOutputStream received = new ByteArrayOutputStream();
            WritableByteChannel target = Channels.newChannel(received);
            long position = 10;
            while (position < content.length) {
                long taken = file.transferTo(position, content.length - position, target);
                assertThat(taken).isPositive();
                position += taken;
            }
            assertThat(received.toByteArray()).isEqualTo(java.util.Arrays.copyOfRange(content, 10, content.length));
            assertThat(file.transferTo(content.length, 100, target)).isZero();
        }
    }

    @Test
    @DisplayName("a directory is locked for one holder at a time, and the error names it")
    void lock() {
        DirectoryLock lock = store.lock(directory);
        assertThat(lock.directory()).isEqualTo(directory);
        assertFails(Operation.LOCK, directory, () -> store.lock(directory));
        assertThatThrownBy(() -> store.lock(directory.resolve("..").resolve("data")))
                .isInstanceOf(StorageException.class)
                .hasMessageContaining("in use");
        lock.close();
        lock.close();
        try (DirectoryLock again = store.lock(directory)) {
            assertThat(again.directory()).isEqualTo(directory);
        }
        Path gone = directory.resolve("gone");
        assertFails(Operation.LOCK, gone, () -> store.lock(gone));
    }

    @Test
    @DisplayName("writes, reads and cuts of any size agree with an array")
    void randomAgainstArray() {
        long seed = Long.getLong("seed", 20_261_122);
        Random random = new Random(seed);
        byte[] model = new byte[1 << 22];
        int size = 0;
        try (StoredFile file = store.open(directory.resolve("a"), OpenMode.CREATE)) {
            for (int i = 0; i < 2_000; i++) {
                int what = random.nextInt(10);
                if (what < 4) {
                    int length = 1 + random.nextInt(random.nextInt(20) == 0 ? 1 << 18 : 5000);
                    int position = random.nextInt(3) == 0 ? random.nextInt(size + 5000) : size;
                    if (position + length > model.length) {
                        continue;
                    }
                    byte[] data = new byte[length];
                    random.nextBytes(data);
                    file.write(ByteBuffer.wrap(data), position);
                    System.arraycopy(data, 0, model, position, length);
                    size = Math.max(size, position + length);
                } else if (what == 4 && random.nextInt(4) == 0) {
                    int cut = random.nextInt(size + 1);
                    file.truncate(cut);
                    java.util.Arrays.fill(model, cut, size, (byte) 0);
                    size = cut;
                } else {
                    int position = random.nextInt(size + 1);
                    int min = random.nextInt(Math.min(size - position, 1 << 18) + 1);
                    int max = min + random.nextInt(1 << 16);
                    ByteBuffer read = file.read(position, min, max);
                    assertThat(read.remaining()).as("seed %d step %d", seed, i).isBetween(min, max);
                    assertThat(read)
                            .as("seed %d step %d", seed, i)
                            .isEqualTo(ByteBuffer.wrap(model, position, read.remaining()));
                }
                assertThat(file.size()).as("seed %d step %d", seed, i).isEqualTo(size);
            }
        }
    }

    @Test
    @DisplayName("readers beside the writer see whatever they were told of")
    void readersBesideTheWriter() throws Exception {
        int rounds = 3_000;
        int chunk = 1_000;
        AtomicLong published = new AtomicLong();
        CountDownLatch started = new CountDownLatch(2);
        ExecutorService readers = Executors.newFixedThreadPool(2);
        try (StoredFile file = store.open(directory.resolve("a"), OpenMode.CREATE)) {
            Runnable reading = () -> {
                Random random = new Random(7);
                started.countDown();
                long end = 0;
                while (end < (long) rounds * chunk) {
                    end = published.get();
                    if (end == 0) {
                        Thread.onSpinWait();
                        continue;
                    }
                    long position = random.nextLong(end / chunk) * chunk;
                    ByteBuffer read = file.read(position, chunk);
                    byte expected = (byte) (position / chunk);
                    for (int i = 0; i < chunk; i += 37) {
                        assertThat(read.get(i)).isEqualTo(expected);
                    }
                }
            };
            Future<?> first = readers.submit(reading);
            Future<?> second = readers.submit(reading);
            started.await();
            for (int i = 0; i < rounds; i++) {
                byte[] data = new byte[chunk];
                java.util.Arrays.fill(data, (byte) i);
                file.write(ByteBuffer.wrap(data), (long) i * chunk);
                published.set((long) (i + 1) * chunk);
            }
            first.get();
            second.get();
        } finally {
            readers.shutdownNow();
        }
    }
}
