package io.reactivemq.netty.security;

import org.jspecify.annotations.Nullable;

/**
 * How far a connection has come in showing who it is.
 *
 * <pre>
 * HANDSHAKE -> TOKENS -> KNOWN        a mechanism is agreed on, its messages pass, the proof is right
 *      \          \----> FAILED       the connection is closed when the answer is written
 *       \--------------> FAILED
 * KNOWN                               from the start, where no SASL is asked for
 * </pre>
 *
 * <p>Belongs to the connection: its requests are answered one at a time until it is known.
 */
public final class Session {

    /** Who has not shown who it is. */
    public static final String ANONYMOUS = "User:ANONYMOUS";

    private enum State {
        HANDSHAKE,
        TOKENS,
        KNOWN,
        FAILED
    }

    /** Changed by an answer on its way, which may be on a thread of its own; the next request is begun after that answer. */
    private volatile State state;

    private volatile String principal;
    private @Nullable SaslMechanism mechanism;
    private @Nullable ScramExchange scram;

    private Session(State state, String principal) {
        this.state = state;
        this.principal = principal;
    }

    /** Of a connection that has yet to authenticate. */
    public static Session unknown() {
        return new Session(State.HANDSHAKE, ANONYMOUS);
    }

    /** Of a connection that needs no SASL. */
    public static Session of(String principal) {
        return new Session(State.KNOWN, principal);
    }

    /** Whether it may ask for more than to authenticate. */
    public boolean isKnown() {
        return state == State.KNOWN;
    }

    /** Whether nothing can come of it any more. */
    public boolean isFailed() {
        return state == State.FAILED;
    }

    /** Who it is; {@link #ANONYMOUS} while that is not known. */
    public String principal() {
        return principal;
    }

    boolean expectsHandshake() {
        return state == State.HANDSHAKE;
    }

    boolean expectsTokens() {
        return state == State.TOKENS;
    }

    void agreed(SaslMechanism on, @Nullable ScramExchange exchange) {
        mechanism = on;
        scram = exchange;
        state = State.TOKENS;
    }

    @Nullable SaslMechanism mechanism() {
        return mechanism;
    }

    @Nullable ScramExchange scram() {
        return scram;
    }

    void succeeded(String user) {
        principal = "User:" + user;
        scram = null;
        state = State.KNOWN;
    }

    /** It has not shown who it is: its connection is closed behind the answer. */
    public void fail() {
        scram = null;
        state = State.FAILED;
    }
}
