package io.reactivemq;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An error of the broker, of a log or of the world beneath it. The message names what, where, expected and actual; the
 * {@link #errorCode() code} is Kafka's.
 */
public class MqException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final ErrorCode errorCode;

    public MqException(ErrorCode errorCode, String message) {
        this(errorCode, message, null);
    }

    public MqException(ErrorCode errorCode, String message, @Nullable Throwable cause) {
        super(errorCode + ": " + message, cause);
        this.errorCode = Objects.requireNonNull(errorCode, "errorCode");
    }

    public ErrorCode errorCode() {
        return errorCode;
    }

    /** Whether the same request may succeed later. */
    public boolean isRetriable() {
        return errorCode.isRetriable();
    }
}
