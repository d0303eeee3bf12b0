package io.reactivemq.netty.server;

/** A request failed to which there is no answer: its connection ends instead. */
final class UnansweredException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    UnansweredException(String message) {
        super(message, null, false, false);
    }
}
