package io.reactivemq.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class ReportTest {

    @Test
    void whatATerminalMightActOnIsEscaped() {
        assertThat(Report.shown("a\u0000\u001b[31mb\u0080\u009b\r\n\tc", 80))
                .isEqualTo("a\\u0000\\u001b[31mb\\u0080\\u009b\\r\\n\\tc");
    }

    @Test
    void whatIsLongIsCut() {
        assertThat(Report.shown("0123456789", 10)).isEqualTo("0123456789");
        assertThat(Report.shown("0123456789x", 10)).isEqualTo("0123456...");
        assertThat(Report.shown("\n".repeat(20), 10)).hasSize(10);
    }

    @Test
    void lettersOfAnyScriptAreShown() {
        assertThat(Report.shown("Z\u00fcrich \u4e2d", 80)).isEqualTo("Z\u00fcrich \u4e2d");
    }

    @Test
    void aRowThatCameToTheDeadLettersTwiceIsListedOnce() {
        DeadLetter first = new DeadLetter("t-0@2", "damaged", "why", 3);
        DeadLetter other = new DeadLetter("t-1@2", "damaged", "why", 3);

        assertThat(Report.once(List.of(first, other, first))).containsExactly(first, other);
    }
}
