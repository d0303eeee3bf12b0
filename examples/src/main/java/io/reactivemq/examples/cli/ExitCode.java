package io.reactivemq.examples.cli;

/** What {@code rmq} says to the shell when it ends. */
public final class ExitCode {

    /** All went well. */
    public static final int OK = 0;

    /** It ran, and a check failed or it could not finish. */
    public static final int FAILED = 1;

    /** It did not run: wrong usage or bad input. */
    public static final int USAGE = 2;

    private ExitCode() {}
}
