package io.reactivemq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Leave to use quick files")
class QuickFilesTest {

    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1_000);
    private final QuickFiles files = new QuickFiles(nanos::get);

    @Test
    @DisplayName("holds for the task, for what it calls, and for no other thread or time")
    void forTheTask() throws Exception {
        assertThat(files.areQuick()).isFalse();
        files.lend(() -> {
            assertThat(files.areQuick()).isTrue();
            files.lend(() -> assertThat(files.areQuick()).isTrue());
            assertThat(files.areQuick()).isTrue();
            Thread other = new Thread(() -> assertThat(files.areQuick()).isFalse());
            AtomicLong failures = new AtomicLong();
            other.setUncaughtExceptionHandler((thread, e) -> failures.incrementAndGet());
            other.start();
            try {
                other.join();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            assertThat(failures).hasValue(0);
        });
        assertThat(files.areQuick()).isFalse();
        assertThatThrownBy(() -> files.lend(() -> {
                    throw new IllegalStateException("by the test");
                }))
                .hasMessage("by the test");
        assertThat(files.areQuick()).isFalse();
    }

    @Test
    @DisplayName("of one runtime is none of another's")
    void ofOneRuntime() {
        QuickFiles other = new QuickFiles(nanos::get);
        files.lend(() -> {
            other.lend(() -> assertThat(files.areQuick()).isFalse());
            assertThat(files.areQuick()).isTrue();
            QuickFiles.NONE.lend(
                    () -> assertThat(QuickFiles.NONE.areQuick()).as("nobody's").isFalse());
        });
    }

    @Test
    @DisplayName("ends for a second with a use that takes 10 ms, and then for a second again")
    void pauses() {
        files.lend(() -> {
            use(9_999_999);
            assertThat(files.areQuick()).isTrue();
            for (int i = 0; i < 3; i++) {
                use(10_000_000);
                assertThat(files.areQuick()).isFalse();
                pass(999_999_999);
                assertThat(files.areQuick()).as("a nanosecond before").isFalse();
                pass(1);
                assertThat(files.areQuick()).as("after a second").isTrue();
            }
            pass(TimeUnit.DAYS.toNanos(365));
            assertThat(files.areQuick()).isTrue();
        });
    }

    private void use(long forNanos) {
        long since = files.now();
        pass(forNanos);
        files.took(since);
    }

    private void pass(long forNanos) {
        nanos.addAndGet(forNanos);
    }
}
