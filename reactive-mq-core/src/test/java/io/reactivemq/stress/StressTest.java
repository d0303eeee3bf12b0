package io.reactivemq.stress;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Runs jcstress on every lock-free handoff that has a test for it: classes named {@code *Stress}, beside what they test. In the
 * default build each but those of the acknowledgement window runs once and briefly, in JVMs whose compiler moves code about at random; {@code -Djcstress.mode=quick} or {@code tough} is for
 * longer, with every mode of the JVM that there is.
 */
class StressTest {

    private static final String MODE = System.getProperty("jcstress.mode", "sanity");
    private static final String RANDOM_COMPILER =
            "-XX:+UnlockDiagnosticVMOptions -XX:+StressLCM -XX:+StressGCM -XX:+StressIGVN -XX:+StressCCP";

    /** The default build has time for fifteen: what {@code AckWindowTest} races with threads already is for the longer modes. */
    private static final String NOT_LONG = "^(?!.*AckWindow).*Stress.*$";

    private static final Pattern SUMMARY = Pattern.compile(
            "Results: (\\d+) planned; (\\d+) passed, (\\d+) failed, (\\d+) soft errs, (\\d+) hard errs");

    @Test
    @Timeout(value = 12, unit = TimeUnit.HOURS)
    void everyHandoffHasOnlyTheOutcomesItNames() throws IOException, InterruptedException {
        Path directory = Files.createDirectories(Path.of("target", "jcstress").toAbsolutePath());
        Path log = directory.resolve("log");
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                "org.openjdk.jcstress.Main",
                "-m",
                MODE,
                "-r",
                directory.resolve("report").toString()));
        if (MODE.equals("sanity")) {
            // one mode of the JVM instead of all, one compiler for all that runs in it
            command.addAll(List.of("-jvmArgs", RANDOM_COMPILER, "-sc", "false", "-t", NOT_LONG));
        }
        Process stress = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            assertThat(stress.waitFor()).as("exit status; see %s", log).isZero();
        } finally {
            stress.destroy();
        }
        assertAllPassed(log);
    }

    private static void assertAllPassed(Path log) throws IOException {
        String text = Files.readString(log);
        Matcher summary = SUMMARY.matcher(text);
        int planned = 0;
        int passed = -1;
        while (summary.find()) {
            planned = Integer.parseInt(summary.group(1));
            passed = Integer.parseInt(summary.group(2));
        }
        assertThat(passed).as(text).isEqualTo(planned).isPositive();
    }
}
