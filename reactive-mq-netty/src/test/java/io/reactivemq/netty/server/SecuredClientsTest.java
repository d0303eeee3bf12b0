package io.reactivemq.netty.server;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.ResourcePattern;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.SaslHandshakeRequestData;
import io.reactivemq.netty.foreign.ForeignProgram;
import io.reactivemq.netty.security.SaslMechanism;
import io.reactivemq.netty.security.ServerTls;
import io.reactivemq.netty.security.ServerTls.ClientCertificates;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.UserScramCredentialDeletion;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.errors.ClusterAuthorizationException;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.TransactionalIdAuthorizationException;
import org.apache.kafka.common.errors.UnacceptableCredentialException;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.resource.PatternType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What unmodified Kafka clients do against a server with TLS, authentication and ACLs. */
@DisplayName("Kafka's own clients over TLS:")
class SecuredClientsTest {

    private static final TopicPartition FIRST = new TopicPartition("orders", 0);

    @TempDir
    private static Path directory;

    private static Path serverPem;
    private static Path clientPem;

    @BeforeAll
    static void certificates() throws Exception {
        serverPem = Certificates.server(directory);
        clientPem = Certificates.client(directory, "CN=alice,O=Shop");
    }

    private static ServerTls tls() {
        return ServerTls.ofPem(serverPem, serverPem);
    }

    private static RunningServer server(UnaryOperator<KafkaServer> configure) {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(16 << 20);
        broker.createTopic(NewTopic.of("orders", 1)).block(RunningServer.PATIENCE);
        for (ScramMechanism mechanism : ScramMechanism.values()) {
            for (String user : List.of("alice", "admin")) {
                ScramCredential credential = ScramCredential.ofPassword(
                        mechanism, user + "-secret", "some salt".getBytes(StandardCharsets.UTF_8), 4_096);
                broker.security().upsertCredential(user, credential).block(RunningServer.PATIENCE);
            }
        }
        return RunningServer.over(
                broker, server -> configure.apply(server.tls(tls()).superUsers("User:admin")));
    }

    private static RunningServer withSasl() {
        return server(server -> server.sasl(SaslMechanism.values()));
    }

    private static void allow(RunningServer server, AclOperation operation, ResourceType type, String name) {
        server.broker()
                .security()
                .createAcls(AclBinding.allow("User:alice", operation, ResourcePattern.literal(type, name)))
                .block(RunningServer.PATIENCE);
    }

    private static Map<String, Object> sasl(String mechanism, String user, String password) {
        Map<String, Object> configs = new HashMap<>(trust("SASL_SSL"));
        String module = mechanism.equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
        configs.put("sasl.mechanism", mechanism);
        configs.put(
                "sasl.jaas.config",
                "org.apache.kafka.common.security." + module + " required username=\"" + user + "\" password=\""
                        + password + "\";");
        return configs;
    }

    private static Map<String, Object> trust(String protocol) {
        return Map.of(
                "security.protocol",
                protocol,
                "ssl.truststore.type",
                "PEM",
                "ssl.truststore.location",
                serverPem.toString(),
                "retry.backoff.max.ms",
                200);
    }

    private static Admin admin(RunningServer server, Map<String, Object> configs) {
        Map<String, Object> all = new HashMap<>(configs);
        all.put("bootstrap.servers", server.bootstrap());
        return Admin.create(all);
    }

    private static void send(RunningServer server, Map<String, Object> configs, String value) throws Exception {
        try (KafkaProducer<String, String> producer = server.producer(configs)) {
            producer.send(new ProducerRecord<>("orders", value)).get(120, SECONDS);
        }
    }

    private static List<String> read(RunningServer server, Map<String, Object> configs) {
        try (KafkaConsumer<String, String> consumer = server.consumer(configs)) {
            consumer.assign(List.of(FIRST));
            long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
            while (System.nanoTime() < deadline) {
                List<String> values = new ArrayList<>();
                consumer.poll(Duration.ofMillis(200)).forEach(one -> values.add(one.value()));
                if (!values.isEmpty()) {
                    return values;
                }
            }
            return List.of();
        }
    }

