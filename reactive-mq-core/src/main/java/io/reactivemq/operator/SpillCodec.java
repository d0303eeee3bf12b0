package io.reactivemq.operator;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Makes elements bytes and bytes elements again; words the error where the user's serde can't. */
final class SpillCodec<T> {

    private final SpillSpec<T> spec;

    SpillCodec(SpillSpec<T> spec) {
        this.spec = spec;
    }

    byte[] serialize(T element) {
        byte[] bytes;
        try {
            bytes = spec.serde().serialize(element);
        } catch (RuntimeException e) {
            throw unserializable(element, "the serde failed: " + e, e);
        }
        if (bytes == null) {
            throw unserializable(element, "the serde returned null", null);
        }
        if (bytes.length > spec.elementBytesMax()) {
            throw unserializable(
                    element,
                    "it has " + bytes.length + " bytes, and segments of "
                            + spec.files().segmentBytes() + " hold elements of at most " + spec.elementBytesMax()
                            + "; raise segmentBytes",
                    null);
        }
        return bytes;
    }

    private MqException unserializable(T element, String why, @Nullable Throwable cause) {
        return new MqException(
                ErrorCode.INVALID_RECORD, spec.describe() + " can't write the element " + element + ": " + why, cause);
    }

    /** Throws what the serde throws; see {@link #unreadable}. */
    T deserialize(ByteBuffer bytes) {
        T element = spec.serde().deserialize(bytes);
        if (element == null) {
            throw new IllegalStateException("it returned null");
        }
        return element;
    }

    /** @param what the element, for the error's message */
    T deserialize(ByteBuffer bytes, String what) {
        try {
            return deserialize(bytes);
        } catch (RuntimeException e) {
            throw unreadable(what, e);
        }
    }

    MqException unreadable(String what, RuntimeException cause) {
        return new MqException(
                ErrorCode.INVALID_RECORD, spec.describe() + ": the serde can't read " + what + ": " + cause, cause);
    }
}
