package io.reactivemq;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The Serdes that need no library. */
public final class Serdes {

    private static final Serde<byte[]> BYTES = new Serde<>() {
        @Override
        public byte[] serialize(byte[] value) {
            return value;
        }

        @Override
        public byte[] deserialize(ByteBuffer data) {
            byte[] bytes = new byte[data.remaining()];
            data.get(bytes);
            return bytes;
        }
    };

    private static final Serde<String> STRING = Serde.of(
            value -> value.getBytes(StandardCharsets.UTF_8), bytes -> new String(bytes, StandardCharsets.UTF_8));

    private Serdes() {}

    /** The bytes as they are. */
    public static Serde<byte[]> bytes() {
        return BYTES;
    }

    /** Text in UTF-8. */
    public static Serde<String> string() {
        return STRING;
    }
}
