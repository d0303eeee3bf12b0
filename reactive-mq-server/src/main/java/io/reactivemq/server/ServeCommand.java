package io.reactivemq.server;

import io.reactivemq.Durability;
import io.reactivemq.MqException;
import io.reactivemq.broker.Broker;
import io.reactivemq.engine.BrokerOptions;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.netty.server.KafkaServer;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import reactor.netty.ChannelBindException;
import reactor.netty.DisposableServer;

/** {@code rmq serve}: a broker of its own, for Kafka's clients. Runs until it is told to stop. */
@Command(
        name = "serve",
        description = "Runs a broker that Kafka's clients connect to, until it gets SIGTERM or Ctrl-C.",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:stopped",
            "2:it could not start: a port in use, a directory it cannot use, a setting it does not know",
            "143:stopped by SIGTERM, after what was under way was finished"
        })
public final class ServeCommand implements Callable<Integer> {

    private static final int COULD_NOT_START = 2;

    private static final String HOST = "127.0.0.1";

    private static final int PORT = 9092;

    static final Duration OPENING = Duration.ofMinutes(10);

    private static final Duration CLOSING = Duration.ofSeconds(20);

    @Spec
    private @Nullable CommandSpec spec;

    @ArgGroup
    private Storage storage = new Storage();

    @Option(
            names = "--durability",
            paramLabel = "LEVEL",
            description =
                    "fsync (default): acknowledged when forced to disk; os-buffered: when in the page cache, as Kafka")
    private String durability = Durability.FSYNC.configName();

    @Option(names = "--host", description = "address to listen on; default as the file says, else " + HOST)
    private @Nullable String host;

    @Option(
            names = "--port",
            description = "port to listen on, 0 for any that is free; default as the file says, else " + PORT)
    private @Nullable Integer port;

    @Option(
            names = "--metrics-port",
            paramLabel = "PORT",
            description =
                    "let Prometheus fetch the meters at http://127.0.0.1:PORT/metrics, 0 for any port that is free; default as the file says, else not")
    private @Nullable Integer metricsPort;

    @Option(
            names = "--config",
            paramLabel = "FILE",
            description =
                    "a properties file: listeners, ssl.*, sasl.enabled.mechanisms, super.users, num.partitions, auto.create.topics.enable, node.id, transaction.durability, metrics.port, limits such as max.connections, and defaults for topics, by Kafka's names")
    private @Nullable Path config;

    /** Made by picocli. */
    public ServeCommand() {}

    /** Where the records are. */
    static final class Storage {
        @Option(names = "--data", paramLabel = "DIR", description = "keep the records in this directory")
        private @Nullable Path data;

        @Option(
                names = "--memory",
                paramLabel = "MIB",
                arity = "0..1",
                defaultValue = "256",
                fallbackValue = "256",
                description = "keep the records in memory, at most that many MiB; the default, with ${DEFAULT-VALUE}")
        private int memoryMib = 256;
    }

    @Override
    public Integer call() {
        Broker broker = null;
        MetricsEndpoint metrics = null;
        try {
            ServerConfig settings = config == null ? ServerConfig.defaults() : ServerConfig.read(config);
            Durability level = durability(durability);
            Integer fetchedAt = metricsPort == null ? settings.metricsPort() : metricsPort;
            if (fetchedAt != null) {
                metrics = MetricsEndpoint.open(port("--metrics-port", fetchedAt));
            }
            broker = open(settings, level, metrics);
            settings.security().addUsers(broker);
            KafkaServer kafka = KafkaServer.over(broker).host(hostOf(settings)).port(portOf(settings));
            if (metrics != null) {
                kafka.meterRegistry(metrics.registry());
            }
            DisposableServer server = settings.apply(kafka).bindNow();
            ready(server, level, metrics);
            stopOnSignal(server, broker, metrics);
            server.onDispose().block();
            return 0;
        } catch (ConfigException | MqException | IllegalArgumentException | IllegalStateException e) {
            return failed(broker, metrics, e.getMessage());
        } catch (ChannelBindException e) {
            Throwable cause = e.getCause();
            String reason = cause == null ? e.getMessage() : cause.getMessage();
            return failed(broker, metrics, "cannot listen on " + e.localHost() + ":" + e.localPort() + ": " + reason);
        }
    }

    private static int port(String name, int value) {
        if (value < 0 || value > 65_535) {
            throw new IllegalArgumentException(name + " must be 0 to 65535, was " + value);
        }
        return value;
    }

    private String hostOf(ServerConfig settings) {
        SecurityConfig.Endpoint listener = settings.security().listener();
        return host != null ? host : listener != null ? listener.host() : HOST;
    }

    private int portOf(ServerConfig settings) {
        SecurityConfig.Endpoint listener = settings.security().listener();
        return port != null ? port : listener != null ? listener.port() : PORT;
    }

    private int failed(@Nullable Broker broker, @Nullable MetricsEndpoint metrics, @Nullable String reason) {
        if (broker != null) {
            broker.closeGracefully(CLOSING).block();
        }
        if (metrics != null) {
            metrics.close();
        }
        PrintWriter err = commandSpec().commandLine().getErr();
        err.println("rmq serve: " + reason);
        err.flush();
        return COULD_NOT_START;
    }

    private Broker open(ServerConfig settings, Durability level, @Nullable MetricsEndpoint metrics) {
        Consumer<BrokerOptions> options = given -> {
            if (metrics != null) {
                given.meterRegistry(metrics.registry());
            }
            settings.apply(given);
        };
        Path data = storage.data;
        return data == null
                ? EmbeddedBroker.inMemory((long) storage.memoryMib << 20, options)
                : EmbeddedBroker.openNow(data, OPENING, given -> options.accept(given.durability(level)));
    }

    private static Durability durability(String name) {
        for (Durability level : Durability.values()) {
            if (level != Durability.MEMORY && level.configName().equals(name)) {
                return level;
            }
        }
        throw new IllegalArgumentException("--durability must be fsync or os-buffered, was '" + name + "'");
    }

    private void ready(DisposableServer server, Durability level, @Nullable MetricsEndpoint metrics) {
        Path data = storage.data;
        PrintWriter out = commandSpec().commandLine().getOut();
        out.printf(
                Locale.ROOT,
                "rmq: ready at %s:%d in %.2f s; records are %s%s%n",
                server.host(),
                server.port(),
                sinceStart().toMillis() / 1000.0,
                data == null
                        ? "in memory, at most " + storage.memoryMib + " MiB, and go with this process"
                        : "in " + data.toAbsolutePath().normalize() + " (" + level.configName() + ")",
                metrics == null ? "" : "; meters at " + metrics.address());
        out.flush();
    }

    private static Duration sinceStart() {
        Instant now = Instant.now();
        return Duration.between(ProcessHandle.current().info().startInstant().orElse(now), now);
    }

    private void stopOnSignal(DisposableServer server, Broker broker, @Nullable MetricsEndpoint metrics) {
        PrintWriter out = commandSpec().commandLine().getOut();
        Runtime.getRuntime()
                .addShutdownHook(new Thread(
                        () -> {
                            server.disposeNow(CLOSING);
                            broker.closeGracefully(CLOSING).block();
                            if (metrics != null) {
                                metrics.close();
                            }
                            out.println("rmq: stopped");
                            out.flush();
                        },
                        "rmq-stop"));
    }

    private CommandSpec commandSpec() {
        if (spec == null) {
            throw new IllegalStateException("picocli has not set the command up");
        }
        return spec;
    }
}
