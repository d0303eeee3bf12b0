package io.reactivemq.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine;

/** {@code rmq serve} in a process of its own, which is ready. Closing it kills it. */
final class ServeProcess implements AutoCloseable {

    private static final Pattern READY = Pattern.compile("rmq: ready at (127\\.0\\.0\\.1:\\d+) in \\d+\\.\\d\\d s; .*");

    /** Of a process that was told to end. */
    private static final int ENDED_BY_SIGTERM = 143;

    private final Process process;
    private final BufferedReader out;
    private final Matcher ready;

    private ServeProcess(Process process, BufferedReader out, Matcher ready) {
        this.process = process;
        this.out = out;
        this.ready = ready;
    }

    static ServeProcess start(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        BufferedReader out = process.inputReader(StandardCharsets.UTF_8);
        String line = out.readLine();
        Matcher ready = READY.matcher(String.valueOf(line));
        if (!ready.matches()) {
            process.destroyForcibly();
            throw new AssertionError("rmq serve " + List.of(arguments) + " said: " + line);
        }
        return new ServeProcess(process, out, ready);
    }

    /** The line that says that it is ready. */
    String readyLine() {
        return ready.group();
    }

    String bootstrap() {
        return ready.group(1);
    }

    /** Tells it to end (SIGTERM), which it does in good order. */
    void stop() throws Exception {
        try (this) {
            assertThat(process.toHandle().destroy()).isTrue(); // its output stays open, other than with the process
            assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isEqualTo(ENDED_BY_SIGTERM);
            assertThat(out.readLine()).isEqualTo("rmq: stopped");
        }
    }

    @Override
    public void close() throws IOException {
        process.destroyForcibly().onExit().join();
        out.close();
    }

    /** What runs in that process. */
    static final class Main {
        private Main() {}

        public static void main(String[] arguments) {
            System.exit(new CommandLine(new ServeCommand()).execute(arguments));
        }
    }
}
