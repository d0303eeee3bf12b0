package io.reactivemq.netty.foreign;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.jspecify.annotations.Nullable;

/** Apache Kafka itself, from the jars that the module kafka-peer collects: its tools in a class loader of their own, a broker in a JVM of its own. */
public final class KafkaPeer {

    private static final Path LIB = Path.of("..", "kafka-peer", "target", "lib");

    private static final Duration END_LIMIT = Duration.ofMinutes(5);

    private KafkaPeer() {}

    /** The command that runs something on Kafka's class path in a JVM of its own. */
    public static List<String> java(String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                LIB + "/*"));
        command.addAll(List.of(arguments));
        return command;
    }

    /** Kafka's command-line tools, as its scripts start them: by class, arguments and standard input. Not closed, since threads of theirs outlive them. */
    public static final class Tools {

        private final URLClassLoader loader;

        /** The first of a run: some tools catch what ends them, and exit again. */
        private @Nullable Exited exited;

        public Tools() throws Exception {
            List<URL> jars = new ArrayList<>();
            try (Stream<Path> files = Files.list(LIB)) {
                for (Path jar : files.toList()) {
                    jars.add(jar.toUri().toURL());
                }
            }
            loader = new URLClassLoader(jars.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
            Class<?> exit = loader.loadClass("org.apache.kafka.common.utils.Exit");
            for (String way : List.of("setExitProcedure", "setHaltProcedure")) {
                set(exit, way, "Procedure", (status, message) -> {
                    if (exited == null) {
                        exited = new Exited((Integer) status);
                    }
                    throw exited;
                });
            }
            set(exit, "setShutdownHookAdder", "ShutdownHookAdder", (name, hook) -> {});
        }

        private void set(Class<?> exit, String method, String type, Call call) throws Exception {
            Class<?> procedure = loader.loadClass(exit.getName() + "$" + type);
            Object proxy = Proxy.newProxyInstance(loader, new Class<?>[] {procedure}, (self, called, arguments) -> {
                call.with(arguments[0], arguments.length > 1 ? arguments[1] : "");
                return null;
            });
            exit.getMethod(method, procedure).invoke(null, proxy);
        }

        /** Runs a tool, which has to end with status 0. */
        public List<String> run(String tool, String input, String... arguments) throws Exception {
            PrintStream out = System.out;
            PrintStream err = System.err;
            InputStream in = System.in;
            ClassLoader context = Thread.currentThread().getContextClassLoader();
            ByteArrayOutputStream written = new ByteArrayOutputStream();
            ByteArrayOutputStream complained = new ByteArrayOutputStream();
            int status;
            try {
                System.setOut(new PrintStream(written, true, UTF_8));
                System.setErr(new PrintStream(complained, true, UTF_8));
                System.setIn(new ByteArrayInputStream(input.getBytes(UTF_8)));
                Thread.currentThread().setContextClassLoader(loader);
                Set<Thread> before = Thread.getAllStackTraces().keySet();
                status = call(tool, arguments);
                awaitOthers(before);
            } finally {
                System.setOut(out);
                System.setErr(err);
                System.setIn(in);
                Thread.currentThread().setContextClassLoader(context);
            }
            assertThat(status)
                    .as(
                            "status of %s %s; stdout: %s stderr: %s",
                            tool, List.of(arguments), written.toString(UTF_8), complained.toString(UTF_8))
                    .isZero();
            return written.toString(UTF_8).lines().toList();
        }

        /** As a JVM does, which lives as long as a thread that is no daemon. */
        private static void awaitOthers(Set<Thread> before) throws InterruptedException {
            for (Thread thread : Thread.getAllStackTraces().keySet()) {
                if (!before.contains(thread) && !thread.isDaemon()) {
                    thread.join(END_LIMIT.toMillis());
                    assertThat(thread.isAlive())
                            .as("%s ends within %s", thread, END_LIMIT)
                            .isFalse();
                }
            }
        }

        private int call(String tool, String... arguments) throws Exception {
            exited = null;
            try {
                loader.loadClass(tool).getMethod("main", String[].class).invoke(null, (Object) arguments);
                return 0;
            } catch (InvocationTargetException e) {
                if (e.getCause() instanceof Exited end) {
                    return end.status;
                }
                throw e;
            }
        }

        private interface Call {
            void with(Object first, Object second);
        }

        /** What a tool's exit becomes, since this JVM goes on. */
        private static final class Exited extends Error {

            private static final long serialVersionUID = 1L;

            private final int status;

            Exited(int status) {
                super("exit " + status, null, false, false);
                this.status = status;
            }
        }
    }

    /** One node, broker and controller, on loopback. */
    public static final class Node implements AutoCloseable {

        private static final int PORT_MIN = 12_000;
        private static final int PORT_MAX = 32_000;
        private static final int PORTS_TRIED = 1_000;

        private final ForeignProgram program;
        private final int port;

        private Node(ForeignProgram program, int port) {
            this.program = program;
            this.port = port;
        }

        public static Node start(Path directory) throws Exception {
            int port;
            int controller;
            try (ServerSocket one = onAnyPort();
                    ServerSocket other = onAnyPort()) {
                port = one.getLocalPort();
                controller = other.getLocalPort();
            }
            Path properties = Files.writeString(directory.resolve("server.properties"), """
                    process.roles=broker,controller
                    node.id=1
                    controller.quorum.voters=1@127.0.0.1:%2$d
                    controller.listener.names=CONTROLLER
                    listeners=PLAINTEXT://127.0.0.1:%1$d,CONTROLLER://127.0.0.1:%2$d
                    advertised.listeners=PLAINTEXT://127.0.0.1:%1$d
                    log.dirs=%3$s
                    num.partitions=1
                    offsets.topic.num.partitions=1
                    offsets.topic.replication.factor=1
                    transaction.state.log.num.partitions=1
                    transaction.state.log.replication.factor=1
                    transaction.state.log.min.isr=1
                    share.coordinator.state.topic.replication.factor=1
                    share.coordinator.state.topic.min.isr=1
                    group.initial.rebalance.delay.ms=0
                    group.consumer.heartbeat.interval.ms=500
                    group.consumer.min.heartbeat.interval.ms=500
                    log.initial.task.delay.ms=500
                    log.retention.check.interval.ms=500
                    log.cleaner.backoff.ms=200
                    transaction.abort.timed.out.transaction.cleanup.interval.ms=500
                    """.formatted(
                            port, controller, directory.resolve("logs").toAbsolutePath()));
            ForeignProgram.run(
                    directory,
                    "",
                    java(
                            "kafka.tools.StorageTool",
                            "format",
                            "-t",
                            "MkU3OEVBNTcwNTJENDM2Qk",
                            "-c",
                            properties.toString()));
            Node node = new Node(ForeignProgram.start(directory, "", java("kafka.Kafka", properties.toString())), port);
            node.awaitAnswer();
            return node;
        }

        public String bootstrap() {
            return "127.0.0.1:" + port;
        }

        /** Tools give up after a minute, in which a busy machine starts no broker. */
        private void awaitAnswer() throws Exception {
            try (Admin admin = Admin.create(
                    Map.of("bootstrap.servers", bootstrap(), "default.api.timeout.ms", 300_000, "retries", 100_000))) {
                admin.describeCluster().nodes().get();
            } catch (ExecutionException e) {
                close();
                throw new AssertionError("no answer from Apache Kafka: " + program.errors(), e);
            }
        }

        /**
         * One that nobody else is given while Kafka starts: the operating system hands out ports from 32,768 on, to clients and to whoever asks for any.
         */
        private static ServerSocket onAnyPort() throws IOException {
            for (int i = 0; i < PORTS_TRIED; i++) {
                int port = ThreadLocalRandom.current().nextInt(PORT_MIN, PORT_MAX);
                try {
                    return new ServerSocket(port, 1, requireNonNull(InetAddress.getLoopbackAddress()));
                } catch (BindException taken) {
                    // another one
                }
            }
            throw new IOException("no port from " + PORT_MIN + " to " + PORT_MAX + " is free");
        }

        @Override
        public void close() {
            program.close();
        }
    }
}
