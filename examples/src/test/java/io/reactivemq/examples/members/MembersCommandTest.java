package io.reactivemq.examples.members;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.examples.RmqAccess;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** Whole runs, in this JVM. */
class MembersCommandTest {

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        CommandLine commandLine = RmqAccess.configured(new CommandLine(new MembersCommand()));
        commandLine.setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
        return commandLine.execute(args);
    }

    @Test
    @DisplayName("members come and go, the lanes follow, and every order is accounted for")
    void membersComeAndGo() {
        assertThat(run("--orders", "70000", "--lanes", "6", "--seconds", "5"))
                .as(out + "" + err)
                .isZero();
        assertThat(out.toString())
                .containsSubsequence(
                        "a joins",
                        "epoch 1   a 0 1 2 3 4 5",
                        "b joins",
                        "c joins",
                        "b leaves, and finishes what it has",
                        "d joins",
                        "c is killed",
                        "b is back",
                        "a handled ",
                        "b handled ",
                        "c handled ",
                        "d handled ",
                        "c was killed and abandoned ",
                        "ok: none of 70,000 orders was lost or handled twice, and each customer's came in order");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void numbersOutOfRangeAreRefused() {
        assertThat(run("--orders", "10")).isEqualTo(2);
        assertThat(err.toString()).startsWith("rmq: --orders must be between 1,000 and 100,000,000, was 10 ");
        assertThat(out.toString()).isEmpty();
    }
}
