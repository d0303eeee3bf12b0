package io.reactivemq.examples;

import io.reactivemq.examples.cli.BadInputException;
import io.reactivemq.examples.cli.ExitCode;
import io.reactivemq.examples.cli.UnfinishedException;
import io.reactivemq.examples.demo.DemoCommand;
import io.reactivemq.examples.logs.LogCommand;
import io.reactivemq.examples.members.MembersCommand;
import io.reactivemq.examples.outage.OutageCommand;
import io.reactivemq.examples.router.RouterCommand;
import io.reactivemq.examples.sensors.SensorsCommand;
import io.reactivemq.server.ServeCommand;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command {@code rmq}: help, version, and a subcommand for each program. Without one it says what there is. */
@Command(
        name = "rmq",
        description = "A reactive message queue with Kafka's semantics, inside one JVM.",
        synopsisSubcommandLabel = "COMMAND",
        scope = ScopeType.INHERIT, // the subcommands have --help and --version too
        mixinStandardHelpOptions = true,
        versionProvider = Rmq.Version.class,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:all went well", "1:a check failed, or it could not finish", "2:wrong usage or bad input"})
public final class Rmq implements Callable<Integer> {

    /** In the order of the help. */
    private static final List<String> SUBCOMMANDS =
            List.of("demo", "members", "outage", "router", "sensors", "log", "serve");

    @Spec
    private @Nullable CommandSpec spec;

    private Rmq() {}

    public static void main(String[] args) {
        // exit() rather than return: whatever thread still runs can't hold the program
        System.exit(commandLine(args).execute(args));
    }

    /**
     * The command line as {@link #main} runs it. Where the first argument names a subcommand it has that one alone: to read the annotations of all of them
     * takes longer than many of them run.
     */
    static CommandLine commandLine(String... args) {
        CommandLine commandLine = new CommandLine(new Rmq());
        Class<?> called = args.length == 0 ? null : subcommand(args[0]);
        if (called == null) {
            SUBCOMMANDS.forEach(name -> commandLine.addSubcommand(Objects.requireNonNull(subcommand(name))));
            commandLine.addSubcommand(HelpCommand.class);
        } else {
            commandLine.addSubcommand(called);
        }
        return configured(commandLine);
    }

    private static @Nullable Class<?> subcommand(String name) {
        return switch (name) {
            case "demo" -> DemoCommand.class;
            case "members" -> MembersCommand.class;
            case "outage" -> OutageCommand.class;
            case "router" -> RouterCommand.class;
            case "sensors" -> SensorsCommand.class;
            case "log" -> LogCommand.class;
            case "serve" -> ServeCommand.class;
            default -> null;
        };
    }

    /** Gives a command this program's way with errors: one line on stderr, and an exit code. */
    static CommandLine configured(CommandLine commandLine) {
        return commandLine.setParameterExceptionHandler(Rmq::wrongUsage).setExecutionExceptionHandler(Rmq::failed);
    }

    private static int wrongUsage(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        say(command, e.getMessage() + " (see: " + command.getCommandSpec().qualifiedName() + " --help)");
        return ExitCode.USAGE;
    }

    private static int failed(Exception e, CommandLine command, ParseResult result) {
        if (e instanceof BadInputException) {
            say(command, e.getMessage());
            return ExitCode.USAGE;
        }
        if (e instanceof UnfinishedException) {
            say(command, e.getMessage());
            return ExitCode.FAILED;
        }
        say(command, "an error that nobody expected; please report it with this trace");
        e.printStackTrace(command.getErr());
        command.getErr().flush();
        return ExitCode.FAILED;
    }

    private static void say(CommandLine command, @Nullable String message) {
        PrintWriter err = command.getErr();
        err.println("rmq: " + (message == null ? "" : message.replaceAll("\\s*\\R\\s*", " ")));
        err.flush();
    }

    /** Nothing was asked for: help, where errors go, and the exit code of wrong usage. */
    @Override
    public Integer call() {
        if (spec == null) {
            throw new IllegalStateException("this command is run by picocli only");
        }
        CommandLine command = spec.commandLine();
        command.usage(command.getErr());
        return ExitCode.USAGE;
    }

    /** The version this was built as. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() throws IOException {
            Properties built = new Properties();
            try (InputStream in = Rmq.class.getResourceAsStream("rmq.properties")) {
                if (in != null) {
                    built.load(in);
                }
            }
            return new String[] {
                "rmq " + built.getProperty("version", "of unknown version"), "Java " + Runtime.version(),
            };
        }
    }
}
