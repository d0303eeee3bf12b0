package io.reactivemq.examples;

import picocli.CommandLine;

/** Lets the tests of the commands run them as {@link Rmq} does. */
public final class RmqAccess {

    private RmqAccess() {}

    /** See {@link Rmq#configured}. */
    public static CommandLine configured(CommandLine commandLine) {
        return Rmq.configured(commandLine);
    }
}
