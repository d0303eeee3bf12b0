package io.reactivemq.netty.security;

import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.broker.SecurityApi;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import reactor.core.publisher.Mono;

/** What must not be guessed: nonces, salts, and credentials with a salt of their own. Safe for many threads. */
public final class Secrets {

    private static final int NONCE_BYTES = 24;
    private static final int SALT_BITS = 130;
    private static final int SALT_RADIX = 36;
    private static final String HMAC = "HmacSHA512";
    private static final int KEY_BYTES = 32;

    private final SecureRandom random;

    /** Of the salts of those who are no users. */
    private final byte[] key;

    private Secrets(SecureRandom random, byte[] key) {
        this.random = random;
        this.key = key;
    }

    /** Takes its seed from the system, which may wait; later draws never do. */
    public static Secrets ofSystem() {
        try {
            SecureRandom random = SecureRandom.getInstance("DRBG");
            byte[] key = new byte[KEY_BYTES];
            random.nextBytes(key);
            return new Secrets(random, key);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java has no DRBG", e);
        }
    }

    /** These, with what a broker keeps: a name that is no user's has the same salt whenever the server is started, as a user's has. */
    public Mono<Secrets> keptBy(SecurityApi keeper) {
        return keeper.keepSecret(key).map(kept -> new Secrets(random, kept));
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

    /** For a user there is not: always the same for a name and mechanism, and in the form of a real one. */
    byte[] saltOfNobody(ScramMechanism mechanism, String user) {
        try {
            Mac mac = Mac.getInstance(HMAC);
            mac.init(new SecretKeySpec(key, HMAC));
            mac.update(mechanism.code());
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
