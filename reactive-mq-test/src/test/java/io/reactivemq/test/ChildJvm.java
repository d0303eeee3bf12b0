package io.reactivemq.test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Another Java process with the class path of this test. */
public final class ChildJvm {

    private ChildJvm() {}

    /** Ready to start: small, quick to start, with warnings only on its error output. */
    public static ProcessBuilder of(Class<?> main, List<String> arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Xmx256m",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-cp",
                classPath(),
                main.getName()));
        command.addAll(arguments);
        return new ProcessBuilder(command);
    }

    /** Runs it to its end; what it printed, line by line. */
    public static List<String> outputOf(Class<?> main, List<String> arguments)
            throws IOException, InterruptedException {
        Process child = of(main, arguments)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try {
            String output = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            int status = child.waitFor();
            if (status != 0) {
                throw new AssertionError(main.getSimpleName() + " ended with status " + status + ": " + output);
            }
            return output.lines().toList();
        } finally {
            child.destroyForcibly();
        }
    }

    private static String classPath() {
        String ofSurefire = System.getProperty("surefire.test.class.path");
        return ofSurefire == null ? System.getProperty("java.class.path") : ofSurefire;
    }
}
