package io.reactivemq.examples.sensors;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.examples.RmqAccess;
import io.reactivemq.test.SimulatedRuntime;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** Whole runs, in virtual time. */
class SensorsCommandTest {

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        SimulatedRuntime runtime = SimulatedRuntime.inOrder();
        SensorsCommand command = new SensorsCommand(runtime, runtime::await);
        CommandLine commandLine = RmqAccess.configured(new CommandLine(command));
        commandLine.setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
        return commandLine.execute(args);
    }

    private List<String> lines() {
        return out.toString().lines().toList();
    }

    @Test
    @DisplayName("M11 a feed that outruns its dashboard is not held up, and the latest reading of each sensor is shown")
    void theLatestIsShown() {
        assertThat(run("--seconds", "4", "--rate", "1000", "--capacity", "100"))
                .as(() -> out + "" + err)
                .isZero();
        assertThat(lines()).hasSize(5);
        assertThat(lines().get(0)).contains("0.0 s  measured         0").contains("waiting 0 of 100");
        assertThat(lines().get(2)).contains("measured     2,000").contains("waiting 100 of 100   dashboard busy");
        assertThat(lines().get(4))
                .isEqualTo(
                        "4,000 readings measured = 2,675 shown + 1,325 dropped; the latest of each sensor was shown");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    @DisplayName("a buffer that is large enough drops nothing")
    void nothingIsDropped() {
        assertThat(run("--seconds", "4", "--rate", "1000", "--capacity", "10000"))
                .isZero();
        assertThat(lines())
                .last()
                .isEqualTo("4,000 readings measured = 4,000 shown + 0 dropped; the latest of each sensor was shown");
    }

    @Test
    @DisplayName("on a terminal a frame is drawn over the one before, the same for the same seed")
    void terminal() {
        String before = System.setProperty("rmq.terminal", "true");
        try {
            assertThat(run("--seconds", "2", "--sensors", "3", "--seed", "7")).isZero();
            String first = out.toString();
            out.getBuffer().setLength(0);
            assertThat(run("--seconds", "2", "--sensors", "3", "--seed", "7")).isZero();
            assertThat(out.toString()).isEqualTo(first);
            // five lines: the counts, the buffer, the sensors
            assertThat(first).contains("\u001b[5A", "\u001b[K", "buffer   [", "sensor 2 ");
            out.getBuffer().setLength(0);
            assertThat(run("--seconds", "2", "--plain")).isZero();
            assertThat(out.toString()).doesNotContain("\u001b");
        } finally {
            if (before == null) {
                System.clearProperty("rmq.terminal");
            } else {
                System.setProperty("rmq.terminal", before);
            }
        }
    }

    @Test
    @DisplayName("a number out of range is refused with its range")
    void refused() {
        assertThat(run("--capacity", "0")).isEqualTo(2);
        assertThat(err.toString())
                .isEqualTo("rmq: --capacity must be between 1 and 1000000, was 0" + System.lineSeparator());
        err.getBuffer().setLength(0);
        assertThat(run("--seconds", "601")).isEqualTo(2);
        assertThat(err.toString()).startsWith("rmq: --seconds must be between 1 and 600, was 601");
        assertThat(out.toString()).isEmpty();
    }
}
