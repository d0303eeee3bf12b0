package io.reactivemq.netty.server;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Certificates that sign themselves, and their keys, made by the JDK's keytool: as PEM files, one for each. */
final class Certificates {

    private static final String PASSWORD = "changeit";

    private Certificates() {}

    /** The server's: for 127.0.0.1. */
    static Path server(Path directory) throws Exception {
        return make(directory, "server", "CN=server", List.of("-ext", "SAN=ip:127.0.0.1,dns:localhost"));
    }

    /** A client's, with that subject. */
    static Path client(Path directory, String subject) throws Exception {
        return make(directory, "client", subject, List.of());
    }

    private static Path make(Path directory, String name, String subject, List<String> more) throws Exception {
        Path store = directory.resolve(name + ".p12");
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-J-XX:TieredStopAtLevel=1",
                "-genkeypair",
                "-alias",
                name,
                "-keyalg",
                "EC",
                "-groupname",
                "secp256r1",
                "-validity",
                "2",
                "-dname",
                subject,
                "-storetype",
                "PKCS12",
                "-keystore",
                store.toString(),
                "-storepass",
                PASSWORD));
        command.addAll(more);
        Process keytool = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve(name + ".log").toFile())
                .start();
        if (!keytool.waitFor(5, TimeUnit.MINUTES) || keytool.exitValue() != 0) {
            keytool.destroyForcibly();
            throw new IllegalStateException("keytool: " + Files.readString(directory.resolve(name + ".log")));
        }
        return Files.writeString(directory.resolve(name + ".pem"), pem(store, name));
    }

    private static String pem(Path file, String name) throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(file)) {
            store.load(in, PASSWORD.toCharArray());
        }
        return block("PRIVATE KEY", store.getKey(name, PASSWORD.toCharArray()).getEncoded())
                + block("CERTIFICATE", store.getCertificate(name).getEncoded());
    }

    private static String block(String type, byte[] content) {
        String base64 = Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII))
                .encodeToString(content);
        return "-----BEGIN " + type + "-----\n" + base64 + "\n-----END " + type + "-----\n";
    }
}
