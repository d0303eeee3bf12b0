package io.reactivemq.broker;

import java.util.Objects;

/**
 * Who makes a request, for authorisation, quotas and logs.
 *
 * @param principal the authenticated user, as {@code type:name}
 * @param clientId the name the client gave itself
 * @param host the address it comes from
 * @param listener the door it came through
 */
public record Caller(String principal, String clientId, String host, String listener) {

    /** The host of callers in the broker's own JVM; others have an address. */
    public static final String EMBEDDED_HOST = "localhost";

    public Caller {
        Objects.requireNonNull(principal, "principal");
        Objects.requireNonNull(clientId, "clientId");
        Objects.requireNonNull(host, "host");
        Objects.requireNonNull(listener, "listener");
    }

    /** A caller in the broker's own JVM. */
    public static Caller embedded(String clientId) {
        return new Caller("User:embedded", clientId, EMBEDDED_HOST, "embedded");
    }

    /** Whether it is in the broker's own JVM, and so uses this library; what comes from elsewhere may be anything. */
    public boolean isEmbedded() {
        return host.equals(EMBEDDED_HOST);
    }
}
