package io.reactivemq.assign;

import java.nio.charset.StandardCharsets;
import java.util.UUID;

/** The murmur2 hash of a key as Kafka's serializers would write it. */
final class KeyBytes {

    private KeyBytes() {}

    static int hash(Object key) {
        if (key instanceof String text) {
            return Murmur2.hash(text.getBytes(StandardCharsets.UTF_8));
        }
        if (key instanceof Integer number) {
            return Murmur2.hash(number.intValue());
        }
        if (key instanceof Long number) {
            return Murmur2.hash(number.longValue());
        }
        if (key instanceof byte[] bytes) {
            return Murmur2.hash(bytes);
        }
        if (key instanceof Short number) {
            return Murmur2.hash(new byte[] {(byte) (number >> 8), number.byteValue()});
        }
        if (key instanceof UUID id) {
            return Murmur2.hash(id.toString().getBytes(StandardCharsets.UTF_8));
        }
        throw new IllegalArgumentException("a key must be a String, Integer, Long, Short, UUID or byte[], but is a "
                + key.getClass().getName() + "; give the partitioner a Serde");
    }
}
