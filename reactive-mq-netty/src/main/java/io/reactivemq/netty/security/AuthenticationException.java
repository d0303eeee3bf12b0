package io.reactivemq.netty.security;

/** A client has not shown who it is. The message may go to the client: it does not tell whether there is such a user. */
public final class AuthenticationException extends Exception {

    private static final long serialVersionUID = 1L;

    AuthenticationException(String message) {
        super(message);
    }
}