    @ParameterizedTest(name = "{0}: an idempotent producer sends, a consumer reads")
    @ValueSource(strings = {"SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"})
    void roundTrip(String mechanism) throws Exception {
        try (RunningServer server = withSasl()) {
            allow(server, AclOperation.WRITE, ResourceType.TOPIC, "orders");
            allow(server, AclOperation.READ, ResourceType.TOPIC, "orders");
            Map<String, Object> alice = sasl(mechanism, "alice", "alice-secret");
            send(server, alice, "v");
            assertThat(read(server, alice)).containsExactly("v");
        }
    }

    @ParameterizedTest(
            name = "{0}: a wrong password and a user there is not end the client with one and the same error")
    @ValueSource(strings = {"SCRAM-SHA-512", "PLAIN"})
    void wrongPassword(String mechanism) {
        try (RunningServer server = withSasl()) {
            for (String user : List.of("alice", "nobody")) {
                assertThatThrownBy(() -> send(server, sasl(mechanism, user, "guess"), "v"))
                        .rootCause()
                        .isInstanceOf(SaslAuthenticationException.class)
                        .hasMessage("Authentication failed during authentication due to invalid credentials with SASL"
                                + " mechanism " + mechanism);
            }
        }
    }

    @Test
    @DisplayName("who does not speak TLS is closed")
    void noTls() throws Exception {
        try (RunningServer server = withSasl();
                RawClient client = new RawClient(server.port())) {
            client.send(ApiMessageType.SASL_HANDSHAKE, 1, new SaslHandshakeRequestData().setMechanism("SCRAM-SHA-512"));
            assertThat(client.isClosedAfterAll()).isTrue();
        }
    }

    @Test
    @DisplayName("a client's certificate says who it is; without one nobody comes in")
    void clientCertificates() throws Exception {
        try (RunningServer server =
                server(one -> one.tls(tls().clientCertificates(ClientCertificates.REQUIRED, clientPem)))) {
            server.broker()
                    .security()
                    .createAcls(AclBinding.allow(
                            "User:CN=alice,O=Shop",
                            AclOperation.ALL,
                            ResourcePattern.literal(ResourceType.TOPIC, "orders")))
                    .block(RunningServer.PATIENCE);
            Map<String, Object> alice = new HashMap<>(trust("SSL"));
            alice.put("ssl.keystore.type", "PEM");
            alice.put("ssl.keystore.location", clientPem.toString());
            send(server, alice, "v");
            assertThat(read(server, alice)).containsExactly("v");
            assertThatThrownBy(() -> send(server, trust("SSL"), "v")).isInstanceOf(Exception.class);
        }
    }

    @Test
    @DisplayName("who has no ACL is denied topics, groups, transactions and the cluster, and is not told what there is")
    void denied() {
        try (RunningServer server = withSasl()) {
            Map<String, Object> alice = sasl("SCRAM-SHA-512", "alice", "alice-secret");
            Map<String, Object> plain = new HashMap<>(alice);
            plain.put("enable.idempotence", false);
            assertThatThrownBy(() -> send(server, plain, "v"))
                    .rootCause()
                    .isInstanceOf(TopicAuthorizationException.class);
            assertThatThrownBy(() -> read(server, alice)).isInstanceOf(TopicAuthorizationException.class);

            Map<String, Object> member = new HashMap<>(alice);
            member.put("group.id", "billing");
            try (KafkaConsumer<String, String> consumer = server.consumer(member)) {
                allow(server, AclOperation.READ, ResourceType.TOPIC, "orders");
                consumer.subscribe(List.of("orders"));
                assertThatThrownBy(() -> poll(consumer)).isInstanceOf(GroupAuthorizationException.class);
            }
            Map<String, Object> transactional = new HashMap<>(alice);
            transactional.put("transactional.id", "tx");
            try (KafkaProducer<String, String> producer = server.producer(transactional)) {
                assertThatThrownBy(producer::initTransactions)
                        .isInstanceOf(TransactionalIdAuthorizationException.class);
            }
            try (Admin admin = admin(server, alice)) {
                assertFails(admin.describeAcls(AclBindingFilter.ANY).values(), ClusterAuthorizationException.class);
                assertFails(admin.describeUserScramCredentials().all(), ClusterAuthorizationException.class);
                assertFails(
                        admin.describeClientQuotas(ClientQuotaFilter.all()).entities(),
                        ClusterAuthorizationException.class);
                assertFails(
                        admin.createTopics(List.of(new org.apache.kafka.clients.admin.NewTopic("mine", 1, (short) 1)))
                                .all(),
                        TopicAuthorizationException.class);
                for (String topic : List.of("bills", "nowhere")) {
                    assertFails(
                            admin.describeTopics(List.of(topic)).allTopicNames(), TopicAuthorizationException.class);
                    assertFails(admin.deleteTopics(List.of(topic)).all(), TopicAuthorizationException.class);
                }
            }
        }
    }

