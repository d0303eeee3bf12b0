package io.reactivemq.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Rule 5: a small file of lines with a checksum")
class ChecksummedLinesTest {

    private final ByteBuffer content = ChecksummedLines.ofVersion("1")
            .add("offset", 4711L)
            .add("index", "1 2")
            .add("index", "3 4")
            .add("damage", "")
            .add("clean", true)
            .encode();

    @Test
    @DisplayName("says what was written, and of what it does not have that it is not there")
    void asWritten() {
        ChecksummedLines lines = Objects.requireNonNull(ChecksummedLines.decode(content, "1"));

        assertThat(lines.number("offset")).isEqualTo(4711);
        assertThat(lines.integer("offset")).isEqualTo(4711);
        assertThat(lines.all("index")).isEqualTo(List.of("1 2", "3 4"));
        assertThat(lines.text("damage")).isEmpty();
        assertThat(lines.isTrue("clean")).isTrue();
        for (String name : List.of("segment", "index", "clean")) {
            assertThatThrownBy(() -> lines.number(name)).isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(ChecksummedLines.decode(content, "2")).isNull();
    }

    @Test
    @DisplayName("is not read with any bit flipped, cut anywhere, or with a byte more")
    void damaged() {
        byte[] bytes = new byte[content.remaining()];
        content.get(bytes);
        for (int bit = 0; bit < 8 * bytes.length; bit++) {
            byte[] flipped = bytes.clone();
            flipped[bit / 8] ^= (byte) (1 << (bit % 8));
            assertThat(ChecksummedLines.decode(ByteBuffer.wrap(flipped), "1"))
                    .as("bit %d", bit)
                    .isNull();
        }
        for (int size = 0; size < bytes.length; size++) {
            assertThat(ChecksummedLines.decode(ByteBuffer.wrap(bytes, 0, size), "1"))
                    .as("%d bytes", size)
                    .isNull();
        }
        assertThat(ChecksummedLines.decode(ByteBuffer.allocate(bytes.length + 1).put(0, bytes), "1"))
                .isNull();
    }

    @Test
    @DisplayName("takes nothing that would be read as more lines than one")
    void oneLine() {
        for (String value : List.of("a\nb", "a\rb")) {
            assertThatThrownBy(() -> ChecksummedLines.ofVersion("1").add("damage", value))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }
}
