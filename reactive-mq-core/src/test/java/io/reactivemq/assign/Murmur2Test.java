package io.reactivemq.assign;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import java.util.Random;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Murmur2Test {

    @ParameterizedTest
    @DisplayName("K01 well-known keys have the hashes they have in Kafka")
    @CsvSource({
        "'', 275646681",
        "21, -973932308",
        "foobar, -790332482",
        "a-little-bit-long-string, -985981536",
        "a-little-bit-longer-string, -1486304829",
        "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8, -58897971"
    })
    void goldenHashes(String key, int hash) {
        assertThat(Murmur2.hash(key.getBytes(UTF_8))).isEqualTo(hash);
    }

    @Test
    @DisplayName("K01 bytes with the sign bit set hash as unsigned bytes, at each place of an incomplete last word")
    void unsignedTail() {
        for (String hex : new String[] {"ff", "80ff", "7f80ff", "00000000ff", "ffffffffffff", "80808080808080"}) {
            byte[] key = HexFormat.of().parseHex(hex);
            assertThat(Murmur2.hash(key)).as("hash of %s", hex).isEqualTo(Utils.murmur2(key));
        }
    }

    @Test
    @DisplayName("K01 random keys lie where Kafka's default partitioner puts them")
    void agreesWithKafkaOnRandomKeys() {
        long seed = Long.getLong("seed", 20_261_122);
        Random random = new Random(seed);
        for (int i = 0; i < 100_000; i++) {
            byte[] key = new byte[random.nextInt(64)];
            random.nextBytes(key);
            int partitions = 1 + random.nextInt(200);
            assertThat(Murmur2.hash(key))
                    .as("hash of %s, -Dseed=%d", HexFormat.of().formatHex(key), seed)
                    .isEqualTo(Utils.murmur2(key));
            assertThat(Murmur2.partition(key, partitions))
                    .as(
                            "partition of %d for %s, -Dseed=%d",
                            partitions, HexFormat.of().formatHex(key), seed)
                    .isEqualTo(BuiltInPartitioner.partitionForKey(key, partitions));
        }
    }
}
