package io.reactivemq.examples.logs;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.examples.cli.BadInputException;
import io.reactivemq.examples.cli.ExitCode;
import io.reactivemq.log.LogRepair;
import io.reactivemq.storage.DirectoryLock;
import io.reactivemq.storage.FileStore;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code rmq log repair}: makes a damaged log one that opens, at the price of some of its records. */
@Command(
        name = "repair",
        description = {
            "Makes the damaged log of one partition one that opens. The broker is to be stopped: the data directory is locked meanwhile. What is taken away is "
                    + "moved to the folder set-aside in the data directory; no offset is given out twice.",
            ""
        },
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:done, or nothing was damaged",
            "1:damage that could not be repaired so; nothing was lost",
            "2:wrong usage, no partition's folder, or a broker has it open"
        })
final class RepairCommand implements Callable<Integer> {

    @Spec
    private @Nullable CommandSpec spec;

    @Parameters(paramLabel = "DIR", description = "the folder of a partition, <data>/<topic>-<partition>")
    private @Nullable Path folder;

    @ArgGroup(multiplicity = "1")
    private @Nullable How how;

    @Option(
            names = "--at",
            paramLabel = "OFFSET",
            defaultValue = "0",
            description =
                    "with --set-aside: begin at that offset at the least, where the files do not tell how far the log went")
    private long at;

    /** One of the two. */
    @SuppressWarnings("UnusedVariable") // one of the two is given, says picocli
    static final class How {

        @Option(names = "--cut", description = "take away the damage and all behind it; the records before stay")
        private boolean cut;

        @Option(
                names = "--set-aside",
                description =
                        "take away the whole folder; the partition begins anew, without records, at the offset where it ended")
        private boolean setAside;
    }

    @Override
    public Integer call() {
        if (folder == null || how == null || spec == null) {
            throw new IllegalStateException("this command is run by picocli only");
        }
        if (at < 0 || (at > 0 && how.cut)) {
            throw new ParameterException(
                    spec.commandLine(), "--at: expected an offset, 0 or more, with --set-aside, actual " + at);
        }
        PrintWriter out = spec.commandLine().getOut();
        FileStore store = FileStore.disk();
        LogRepair repair;
        try {
            repair = new LogRepair(store, folder);
        } catch (MqException e) {
            throw new BadInputException(String.valueOf(e.getMessage()), e);
        }
        try (DirectoryLock lock = lock(store, LogRepair.dataDirectory(folder))) {
            LogRepair.Report report = how.cut ? repair.cut() : repair.setAside(at);
            print(out, lock.directory(), report);
            return ExitCode.OK;
        } catch (MqException e) {
            spec.commandLine().getErr().println(e.getMessage());
            return ExitCode.FAILED;
        }
    }

    private static DirectoryLock lock(FileStore store, Path data) {
        if (!store.isDirectory(data.resolve("__cluster_metadata-0"))) {
            throw new BadInputException(data + " is no data directory: there is no folder __cluster_metadata-0");
        }
        try {
            return store.lock(data);
        } catch (MqException e) {
            if (e.errorCode() != ErrorCode.KAFKA_STORAGE_ERROR) {
                throw e;
            }
            throw new BadInputException(String.valueOf(e.getMessage()), e);
        }
    }

    private void print(PrintWriter out, Path data, LogRepair.Report report) {
        if (report.damage() == null) {
            print(
                    out,
                    "nothing is damaged, and nothing was changed: offsets %d to %d",
                    report.logStartOffset(),
                    report.nextOffset());
            return;
        }
        if (!report.damage().isEmpty()) {
            print(out, "found:  %s", report.damage());
        }
        boolean kept = report.keptTo() > report.logStartOffset();
        print(out, "kept:   %s", kept ? offsets(report.logStartOffset(), report.keptTo()) : "no records");
        print(
                out,
                "lost:   %s",
                report.nextOffset() > report.keptTo()
                        ? offsets(report.keptTo(), report.nextOffset())
                        : kept ? "no offsets that are known" : "all records");
        print(out, "next:   offset %d", report.nextOffset());
        print(
                out,
                "aside:  %s",
                report.aside() == null
                        ? "nothing"
                        : String.format(
                                Locale.ROOT, "%,d bytes of segments in %s", report.bytesAside(), report.aside()));
        print(out, "The broker on %s can be started again.", data);
    }

    private static String offsets(long from, long to) {
        return "offsets " + from + " to " + (to - 1);
    }

    private static void print(PrintWriter out, String format, @Nullable Object... values) {
        out.println(String.format(Locale.ROOT, format, values));
    }
}
