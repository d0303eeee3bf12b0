package io.reactivemq.netty.protocol;

/** A frame that is no request this server understands. The connection it came on has no future; the message says why. */
public final class BadRequestException extends Exception {

    private static final long serialVersionUID = 1L;

    public BadRequestException(String message) {
        super(message);
    }

    public BadRequestException(String message, Throwable cause) {
        super(message, cause);
    }
}
