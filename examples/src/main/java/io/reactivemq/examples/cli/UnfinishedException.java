package io.reactivemq.examples.cli;

import org.jspecify.annotations.Nullable;

/** It began and could not be brought to its end. The message is the one line that the user gets to see. */
public final class UnfinishedException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public UnfinishedException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
