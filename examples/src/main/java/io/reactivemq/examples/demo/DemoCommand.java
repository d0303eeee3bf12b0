package io.reactivemq.examples.demo;

import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.examples.cli.BadInputException;
import io.reactivemq.examples.cli.ExitCode;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code rmq demo}: reads the arguments, runs the {@link Demo}, prints the {@link Report}. */
@Command(
        name = "demo",
        description = {
            "Sends 20,000 real flights through a durable topic, reads them in groups whose members come and go, and "
                    + "checks what came out against a plain loop over the file.",
            ""
        },
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:all checks passed",
            "1:a check failed, or the demo could not finish",
            "2:wrong usage or bad input"
        })
public final class DemoCommand implements Callable<Integer> {

    private final Supplier<Rows> builtInRows;
    private final UnaryOperator<Expected> expectation;

    @Spec
    private @Nullable CommandSpec spec;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description =
                    "keep the broker's files in this directory, which must be new or empty (default: a temporary one)")
    private @Nullable Path data;

    @Option(
            names = "--input",
            paramLabel = "FILE",
            description = "send the rows of this CSV file (UTF-8, with a header) instead, and count them by key")
    private @Nullable Path input;

    @Option(
            names = "--key",
            paramLabel = "COLUMN",
            description = "the column of the CSV file that is the key; rows where it is empty have none")
    private @Nullable String key;

    @Option(
            names = "--deadline",
            paramLabel = "SECONDS",
            defaultValue = "120",
            description = "give up after that many seconds (default: ${DEFAULT-VALUE})")
    private int deadlineSeconds;

    public DemoCommand() {
        this(FlightRows::all, UnaryOperator.identity());
    }

    /**
     * For tests.
     *
     * @param builtInRows what runs without {@code --input}
     * @param expectation changes what is expected, so that checks fail
     */
    DemoCommand(Supplier<Rows> builtInRows, UnaryOperator<Expected> expectation) {
        this.builtInRows = builtInRows;
        this.expectation = expectation;
    }

    @Override
    public Integer call() {
        Rows rows = rows();
        Expected expected = rows.plainLoop();
        try (DataDirectory directory = data == null ? DataDirectory.temporary() : DataDirectory.given(data)) {
            Checks checks = run(rows, expected, directory);
            return checks.failed() == 0 ? ExitCode.OK : ExitCode.FAILED;
        }
    }

    private Rows rows() {
        if (deadlineSeconds < 1) {
            throw wrongUsage("--deadline must be 1 or more, was " + deadlineSeconds);
        }
        refuseEmpty("--data", data);
        refuseEmpty("--input", input);
        if (input == null && key == null) {
            return builtInRows.get();
        }
        if (input == null) {
            throw wrongUsage("--key needs --input, the file it is a column of");
        }
        if (key == null) {
            throw wrongUsage("--input needs --key, the column that is the key");
        }
        return CsvRows.of(input, key);
    }

    private void refuseEmpty(String option, @Nullable Path path) {
        if (path != null && path.toString().isEmpty()) {
            throw wrongUsage(option + " must name a path, was empty");
        }
    }

    private ParameterException wrongUsage(String message) {
        return new ParameterException(self().commandLine(), message);
    }

    private CommandSpec self() {
        if (spec == null) {
            throw new IllegalStateException("this command is run by picocli only");
        }
        return spec;
    }

    private Checks run(Rows rows, Expected expected, DataDirectory directory) {
        MqRuntime runtime = MqRuntime.system();
        PrintWriter out = self().commandLine().getOut();
        Tally tally = new Tally();
        Pace pace = Pace.forRows(expected.rows(), runtime.timers());
        Deadline deadline = new Deadline(
                runtime,
                Duration.ofSeconds(deadlineSeconds),
                () -> String.format(Locale.ROOT, "%,d of %,d rows done", tally.done(), expected.rows()));
        Progress progress = new Progress(out, Boolean.getBoolean("rmq.terminal"), deadline::elapsed);

        EmbeddedBroker broker = openEmpty(directory, deadline);
        progress.say("broker opened on " + directory.path() + (directory.isTemporary() ? ", deleted at the end" : "")
                + "; what is acknowledged is forced to disk");
        DemoResult result =
                new Demo(rows, expected.rows(), directory.path(), pace, tally, progress, deadline).run(broker);
        Checks checks = result.checkAgainst(expectation.apply(expected), rows);
        new Report(out, result, rows).print(checks, pace);
        return checks;
    }

    /** Opens a broker on the directory, which must hold nothing yet. */
    private static EmbeddedBroker openEmpty(DataDirectory directory, Deadline deadline) {
        if (!directory.isEmpty() && !directory.isOfABroker()) {
            throw new BadInputException("the data directory is not empty: " + directory.path());
        }
        EmbeddedBroker broker = deadline.awaitValue(
                "the broker to open",
                Demo.open(directory.path())
                        .onErrorMap(
                                MqException.class,
                                e -> new BadInputException(
                                        "can't use the data directory " + directory.path() + ": " + e.getMessage(),
                                        e)));
        List<TopicDescription> topics =
                deadline.awaitValue("the list of topics", broker.listTopics(Caller.embedded("demo")));
        if (topics.stream().anyMatch(topic -> !topic.internal())) {
            broker.closeGracefully(Duration.ofSeconds(10)).block();
            throw new BadInputException(
                    "the data directory already holds a run: " + directory.path() + "; give a new or an empty one");
        }
        return broker;
    }
}
