package io.reactivemq.broker;

import org.jspecify.annotations.Nullable;

/** How a user proves to know a password without sending it (RFC 5802, RFC 7677), with Kafka's numbers. */
public enum ScramMechanism {
    SCRAM_SHA_256(1, "SCRAM-SHA-256", "SHA-256", "HmacSHA256"),
    SCRAM_SHA_512(2, "SCRAM-SHA-512", "SHA-512", "HmacSHA512");

    private final byte code;
    private final String saslName;
    private final String hash;
    private final String hmac;

    ScramMechanism(int code, String saslName, String hash, String hmac) {
        this.code = (byte) code;
        this.saslName = saslName;
        this.hash = hash;
        this.hmac = hmac;
    }

    /** Kafka's number of it. */
    public byte code() {
        return code;
    }

    /** Its name in SASL, as {@code SCRAM-SHA-512}. */
    public String saslName() {
        return saslName;
    }

    /** The name that {@link java.security.MessageDigest} has for its hash. */
    public String hash() {
        return hash;
    }

    /** The name that {@link javax.crypto.Mac} has for its keyed hash. */
    public String hmac() {
        return hmac;
    }

    /** The one with that name in SASL; null where there is none. */
    public static @Nullable ScramMechanism of(String saslName) {
        for (ScramMechanism mechanism : values()) {
            if (mechanism.saslName.equals(saslName)) {
                return mechanism;
            }
        }
        return null;
    }

    /** The one with that number; null where there is none. */
    public static @Nullable ScramMechanism of(byte code) {
        for (ScramMechanism mechanism : values()) {
            if (mechanism.code == code) {
                return mechanism;
            }
        }
        return null;
    }
}
