package io.reactivemq.storage;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.storage.CrashFileStore.Loss;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("After a loss of power")
class ForcedDirectoriesTest {

    private static final Path DEEP = Path.of("/a/b/c");

    @Test
    @DisplayName("directories that were made and forced are there, each level of them; unforced ones need not be")
    void directories() {
        int lost = 0;
        for (int seed = 0; seed < 50; seed++) {
            CrashFileStore store = new CrashFileStore();
            store.createForcedDirectories(DEEP);
            assertThat(store.crash(new Random(seed), Loss.ANY).isDirectory(DEEP))
                    .isTrue();
            store.createForcedDirectories(DEEP);
            store.createDirectories(DEEP.resolve("d"));
            lost += store.crash(new Random(seed), Loss.ANY).exists(DEEP.resolve("d")) ? 0 : 1;
        }
        assertThat(lost).isBetween(1, 49);
    }

    @Test
    @DisplayName("a replaced file has its former content or its new one, and the new one once the call has returned")
    void replacedFile() {
        CrashFileStore store = new CrashFileStore();
        store.createForcedDirectories(DEEP);
        Path path = DEEP.resolve("checkpoint");
        store.replaceFile(path, ByteBuffer.wrap(new byte[] {1}));
        store.replaceFile(path, ByteBuffer.wrap(new byte[] {2}));
        for (int seed = 0; seed < 50; seed++) {
            assertThat(store.crash(new Random(seed), Loss.ANY).readFile(path).get(0))
                    .isEqualTo((byte) 2);
        }
    }
}
