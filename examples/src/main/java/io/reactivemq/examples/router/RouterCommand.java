package io.reactivemq.examples.router;

import io.reactivemq.examples.cli.ExitCode;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code rmq router}: runs the {@link OrderDesk} and prints who got what. */
@Command(
        name = "router",
        description = {
            "Routes a few orders by topic bindings that change meanwhile, with an alternate router, and shows what is "
                    + "returned because nobody is bound for it.",
            ""
        },
        sortOptions = false)
public final class RouterCommand implements Callable<Integer> {

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() {
        if (spec == null) {
            throw new IllegalStateException("this command is run by picocli only");
        }
        PrintWriter out = spec.commandLine().getOut();
        List<OrderDesk.Order> returned =
                new OrderDesk((who, what) -> out.printf(Locale.ROOT, "%-12s %s%n", who, what)).run();
        out.printf(Locale.ROOT, "%d orders had nobody to go to%n", returned.size());
        out.flush();
        return ExitCode.OK;
    }
}
