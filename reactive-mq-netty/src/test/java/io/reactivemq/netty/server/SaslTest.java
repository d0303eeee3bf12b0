package io.reactivemq.netty.server;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.Durability;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.MetadataRequestData;
import io.reactivemq.kafka.common.message.SaslAuthenticateRequestData;
import io.reactivemq.kafka.common.message.SaslAuthenticateResponseData;
import io.reactivemq.kafka.common.message.SaslHandshakeRequestData;
import io.reactivemq.kafka.common.message.SaslHandshakeResponseData;
import io.reactivemq.netty.security.SaslMechanism;
import io.reactivemq.netty.security.ScramClient;
import io.reactivemq.netty.security.Secrets;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A connection that has to show who it is")
class SaslTest {

    private static RunningServer server(Duration authenticationTimeout) {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(16 << 20);
        broker.security()
                .upsertCredential("alice", Secrets.ofSystem().credential(ScramMechanism.SCRAM_SHA_256, "alice-secret"))
                .block(RunningServer.PATIENCE);
        return RunningServer.over(
                broker,
                server -> server.sasl(SaslMechanism.SCRAM_SHA_256, SaslMechanism.SCRAM_SHA_512)
                        .authenticationTimeout(authenticationTimeout));
    }

    private static RunningServer server() {
        return server(RunningServer.PATIENCE);
    }

    private static SaslHandshakeResponseData handshake(RawClient client, int version, String mechanism)
            throws Exception {
        return (SaslHandshakeResponseData) client.receive(client.send(
                ApiMessageType.SASL_HANDSHAKE, version, new SaslHandshakeRequestData().setMechanism(mechanism)));
    }

    private static SaslAuthenticateResponseData token(RawClient client, byte[] token) throws Exception {
        return (SaslAuthenticateResponseData) client.receive(client.send(
                ApiMessageType.SASL_AUTHENTICATE, 2, new SaslAuthenticateRequestData().setAuthBytes(token)));
    }

    private static void authenticate(RawClient client) throws Exception {
        assertThat(handshake(client, 1, "SCRAM-SHA-256").errorCode()).isZero();
        ScramClient scram = new ScramClient("alice", "alice-secret");
        byte[] first = token(client, scram.first()).authBytes();
        SaslAuthenticateResponseData last = token(client, scram.last(first));
        assertThat(last.errorCode()).isZero();
        assertThat(scram.trusts(last.authBytes())).isTrue();
    }

    @Test
    @DisplayName(
            "that is no user's gets the salt that it got before the server and its broker were started again, as a user does, another for each mechanism")
    void saltOfNobody(@TempDir Path directory) throws Exception {
        List<Map<String, String>> salts = new ArrayList<>();
        for (int start = 0; start < 2; start++) {
            EmbeddedBroker broker = EmbeddedBroker.openNow(
                    directory, RunningServer.PATIENCE, options -> options.durability(Durability.OS_BUFFERED));
            if (start == 0) {
                for (ScramMechanism mechanism : ScramMechanism.values()) {
                    broker.security()
                            .upsertCredential("alice", Secrets.ofSystem().credential(mechanism, "alice-secret"))
                            .block(RunningServer.PATIENCE);
                }
            }
            Map<String, String> given = new TreeMap<>();
            try (RunningServer server = RunningServer.over(
                    broker, kafka -> kafka.sasl(SaslMechanism.SCRAM_SHA_256, SaslMechanism.SCRAM_SHA_512))) {
                for (String user : List.of("alice", "nobody", "nobody-else")) {
                    for (String mechanism : List.of("SCRAM-SHA-256", "SCRAM-SHA-512")) {
                        given.put(user + " " + mechanism, saltOf(server, user, mechanism));
                    }
                }
            }
            salts.add(given);
        }
        assertThat(salts.get(0).values()).doesNotHaveDuplicates();
        assertThat(salts.get(1)).isEqualTo(salts.get(0));
    }

    private static String saltOf(RunningServer server, String user, String mechanism) throws Exception {
        try (RawClient client = new RawClient(server.port())) {
            handshake(client, 1, mechanism);
            String answer = new String(
                    token(client, ("n,,n=" + user + ",r=fyko").getBytes(UTF_8)).authBytes(), UTF_8);
            Matcher salt = Pattern.compile("r=[^,]+,s=([^,]+),i=\\d+").matcher(answer);
            assertThat(salt.matches()).as(answer).isTrue();
            return salt.group(1);
        }
    }

