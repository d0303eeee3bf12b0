package io.reactivemq.netty.security;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.broker.SecurityImage;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("SCRAM, the server's side:")
class ScramExchangeTest {

    private static final Secrets SECRETS = Secrets.ofSystem();
    private static final SecurityImage USERS = new SecurityImage(
            Set.of(),
            Map.of(
                    "alice",
                    Map.of(
                            ScramMechanism.SCRAM_SHA_256,
                            SECRETS.credential(ScramMechanism.SCRAM_SHA_256, "alice-secret")),
                    "a,b=c",
                    Map.of(ScramMechanism.SCRAM_SHA_256, SECRETS.credential(ScramMechanism.SCRAM_SHA_256, "x"))),
            Map.of());

    private final ScramExchange exchange = new ScramExchange(ScramMechanism.SCRAM_SHA_256, USERS, SECRETS);

    @Test
    @DisplayName("who knows the password is let in, and the server shows that it knows it too")
    void rightPassword() throws Exception {
        ScramClient client = new ScramClient("alice", "alice-secret");
        byte[] last = exchange.end(client.last(exchange.begin(client.first())));
        assertThat(client.trusts(last)).isTrue();
        assertThat(exchange.user()).isEqualTo("alice");
    }

    @Test
    @DisplayName("names may have commas and equals signs")
    void escapedName() throws Exception {
        ScramClient client = new ScramClient("a=2Cb=3Dc", "x");
        assertThat(client.trusts(exchange.end(client.last(exchange.begin(client.first())))))
                .isTrue();
        assertThat(exchange.user()).isEqualTo("a,b=c");
    }

    @Test
    @DisplayName(
            "a wrong password and a user there is not are refused alike, with salts that look alike and stay the same")
    void refused() throws Exception {
        String wrong = refusal("alice");
        assertThat(refusal("nobody")).isEqualTo(wrong);
        byte[] known = salt("alice");
        byte[] unknown = salt("nobody");
        assertThat(salt("nobody")).isEqualTo(unknown);
        assertThat(salt("nobody2")).isNotEqualTo(unknown);
        assertThat(new String(known, UTF_8)).matches("[0-9a-z]{22,26}");
        assertThat(new String(unknown, UTF_8)).matches("[0-9a-z]{22,26}");
    }

    private String refusal(String user) throws Exception {
        ScramExchange one = new ScramExchange(ScramMechanism.SCRAM_SHA_256, USERS, SECRETS);
        ScramClient client = new ScramClient(user, "guess");
        byte[] last = client.last(one.begin(client.first()));
        return String.valueOf(
                org.assertj.core.api.Assertions.catchThrowableOfType(AuthenticationException.class, () -> one.end(last))
                        .getMessage());
    }

    private static byte[] salt(String user) throws Exception {
        ScramExchange one = new ScramExchange(ScramMechanism.SCRAM_SHA_256, USERS, SECRETS);
        String answer = new String(one.begin(new ScramClient(user, "x").first()), UTF_8);
        return java.util.Base64.getDecoder().decode(answer.replaceAll(".*,s=([^,]+),i=4096", "$1"));
    }

    @Test
    @DisplayName("each exchange has a nonce of its own, and a proof made for another is refused")
    void freshNonce() throws Exception {
        ScramExchange other = new ScramExchange(ScramMechanism.SCRAM_SHA_256, USERS, SECRETS);
        ScramClient client = new ScramClient("alice", "alice-secret");
        byte[] overheard = client.last(other.begin(client.first()));
        assertThat(new String(exchange.begin(client.first()), UTF_8)).startsWith("r=client-nonce");
        assertThatThrownBy(() -> exchange.end(overheard)).isInstanceOf(AuthenticationException.class);
    }

    @Test
    @DisplayName("another nonce, and a binding that was not begun with, are refused though the proof is right")
    void tampered() throws Exception {
        ScramClient client = new ScramClient("alice", "alice-secret");
        byte[] nonce = client.last(exchange.begin(client.first()), "biws", "x");
        assertThatThrownBy(() -> exchange.end(nonce)).isInstanceOf(AuthenticationException.class);
        ScramExchange again = new ScramExchange(ScramMechanism.SCRAM_SHA_256, USERS, SECRETS);
        byte[] binding = client.last(again.begin(client.first()), "eSws", "");
        assertThatThrownBy(() -> again.end(binding)).isInstanceOf(AuthenticationException.class);
    }

    @ParameterizedTest(name = "\"{0}\" is no first message")
    @ValueSource(
            strings = {
                "",
                "n,,",
                "n,,n=alice",
                "n,,n=,r=x",
                "p=tls-unique,,n=alice,r=x",
                "n,,n=al=ice,r=x",
                "n,a=bob,n=alice,r=x",
                "n,,m=ext,n=alice,r=x",
                "n,,n=alice,r=x,tokenauth=true",
                "n,,n=alice,r=\u00e4",
                "r=x,n=alice"
            })
    void malformedFirst(String message) {
        assertThatThrownBy(() -> exchange.begin(message.getBytes(UTF_8))).isInstanceOf(AuthenticationException.class);
    }

    @ParameterizedTest(name = "\"{0}\" is no last message")
    @ValueSource(strings = {"", "c=biws", "c=biws,r=x", "c=biws,r=x,p=", "c=biws,r=x,p=!", "c=biws,r=x,p=AA==="})
    void malformedLast(String message) throws Exception {
        exchange.begin(new ScramClient("alice", "x").first());
        assertThatThrownBy(() -> exchange.end(message.getBytes(UTF_8))).isInstanceOf(AuthenticationException.class);
    }

    @Test
    @DisplayName("bytes that are no UTF-8 are no message")
    void noText() {
        assertThatThrownBy(() -> exchange.begin(new byte[] {(byte) 0xff, (byte) 0xfe}))
                .isInstanceOf(AuthenticationException.class);
    }

    @Test
    @DisplayName("iterations of a user there is not are those of the others")
    void iterationsOfNobody() {
        SecurityImage users = new SecurityImage(
                Set.of(),
                Map.of(
                        "alice",
                        Map.of(
                                ScramMechanism.SCRAM_SHA_256,
                                ScramCredential.ofPassword(ScramMechanism.SCRAM_SHA_256, "x", SECRETS.salt(), 8_192))),
                Map.of());
        assertThat(ScramExchange.ofNobody(ScramMechanism.SCRAM_SHA_256, "nobody", users, SECRETS)
                        .iterations())
                .isEqualTo(8_192);
    }
}
