package io.reactivemq.netty.security;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;

/** The client's side of SCRAM-SHA-256, on the JDK's own PBKDF2. */
public final class ScramClient {

    private static final Pattern SERVER_FIRST = Pattern.compile("r=([^,]+),s=([^,]+),i=(\\d+)");

    private final String bare;
    private final String password;
    private byte[] serverSignature = new byte[0];

    public ScramClient(String user, String password) {
        this.bare = "n=" + user + ",r=client-nonce";
        this.password = password;
    }

    public byte[] first() {
        return utf8("n,," + bare);
    }

    public byte[] last(byte[] serverFirst) throws GeneralSecurityException {
        return last(serverFirst, "biws", "");
    }

    /** With another binding than that of the first message, or more behind the nonce. */
    byte[] last(byte[] serverFirst, String binding, String nonceSuffix) throws GeneralSecurityException {
        String answer = new String(serverFirst, StandardCharsets.UTF_8);
        Matcher parts = SERVER_FIRST.matcher(answer);
        if (!parts.matches()) {
            throw new IllegalArgumentException(answer);
        }
        byte[] salted = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256")
                .generateSecret(new PBEKeySpec(
                        password.toCharArray(),
                        Base64.getDecoder().decode(parts.group(2)),
                        Integer.parseInt(parts.group(3)),
                        256))
                .getEncoded();
        byte[] clientKey = hmac(salted, utf8("Client Key"));
        byte[] storedKey = MessageDigest.getInstance("SHA-256").digest(clientKey);
        String withoutProof = "c=" + binding + ",r=" + parts.group(1) + nonceSuffix;
        byte[] authMessage = utf8(bare + "," + answer + "," + withoutProof);
        byte[] proof = hmac(storedKey, authMessage);
        for (int i = 0; i < proof.length; i++) {
            proof[i] ^= clientKey[i];
        }
        serverSignature = hmac(hmac(salted, utf8("Server Key")), authMessage);
        return utf8(withoutProof + ",p=" + Base64.getEncoder().encodeToString(proof));
    }

    /** Whether the server has shown that it knows the credential too. */
    public boolean trusts(byte[] serverLast) {
        return Arrays.equals(serverLast, utf8("v=" + Base64.getEncoder().encodeToString(serverSignature)));
    }

    private static byte[] hmac(byte[] key, byte[] text) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
