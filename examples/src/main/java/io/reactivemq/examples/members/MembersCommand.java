package io.reactivemq.examples.members;

import io.reactivemq.examples.cli.ExitCode;
import io.reactivemq.operator.PartitionedFlux;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code rmq members}: reads the arguments, runs the {@link MembersDemo}, says what came out. */
@Command(
        name = "members",
        description = {
            "Splits a stream of orders by customer into lanes, shares them in a group whose members come and go, prints who has which lane "
                    + "as it changes, and checks that no order was lost and that each customer's came in order.",
            ""
        },
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:all checks passed", "1:a check failed, or it could not finish", "2:wrong usage"})
public final class MembersCommand implements Callable<Integer> {

    private static final int ORDERS_MIN = 1_000;
    private static final int ORDERS_MAX = 100_000_000;

    @Spec
    private @Nullable CommandSpec spec;

    @Option(
            names = "--orders",
            paramLabel = "N",
            defaultValue = "600000",
            description = "how many orders there are (default: ${DEFAULT-VALUE})")
    private int orders;

    @Option(
            names = "--lanes",
            paramLabel = "N",
            defaultValue = "8",
            description = "into how many lanes they are split (default: ${DEFAULT-VALUE})")
    private int lanes;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            defaultValue = "6",
            description = "how long they take to come; 0: as fast as they are handled (default: ${DEFAULT-VALUE})")
    private int seconds;

    public MembersCommand() {}

    @Override
    public Integer call() {
        between("--orders", orders, ORDERS_MIN, ORDERS_MAX);
        between("--lanes", lanes, 1, PartitionedFlux.PARTITIONS_MAX);
        between("--seconds", seconds, 0, 60);
        PrintWriter out = self().commandLine().getOut();
        Ledger ledger = new Ledger();
        MembersDemo demo =
                new MembersDemo(orders, lanes, Duration.ofSeconds(seconds), line -> print(out, line), ledger);
        demo.run();
        List<String> problems = demo.problems();
        print(out, "");
        ledger.byMember()
                .forEach((member, count) ->
                        print(out, String.format(Locale.ROOT, "%s handled %,d orders", member, count)));
        print(
                out,
                String.format(
                        Locale.ROOT,
                        "c was killed and abandoned %,d that it had been handed",
                        ledger.abandonedCount()));
        problems.forEach(problem -> print(out, "FAILED: " + problem));
        if (problems.isEmpty()) {
            print(
                    out,
                    String.format(
                            Locale.ROOT,
                            "ok: none of %,d orders was lost or handled twice, and each customer's came in order",
                            orders));
        }
        return problems.isEmpty() ? ExitCode.OK : ExitCode.FAILED;
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
