package io.reactivemq.test.spill;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.test.ChildJvm;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("In a heap of 64 MiB")
class SmallHeapTest {

    /** The soak profile has 10 GB. */
    private static final long BYTES = Long.getLong("reactivemq.spill.bytes", 1_000_000_000);

    @Test
    @Timeout(value = 15, unit = TimeUnit.MINUTES)
    @DisplayName("M11 a gigabyte waits on disk and comes out again, in order")
    void gigabyte(@TempDir Path temporary) throws Exception {
        ProcessBuilder builder = ChildJvm.of(
                SmallHeapChild.class, List.of(temporary.resolve("spill").toString(), Long.toString(BYTES)));
        builder.command().replaceAll(option -> option.startsWith("-Xmx") ? "-Xmx64m" : option);
        builder.command().remove("-XX:TieredStopAtLevel=1");
        assertThat(builder.command()).contains("-Xmx64m");
        Process child = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
        try {
            String output = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(child.waitFor()).as(output).isZero();
            assertThat(Long.parseLong(output.strip())).as("bytes in files").isGreaterThan(BYTES / 10 * 9);
        } finally {
            child.destroyForcibly();
        }
    }
}
