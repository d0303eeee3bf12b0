package io.reactivemq;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One header of a record: a name and bytes, which may be null. Immutable; the bytes are copied on the way in and out.
 */
public final class Header {

    private final String key;
    private final byte @Nullable [] value;

    private Header(String key, byte @Nullable [] value) {
        this.key = Objects.requireNonNull(key, "key");
        this.value = value;
    }

    /** A header with the given bytes, or with a null value. */
    public static Header of(String key, byte @Nullable [] value) {
        return new Header(key, value == null ? null : value.clone());
    }

    /** A header whose value is the text in UTF-8. */
    public static Header of(String key, String value) {
        return new Header(key, value.getBytes(StandardCharsets.UTF_8));
    }

    public String key() {
        return key;
    }

    /** A copy of the value's bytes, or null where the header has none. */
    public byte @Nullable [] value() {
        return value == null ? null : value.clone();
    }

    /** The value read as UTF-8, or null where the header has none. */
    public @Nullable String valueAsString() {
        return value == null ? null : new String(value, StandardCharsets.UTF_8);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Header that && key.equals(that.key) && Arrays.equals(value, that.value);
    }

    @Override
    public int hashCode() {
        return 31 * key.hashCode() + Arrays.hashCode(value);
    }

    @Override
    public String toString() {
        return key + "=" + valueAsString();
    }
}
