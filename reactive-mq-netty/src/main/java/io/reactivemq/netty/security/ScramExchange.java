package io.reactivemq.netty.security;

import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.broker.SecurityImage;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * The server's side of SCRAM (RFC 5802), without channel binding:
 *
 * <pre>
 * client: n,,n=user,r=nonce          server: r=nonce+nonce',s=salt,i=iterations
 * client: c=biws,r=nonce+nonce',p=proof   server: v=signature
 * </pre>
 *
 * <p>Who is no user gets a salt as well, and fails at the end as with a wrong password.
 */
final class ScramExchange {

    private static final Pattern CLIENT_FIRST = Pattern.compile(
            "(?<gs2>[ny],(?:a=(?<authzid>[^,]*))?,)(?<bare>n=(?<user>[^,]+),r=(?<nonce>[!-+\\--~]+)(?<rest>,.*)?)");
    private static final Pattern CLIENT_FINAL = Pattern.compile(
            "(?<withoutProof>c=(?<binding>[^,]+),r=(?<nonce>[!-+\\--~]+)(?:,.*)?),p=(?<proof>[A-Za-z0-9+/=]+)");

    private final ScramMechanism mechanism;
    private final SecurityImage users;
    private final Secrets secrets;

    private @Nullable First first;

    ScramExchange(ScramMechanism mechanism, SecurityImage users, Secrets secrets) {
        this.mechanism = mechanism;
        this.users = users;
        this.secrets = secrets;
    }

    /** What was said first. */
    private record First(
            String user, boolean known, ScramCredential credential, String gs2, String nonce, String messages) {}

    /** Whether the next message is the client's last. */
    boolean isBegun() {
        return first != null;
    }

    /** The answer to the client's first message. */
    byte[] begin(byte[] message) throws AuthenticationException {
        Matcher parts = CLIENT_FIRST.matcher(text(message));
        if (!parts.matches()) {
            throw malformed();
        }
        String user = nameOf(parts.group("user"));
        String authzid = parts.group("authzid");
        if (authzid != null && !authzid.isEmpty() && !nameOf(authzid).equals(user)) {
            throw new AuthenticationException("a user acts for itself only, with " + mechanism.saslName());
        }
        String rest = parts.group("rest");
        if (rest != null && (rest.contains(",tokenauth=true") || rest.startsWith(",m="))) {
            throw new AuthenticationException("there are no delegation tokens and no extensions here");
        }
        ScramCredential found = users.credential(user, mechanism);
        ScramCredential credential = found == null ? ofNobody(mechanism, user, users, secrets) : found;
        String nonce = parts.group("nonce") + secrets.nonce();
        String answer = "r=" + nonce + ",s=" + Base64.getEncoder().encodeToString(credential.salt()) + ",i="
                + credential.iterations();
        first = new First(
                user, found != null, credential, parts.group("gs2"), nonce, parts.group("bare") + "," + answer + ",");
        return answer.getBytes(StandardCharsets.UTF_8);
    }

    /** A credential that nobody can have the password of, and that looks like those of the others. */
    static ScramCredential ofNobody(ScramMechanism mechanism, String user, SecurityImage users, Secrets secrets) {
        int iterations = users.credentials().values().stream()
                .map(own -> own.get(mechanism))
                .filter(credential -> credential != null)
                .mapToInt(ScramCredential::iterations)
                .findFirst()
                .orElse(ScramCredential.ITERATIONS_MIN);
        int keyBytes = hmac(mechanism, new byte[1], new byte[0]).length;
        return new ScramCredential(
                mechanism,
                iterations,
                secrets.saltOfNobody(mechanism, user),
                secrets.bytes(keyBytes),
                secrets.bytes(keyBytes));
    }

    /** The answer to the client's last message, where the proof is right. */
    byte[] end(byte[] message) throws AuthenticationException {
        First begun = first;
        Matcher parts = CLIENT_FINAL.matcher(text(message));
        if (begun == null || !parts.matches()) {
            throw malformed();
        }
        byte[] proof = decoded(parts.group("proof"));
        byte[] binding = decoded(parts.group("binding"));
        byte[] authMessage = (begun.messages + parts.group("withoutProof")).getBytes(StandardCharsets.UTF_8);
        byte[] signature = hmac(mechanism, begun.credential.storedKey(), authMessage);
        boolean right = proof.length == signature.length;
        for (int i = 0; i < signature.length && right; i++) {
            signature[i] ^= proof[i];
        }
        right &= MessageDigest.isEqual(hash(signature), begun.credential.storedKey());
        right &= MessageDigest.isEqual(binding, begun.gs2.getBytes(StandardCharsets.UTF_8));
        right &= parts.group("nonce").equals(begun.nonce);
        if (!right || !begun.known) {
            throw refused(mechanism.saslName());
        }
        byte[] verifier = hmac(mechanism, begun.credential.serverKey(), authMessage);
        return ("v=" + Base64.getEncoder().encodeToString(verifier)).getBytes(StandardCharsets.UTF_8);
    }

    /** Who it was; known after {@link #begin}, and true after {@link #end}. */
    String user() {
        First begun = first;
        if (begun == null) {
            throw new IllegalStateException("no message has come yet");
        }
        return begun.user;
    }

    static AuthenticationException refused(String mechanism) {
        return new AuthenticationException(
                "Authentication failed during authentication due to invalid credentials with SASL mechanism "
                        + mechanism);
    }

    private AuthenticationException malformed() {
        return new AuthenticationException("that is no message of " + mechanism.saslName());
    }

    private String text(byte[] message) throws AuthenticationException {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(message))
                    .toString();
        } catch (CharacterCodingException e) {
            throw malformed();
        }
    }

    private byte[] decoded(String base64) throws AuthenticationException {
        try {
            return Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            throw malformed();
        }
    }

    /** In names {@code ,} and {@code =} are written {@code =2C} and {@code =3D}, and nothing else begins with {@code =}. */
    private String nameOf(String encoded) throws AuthenticationException {
        String name = encoded.replace("=2C", ",").replace("=3D", "=");
        String again = name.replace("=", "=3D").replace(",", "=2C");
        if (!again.equals(encoded)) {
            throw malformed();
        }
        return name;
    }

    private byte[] hash(byte[] text) {
        try {
            return MessageDigest.getInstance(mechanism.hash()).digest(text);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java has no " + mechanism.saslName(), e);
        }
    }

    private static byte[] hmac(ScramMechanism mechanism, byte[] key, byte[] text) {
        try {
            Mac mac = Mac.getInstance(mechanism.hmac());
            mac.init(new SecretKeySpec(key, mechanism.hmac()));
            return mac.doFinal(text);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java has no " + mechanism.saslName(), e);
        }
    }
}
