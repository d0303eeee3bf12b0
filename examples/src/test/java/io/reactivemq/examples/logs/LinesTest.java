package io.reactivemq.examples.logs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Keys and values are printed:")
class LinesTest {

    private static String printed(byte[] content, int max) {
        return Lines.bytes(ByteBuffer.wrap(content), max);
    }

    @Test
    @DisplayName("text as text, anything else in hexadecimal, none as null")
    void kinds() {
        assertThat(Lines.bytes(null, 10)).isEqualTo("null");
        assertThat(printed("Köln".getBytes(UTF_8), 10)).isEqualTo("\"Köln\"");
        assertThat(printed(new byte[] {1, (byte) 0xab}, 10)).isEqualTo("0x01ab");
        assertThat(printed("a\nb".getBytes(UTF_8), 10)).isEqualTo("0x610a62");
        assertThat(printed(new byte[] {'K', (byte) 0xc3}, 10)).isEqualTo("0x4bc3");
    }

    @Test
    @DisplayName("no more bytes than asked for, also where that is the middle of a character")
    void cut() {
        assertThat(printed("Köln".getBytes(UTF_8), 3)).isEqualTo("\"Kö\"... (5 bytes)");
        assertThat(printed("Köln".getBytes(UTF_8), 2)).isEqualTo("\"K\"... (5 bytes)");
        assertThat(printed(new byte[] {1, 2, 3}, 2)).isEqualTo("0x0102... (3 bytes)");
    }
}
