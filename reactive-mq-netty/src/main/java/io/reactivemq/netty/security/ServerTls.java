package io.reactivemq.netty.security;

import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * The certificate a server shows, and those it wants to see; TLS 1.3 and 1.2. Immutable.
 *
 * <pre>{@code
 * ServerTls tls = ServerTls.ofPem(Path.of("server.pem"), Path.of("server.key"))
 *         .clientCertificates(ServerTls.ClientCertificates.REQUIRED, Path.of("ca.pem"));
 * }</pre>
 */
public final class ServerTls {

    private static final String[] PROTOCOLS = {"TLSv1.3", "TLSv1.2"};

    /** Whether clients show certificates ({@code ssl.client.auth}). */
    public enum ClientCertificates {
        /** They are not asked to. */
        NONE,
        /** They may; who does not is {@code User:ANONYMOUS}, where there is no SASL. */
        REQUESTED,
        /** Who does not is not connected. */
        REQUIRED
    }

    private final Path chain;
    private final Path key;
    private final @Nullable String keyPassword;
    private final ClientCertificates clients;
    private final @Nullable Path trusted;

    private ServerTls(
            Path chain, Path key, @Nullable String keyPassword, ClientCertificates clients, @Nullable Path trusted) {
        this.chain = Objects.requireNonNull(chain, "chain");
        this.key = Objects.requireNonNull(key, "key");
        this.keyPassword = keyPassword;
        this.clients = Objects.requireNonNull(clients, "clients");
        this.trusted = trusted;
    }

    /**
     * A certificate and its key.
     *
     * @param chain a PEM file: the server's certificate, then those that lead from it to one that clients trust
     * @param key a PEM file with the key in PKCS #8; it may be the same file
     */
    public static ServerTls ofPem(Path chain, Path key) {
        return new ServerTls(chain, key, null, ClientCertificates.NONE, null);
    }

    /** The password of an encrypted key. */
    public ServerTls keyPassword(String password) {
        return new ServerTls(chain, key, Objects.requireNonNull(password, "password"), clients, trusted);
    }

    /**
     * Whether clients show certificates, too. Where there is no SASL, the certificate's subject is the principal, as {@code User:CN=alice,O=Shop}.
     *
     * @param trusted a PEM file: who may have signed them
     */
    public ServerTls clientCertificates(ClientCertificates clients, Path trusted) {
        return new ServerTls(chain, key, keyPassword, clients, Objects.requireNonNull(trusted, "trusted"));
    }

    /** Whether clients show certificates. */
    public ClientCertificates clientCertificates() {
        return clients;
    }

    /**
     * Reads the files.
     *
     * @throws IllegalArgumentException where one cannot be read, or has nothing that can be used
     */
    public SslContext context() {
        SslContextBuilder builder = read(
                chain,
                chainIn -> read(key, keyIn -> {
                    try {
                        return SslContextBuilder.forServer(chainIn, keyIn, keyPassword);
                    } catch (IllegalArgumentException e) {
                        throw new IllegalArgumentException(
                                "no certificate in " + chain + " or no key (PKCS #8) in " + key + ": " + reason(e), e);
                    }
                }));
        builder.protocols(PROTOCOLS);
        Path trust = trusted;
        if (trust != null) {
            read(trust, in -> {
                try {
                    return builder.trustManager(in);
                } catch (IllegalArgumentException e) {
                    throw new IllegalArgumentException("no certificate in " + trust + ": " + reason(e), e);
                }
            });
        }
        builder.clientAuth(
                switch (clients) {
                    case NONE -> ClientAuth.NONE;
                    case REQUESTED -> ClientAuth.OPTIONAL;
                    case REQUIRED -> ClientAuth.REQUIRE;
                });
        try {
            return builder.build();
        } catch (SSLException e) {
            throw new IllegalArgumentException("certificate " + chain + " and key " + key + ": " + reason(e), e);
        }
    }

    private static @Nullable String reason(Exception e) {
        Throwable cause = e.getCause();
        return cause == null || cause.getMessage() == null ? e.getMessage() : cause.getMessage();
    }

    private interface Reader<T> {
        T read(InputStream in);
    }

    private static <T> T read(Path file, Reader<T> reader) {
        try (InputStream in = Files.newInputStream(file)) {
            return reader.read(in);
        } catch (IOException e) {
            throw new IllegalArgumentException("cannot read " + file + ": " + e, e);
        }
    }

    @Override
    public String toString() {
        return "ServerTls[chain=" + chain + ", key=" + key + ", clientCertificates=" + clients + "]";
    }
}