    private static void poll(KafkaConsumer<String, String> consumer) {
        long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
        while (System.nanoTime() < deadline) {
            consumer.poll(Duration.ofMillis(200));
        }
    }

    private static void assertFails(KafkaFuture<?> future, Class<? extends Exception> with) {
        assertThatThrownBy(() -> future.get(120, SECONDS)).hasCauseInstanceOf(with);
    }

    @Test
    @DisplayName("a super user administers ACLs by Kafka's admin client, and they hold at once")
    void acls() throws Exception {
        try (RunningServer server = withSasl();
                Admin admin = admin(server, sasl("SCRAM-SHA-512", "admin", "admin-secret"))) {
            org.apache.kafka.common.acl.AclBinding all = new org.apache.kafka.common.acl.AclBinding(
                    new org.apache.kafka.common.resource.ResourcePattern(
                            org.apache.kafka.common.resource.ResourceType.TOPIC, "ord", PatternType.PREFIXED),
                    new AccessControlEntry(
                            "User:alice",
                            "127.0.0.1",
                            org.apache.kafka.common.acl.AclOperation.ALL,
                            AclPermissionType.ALLOW));
            org.apache.kafka.common.acl.AclBinding notWrite = new org.apache.kafka.common.acl.AclBinding(
                    new org.apache.kafka.common.resource.ResourcePattern(
                            org.apache.kafka.common.resource.ResourceType.TOPIC, "*", PatternType.LITERAL),
                    new AccessControlEntry(
                            "User:*", "*", org.apache.kafka.common.acl.AclOperation.WRITE, AclPermissionType.DENY));
            admin.createAcls(List.of(all)).all().get(120, SECONDS);
            Map<String, Object> alice = sasl("SCRAM-SHA-512", "alice", "alice-secret");
            send(server, alice, "v");
            assertThat(read(server, alice)).containsExactly("v");

            admin.createAcls(List.of(notWrite)).all().get(120, SECONDS);
            assertThat(admin.describeAcls(AclBindingFilter.ANY).values().get(120, SECONDS))
                    .containsExactlyInAnyOrder(all, notWrite);
            assertThatThrownBy(() -> send(server, alice, "v")).isInstanceOf(Exception.class);
            assertThat(read(server, alice))
                    .as("who is denied to write may read")
                    .containsExactly("v");

            assertThat(admin.deleteAcls(List.of(all.toFilter())).all().get(120, SECONDS))
                    .containsExactly(all);
            assertThat(admin.describeAcls(AclBindingFilter.ANY).values().get(120, SECONDS))
                    .containsExactly(notWrite);
            assertThatThrownBy(() -> read(server, alice)).isInstanceOf(TopicAuthorizationException.class);
        }
    }

