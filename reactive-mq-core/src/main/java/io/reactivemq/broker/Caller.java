package io.reactivemq.broker;

import java.util.Objects;

/**
 * Who makes a request, for authorisation, quotas and logs.
 *
 * @param principal the authenticated user, as {@code type:name}
 * @param clientId the name the client gave itself
 * @param host the address it comes from, as numbers; {@link #EMBEDDED_HOST} in the broker's own JVM only
 * @param listener the door it came through; {@code embedded} in the broker's own JVM only
 */
public record Caller(String principal, String clientId, String host, String listener) {

    /** The host of callers in the broker's own JVM; others have an address. */
    public static final String EMBEDDED_HOST = "localhost";

    private static final String EMBEDDED_LISTENER = "embedded";

    public Caller {
        Objects.requireNonNull(principal, "principal");
        Objects.requireNonNull(clientId, "clientId");
        Objects.requireNonNull(host, "host");
        Objects.requireNonNull(listener, "listener");
    }

    /** A caller in the broker's own JVM. */
    public static Caller embedded(String clientId) {
        return new Caller("User:embedded", clientId, EMBEDDED_HOST, EMBEDDED_LISTENER);
    }

    /**
     * Whether it is in the broker's own JVM, and so uses this library: its batches are believed. What comes from elsewhere may be anything; a
     * front end gives its callers their address and a listener of another name.
     */
    public boolean isEmbedded() {
        return host.equals(EMBEDDED_HOST) && listener.equals(EMBEDDED_LISTENER);
    }
}
