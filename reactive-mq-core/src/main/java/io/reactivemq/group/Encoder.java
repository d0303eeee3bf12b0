package io.reactivemq.group;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Writes the primitive types of Kafka's records: big-endian numbers; strings with a length of two bytes, bytes with one of four; in the compact
 * kind the length plus one as an unsigned varint, 0 for null.
 */
final class Encoder {

    private ByteBuffer to = ByteBuffer.allocate(64);

    private ByteBuffer room(int bytes) {
        if (to.remaining() < bytes) {
            ByteBuffer larger = ByteBuffer.allocate(Math.max(to.capacity() * 2, to.position() + bytes));
            larger.put(to.flip());
            to = larger;
        }
        return to;
    }

    Encoder int8(int value) {
        room(1).put((byte) value);
        return this;
    }

    Encoder int16(int value) {
        room(2).putShort((short) value);
        return this;
    }

    Encoder int32(int value) {
        room(4).putInt(value);
        return this;
    }

    Encoder int64(long value) {
        room(8).putLong(value);
        return this;
    }

    Encoder uuid(UUID value) {
        return int64(value.getMostSignificantBits()).int64(value.getLeastSignificantBits());
    }

    Encoder string(@Nullable String value) {
        if (value == null) {
            return int16(-1);
        }
        byte[] text = value.getBytes(StandardCharsets.UTF_8);
        if (text.length > Short.MAX_VALUE) {
            throw new IllegalArgumentException(
                    "a string: expected at most " + Short.MAX_VALUE + " bytes, actual " + text.length);
        }
        int16(text.length);
        room(text.length).put(text);
        return this;
    }

    Encoder bytes(@Nullable ByteBuffer value) {
        if (value == null) {
            return int32(-1);
        }
        int32(value.remaining());
        room(value.remaining()).put(value.duplicate());
        return this;
    }

    Encoder varint(int value) {
        int rest = value;
        while ((rest & ~0x7f) != 0) {
            int8((rest & 0x7f) | 0x80);
            rest >>>= 7;
        }
        return int8(rest);
    }

    /** How many elements an array of the compact kind has. */
    Encoder compactSize(int elements) {
        return varint(elements + 1);
    }

    Encoder compactString(@Nullable String value) {
        if (value == null) {
            return varint(0);
        }
        byte[] text = value.getBytes(StandardCharsets.UTF_8);
        varint(text.length + 1);
        room(text.length).put(text);
        return this;
    }

    Encoder compactBytes(ByteBuffer value) {
        varint(value.remaining() + 1);
        room(value.remaining()).put(value.duplicate());
        return this;
    }

    /** The end of a structure that may have tagged fields, and has none. */
    Encoder noTags() {
        return varint(0);
    }

    /** The end of a structure with one tagged field. */
    Encoder tag(int tag, byte[] field) {
        varint(1).varint(tag).varint(field.length);
        room(field.length).put(field);
        return this;
    }

    byte[] toByteArray() {
        byte[] bytes = new byte[to.position()];
        to.flip().get(bytes);
        return bytes;
    }
}
