package io.reactivemq.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

@DisplayName("rmq serve")
class ServeCommandTest {

    @TempDir
    private Path directory;

    @Test
    @DisplayName(
            "says that it is ready, serves Kafka's clients, stops in good order on SIGTERM, and has its records when it starts again")
    void life() throws Exception {
        for (long offset = 0; offset < 2; offset++) {
            try (ServeProcess server = ServeProcess.start(
                            "--port", "0", "--data", directory.resolve("data").toString());
                    KafkaProducer<String, String> producer = new KafkaProducer<>(
                            Map.of("bootstrap.servers", server.bootstrap()),
                            new StringSerializer(),
                            new StringSerializer())) {
                assertThat(producer.send(new ProducerRecord<>("made-on-demand", "v"))
                                .get(120, TimeUnit.SECONDS)
                                .offset())
                        .isEqualTo(offset);
                server.stop();
            }
        }
    }

    @Test
    @DisplayName(
            "has exit status 2 and one line for a port in use, a directory that is none, a setting or level it does not know, and an open address")
    void couldNotStart() throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "x");
        Path config = Files.writeString(directory.resolve("c.properties"), "no.such.setting=1\n");
        Path number = Files.writeString(directory.resolve("n.properties"), "num.partitions=many\n");
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            String port = Integer.toString(taken.getLocalPort());
            assertFails("cannot listen on 127.0.0.1:" + port, "--port", port);
            assertFails("cannot listen on 127.0.0.1:" + port, "--port", port, "--metrics-port", "0");
            assertFails("cannot listen on 127.0.0.1:" + port, "--port", "0", "--metrics-port", port);
        }
        assertFails(file.toString(), "--port", "0", "--data", file.toString());
        assertFails("no.such.setting", "--port", "0", "--config", config.toString());
        assertFails("num.partitions must be a number", "--port", "0", "--config", number.toString());
        assertFails(
                "cannot read",
                "--port",
                "0",
                "--config",
                directory.resolve("none").toString());
        assertFails("--durability must be fsync or os-buffered", "--port", "0", "--durability", "maybe");
        assertFails("--metrics-port must be 0 to 65535, was 65536", "--port", "0", "--metrics-port", "65536");
        assertFails("0.0.0.0 can be reached from other machines", "--port", "0", "--host", "0.0.0.0");
    }

    @Test
    @DisplayName(
            "with TLS, SCRAM, a super user and a file with users lets the super user in, and nobody without a password")
    void secured() throws Exception {
        Path certificate = certificate();
        Path users = Files.writeString(directory.resolve("users.properties"), "admin=admin-secret\n");
        Path config = Files.writeString(
                directory.resolve("secured.properties"),
                "listeners=SASL_SSL://127.0.0.1:0\nssl.keystore.location=" + certificate
                        + "\nsuper.users=User:admin\nusers.file=" + users + "\n");
        try (ServeProcess server = ServeProcess.start("--memory", "--config", config.toString())) {
            for (String password : List.of("admin-secret", "guess")) {
                Map<String, Object> client = Map.of(
                        "bootstrap.servers",
                        server.bootstrap(),
                        "security.protocol",
                        "SASL_SSL",
                        "sasl.mechanism",
                        "SCRAM-SHA-512",
                        "sasl.jaas.config",
                        "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"admin\" password=\""
                                + password + "\";",
                        "ssl.truststore.type",
                        "PEM",
                        "ssl.truststore.location",
                        certificate.toString());
                try (KafkaProducer<String, String> producer =
                        new KafkaProducer<>(client, new StringSerializer(), new StringSerializer())) {
                    Future<RecordMetadata> sent = producer.send(new ProducerRecord<>("made-on-demand", "v"));
                    if (password.equals("guess")) {
                        assertThatThrownBy(() -> sent.get(120, TimeUnit.SECONDS))
                                .hasCauseInstanceOf(SaslAuthenticationException.class);
                    } else {
                        assertThat(sent.get(120, TimeUnit.SECONDS).offset()).isZero();
                    }
                }
            }
        }
    }

    @ParameterizedTest(name = "{0} has exit status 2 and one line: {1}")
    @CsvSource(
            delimiter = '|',
            value = {
                "node.id=-1 | node.id must be a number of 0 or more, was '-1'",
                "metrics.port=65536 | metrics.port must be a number of 0 to 65535, was '65536'",
                "transaction.durability=memory | transaction.durability must be fsync or os-buffered, was 'memory'",
                "transaction.durability=os-buffered | a broker in memory has durability memory, was os-buffered",
                "transaction.durability=fsync | a broker in memory has durability memory, was fsync",
                "listeners=SASL_SSL://127.0.0.1:0 | listeners has SASL_SSL, and ssl.keystore.location is not set",
                "listeners=http://127.0.0.1:0 | listeners must be one such as SASL_SSL://0.0.0.0:9092",
                "ssl.keystore.type=JKS | ssl.keystore.type must be PEM",
                "ssl.client.auth=required | ssl.keystore.location is missing",
                "ssl.keystore.location=/nowhere.pem | cannot read /nowhere.pem",
                "sasl.enabled.mechanisms=GSSAPI | SCRAM-SHA-512, SCRAM-SHA-256 and PLAIN to choose from",
                "sasl.enabled.mechanisms=PLAIN | PLAIN sends passwords as they are",
                "super.users=admin | super.users must be such as User:admin;User:bob",
                "users.file=/nowhere.users | cannot read /nowhere.users",
                "max.connections=0 | max.connections must be a number of 1 or more, was '0'",
                "max.connections.per.ip=few | max.connections.per.ip must be a number of 1 or more, was 'few'",
                "socket.request.max.bytes=1023 | socket.request.max.bytes must be a number of 1024 to 2147483643, was '1023'",
                "socket.request.max.bytes=3000000000 | socket.request.max.bytes must be a number of 1024 to 2147483643, was '3000000000'",
                "queued.max.request.bytes=-1 | queued.max.request.bytes must be a number of 1 or more, was '-1'",
                "max.incremental.fetch.session.cache.slots=-1 | max.incremental.fetch.session.cache.slots must be a number of 0 or more, was '-1'",
                "connections.max.idle.ms=0 | connections.max.idle.ms must be a number of 1 or more, was '0'",
                "connections.max.idle.ms=99999999999999999999 | connections.max.idle.ms must be a number of 1 or more",
                "advertised.listeners=PLAINTEXT://:9092 | advertised.listeners cannot use the nonroutable meta-address 0.0.0.0",
                "advertised.listeners=PLAINTEXT://0.0.0.0:9092 | advertised.listeners cannot use the nonroutable meta-address 0.0.0.0",
                "advertised.listeners=PLAINTEXT://[::]:9092 | advertised.listeners cannot use the nonroutable meta-address ::",
                "advertised.listeners=PLAINTEXT://broker.example:0 | advertised.listeners must have the port that clients go to",
                "ssl.keystore.password=x | ssl.keystore.password"
            })
    void badSetting(String setting, String reason) throws IOException {
        Path config = Files.writeString(directory.resolve("bad.properties"), setting + "\n");
        assertFails(reason, "--port", "0", "--config", config.toString());
    }

    /** A certificate for 127.0.0.1 that signs itself, and its key, in PEM. */
    private Path certificate() throws Exception {
        Path store = directory.resolve("server.p12");
        char[] password = "changeit".toCharArray();
        Process keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-genkeypair",
                        "-alias",
                        "server",
                        "-keyalg",
                        "EC",
                        "-groupname",
                        "secp256r1",
                        "-dname",
                        "CN=server",
                        "-ext",
                        "SAN=ip:127.0.0.1",
                        "-storetype",
                        "PKCS12",
                        "-keystore",
                        store.toString(),
                        "-storepass",
                        new String(password))
                .inheritIO()
                .start();
        assertThat(keytool.waitFor(120, TimeUnit.SECONDS)).isTrue();
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, password);
        }
        return Files.writeString(
                directory.resolve("server.pem"),
                pem("PRIVATE KEY", keys.getKey("server", password).getEncoded())
                        + pem("CERTIFICATE", keys.getCertificate("server").getEncoded()));
    }

    private static String pem(String type, byte[] content) {
        return "-----BEGIN " + type + "-----\n" + Base64.getMimeEncoder().encodeToString(content) + "\n-----END " + type
                + "-----\n";
    }

    static void assertFails(String reason, String... arguments) {
        StringWriter err = new StringWriter();
        int status = new CommandLine(new ServeCommand())
                .setErr(new PrintWriter(err, true))
                .execute(arguments);
        assertThat(status).isEqualTo(2);
        List<String> lines = err.toString().lines().toList();
        assertThat(lines).hasSize(1);
        assertThat(lines.get(0)).startsWith("rmq serve: ").contains(reason);
    }
}
