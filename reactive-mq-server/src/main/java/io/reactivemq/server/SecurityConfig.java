package io.reactivemq.server;

import io.reactivemq.broker.Broker;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.netty.security.SaslMechanism;
import io.reactivemq.netty.security.Secrets;
import io.reactivemq.netty.security.ServerTls;
import io.reactivemq.netty.security.ServerTls.ClientCertificates;
import io.reactivemq.netty.server.KafkaServer;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Where a server listens, and who may come in: the settings of a configuration file about that, by Kafka's names.
 *
 * @param listener where to listen; null: as the command says
 * @param advertised where clients are told to go; null: where they came
 * @param tls null: no TLS
 * @param mechanisms none: no SASL
 * @param superUsers who may do all
 * @param users a file of names and passwords, for the first start; null: none
 */
record SecurityConfig(
        @Nullable Endpoint listener,
        @Nullable Endpoint advertised,
        @Nullable ServerTls tls,
        List<SaslMechanism> mechanisms,
        List<String> superUsers,
        @Nullable Path users) {

    private static final Set<String> NAMES = Set.of(
            "listeners",
            "advertised.listeners",
            "ssl.keystore.type",
            "ssl.keystore.location",
            "ssl.key.password",
            "ssl.truststore.type",
            "ssl.truststore.location",
            "ssl.client.auth",
            "sasl.enabled.mechanisms",
            "super.users",
            "users.file");

    private static final Pattern ENDPOINT =
            Pattern.compile("(?<protocol>[A-Z_]+)://(?<host>\\[[0-9a-fA-F:.]+]|[^:/\\[\\]]*):(?<port>[0-9]{1,5})");

    /** What a listener without a host means, in either family; with IPv6 as it may be written. */
    private static final Set<String> ANY_ADDRESS = Set.of("0.0.0.0", "::", "0:0:0:0:0:0:0:0");

    static final SecurityConfig NONE = new SecurityConfig(null, null, null, List.of(), List.of(), null);

    /** An address, and what is spoken there. */
    record Endpoint(Protocol protocol, String host, int port) {}

    /** Kafka's names for what is spoken at a listener. */
    enum Protocol {
        PLAINTEXT(false, false),
        SSL(true, false),
        SASL_PLAINTEXT(false, true),
        SASL_SSL(true, true);

        private final boolean tls;
        private final boolean sasl;

        Protocol(boolean tls, boolean sasl) {
            this.tls = tls;
            this.sasl = sasl;
        }
    }

    /** Whether it is a setting of these. */
    static boolean knows(String name) {
        return NAMES.contains(name);
    }

    /** Reads settings that it {@link #knows}. */
    static SecurityConfig of(Path file, Map<String, String> settings) throws ConfigException {
        Endpoint listener = endpoint(file, "listeners", settings);
        List<SaslMechanism> mechanisms = mechanisms(file, settings);
        ServerTls tls = tls(file, settings);
        if (listener != null) {
            Protocol protocol = listener.protocol();
            if (protocol.tls != (tls != null)) {
                throw new ConfigException(file + ": listeners has " + protocol + ", and ssl.keystore.location is "
                        + (tls == null ? "not set" : "set"));
            }
            if (protocol.sasl && mechanisms.isEmpty()) {
                mechanisms = List.of(SaslMechanism.SCRAM_SHA_512);
            } else if (protocol.sasl != !mechanisms.isEmpty()) {
                throw new ConfigException(
                        file + ": listeners has " + protocol + ", and sasl.enabled.mechanisms is set");
            }
        }
        String users = settings.get("users.file");
        return new SecurityConfig(
                listener,
                advertised(file, settings),
                tls,
                mechanisms,
                superUsers(file, settings),
                users == null ? null : Path.of(users));
    }

    /** Clients cannot go to no address in particular. */
    private static @Nullable Endpoint advertised(Path file, Map<String, String> settings) throws ConfigException {
        Endpoint told = endpoint(file, "advertised.listeners", settings);
        if (told != null && ANY_ADDRESS.contains(told.host())) {
            throw new ConfigException(file + ": advertised.listeners cannot use the nonroutable meta-address "
                    + told.host() + ": it must be one such as SASL_SSL://broker.example:9092, was '"
                    + settings.get("advertised.listeners") + "'");
        }
        if (told != null && told.port() == 0) {
            throw new ConfigException(file + ": advertised.listeners must have the port that clients go to, was '"
                    + settings.get("advertised.listeners") + "'");
        }
        return told;
    }

    private static @Nullable Endpoint endpoint(Path file, String name, Map<String, String> settings)
            throws ConfigException {
        String value = settings.get(name);
        if (value == null) {
            return null;
        }
        Matcher parts = ENDPOINT.matcher(value);
        if (parts.matches()) {
            int port = Integer.parseInt(parts.group("port"));
            String host = parts.group("host").replace("[", "").replace("]", "");
            for (Protocol protocol : Protocol.values()) {
                if (port <= 65_535 && protocol.name().equals(parts.group("protocol"))) {
                    return new Endpoint(protocol, host.isEmpty() ? "0.0.0.0" : host, port);
                }
            }
        }
        throw new ConfigException(
                file + ": " + name + " must be one such as SASL_SSL://0.0.0.0:9092, was '" + value + "'");
    }

    private static @Nullable ServerTls tls(Path file, Map<String, String> settings) throws ConfigException {
        requirePem(file, settings, "ssl.keystore.type");
        requirePem(file, settings, "ssl.truststore.type");
        String own = settings.get("ssl.keystore.location");
        String trusted = settings.get("ssl.truststore.location");
        String auth = settings.getOrDefault("ssl.client.auth", "none");
        ClientCertificates clients = switch (auth) {
            case "none" -> ClientCertificates.NONE;
            case "requested" -> ClientCertificates.REQUESTED;
            case "required" -> ClientCertificates.REQUIRED;
            default ->
                throw new ConfigException(
                        file + ": ssl.client.auth must be none, requested or required, was '" + auth + "'");
        };
        if (own == null) {
            if (clients != ClientCertificates.NONE || trusted != null) {
                throw new ConfigException(
                        file + ": ssl.keystore.location is missing, the server's certificate and key in PEM");
            }
            return null;
        }
        ServerTls tls = ServerTls.ofPem(Path.of(own), Path.of(own));
        String password = settings.get("ssl.key.password");
        if (password != null) {
            tls = tls.keyPassword(password);
        }
        if (clients == ClientCertificates.NONE) {
            return tls;
        }
        if (trusted == null) {
            throw new ConfigException(
                    file + ": ssl.truststore.location is missing, whose clients' certificates are trusted, in PEM");
        }
        return tls.clientCertificates(clients, Path.of(trusted));
    }

    private static void requirePem(Path file, Map<String, String> settings, String name) throws ConfigException {
        String type = settings.getOrDefault(name, "PEM");
        if (!type.equals("PEM")) {
            throw new ConfigException(file + ": " + name + " must be PEM, was '" + type + "'");
        }
    }

    private static List<SaslMechanism> mechanisms(Path file, Map<String, String> settings) throws ConfigException {
        List<SaslMechanism> mechanisms = new ArrayList<>();
        for (String name : list(settings.get("sasl.enabled.mechanisms"), ",")) {
            SaslMechanism mechanism = SaslMechanism.of(name);
            if (mechanism == null) {
                throw new ConfigException(file
                        + ": sasl.enabled.mechanisms has SCRAM-SHA-512, SCRAM-SHA-256 and PLAIN to choose from, was '"
                        + name + "'");
            }
            mechanisms.add(mechanism);
        }
        return List.copyOf(mechanisms);
    }

    private static List<String> superUsers(Path file, Map<String, String> settings) throws ConfigException {
        List<String> principals = list(settings.get("super.users"), ";");
        for (String principal : principals) {
            if (!principal.startsWith("User:") || principal.length() == "User:".length()) {
                throw new ConfigException(
                        file + ": super.users must be such as User:admin;User:bob, was '" + principal + "'");
            }
        }
        return principals;
    }

    private static List<String> list(@Nullable String value, String separator) {
        List<String> parts = new ArrayList<>();
        if (value != null) {
            for (String part : value.split(separator, -1)) {
                if (!part.isBlank()) {
                    parts.add(part.strip());
                }
            }
        }
        return List.copyOf(parts);
    }

    KafkaServer apply(KafkaServer server) {
        server.superUsers(superUsers.toArray(String[]::new)).sasl(mechanisms.toArray(SaslMechanism[]::new));
        Endpoint told = advertised;
        if (told != null) {
            server.advertised(told.host(), told.port());
        }
        return tls == null ? server : server.tls(tls);
    }

    /** Gives the users of the file a credential for each mechanism that they have none for; others are left as they are. */
    void addUsers(Broker broker) throws ConfigException {
        if (users == null) {
            return;
        }
        Properties passwords = new Properties();
        try (Reader reader = Files.newBufferedReader(users)) {
            passwords.load(reader);
        } catch (IOException | IllegalArgumentException e) {
            throw new ConfigException("cannot read " + users + ": " + e.getMessage());
        }
        Secrets secrets = Secrets.ofSystem();
        for (String user : new TreeSet<>(passwords.stringPropertyNames())) {
            String password = passwords.getProperty(user);
            if (password.isEmpty()) {
                throw new ConfigException(users + ": user '" + user + "' has no password");
            }
            for (ScramMechanism mechanism : scramMechanisms()) {
                if (broker.security().current().credential(user, mechanism) == null) {
                    broker.security()
                            .upsertCredential(user, secrets.credential(mechanism, password))
                            .block(ServeCommand.OPENING);
                }
            }
        }
    }

    /** PLAIN has no credentials of its own. */
    private Set<ScramMechanism> scramMechanisms() {
        Set<ScramMechanism> scram = new TreeSet<>();
        for (SaslMechanism mechanism : mechanisms) {
            ScramMechanism own = ScramMechanism.of(mechanism.saslName());
            scram.add(own == null ? ScramMechanism.SCRAM_SHA_512 : own);
        }
        return scram;
    }

    /** Without the file's names of users and keys. */
    @Override
    public String toString() {
        return "SecurityConfig[" + listener + ", " + tls + ", " + mechanisms + "]";
    }
}
