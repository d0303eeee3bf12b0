package io.reactivemq.netty.security;

import io.reactivemq.MqRuntime;
import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.broker.SecurityApi;
import io.reactivemq.broker.SecurityImage;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;

/** Has clients show who they are, by the credentials the broker keeps. Safe for many threads. */
public final class SaslServer implements Disposable {

    private static final byte NUL = 0;

    private final List<SaslMechanism> mechanisms;
    private final SecurityApi users;
    private final Secrets secrets;

    /** Passwords that were sent are hashed here, one at a time: a flood of logins takes one thread, and no event loop. */
    private final Scheduler.Worker hashing;

    /**
     * @param mechanisms what clients may choose from; none: there is no SASL
     * @param users whose credentials count
     */
    public SaslServer(List<SaslMechanism> mechanisms, SecurityApi users, Secrets secrets, MqRuntime runtime) {
        this.mechanisms = List.copyOf(mechanisms);
        this.users = users;
        this.secrets = secrets;
        this.hashing = runtime.workers().createWorker();
    }

    /** The names of what clients may choose from. */
    public List<String> mechanisms() {
        return mechanisms.stream().map(SaslMechanism::saslName).toList();
    }

    /** A session for a connection that is new. */
    public Session open(String principal) {
        return mechanisms.isEmpty() ? Session.of(principal) : Session.unknown();
    }

    /** Whether the session may agree on a mechanism now. */
    public boolean expectsHandshake(Session session) {
        return session.expectsHandshake();
    }

    /** Whether the session's mechanism expects a message. */
    public boolean expectsToken(Session session) {
        return session.expectsTokens();
    }

    /** The client chooses; false, and the session has failed, where that is not on offer. */
    public boolean agree(Session session, String name) {
        SaslMechanism mechanism = SaslMechanism.of(name);
        if (mechanism == null || !mechanisms.contains(mechanism)) {
            session.fail();
            return false;
        }
        ScramMechanism scram = mechanism.scram();
        session.agreed(mechanism, scram == null ? null : new ScramExchange(scram, users.current(), secrets));
        return true;
    }

    /**
     * Takes a message of the client's.
     *
     * @return the server's answer; an error is an {@link AuthenticationException}, and the session has failed
     */
    public Mono<byte[]> token(Session session, byte[] message) {
        ScramExchange scram = session.scram();
        if (scram == null) {
            return plain(session, message);
        }
        return Mono.create(sink -> {
            try {
                if (scram.isBegun()) {
                    byte[] answer = scram.end(message);
                    session.succeeded(scram.user());
                    sink.success(answer);
                } else {
                    sink.success(scram.begin(message));
                }
            } catch (AuthenticationException e) {
                session.fail();
                sink.error(e);
            }
        });
    }

    private Mono<byte[]> plain(Session session, byte[] message) {
        return Mono.create(sink -> {
            try {
                sink.onDispose(hashing.schedule(() -> {
                    try {
                        String user = userOf(message);
                        session.succeeded(user);
                        sink.success(new byte[0]);
                    } catch (AuthenticationException e) {
                        session.fail();
                        sink.error(e);
                    }
                }));
            } catch (RejectedExecutionException e) {
                session.fail();
                sink.error(new AuthenticationException("this server is closing"));
            }
        });
    }

    /** {@code [authzid] NUL authcid NUL passwd} */
    private String userOf(byte[] message) throws AuthenticationException {
        int first = indexOf(message, 0);
        int second = first < 0 ? -1 : indexOf(message, first + 1);
        if (second < 0 || indexOf(message, second + 1) >= 0) {
            throw new AuthenticationException("that is no message of PLAIN");
        }
        String authzid = text(message, 0, first);
        String user = text(message, first + 1, second);
        String password = text(message, second + 1, message.length);
        if (!authzid.isEmpty() && !authzid.equals(user)) {
            throw new AuthenticationException("a user acts for itself only, with PLAIN");
        }
        SecurityImage image = users.current();
        ScramCredential known = credentialOf(image, user);
        ScramCredential compared =
                known == null ? ScramExchange.ofNobody(ScramMechanism.SCRAM_SHA_512, user, image, secrets) : known;
        if (!compared.isOf(password) || known == null) {
            throw ScramExchange.refused(SaslMechanism.PLAIN.saslName());
        }
        return user;
    }

    private static @Nullable ScramCredential credentialOf(SecurityImage image, String user) {
        ScramCredential longer = image.credential(user, ScramMechanism.SCRAM_SHA_512);
        return longer == null ? image.credential(user, ScramMechanism.SCRAM_SHA_256) : longer;
    }

    private static int indexOf(byte[] message, int from) {
        for (int i = from; i < message.length; i++) {
            if (message[i] == NUL) {
                return i;
            }
        }
        return -1;
    }

    private static String text(byte[] message, int from, int to) {
        return new String(Arrays.copyOfRange(message, from, to), StandardCharsets.UTF_8);
    }

    @Override
    public void dispose() {
        hashing.dispose();
    }
}
