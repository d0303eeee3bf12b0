package io.reactivemq.examples.logs;

import io.reactivemq.MqException;
import io.reactivemq.examples.cli.BadInputException;
import io.reactivemq.examples.cli.ExitCode;
import io.reactivemq.log.LogInspector;
import io.reactivemq.log.LogSummary;
import io.reactivemq.storage.FileStore;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code rmq log}: inspects, verifies or dumps the logs of a data directory, or repairs one. */
@Command(
        name = "log",
        description = {
            "Looks into the logs of a data directory, which takes no lock and changes nothing, and repairs one; meant for a directory that no broker has open.",
            ""
        },
        subcommands = {LogCommand.Inspect.class, LogCommand.Verify.class, LogCommand.Dump.class, RepairCommand.class},
        synopsisSubcommandLabel = "COMMAND")
public final class LogCommand implements Callable<Integer> {

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() {
        throw new ParameterException(specOf(spec).commandLine(), "log: what? inspect, verify, dump or repair");
    }

    private static CommandSpec specOf(@Nullable CommandSpec spec) {
        if (spec == null) {
            throw new IllegalStateException("this command is run by picocli only");
        }
        return spec;
    }

    /** What the three have in common: the directory, and how they end. */
    @Command(
            sortOptions = false,
            exitCodeListHeading = "%nExit codes:%n",
            exitCodeList = {
                "0:sound",
                "1:damage: data that was written is missing or wrong",
                "2:wrong usage, or no directory with logs"
            })
    abstract static class OverLogs implements Callable<Integer> {

        @Spec
        private @Nullable CommandSpec spec;

        @Parameters(paramLabel = "DIR", description = "a data directory, or the folder of one partition in it")
        private @Nullable Path directory;

        @Override
        public final Integer call() {
            if (directory == null) {
                throw new IllegalStateException("this command is run by picocli only");
            }
            check();
            PrintWriter out = specOf(spec).commandLine().getOut();
            LogInspector inspector = new LogInspector(FileStore.disk(), printer(out));
            boolean sound = true;
            try {
                for (Path folder : inspector.logsIn(directory)) {
                    LogSummary summary = inspector.read(folder);
                    end(out, summary);
                    sound &= summary.isSound();
                    out.flush();
                }
            } catch (MqException e) {
                throw new BadInputException(String.valueOf(e.getMessage()), e);
            }
            return sound ? ExitCode.OK : ExitCode.FAILED;
        }

        /** Of the options. */
        void check() {}

        final ParameterException wrong(String message) {
            return new ParameterException(specOf(spec).commandLine(), message);
        }

        abstract LogInspector.Visitor printer(PrintWriter out);

        /** Behind each log. */
        abstract void end(PrintWriter out, LogSummary summary);

        static void print(PrintWriter out, String format, @Nullable Object... values) {
            out.println(String.format(Locale.ROOT, format, values));
        }
    }

    @Command(
            name = "inspect",
            description = {"Says of each log what it holds, a line for each segment.", ""})
    static final class Inspect extends OverLogs {

        @Override
        LogInspector.Visitor printer(PrintWriter out) {
            return new SegmentPrinter(out);
        }

        @Override
        void end(PrintWriter out, LogSummary summary) {
            print(out, "  %s", Lines.summary(summary));
            print(out, "");
        }
    }

    @Command(
            name = "verify",
            description = {
                "Reads every byte and says what is damaged: a line for each finding, and one for each log. TORN_TAIL and NOTE are what "
                        + "the next opening mends by itself.",
                ""
            })
    static final class Verify extends OverLogs {

        @Override
        LogInspector.Visitor printer(PrintWriter out) {
            return new FindingPrinter(out);
        }

        @Override
        void end(PrintWriter out, LogSummary summary) {
            print(
                    out,
                    "%s %s: %s",
                    summary.isSound() ? "sound  " : "DAMAGED",
                    summary.folder().getFileName(),
                    Lines.summary(summary));
        }
    }

    @Command(
            name = "dump",
            description = {"Prints the batches, a line each, and with --records what is in them.", ""})
    static final class Dump extends OverLogs {

        private static final int BYTES_MAX = 1 << 20;

        @Option(names = "--records", description = "print the records too")
        private boolean records;

        @Option(
                names = "--from",
                paramLabel = "OFFSET",
                defaultValue = "0",
                description = "leave out the batches that end before that offset")
        private long from;

        @Option(
                names = "--bytes",
                paramLabel = "N",
                defaultValue = "100",
                description = "how many bytes of a key or value are printed (default: ${DEFAULT-VALUE})")
        private int bytes;

        @Override
        void check() {
            if (from < 0) {
                throw wrong("--from: expected an offset, 0 or more, actual " + from);
            }
            if (bytes < 1 || bytes > BYTES_MAX) {
                throw wrong("--bytes: expected 1 to " + BYTES_MAX + ", actual " + bytes);
            }
        }

        @Override
        LogInspector.Visitor printer(PrintWriter out) {
            return new BatchPrinter(out, from, records, bytes);
        }

        @Override
        void end(PrintWriter out, LogSummary summary) {
            print(out, "%s", Lines.summary(summary));
            print(out, "");
        }
    }
}