    @Test
    @DisplayName("a super user gives and takes credentials by Kafka's admin client")
    void credentials() throws Exception {
        try (RunningServer server = withSasl();
                Admin admin = admin(server, sasl("SCRAM-SHA-512", "admin", "admin-secret"))) {
            server.broker()
                    .security()
                    .createAcls(AclBinding.allow(
                            "User:bo=b,", AclOperation.ALL, ResourcePattern.literal(ResourceType.TOPIC, "*")))
                    .block(RunningServer.PATIENCE);
            admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion(
                            "bo=b,",
                            new ScramCredentialInfo(org.apache.kafka.clients.admin.ScramMechanism.SCRAM_SHA_512, 8_192),
                            "bob-secret")))
                    .all()
                    .get(120, SECONDS);
            Map<String, Object> bob = sasl("SCRAM-SHA-512", "bo=b,", "bob-secret");
            send(server, bob, "v");
            assertThat(admin.describeUserScramCredentials().all().get(120, SECONDS))
                    .containsOnlyKeys("alice", "admin", "bo=b,")
                    .hasEntrySatisfying(
                            "bo=b,",
                            one -> assertThat(one.credentialInfos())
                                    .containsExactly(new ScramCredentialInfo(
                                            org.apache.kafka.clients.admin.ScramMechanism.SCRAM_SHA_512, 8_192)));
            assertFails(
                    admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion(
                                    "carol",
                                    new ScramCredentialInfo(
                                            org.apache.kafka.clients.admin.ScramMechanism.SCRAM_SHA_512, 1_000),
                                    "secret")))
                            .all(),
                    UnacceptableCredentialException.class);
            admin.alterUserScramCredentials(List.of(new UserScramCredentialDeletion(
                            "bo=b,", org.apache.kafka.clients.admin.ScramMechanism.SCRAM_SHA_512)))
                    .all()
                    .get(120, SECONDS);
            assertThatThrownBy(() -> send(server, bob, "v"))
                    .rootCause()
                    .isInstanceOf(SaslAuthenticationException.class);
        }
    }

    @Test
    @DisplayName(
            "a super user sets quotas by Kafka's admin client, and who sends more is slowed down, with its answers saying so")
    void quotas() throws Exception {
        try (RunningServer server = withSasl();
                Admin admin = admin(server, sasl("SCRAM-SHA-512", "admin", "admin-secret"))) {
            ClientQuotaEntity alice = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, "alice"));
            admin.alterClientQuotas(List.of(new ClientQuotaAlteration(
                            alice, List.of(new ClientQuotaAlteration.Op("producer_byte_rate", 5_000.0)))))
                    .all()
                    .get(120, SECONDS);
            assertThat(admin.describeClientQuotas(ClientQuotaFilter.all())
                            .entities()
                            .get(120, SECONDS))
                    .containsEntry(alice, Map.of("producer_byte_rate", 5_000.0));
            allow(server, AclOperation.WRITE, ResourceType.TOPIC, "orders");
            try (KafkaProducer<String, String> producer =
                    server.producer(sasl("SCRAM-SHA-512", "alice", "alice-secret"))) {
                producer.send(new ProducerRecord<>("orders", "x".repeat(7_500))).get(120, SECONDS);
                double throttled = producer.metrics().entrySet().stream()
                        .filter(one -> one.getKey().name().equals("produce-throttle-time-max"))
                        .mapToDouble(one -> (double) one.getValue().metricValue())
                        .max()
                        .orElseThrow();
                assertThat(throttled).as("ms").isBetween(500.0, 1_000.0);
            }
        }
    }

    /** With PLAIN: before librdkafka 2.6.1, SCRAM sends the client's nonce twice, which no server takes that checks it, Kafka 4 among them. */
    @Test
    @DisplayName("kcat over SASL_SSL with PLAIN produces, reads, and fails with a wrong password")
    void kcat() throws Exception {
        ForeignProgram.requires(ForeignProgram.onPath("kcat"), "kcat");
        try (RunningServer server = withSasl()) {
            allow(server, AclOperation.ALL, ResourceType.TOPIC, "orders");
            List<String> kcat = List.of(
                    "kcat",
                    "-b",
                    server.bootstrap(),
                    "-X",
                    "security.protocol=SASL_SSL",
                    "-X",
                    "ssl.ca.location=" + serverPem,
                    "-X",
                    "sasl.mechanisms=PLAIN",
                    "-X",
                    "sasl.username=alice");
            List<String> right = with(kcat, "-X", "sasl.password=alice-secret");
            ForeignProgram.run(directory, "one\ntwo\n", with(right, "-P", "-t", "orders", "-p", "0"));
            assertThat(ForeignProgram.run(
                            directory, "", with(right, "-C", "-t", "orders", "-o", "beginning", "-e", "-q")))
                    .containsExactly("one", "two");
            assertThatThrownBy(() -> ForeignProgram.run(
                            directory, "", with(kcat, "-X", "sasl.password=guess", "-L", "-m", "30")))
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("Authentication failed during authentication due to invalid credentials");
        }
    }

    private static List<String> with(List<String> command, String... more) {
        List<String> all = new ArrayList<>(command);
        all.addAll(List.of(more));
        return all;
    }
}
