package io.reactivemq.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("K09 the offset map of a compaction")
class KeyHashTest {

    /** The first vectors of the reference implementation of SipHash-2-4 with 128 bits: key 00 01 .. 0f, message 00 01 .. */
    @ParameterizedTest
    @CsvSource({
        "0, a3817f04ba25a8e66df67214c7550293",
        "1, da87c1d86b99af44347659119b22fc45",
        "8, 3b62a9ba6258f5610f83e264f31497b4",
        "15, 5493e99933b0a8117e08ec0f97cfc3d9"
    })
    @DisplayName("hashes keys as SipHash does")
    void vectors(int length, String expected) {
        ByteBuffer key = ByteBuffer.wrap(HexFormat.of().parseHex("000102030405060708090a0b0c0d0e0f"))
                .order(ByteOrder.LITTLE_ENDIAN);
        KeyHash hash = new KeyHash(key.getLong(), key.getLong());
        byte[] message = new byte[length + 5];
        for (int i = 0; i < length; i++) {
            message[3 + i] = (byte) i;
        }
        hash.hash(ByteBuffer.wrap(message, 3, length).asReadOnlyBuffer());
        ByteBuffer actual = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        actual.putLong(hash.low()).putLong(hash.high());
        assertThat(HexFormat.of().formatHex(actual.array())).isEqualTo(expected);
    }

    @Test
    @DisplayName("has the last offset of every key, until it is full; then it takes no other key")
    void likeAMap() {
        Random random = new Random(3);
        for (int round = 0; round < 50; round++) {
            int slots = 64 + random.nextInt(500);
            OffsetMap map = new OffsetMap((long) slots * OffsetMap.SLOT_BYTES, 1 << 20, new KeyHash(round, 7));
            Map<String, Long> model = new HashMap<>();
            for (long offset = 0; offset < 1_000; offset++) {
                String text = "key-" + random.nextInt(600);
                ByteBuffer key = ByteBuffer.wrap(text.getBytes(java.nio.charset.StandardCharsets.UTF_8));
                boolean room = model.containsKey(text) || model.size() < map.keysMax();
                assertThat(map.put(key, offset)).isEqualTo(room);
                if (room) {
                    model.put(text, offset);
                }
                assertThat(map.offsetOf(key)).isEqualTo(model.getOrDefault(text, -1L));
            }
            assertThat(map.keys()).isEqualTo(model.size()).isLessThanOrEqualTo(slots * 3 / 4);
            assertThat(map.keysMax()).isEqualTo(slots * 3 / 4);
        }
    }

    @Test
    @DisplayName("takes no more than the keys need that there can be")
    void small() {
        OffsetMap map = new OffsetMap(1L << 40, 100, new KeyHash(1, 2));
        assertThat(map.keysMax()).isBetween(100, 110);
    }
}
