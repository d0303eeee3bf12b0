package io.reactivemq.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.examples.RmqAccess;
import io.reactivemq.examples.cli.UnfinishedException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Whole runs, in this JVM. */
class DemoCommandTest {

    /** Enough for one of the damaged lines. */
    private static final int FEW = 2_600;

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path temp;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        return run(UnaryOperator.identity(), args);
    }

    private int run(UnaryOperator<Expected> expectation, String... args) {
        return run(new DemoCommand(() -> FlightRows.first(FEW), expectation), args);
    }

    private int run(DemoCommand command, String... args) {
        CommandLine commandLine = RmqAccess.configured(new CommandLine(command));
        commandLine.setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
        String[] patient = Arrays.copyOf(args, args.length + 2);
        patient[args.length] = "--deadline";
        patient[args.length + 1] = "600";
        return commandLine.execute(patient);
    }

    private void assertRefused(String line, String... args) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        assertThat(run(args)).isEqualTo(2);
        assertThat(err.toString()).startsWith("rmq: " + line).hasLineCount(1);
        assertThat(out.toString()).isEmpty();
    }

    private List<String> lines() {
        return out.toString().lines().toList();
    }

    @Test
    void theWholeInputPassesAllChecks() {
        int status = run(new DemoCommand());

        assertThat(status).as(() -> out + "" + err).isZero();
        assertThat(lines().get(lines().size() - 1)).matches("checks: \\d+ passed, 0 failed");
        assertThat(out.toString())
                .contains("dead letters  5 in flights.dlq")
                .contains("busiest of 220 airports")
                .contains("  DFW         1,103      9.5 min       298 min");
        assertThat(lines())
                .filteredOn(line -> line.matches("  flights-\\d+ +[\\d,]+ +0 +0"))
                .hasSize(12);
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void aWrongExpectationFailsItsChecksAndIsToldByTheStatus() {
        int status = run(expected -> {
            expected.handled().add("DFW", "one flight more", 1);
            return expected;
        });

        assertThat(status).isEqualTo(1);
        assertThat(out.toString())
                .contains("FAIL  delays: rows in all as in the plain loop: expected 2601, found 2600")
                .contains("FAIL  delays: flights, mean and worst delay of each airport as in the plain loop")
                .contains("3 failed");
    }

    @Test
    void aTemporaryDirectoryIsDeleted() {
        assertThat(run()).as(() -> out + "" + err).isZero();

        Matcher opened =
                Pattern.compile("broker opened on (\\S+), deleted at the end").matcher(lines().get(0));
        assertThat(opened.find()).as(lines().get(0)).isTrue();
        assertThat(Path.of(opened.group(1))).doesNotExist();
    }

    @Test
    void aGivenDirectoryIsKeptAndNotUsedTwice() {
        Path data = temp.resolve("new/data");
        assertThat(run("--data", data.toString())).as(() -> out + "" + err).isZero();
        assertThat(data.resolve("flights-0")).isDirectory();

        assertRefused("the data directory already holds a run: " + data, "--data", data.toString());
    }

    @Test
    void aDirectoryWithoutPermissionIsRefused() throws IOException {
        Path data = Files.createDirectory(temp.resolve("locked"));
        Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("r-xr-xr-x"));
        assumeFalse(Files.isWritable(data), "a superuser may write anywhere");

        assertRefused("no permission to write to the data directory " + data, "--data", data.toString());
    }

    @Test
    void emptyPathsAreWrongUsage() {
        assertThat(run("--data", "")).isEqualTo(2);
        assertThat(err.toString()).contains("--data must name a path, was empty");
        assertThat(run("--input", "", "--key", "a")).isEqualTo(2);
        assertThat(err.toString()).contains("--input must name a path, was empty");
    }

    @Test
    void aDirectoryInUseIsRefused() {
        Path data = temp.resolve("used");
        EmbeddedBroker other = Objects.requireNonNull(Demo.open(data).block(Duration.ofMinutes(2)));
        try {
            assertRefused("can't use the data directory " + data + ": ", "--data", data.toString());
            assertThat(err.toString()).contains("in use");
        } finally {
            other.closeGracefully(Duration.ofMinutes(2)).block();
        }
    }

    @Test
    void aDirectoryThatCantBeUsedIsRefused() throws IOException {
        Path file = Files.writeString(temp.resolve("file"), "");
        assertRefused("not a directory: " + file, "--data", file.toString());
        assertRefused(
                "can't write to the data directory " + file,
                "--data",
                file.resolve("below").toString());
        assertRefused("the data directory is not empty: " + temp, "--data", temp.toString());
        try (Stream<Path> entries = Files.list(temp)) {
            assertThat(entries).containsExactly(file);
        }
    }

    @Test
    void aFileOfOnesOwnIsCountedByKey() throws IOException {
        StringBuilder csv = new StringBuilder("id,\"who, where\"\r\n");
        for (int i = 0; i < 300; i++) {
            String who = i % 10 == 0 ? "" : "\"name " + i % 7 + ",\nplace\"";
            csv.append(i).append(',').append(who).append("\r\n");
        }
        csv.append("a row of one field\r\n");
        Path input = Files.writeString(temp.resolve("input.csv"), csv);

        int status = run("--input", input.toString(), "--key", "who, where");

        assertThat(status).as(() -> out + "" + err).isZero();
        assertThat(out.toString())
                .contains("most frequent of 8 keys")
                .containsPattern("  name 1,\\\\nplace +39\\R")
                .containsPattern("  \\(none\\) +30\\R")
                .contains("dead letters  1 in rows.dlq");
        assertThat(out.toString()).doesNotContain("delay of each").doesNotContain("airport");
    }

    @Test
    void badInputIsRefusedInOneLine() throws IOException {
        Path missing = temp.resolve("missing.csv");
        assertRefused("no such file: " + missing, "--input", missing.toString(), "--key", "a");
        Path input = Files.writeString(temp.resolve("input.csv"), "a,b\n1,2\n");
        assertRefused("no column 'c' in " + input, "--input", input.toString(), "--key", "c");
        Path open = Files.writeString(temp.resolve("open.csv"), "a,b\n1,2\n3,\"4\n5,6\n");
        assertRefused(
                "a quote is not closed in " + open + ", in the row that begins at line 3",
                "--input",
                open.toString(),
                "--key",
                "a");
        Path large = Files.writeString(temp.resolve("large.csv"), "a,b\n1,2\n3," + "x".repeat(1_000_000) + "\n");
        assertRefused(
                "a row is too large in " + large + ": the one that begins at line 3 has 1,000,003 bytes with its key",
                "--input",
                large.toString(),
                "--key",
                "a");
    }

    @Test
    void whatCouldNotBeFinishedIsOneLineAndNoUsageError() {
        DemoCommand command = new DemoCommand(
                () -> {
                    throw new UnfinishedException("not done within 1 s", null);
                },
                UnaryOperator.identity());

        assertThat(run(command)).isEqualTo(1);
        assertThat(err.toString()).isEqualTo("rmq: not done within 1 s" + System.lineSeparator());
    }
}
