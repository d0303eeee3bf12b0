package io.reactivemq.examples.cli;

import org.jspecify.annotations.Nullable;

/**
 * What the user gave can't be used. The message is the one line that the user gets to see: it names what was given and what to
 * do instead.
 */
public final class BadInputException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public BadInputException(String message) {
        this(message, null);
    }

    public BadInputException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
