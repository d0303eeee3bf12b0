package io.reactivemq.broker;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Objects;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * What a broker keeps of a user's password (RFC 5802): enough to check a proof, not enough to make one. Immutable; the keys are in no
 * {@code toString}.
 */
public final class ScramCredential {

    /** As Kafka: fewer make guessing cheap. */
    public static final int ITERATIONS_MIN = 4_096;

    /** As Kafka: more would let who may set a password keep a server busy. */
    public static final int ITERATIONS_MAX = 16_384;

    private static final int SALT_BYTES_MAX = 1_024;

    private final ScramMechanism mechanism;
    private final int iterations;
    private final byte[] salt;
    private final byte[] storedKey;
    private final byte[] serverKey;

    /**
     * @param iterations {@value #ITERATIONS_MIN} to {@value #ITERATIONS_MAX}
     * @param salt 1 byte or more
     * @param storedKey H(HMAC(salted password, "Client Key"))
     * @param serverKey HMAC(salted password, "Server Key")
     */
    public ScramCredential(ScramMechanism mechanism, int iterations, byte[] salt, byte[] storedKey, byte[] serverKey) {
        this.mechanism = Objects.requireNonNull(mechanism, "mechanism");
        if (iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX) {
            throw new IllegalArgumentException(
                    "iterations must be " + ITERATIONS_MIN + " to " + ITERATIONS_MAX + ", was " + iterations);
        }
        if (salt.length < 1 || salt.length > SALT_BYTES_MAX) {
            throw new IllegalArgumentException("salt must have 1 to " + SALT_BYTES_MAX + " bytes, had " + salt.length);
        }
        int keyBytes = keyBytes(mechanism);
        if (storedKey.length != keyBytes || serverKey.length != keyBytes) {
            throw new IllegalArgumentException("keys of " + mechanism.saslName() + " have " + keyBytes
                    + " bytes, these " + storedKey.length + " and " + serverKey.length);
        }
        this.iterations = iterations;
        this.salt = salt.clone();
        this.storedKey = storedKey.clone();
        this.serverKey = serverKey.clone();
    }

    /**
     * The credential of a password; takes some ten milliseconds of CPU.
     *
     * @param salt fresh and random, 16 bytes or more
     */
    public static ScramCredential ofPassword(ScramMechanism mechanism, String password, byte[] salt, int iterations) {
        if (password.isEmpty()) {
            throw new IllegalArgumentException("password: expected 1 character or more, was empty");
        }
        byte[] secret = password.getBytes(StandardCharsets.UTF_8);
        return ofSaltedPassword(mechanism, saltedPassword(mechanism, secret, salt, iterations), salt, iterations);
    }

    /** The credential of what {@code Hi(password, salt, iterations)} gave. */
    public static ScramCredential ofSaltedPassword(
            ScramMechanism mechanism, byte[] saltedPassword, byte[] salt, int iterations) {
        byte[] clientKey = hmac(mechanism, saltedPassword, "Client Key".getBytes(StandardCharsets.UTF_8));
        byte[] serverKey = hmac(mechanism, saltedPassword, "Server Key".getBytes(StandardCharsets.UTF_8));
        return new ScramCredential(mechanism, iterations, salt, hash(mechanism, clientKey), serverKey);
    }

    /** Whether that is the password; takes as long as {@link #ofPassword}, whatever the answer. */
    public boolean isOf(String password) {
        byte[] secret = password.isEmpty() ? new byte[1] : password.getBytes(StandardCharsets.UTF_8);
        ScramCredential other =
                ofSaltedPassword(mechanism, saltedPassword(mechanism, secret, salt, iterations), salt, iterations);
        return MessageDigest.isEqual(storedKey, other.storedKey);
    }

    public ScramMechanism mechanism() {
        return mechanism;
    }

    public int iterations() {
        return iterations;
    }

    public byte[] salt() {
        return salt.clone();
    }

    public byte[] storedKey() {
        return storedKey.clone();
    }

    public byte[] serverKey() {
        return serverKey.clone();
    }

    /** Hi() of RFC 5802, which is PBKDF2 with one block. */
    private static byte[] saltedPassword(ScramMechanism mechanism, byte[] password, byte[] salt, int iterations) {
        try {
            Mac mac = Mac.getInstance(mechanism.hmac());
            mac.init(new SecretKeySpec(password, mechanism.hmac()));
            mac.update(salt);
            byte[] u = mac.doFinal(new byte[] {0, 0, 0, 1});
            byte[] result = u.clone();
            for (int i = 1; i < iterations; i++) {
                u = mac.doFinal(u);
                for (int j = 0; j < result.length; j++) {
                    result[j] ^= u[j];
                }
            }
            return result;
        } catch (GeneralSecurityException e) {
            throw missing(mechanism, e);
        }
    }

    private static byte[] hmac(ScramMechanism mechanism, byte[] key, byte[] text) {
        try {
            Mac mac = Mac.getInstance(mechanism.hmac());
            mac.init(new SecretKeySpec(key, mechanism.hmac()));
            return mac.doFinal(text);
        } catch (GeneralSecurityException e) {
            throw missing(mechanism, e);
        }
    }

    private static byte[] hash(ScramMechanism mechanism, byte[] text) {
        try {
            return MessageDigest.getInstance(mechanism.hash()).digest(text);
        } catch (GeneralSecurityException e) {
            throw missing(mechanism, e);
        }
    }

    private static IllegalStateException missing(ScramMechanism mechanism, GeneralSecurityException e) {
        return new IllegalStateException("this Java has no " + mechanism.saslName(), e);
    }

    private static int keyBytes(ScramMechanism mechanism) {
        return switch (mechanism) {
            case SCRAM_SHA_256 -> 32;
            case SCRAM_SHA_512 -> 64;
        };
    }

    @Override
    public String toString() {
        return "ScramCredential[" + mechanism.saslName() + ", iterations=" + iterations + "]";
    }
}
