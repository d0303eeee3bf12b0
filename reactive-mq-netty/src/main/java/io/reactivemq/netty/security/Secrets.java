package io.reactivemq.netty.security;

import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** What must not be guessed: nonces, salts, and credentials with a salt of their own. Safe for many threads. */
public final class Secrets {

    private static final int NONCE_BYTES = 24;
    private static final int SALT_BITS = 130;
    private static final int SALT_RADIX = 36;
    private static final String HMAC = "HmacSHA512";

    private final SecureRandom random;
    private final byte[] key = new byte[32];

    private Secrets(SecureRandom random) {
        this.random = random;
        random.nextBytes(key);
    }

    /** Takes its seed from the system, which may wait; later draws never do. */
    public static Secrets ofSystem() {
        try {
            return new Secrets(SecureRandom.getInstance("DRBG"));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java has no DRBG", e);
        }
    }

    /** A fresh nonce of printable characters. */
    String nonce() {
        byte[] bytes = new byte[NONCE_BYTES];
        random.nextBytes(bytes);
        return java.util.Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    byte[] bytes(int count) {
        byte[] bytes = new byte[count];
        random.nextBytes(bytes);
        return bytes;
    }

    /** The credential of a password, with a fresh salt; takes some ten milliseconds of CPU. */
    public ScramCredential credential(ScramMechanism mechanism, String password) {
        return ScramCredential.ofPassword(mechanism, password, salt(), ScramCredential.ITERATIONS_MIN);
    }

    /** A fresh salt, in the form that Kafka's tools make. */
    byte[] salt() {
        return salt(bytes(SALT_BITS / Byte.SIZE + 1));
    }

    /** For a user there is not: always the same for a name, and in the form of a real one. */
    byte[] saltOfNobody(String user) {
        try {
            Mac mac = Mac.getInstance(HMAC);
            mac.init(new SecretKeySpec(key, HMAC));
            return salt(mac.doFinal(user.getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java has no " + HMAC, e);
        }
    }

    private static byte[] salt(byte[] bytes) {
        BigInteger number = new BigInteger(1, Arrays.copyOf(bytes, SALT_BITS / Byte.SIZE + 1));
        return number.mod(BigInteger.ONE.shiftLeft(SALT_BITS))
                .toString(SALT_RADIX)
                .getBytes(StandardCharsets.UTF_8);
    }
}
