package io.reactivemq.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ProgressTest {

    private final StringWriter out = new StringWriter();

    private Progress progress(boolean terminal) {
        return new Progress(new PrintWriter(out), terminal, () -> Duration.ofMillis(1_250));
    }

    @Test
    void withoutATerminalATenthIsALine() {
        try (Progress progress = progress(false)) {
            progress.say("ready");
            progress.begin("rows", 1_000);
            for (int done = 0; done <= 1_000; done += 50) {
                progress.at(done);
            }
        }
        assertThat(out.toString()).doesNotContain("\r").hasLineCount(11);
        assertThat(out.toString().lines())
                .startsWith("  1.3 s  ready", "  1.3 s   10 %  100 of 1,000 rows done")
                .endsWith("  1.3 s  100 %  1,000 of 1,000 rows done");
    }

    @Test
    void onATerminalABarIsDrawnAndTakenAway() {
        try (Progress progress = progress(true)) {
            progress.begin("rows", 1_000);
            progress.at(1_000);
        }
        assertThat(out.toString()).contains("rows 100%").endsWith("\r\u001b[K").doesNotContain("rows done");
    }

    @Test
    void aLineOnATerminalTakesThePlaceOfTheBar() {
        try (Progress progress = progress(true)) {
            progress.begin("rows", 1_000);
            progress.say("a member left");
        }
        assertThat(out.toString()).contains("\r\u001b[K  1.3 s  a member left" + System.lineSeparator());
    }
}