    @Test
    @DisplayName("may ask for all when it has, and stays who it is though it asks to begin anew")
    void known() throws Exception {
        try (RunningServer server = server();
                RawClient client = new RawClient(server.port())) {
            authenticate(client);
            assertThat(handshake(client, 1, "SCRAM-SHA-512").errorCode()).isEqualTo((short) 34);
            assertThat(token(client, new byte[1]).errorCode()).isEqualTo((short) 34);
            client.receive(client.send(ApiMessageType.METADATA, 12, new MetadataRequestData()));
        }
    }

    @Test
    @DisplayName("is told the mechanisms when it wants another, and closed")
    void unknownMechanism() throws Exception {
        try (RunningServer server = server();
                RawClient client = new RawClient(server.port())) {
            SaslHandshakeResponseData answer = handshake(client, 1, "PLAIN");
            assertThat(answer.errorCode()).isEqualTo((short) 33);
            assertThat(answer.mechanisms()).containsExactly("SCRAM-SHA-256", "SCRAM-SHA-512");
            assertThat(client.isClosedByServer()).isTrue();
        }
    }

    @Test
    @DisplayName("is closed when it changes the mechanism on its way")
    void mechanismChange() throws Exception {
        try (RunningServer server = server();
                RawClient client = new RawClient(server.port())) {
            handshake(client, 1, "SCRAM-SHA-256");
            token(client, new ScramClient("alice", "alice-secret").first());
            assertThat(handshake(client, 1, "SCRAM-SHA-512").errorCode()).isEqualTo((short) 34);
            assertThat(client.isClosedByServer()).isTrue();
        }
    }

    @Test
    @DisplayName("is closed when it sends a token before a mechanism, or wants to send tokens without frames")
    void outOfOrder() throws Exception {
        try (RunningServer server = server();
                RawClient early = new RawClient(server.port());
                RawClient old = new RawClient(server.port())) {
            assertThat(token(early, new byte[1]).errorCode()).isEqualTo((short) 34);
            assertThat(early.isClosedByServer()).isTrue();
            assertThat(handshake(old, 0, "SCRAM-SHA-256").errorCode()).isEqualTo((short) 35);
            assertThat(old.isClosedByServer()).isTrue();
        }
    }

    @Test
    @DisplayName("is closed for a request longer than 64 KiB, which it may send when it is known")
    void longFrame() throws Exception {
        try (RunningServer server = server();
                RawClient unknown = new RawClient(server.port());
                RawClient known = new RawClient(server.port())) {
            unknown.sendBytes(ByteBuffer.allocate(4).putInt(64 * 1024 + 1).array());
            assertThat(unknown.isClosedByServer()).isTrue();
            authenticate(known);
            MetadataRequestData many = new MetadataRequestData();
            for (int i = 0; i < 8_000; i++) {
                many.topics().add(new MetadataRequestData.MetadataRequestTopic().setName("a-topic-" + i));
            }
            known.receive(known.send(ApiMessageType.METADATA, 12, many));
        }
    }

    @Test
    @DisplayName("is closed when it takes too long")
    void deadline() throws Exception {
        try (RunningServer server = server(Duration.ofMillis(100));
                RawClient client = new RawClient(server.port())) {
            assertThat(client.isClosedByServer()).isTrue();
        }
    }

    @Test
    @DisplayName("cannot be asked for its password without TLS, nor come from elsewhere without")
    void refusedAtTheStart() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(1 << 20);
        KafkaServer server = KafkaServer.over(broker).port(0);
        assertThatThrownBy(() -> server.sasl(SaslMechanism.PLAIN).bindNow())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("PLAIN sends passwords");
        assertThatThrownBy(() ->
                        server.sasl(SaslMechanism.SCRAM_SHA_512).host("0.0.0.0").bindNow())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("set tls(...)");
        broker.closeGracefully(RunningServer.PATIENCE).block(RunningServer.PATIENCE);
    }
}
