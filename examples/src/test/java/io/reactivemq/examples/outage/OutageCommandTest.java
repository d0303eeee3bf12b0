package io.reactivemq.examples.outage;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.examples.RmqAccess;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** Whole runs, in this JVM. */
class OutageCommandTest {

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        CommandLine commandLine = RmqAccess.configured(new CommandLine(new OutageCommand()));
        commandLine.setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
        return commandLine.execute(args);
    }

    @Test
    @DisplayName("M11 orders wait on disk through an outage of their consumer; none is lost, all come in order")
    void outage() {
        assertThat(run("--orders", "200000", "--seconds", "0"))
                .as(out + "" + err)
                .isZero();
        assertThat(out.toString())
                .containsSubsequence(
                        "billing is down; orders go on coming",
                        "billing is back; ",
                        " orders are waiting",
                        "ok: 200,000 orders, none lost, all in order; ",
                        " waited when billing came back, 1,024 of them in memory; no file is left");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void numbersOutOfRangeAreRefused() {
        assertThat(run("--orders", "10")).isEqualTo(2);
        assertThat(err.toString()).startsWith("rmq: --orders must be between 10,000 and 100,000,000, was 10 ");
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void anOrderSurvivesItsBytes() {
        Order order = new Order(7, "Ærø", 1_299);
        assertThat(Order.SERDE.deserialize(ByteBuffer.wrap(Order.SERDE.serialize(order))))
                .isEqualTo(order);
    }
}
