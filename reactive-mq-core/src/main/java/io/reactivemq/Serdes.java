package io.reactivemq;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.function.Function;

/** The Serdes there are; their bytes are those of Kafka's serializers of the same names. */
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

    private static final Serde<ByteBuffer> BYTE_BUFFER = new Serde<>() {
        @Override
        public byte[] serialize(ByteBuffer value) {
            byte[] bytes = new byte[value.remaining()];
            value.get(value.position(), bytes);
            return bytes;
        }

        @Override
        public ByteBuffer deserialize(ByteBuffer data) {
            return ByteBuffer.wrap(BYTES.deserialize(data));
        }
    };

    private static final Serde<Short> SHORT =
            fixed("a short", Short.BYTES, value -> bytes(Short.BYTES).putShort(value), ByteBuffer::getShort);
    private static final Serde<Integer> INTEGER =
            fixed("an int", Integer.BYTES, value -> bytes(Integer.BYTES).putInt(value), ByteBuffer::getInt);
    private static final Serde<Long> LONG =
            fixed("a long", Long.BYTES, value -> bytes(Long.BYTES).putLong(value), ByteBuffer::getLong);
    private static final Serde<Float> FLOAT =
            fixed("a float", Float.BYTES, value -> bytes(Float.BYTES).putFloat(value), ByteBuffer::getFloat);
    private static final Serde<Double> DOUBLE =
            fixed("a double", Double.BYTES, value -> bytes(Double.BYTES).putDouble(value), ByteBuffer::getDouble);

    private static final Serde<UUID> UUID_TEXT = Serde.of(
            value -> value.toString().getBytes(StandardCharsets.UTF_8),
            bytes -> UUID.fromString(new String(bytes, StandardCharsets.UTF_8)));

    private Serdes() {}

    /** The bytes as they are. */
    public static Serde<byte[]> bytes() {
        return BYTES;
    }

    /** The buffer's remaining bytes, which are not consumed; what is read is a buffer of its own. */
    public static Serde<ByteBuffer> byteBuffer() {
        return BYTE_BUFFER;
    }

    /** Text in UTF-8. */
    public static Serde<String> string() {
        return STRING;
    }

    /** Two bytes, big-endian. */
    public static Serde<Short> shortNumber() {
        return SHORT;
    }

    /** Four bytes, big-endian. */
    public static Serde<Integer> integer() {
        return INTEGER;
    }

    /** Eight bytes, big-endian. */
    public static Serde<Long> longNumber() {
        return LONG;
    }

    /** Four bytes, IEEE 754, big-endian. */
    public static Serde<Float> floatNumber() {
        return FLOAT;
    }

    /** Eight bytes, IEEE 754, big-endian. */
    public static Serde<Double> doubleNumber() {
        return DOUBLE;
    }

    /** The 36 characters of its text. */
    public static Serde<UUID> uuid() {
        return UUID_TEXT;
    }

    /**
     * JSON by Jackson 3, with a mapper of its defaults.
     *
     * @throws IllegalStateException where {@code tools.jackson.core:jackson-databind} is not on the class path
     */
    public static <T> Serde<T> json(Class<T> type) {
        try {
            return JacksonSerde.of(type);
        } catch (NoClassDefFoundError e) {
            throw new IllegalStateException(
                    "Serdes.json needs Jackson 3: add tools.jackson.core:jackson-databind to the class path", e);
        }
    }

    private static ByteBuffer bytes(int count) {
        return ByteBuffer.allocate(count);
    }

    private static <T> Serde<T> fixed(
            String what, int size, Function<T, ByteBuffer> write, Function<ByteBuffer, T> read) {
        return new Serde<>() {
            @Override
            public byte[] serialize(T value) {
                return write.apply(value).array();
            }

            @Override
            public T deserialize(ByteBuffer data) {
                if (data.remaining() != size) {
                    throw new IllegalArgumentException(
                            what + " has " + size + " bytes, and here are " + data.remaining());
                }
                return read.apply(data.slice());
            }
        };
    }
}
