package io.reactivemq.netty.foreign;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/** A program we did not write, as a child process whose input and outputs are files. Closing it ends it. */
public final class ForeignProgram implements AutoCloseable {

    private static final Duration LIMIT = Duration.ofMinutes(5);

    private final List<String> command;
    private final Process process;
    private final Path out;
    private final Path err;

    private ForeignProgram(List<String> command, Process process, Path out, Path err) {
        this.command = command;
        this.process = process;
        this.out = out;
        this.err = err;
    }

    /** Skips the test where {@code there} is false, and fails it where CI is set. */
    public static void requires(boolean there, String tool) {
        if (!there) {
            String missing = "no " + tool + ": scripts/install-test-tools installs it";
            if (System.getenv("CI") != null) {
                fail(missing);
            }
            Assumptions.abort(missing);
        }
    }

    public static boolean onPath(String tool) {
        String path = requireNonNull(System.getenv("PATH"));
        for (String directory : path.split(File.pathSeparator, -1)) {
            if (Files.isExecutable(Path.of(directory, tool))) {
                return true;
            }
        }
        return false;
    }

    public static ForeignProgram start(Path directory, String input, List<String> command) throws IOException {
        Path in = Files.writeString(Files.createTempFile(directory, "in", ".txt"), input);
        Path out = Files.createTempFile(directory, "out", ".txt");
        Path err = Files.createTempFile(directory, "err", ".txt");
        Process process = new ProcessBuilder(command)
                .redirectInput(in.toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start();
        return new ForeignProgram(command, process, out, err);
    }

    /** Runs it to its end, which has to be a good one. */
    public static List<String> run(Path directory, String input, List<String> command) throws Exception {
        try (ForeignProgram program = start(directory, input, command)) {
            program.endsWell();
            return program.lines();
        }
    }

    public List<String> lines() throws IOException {
        return Files.readAllLines(out);
    }

    /** The last of what it wrote to its standard error. */
    public String errors() throws IOException {
        return tail(err);
    }

    public boolean isRunning() {
        return process.isAlive();
    }

    public void endsWell() throws Exception {
        boolean ended = process.waitFor(LIMIT.toSeconds(), SECONDS);
        assertThat(ended)
                .as("%s ends within %s; stdout: %s stderr: %s", command, LIMIT, tail(out), tail(err))
                .isTrue();
        assertThat(process.exitValue())
                .as("exit status of %s; stdout: %s stderr: %s", command, tail(out), tail(err))
                .isZero();
    }

    /** Asks it to end (SIGTERM), which it has to do in good order. */
    public void stop() throws Exception {
        process.destroy();
        endsWell();
    }

    private static String tail(Path file) throws IOException {
        String text = Files.readString(file);
        return text.substring(Math.max(0, text.length() - 4_000));
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
