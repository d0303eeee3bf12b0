package io.reactivemq.group;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Reads what {@link Encoder} writes. What is shorter than it says is an {@link java.nio.BufferUnderflowException}. */
final class Decoder {

    private final ByteBuffer from;

    Decoder(ByteBuffer from) {
        this.from = from;
    }

    int int8() {
        return from.get();
    }

    int int16() {
        return from.getShort();
    }

    int int32() {
        return from.getInt();
    }

    long int64() {
        return from.getLong();
    }

    UUID uuid() {
        return new UUID(from.getLong(), from.getLong());
    }

    String string() {
        return Objects.requireNonNull(nullableString(), "a string that may not be null is null");
    }

    @Nullable String nullableString() {
        int length = from.getShort();
        return length < 0 ? null : text(length);
    }

    private String text(int length) {
        byte[] text = new byte[checked(length)];
        from.get(text);
        return new String(text, StandardCharsets.UTF_8);
    }

    /** Never allocates more than there can be. */
    private int checked(int length) {
        if (length < 0 || length > from.remaining()) {
            throw new IllegalArgumentException("length " + length + " of " + from.remaining() + " bytes");
        }
        return length;
    }

    /** How many elements an array has, each of a byte at least; -1 for null. */
    int size() {
        int size = from.getInt();
        return size < 0 ? -1 : checked(size);
    }

    /** A copy; null where it was null. */
    @Nullable ByteBuffer nullableBytes() {
        int length = from.getInt();
        return length < 0 ? null : copy(length);
    }

    ByteBuffer bytes() {
        return Objects.requireNonNull(nullableBytes(), "bytes that may not be null are null");
    }

    private ByteBuffer copy(int length) {
        ByteBuffer copy = ByteBuffer.allocate(checked(length));
        copy.put(from.slice(from.position(), length)).flip();
        from.position(from.position() + length);
        return copy.asReadOnlyBuffer();
    }

    int varint() {
        int value = 0;
        for (int shift = 0; shift < 35; shift += 7) {
            byte next = from.get();
            value |= (next & 0x7f) << shift;
            if (next >= 0) {
                return value;
            }
        }
        throw new IllegalArgumentException("a varint of more than five bytes");
    }

    int compactSize() {
        int size = varint() - 1;
        return size < 0 ? -1 : checked(size);
    }

    @Nullable String compactNullableString() {
        int length = varint() - 1;
        return length < 0 ? null : text(length);
    }

    String compactString() {
        return Objects.requireNonNull(compactNullableString(), "a string that may not be null is null");
    }

    ByteBuffer compactBytes() {
        return copy(varint() - 1);
    }

    /** The tagged fields at the end of a structure. */
    Map<Integer, ByteBuffer> tags() {
        int count = varint();
        Map<Integer, ByteBuffer> tags = new HashMap<>();
        for (int i = 0; i < count; i++) {
            int tag = varint();
            tags.put(tag, copy(varint()));
        }
        return tags;
    }
}
