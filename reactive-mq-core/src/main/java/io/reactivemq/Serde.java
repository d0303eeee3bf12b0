package io.reactivemq;

import java.nio.ByteBuffer;
import java.util.function.Function;

/**
 * Turns a key or a value into bytes and back. Nulls never reach a Serde: a null key or value is a null on the wire.
 * One instance serves many threads.
 *
 * @param <T> the type of the key or value
 */
public interface Serde<T> {

    /**
     * The value's bytes. The caller does not modify the array; it is copied into a batch before {@code send} asks for
     * the next record.
     */
    byte[] serialize(T value);

    /**
     * The value read from the remaining bytes of {@code data}: a read-only view that is valid during this call only.
     * What is kept must be copied. An exception means that the bytes can't be read.
     */
    T deserialize(ByteBuffer data);

    /** A Serde of two functions over arrays. */
    static <T> Serde<T> of(Function<? super T, byte[]> serializer, Function<byte[], ? extends T> deserializer) {
        return new Serde<>() {
            @Override
            public byte[] serialize(T value) {
                return serializer.apply(value);
            }

            @Override
            public T deserialize(ByteBuffer data) {
                byte[] bytes = new byte[data.remaining()];
                data.get(bytes);
                return deserializer.apply(bytes);
            }
        };
    }
}
