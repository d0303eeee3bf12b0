package io.reactivemq.test.contract;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;

/**
 * A key and the hash that Kafka's default partitioner computes of it. The table {@code kafka-placements.csv} was written with
 * kafka-clients, and a test of this module holds it against kafka-clients in each build; so the contract needs no Kafka
 * library on the user's class path.
 *
 * @param hexKey the key's bytes in hexadecimal
 * @param hash murmur2 of the key
 */
record KafkaPlacement(String hexKey, int hash) {

    private static final String TABLE = "kafka-placements.csv";

    /** The table, keys of every length from 0 to 64 bytes and longer ones. */
    static List<KafkaPlacement> all() {
        try (InputStream in = KafkaPlacement.class.getResourceAsStream(TABLE)) {
            if (in == null) {
                throw new IllegalStateException(TABLE + " is missing beside " + KafkaPlacement.class.getName());
            }
            BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII));
            return lines.lines().skip(1).map(KafkaPlacement::parse).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    byte[] key() {
        return HexFormat.of().parseHex(hexKey);
    }

    /** The partition among that many. */
    int partition(int partitions) {
        return (hash & 0x7fffffff) % partitions;
    }

    private static KafkaPlacement parse(String line) {
        int comma = line.indexOf(',');
        return new KafkaPlacement(line.substring(0, comma), Integer.parseInt(line.substring(comma + 1)));
    }
}
