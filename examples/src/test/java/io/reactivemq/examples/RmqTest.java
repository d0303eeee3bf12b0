package io.reactivemq.examples;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Map;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class RmqTest {

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        CommandLine commandLine = Rmq.commandLine();
        commandLine.setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
        return commandLine.execute(args);
    }

    @Test
    void helpGoesToTheOutputAndIsNoError() {
        assertThat(run("--help")).isZero();
        assertThat(out.toString()).contains("Usage: rmq", "demo", "Exit codes:");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void helpOnACommandIsThereInBothSpellings() {
        assertThat(run("demo", "--help")).isZero();
        String first = out.toString();
        out.getBuffer().setLength(0);
        assertThat(run("help", "demo")).isZero();

        assertThat(first)
                .contains("Usage: rmq demo", "--data", "--input", "--key")
                .isEqualTo(out.toString());
    }

    /** Which is made with that command alone. */
    @Test
    void aCommandThatIsCalledIsTheSameAsAmongAll() {
        Map<String, CommandLine> all = Rmq.commandLine().getSubcommands();
        assertThat(all).containsOnlyKeys("demo", "members", "outage", "router", "sensors", "log", "serve", "help");
        all.forEach((name, among) -> {
            Map<String, CommandLine> called = Rmq.commandLine(name).getSubcommands();
            assertThat(requireNonNull(called.get(name)).getUsageMessage()).isEqualTo(among.getUsageMessage());
            assertThat(called).hasSize("help".equals(name) ? all.size() : 1);
        });
    }

    @Test
    void theVersionIsThatOfTheBuild() {
        assertThat(run("--version")).isZero();
        assertThat(out.toString()).containsPattern("rmq \\d+\\.\\d+\\.\\d+").contains("Java " + Runtime.version());
    }

    @Test
    void nothingAskedIsWrongUsageAndGetsHelp() {
        assertThat(run()).isEqualTo(2);
        assertThat(err.toString()).contains("Usage: rmq");
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void wrongUsageIsOneLine() {
        assertRefused("rmq: Unmatched argument at index 0: 'nonsense' (see: rmq --help)", "nonsense");
        assertRefused("rmq: Unknown option: '--nonsense' (see: rmq demo --help)", "demo", "--nonsense");
        assertRefused(
                "rmq: --key needs --input, the file it is a column of (see: rmq demo --help)", "demo", "--key", "a");
        assertRefused(
                "rmq: --input needs --key, the column that is the key (see: rmq demo --help)", "demo", "--input", "a");
        assertRefused("rmq: --deadline must be 1 or more, was 0 (see: rmq demo --help)", "demo", "--deadline", "0");
        assertRefused(
                "rmq: Invalid value for option '--deadline': 'x' is not an int (see: rmq demo --help)",
                "demo",
                "--deadline",
                "x");
    }

    private void assertRefused(String line, String... args) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);

        assertThat(run(args)).isEqualTo(2);
        assertThat(err.toString()).isEqualTo(line + System.lineSeparator());
        assertThat(out.toString()).isEmpty();
    }
}
