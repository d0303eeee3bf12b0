package io.reactivemq.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A store in memory:")
class MemoryFileStoreTest extends FileStoreContract {

    MemoryFileStoreTest() {
        super(FileStore.memory());
    }

    @Test
    @DisplayName("a read within a chunk is a read-only view, not a copy")
    void views() {
        try (StoredFile file = store.open(directory.resolve("a"), OpenMode.CREATE)) {
            byte[] data = new byte[3 << 20];
            Arrays.fill(data, (byte) 1);
            file.write(ByteBuffer.wrap(data), 0);
            ByteBuffer view = file.read(2 << 20, 100);
            assertThat(view.isReadOnly()).isTrue();
            file.write(bytes("x"), 2 << 20);
            assertThat(view.get(0)).isEqualTo((byte) 'x');
        }
    }

    @Test
    @DisplayName("a read stops at the end of a chunk rather than copy")
    void stopsAtChunk() {
        try (StoredFile file = store.open(directory.resolve("a"), OpenMode.CREATE)) {
            file.write(ByteBuffer.wrap(new byte[10_000]), 0);
            assertThat(file.read(4_000, 10, 5_000).remaining()).isEqualTo(96);
            assertThat(file.read(4_000, 97, 5_000).remaining()).isEqualTo(97);
        }
    }

    @Test
    @DisplayName("two stores know nothing of each other")
    void separate() {
        store.open(directory.resolve("a"), OpenMode.CREATE).close();
        assertThat(FileStore.memory().exists(directory.resolve("a"))).isFalse();
    }
}
