package io.reactivemq.test.simulation;

import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.function.Supplier;

/** Lets go of what is written to the error output meanwhile: hundreds of worlds log hundreds of warnings each. */
final class Quiet {

    private Quiet() {}

    static <T> T during(Supplier<T> action) {
        PrintStream before = System.err;
        System.setErr(new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
        try {
            return action.get();
        } finally {
            System.setErr(before);
        }
    }
}
