package io.reactivemq.netty.security;

import io.reactivemq.broker.ScramMechanism;
import org.jspecify.annotations.Nullable;

/** How clients may show who they are. */
public enum SaslMechanism {
    /** The password is proved, and never sent (RFC 5802). */
    SCRAM_SHA_512(ScramMechanism.SCRAM_SHA_512.saslName(), ScramMechanism.SCRAM_SHA_512),
    /** The same with the shorter hash (RFC 7677). */
    SCRAM_SHA_256(ScramMechanism.SCRAM_SHA_256.saslName(), ScramMechanism.SCRAM_SHA_256),
    /** The password is sent (RFC 4616): over TLS only. It is compared with the user's SCRAM credential. */
    PLAIN("PLAIN", null);

    private final String saslName;
    private final @Nullable ScramMechanism scram;

    SaslMechanism(String saslName, @Nullable ScramMechanism scram) {
        this.saslName = saslName;
        this.scram = scram;
    }

    /** Its name in SASL and in settings. */
    public String saslName() {
        return saslName;
    }

    @Nullable ScramMechanism scram() {
        return scram;
    }

    /** The one with that name; null where there is none. */
    public static @Nullable SaslMechanism of(String saslName) {
        for (SaslMechanism mechanism : values()) {
            if (mechanism.saslName.equals(saslName)) {
                return mechanism;
            }
        }
        return null;
    }
}
