package io.reactivemq.examples.outage;

import io.reactivemq.examples.cli.ExitCode;
import io.reactivemq.examples.cli.UnfinishedException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code rmq outage}: reads the arguments, runs the {@link OutageDemo}, says what came out. */
@Command(
        name = "outage",
        description = {
            "A stream of orders spills to disk while its consumer is down, and checks that none was lost and that all came in order.",
            ""
        },
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:all checks passed", "1:a check failed, or it could not finish", "2:wrong usage"})
public final class OutageCommand implements Callable<Integer> {

    private static final int ORDERS_MIN = 10_000;
    private static final int ORDERS_MAX = 100_000_000;

    @Spec
    private @Nullable CommandSpec spec;

    @Option(
            names = "--orders",
            paramLabel = "N",
            defaultValue = "2000000",
            description = "how many orders there are (default: ${DEFAULT-VALUE})")
    private int orders;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            defaultValue = "6",
            description = "how long they take to come; 0: as fast as they can (default: ${DEFAULT-VALUE})")
    private int seconds;

    public OutageCommand() {}

    @Override
    public Integer call() {
        between("--orders", orders, ORDERS_MIN, ORDERS_MAX);
        between("--seconds", seconds, 0, 60);
        PrintWriter out = self().commandLine().getOut();
        Path directory = temporary();
        OutageDemo demo = new OutageDemo(orders, Duration.ofSeconds(seconds), directory, line -> print(out, line));
        List<String> left;
        try {
            demo.run();
        } finally {
            left = delete(directory);
        }
        String problem = left.isEmpty() ? demo.problem() : "files were left: " + left;
        if (problem != null) {
            print(out, "FAILED: " + problem);
            return ExitCode.FAILED;
        }
        print(
                out,
                String.format(
                        Locale.ROOT,
                        "ok: %,d orders, none lost, all in order; %,d waited when billing came back, %,d of them in memory; no file is left",
                        demo.billed(),
                        demo.mostWaiting(),
                        Math.min(demo.capacity(), demo.mostWaiting())));
        return ExitCode.OK;
    }

    private static Path temporary() {
        try {
            return Files.createTempDirectory("rmq-outage");
        } catch (IOException e) {
            throw new UnfinishedException("no temporary directory: " + e.getMessage(), e);
        }
    }

    /** Deletes it; the names of what should not have been there any more. */
    private static List<String> delete(Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            List<Path> all = files.toList();
            for (Path file : all) {
                Files.delete(file);
            }
            Files.delete(directory);
            return all.stream()
                    .map(file -> file.getFileName().toString())
                    .filter(name -> !name.equals(".lock"))
                    .toList();
        } catch (IOException e) {
            throw new UnfinishedException("could not clean up " + directory + ": " + e.getMessage(), e);
        }
    }

    private static void print(PrintWriter out, String line) {
        synchronized (out) {
            out.println(line);
            out.flush();
        }
    }

    private void between(String option, int value, int least, int most) {
        if (value < least || value > most) {
            throw new ParameterException(
                    self().commandLine(),
                    String.format(Locale.ROOT, "%s must be between %,d and %,d, was %,d", option, least, most, value));
        }
    }

    private CommandSpec self() {
        if (spec == null) {
            throw new IllegalStateException("this command is run by picocli only");
        }
        return spec;
    }
}
