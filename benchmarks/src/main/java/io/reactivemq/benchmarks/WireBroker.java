package io.reactivemq.benchmarks;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A broker on loopback in a JVM of its own: ours as {@code rmq serve} starts it, or Apache Kafka's as its scripts do. */
final class WireBroker {

    /** How a broker is started: with a directory of its own, whose log stays over starts. */
    abstract static class Kind {

        final String label;

        Kind(String label) {
            this.label = label;
        }

        /** Makes the directory ready, once. */
        abstract void prepare(Path directory) throws Exception;

        abstract List<String> command(Path directory, int port) throws IOException;

        /** A broker that may not answer yet. */
        final WireBroker launch(Path directory, int port) throws IOException {
            return new WireBroker(port, Jvm.start(directory, command(directory, port)));
        }
    }

    /** {@code rmq serve}, os-buffered as its peer is. */
    static final class Ours extends Kind {

        private final String classPath;
        private final List<String> options;

        Ours(String classPath, List<String> options) {
            super("ours");
            this.classPath = classPath;
            this.options = options;
        }

        String classPath() {
            return classPath;
        }

        Ours with(String option) {
            List<String> more = new ArrayList<>(options);
            more.add(option);
            return new Ours(classPath, more);
        }

        /** Runs a server until its first record, and lists what it loaded. */
        List<String> listClasses(Path list, Path data) {
            List<String> command = new ArrayList<>(options);
            command.addAll(List.of("-XX:DumpLoadedClassList=" + list, "-cp", classPath));
            command.addAll(List.of("io.reactivemq.examples.ServeOnce", data.toString()));
            return command;
        }

        /** Has the JVM write down these classes, in the form in which it needs them. */
        List<String> archiveClasses(Path list, Path archive) {
            return List.of(
                    "-Xshare:dump",
                    "-XX:SharedClassListFile=" + list,
                    "-XX:SharedArchiveFile=" + archive,
                    "-Xlog:cds=off",
                    "-cp",
                    classPath);
        }

        @Override
        void prepare(Path directory) {
            // it makes its directory itself
        }

        @Override
        List<String> command(Path directory, int port) {
            List<String> command = new ArrayList<>(options);
            command.addAll(List.of("-Xshare:auto", "-Drmq.terminal=false", "-cp", classPath));
            command.addAll(List.of("io.reactivemq.examples.Rmq", "serve", "--durability", "os-buffered"));
            command.addAll(List.of("--data", directory.resolve("log").toString(), "--port", String.valueOf(port)));
            return command;
        }
    }

    /** One node, broker and controller, with the heap and the collector of Kafka's own start script. */
    static final class Kafka extends Kind {

        private static final List<String> OPTIONS = List.of(
                "-server",
                "-Xms1G",
                "-Xmx1G",
                "-XX:+UseG1GC",
                "-XX:MaxGCPauseMillis=20",
                "-XX:InitiatingHeapOccupancyPercent=35",
                "-XX:+ExplicitGCInvokesConcurrent",
                "-Djava.awt.headless=true");

        private final String classPath;

        Kafka(String classPath) {
            super("Kafka");
            this.classPath = classPath;
        }

        @Override
        void prepare(Path directory) throws Exception {
            Path settings = settings(directory, 1);
            List<String> format = List.of("-cp", classPath, "kafka.tools.StorageTool", "format");
            List<String> command = new ArrayList<>(format);
            command.addAll(List.of("-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", settings.toString()));
            Jvm.start(directory, command).awaitEnd();
        }

        @Override
        List<String> command(Path directory, int port) throws IOException {
            List<String> command = new ArrayList<>(OPTIONS);
            command.addAll(List.of(
                    "-cp", classPath, "kafka.Kafka", settings(directory, port).toString()));
            return command;
        }

        private static Path settings(Path directory, int port) throws IOException {
            return Files.writeString(directory.resolve("server.properties"), """
                    process.roles=broker,controller
                    node.id=1
                    controller.quorum.voters=1@127.0.0.1:%2$d
                    controller.listener.names=CONTROLLER
                    listeners=PLAINTEXT://127.0.0.1:%1$d,CONTROLLER://127.0.0.1:%2$d
                    advertised.listeners=PLAINTEXT://127.0.0.1:%1$d
                    log.dirs=%3$s
                    num.partitions=1
                    offsets.topic.replication.factor=1
                    share.coordinator.state.topic.replication.factor=1
                    share.coordinator.state.topic.min.isr=1
                    transaction.state.log.replication.factor=1
                    transaction.state.log.min.isr=1
                    group.initial.rebalance.delay.ms=0
                    """.formatted(
                            port, freePort(), directory.resolve("log").toAbsolutePath()));
        }
    }

    final Jvm jvm;
    private final int port;

    private WireBroker(int port, Jvm jvm) {
        this.port = port;
        this.jvm = jvm;
    }

    String bootstrap() {
        return "127.0.0.1:" + port;
    }

    static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}
