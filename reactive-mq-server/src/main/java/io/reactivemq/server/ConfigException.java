package io.reactivemq.server;

/** A configuration that cannot be used; the message says what and why. */
final class ConfigException extends Exception {

    private static final long serialVersionUID = 1L;

    ConfigException(String message) {
        super(message);
    }
}
