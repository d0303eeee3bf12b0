package io.reactivemq.netty.server;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Metrics;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.handler.ssl.SslContext;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.FetchMemory;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.VersionRange;
import io.reactivemq.netty.security.Authorizer;
import io.reactivemq.netty.security.AuthorizingBroker;
import io.reactivemq.netty.security.SaslMechanism;
import io.reactivemq.netty.security.Secrets;
import io.reactivemq.netty.security.ServerTls;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.NettyPipeline;
import reactor.netty.tcp.TcpServer;

/**
 * A broker behind a TCP port, in Kafka's own protocol: unmodified Kafka clients send to it, read from it and administer it.
 *
 * <pre>{@code
 * DisposableServer server = KafkaServer.over(broker).host("127.0.0.1").port(9092).bindNow();
 * ...
 * server.disposeNow();                                      // answers what is under way; the broker stays open
 * }</pre>
 *
 * <p>Without TLS and authentication it binds to loopback addresses only. The options belong to the caller until it binds; each bind starts a server of its own.
 */
public final class KafkaServer {

    /** What {@link #frameBytesMax} may be at least. */
    public static final int FRAME_BYTES_MAX_MIN = 1_024;

    /** What {@link #frameBytesMax} may be at most. */
    public static final int FRAME_BYTES_MAX_MAX = Integer.MAX_VALUE - KafkaCodec.LENGTH_BYTES;

    /** As Kafka ({@code socket.request.max.bytes}). */
    private static final int FRAME_BYTES_MAX = 100 * 1024 * 1024;

    /** Several batches of the largest usual size. */
    private static final long IN_FLIGHT_BYTES_MAX = 16 * 1024 * 1024;

    private static final int CONNECTIONS_MAX = 100_000;

    private static final Duration BIND_TIMEOUT = Duration.ofSeconds(45);

    private final Broker broker;
    private String host = "127.0.0.1";
    private int port = 9092;
    private @Nullable InetSocketAddress advertised;
    private int nodeId = 1;
    private @Nullable String clusterId;
    private int autoCreatePartitions;
    private int defaultPartitions = 1;
    private int frameBytesMax = FRAME_BYTES_MAX;
    private long inFlightBytesMax = IN_FLIGHT_BYTES_MAX;
    private int connectionsMax = CONNECTIONS_MAX;
    private int connectionsPerAddressMax = Integer.MAX_VALUE;
    private long fetchedBytesMax = ServerSettings.FETCHED_BYTES_MAX;
    private long unwrittenBytesMax = ServerSettings.UNWRITTEN_BYTES_MAX;
    private int fetchSessionsMax = FetchSessions.SESSIONS_MAX;
    private Duration frameTimeout = Duration.ofMinutes(1);
    private Duration idleTimeout = Duration.ofMinutes(10);
    private Duration drainTimeout = Duration.ofSeconds(10);
    private @Nullable ServerTls tls;
    private List<SaslMechanism> mechanisms = List.of();
    private Set<String> superUsers = Set.of();
    private Duration authenticationTimeout = Duration.ofSeconds(30);
    private MeterRegistry meterRegistry = Metrics.globalRegistry;

    private KafkaServer(Broker broker) {
        this.broker = Objects.requireNonNull(broker, "broker");
    }

    /** A server over that broker, which it does not close. */
    public static KafkaServer over(Broker broker) {
        return new KafkaServer(broker);
    }

    /** The address to listen on; {@code 127.0.0.1} by default. One that others can reach needs {@link #tls TLS} and authentication. */
    public KafkaServer host(String host) {
        this.host = Objects.requireNonNull(host, "host");
        return this;
    }

    /** The port to listen on, 9092 by default; 0: any that is free. */
    public KafkaServer port(int port) {
        this.port = within("port", port, 0, 65_535);
        return this;
    }

    /** Where clients are told to connect to; by default the address and port they have reached. For a server behind a proxy. */
    public KafkaServer advertised(String host, int port) {
        this.advertised = InetSocketAddress.createUnresolved(
                Objects.requireNonNull(host, "host"), within("port", port, 1, 65_535));
        return this;
    }

    /** The server's number, 1 by default. */
    public KafkaServer nodeId(int nodeId) {
        this.nodeId = within("nodeId", nodeId, 0, Integer.MAX_VALUE);
        return this;
    }

    /** The name of the cluster; by default one that the broker's data keeps. */
    public KafkaServer clusterId(String clusterId) {
        this.clusterId = Objects.requireNonNull(clusterId, "clusterId");
        return this;
    }

    /** Creates a topic when a client asks for one that is not there, as Kafka's {@code auto.create.topics.enable}; off by default. */
    public KafkaServer autoCreateTopics(int partitions) {
        this.autoCreatePartitions = within("partitions", partitions, 1, Integer.MAX_VALUE);
        return this;
    }

    /** How many partitions a topic gets whose creator leaves it to the server ({@code num.partitions}), 1 by default. */
    public KafkaServer defaultPartitions(int defaultPartitions) {
        this.defaultPartitions = within("defaultPartitions", defaultPartitions, 1, Integer.MAX_VALUE);
        return this;
    }

    /** The longest request taken, 100 MiB by default ({@code socket.request.max.bytes}); who sends a longer one is disconnected. */
    public KafkaServer frameBytesMax(int frameBytesMax) {
        this.frameBytesMax = within("frameBytesMax", frameBytesMax, FRAME_BYTES_MAX_MIN, FRAME_BYTES_MAX_MAX);
        return this;
    }

    /** How many bytes of requests of one connection may wait for their answers before its socket is no longer read; 16 MiB by default. */
    public KafkaServer inFlightBytesMax(long inFlightBytesMax) {
        if (inFlightBytesMax < 1) {
            throw new IllegalArgumentException("inFlightBytesMax must be 1 or more, was " + inFlightBytesMax);
        }
        this.inFlightBytesMax = inFlightBytesMax;
        return this;
    }

    /**
     * How many bytes of records may wait to be written, of all connections together ({@code queued.max.request.bytes}); a quarter of the memory outside of the
     * heap by default, and 64 MiB at least. Records beyond are refused with {@code REQUEST_TIMED_OUT}, after which clients try again.
     */
    public KafkaServer unwrittenBytesMax(long unwrittenBytesMax) {
        if (unwrittenBytesMax < 1) {
            throw new IllegalArgumentException("unwrittenBytesMax must be 1 or more, was " + unwrittenBytesMax);
        }
        this.unwrittenBytesMax = unwrittenBytesMax;
        return this;
    }

    /** How many connections at a time ({@code max.connections}), 100,000 by default; more are closed as they come. */
    public KafkaServer connectionsMax(int connectionsMax) {
        this.connectionsMax = within("connectionsMax", connectionsMax, 1, Integer.MAX_VALUE);
        return this;
    }

    /** How many connections at a time from one address ({@code max.connections.per.ip}), any number by default; more are closed as they come. */
    public KafkaServer connectionsPerAddressMax(int connectionsPerAddressMax) {
        this.connectionsPerAddressMax =
                within("connectionsPerAddressMax", connectionsPerAddressMax, 1, Integer.MAX_VALUE);
        return this;
    }

    /**
     * How many bytes of records may be in memory at a time that clients have fetched, of all connections together, until they have taken them; a quarter of
     * the heap by default, and 64 MiB at least. Records that the operating system sends from the log's files, as it does without TLS, do not count. Where
     * less is left, fetches bring less, or wait for their turn as long as they would for records.
     */
    public KafkaServer fetchedBytesMax(long fetchedBytesMax) {
        if (fetchedBytesMax < 1) {
            throw new IllegalArgumentException("fetchedBytesMax must be 1 or more, was " + fetchedBytesMax);
        }
        this.fetchedBytesMax = fetchedBytesMax;
        return this;
    }

    /**
     * How many fetch sessions at a time (KIP-227, {@code max.incremental.fetch.session.cache.slots}), 1,000 by default; 0: none. A client without one
     * names all its partitions in each fetch, and is answered with all.
     */
    public KafkaServer fetchSessionsMax(int fetchSessionsMax) {
        this.fetchSessionsMax = within("fetchSessionsMax", fetchSessionsMax, 0, Integer.MAX_VALUE);
        return this;
    }

    /**
     * How long a request may take from its first byte to its last, one minute by default; who takes longer is disconnected. Time in which the server does not
     * read, since too much of the connection waits for its answers, does not count.
     */
    public KafkaServer frameTimeout(Duration frameTimeout) {
        this.frameTimeout = moreThanZero("frameTimeout", frameTimeout);
        return this;
    }

    /**
     * After how long a connection is closed on which nothing comes or goes ({@code connections.max.idle.ms}), 10 minutes by default. One whose request is under way is not
     * idle. One whose client takes nothing of an answer is closed, too, whatever it sends: after that time, or up to twice that.
     */
    public KafkaServer idleTimeout(Duration idleTimeout) {
        this.idleTimeout = moreThanZero("idleTimeout", idleTimeout);
        return this;
    }

    /** How long {@code dispose} waits for requests under way before it cuts their connections; 10 s by default. */
    public KafkaServer drainTimeout(Duration drainTimeout) {
        this.drainTimeout = moreThanZero("drainTimeout", drainTimeout);
        return this;
    }

    /** Speaks TLS only, with that certificate. */
    public KafkaServer tls(ServerTls tls) {
        this.tls = Objects.requireNonNull(tls, "tls");
        return this;
    }

    /**
     * Asks clients who they are, by the SCRAM credentials that the broker keeps ({@link Broker#security()}). {@link SaslMechanism#PLAIN} needs TLS. From then
     * on clients may do what ACLs allow them, and nothing else.
     *
     * @param mechanisms which of them clients may choose
     */
    public KafkaServer sasl(SaslMechanism... mechanisms) {
        this.mechanisms = List.copyOf(new LinkedHashSet<>(Arrays.asList(mechanisms)));
        return this;
    }

    /** Who may do all, whatever the ACLs say: principals such as {@code User:admin} ({@code super.users}). */
    public KafkaServer superUsers(String... principals) {
        for (String principal : principals) {
            if (principal.indexOf(':') < 1) {
                throw new IllegalArgumentException(
                        "superUsers: expected principals such as User:admin, was '" + principal + "'");
            }
        }
        this.superUsers = Set.of(principals);
        return this;
    }

    /** How long a connection may take to show who it is, 30 s by default; who takes longer is disconnected. */
    public KafkaServer authenticationTimeout(Duration authenticationTimeout) {
        this.authenticationTimeout = moreThanZero("authenticationTimeout", authenticationTimeout);
        return this;
    }

    /** Where its meters are registered; Micrometer's global registry by default. */
    public KafkaServer meterRegistry(MeterRegistry meterRegistry) {
        this.meterRegistry = Objects.requireNonNull(meterRegistry, "meterRegistry");
        return this;
    }

    private static Duration moreThanZero(String name, Duration value) {
        if (value.isNegative() || value.isZero()) {
            throw new IllegalArgumentException(name + " must be more than 0, was " + value);
        }
        return value;
    }

    private static int within(String name, int value, int min, int max) {
        if (value < min || value > max) {
            throw new IllegalArgumentException(name + " must be " + min + " to " + max + ", was " + value);
        }
        return value;
    }

    /**
     * Binds and serves. Disposing of what comes takes no more connections, answers the requests that are under way, but for fetches that wait for
     * records, and closes the connections.
     *
     * @return the server; an error is a {@link reactor.netty.ChannelBindException} where the port is in use
     * @throws IllegalStateException for a host that is not known, or an address that others can reach without TLS
     *     and authentication, or for PLAIN without TLS
     */
    public Mono<DisposableServer> bind() {
        ServerSettings settings = new ServerSettings(
                broker,
                nodeId,
                clusterId,
                autoCreatePartitions,
                defaultPartitions,
                frameBytesMax,
                inFlightBytesMax,
                connectionsMax,
                connectionsPerAddressMax,
                fetchedBytesMax,
                unwrittenBytesMax);
        InetSocketAddress clientsGo = advertised;
        InetSocketAddress local = new InetSocketAddress(host, port);
        Duration drain = drainTimeout;
        Duration frameWait = frameTimeout;
        Duration idle = idleTimeout;
        int sessionsMax = fetchSessionsMax;
        MeterRegistry registry = meterRegistry;
        ServerTls certificate = tls;
        requireSafe(local, certificate, mechanisms);
        SslContext ssl = certificate == null ? null : certificate.context();
        List<SaslMechanism> offered = mechanisms;
        Set<String> mayDoAll = superUsers;
        Duration authentication = authenticationTimeout;
        Secrets secrets = Secrets.ofSystem();
        // who asks nobody who he is has no salts to give
        Mono<Secrets> kept = offered.isEmpty() ? Mono.just(secrets) : secrets.keptBy(broker.security());
        return kept.flatMap(own -> {
            ServerSecurity security = ServerSecurity.of(
                    broker,
                    certificate == null ? null : certificate.clientCertificates(),
                    offered,
                    mayDoAll,
                    authentication,
                    own);
            FetchSessions sessions = new FetchSessions(
                    sessionsMax, FetchSessions.PARTITIONS_MAX, broker.runtime(), new FetchSessionMeters(registry));
            ApiTable apis = apis(settings, security, sessions);
            ServerMeters meters = new ServerMeters(registry, apis);
            FetchMemory fetchMemory = new FetchMemory(settings.fetchedBytesMax());
            Connections connections = new Connections(settings, meters);
            TcpServer plain = TcpServer.create();
            return (ssl == null ? plain : plain.secure(spec -> spec.sslContext(ssl)))
                    .bindAddress(() -> local)
                    .doOnChannelInit((observer, channel, remote) -> {
                        channel.config().setMessageSizeEstimator(OutboundBytes.ESTIMATOR);
                        ConnectionHandler handler = new ConnectionHandler(
                                apis,
                                settings,
                                meters,
                                security,
                                fetchMemory,
                                reached -> clientsGo == null ? reached : clientsGo);
                        channel.pipeline()
                                .addBefore(
                                        NettyPipeline.ReactiveBridge,
                                        "kafka.frames",
                                        new FrameDecoder(settings.frameBytesMax(), frameWait, handler::isKnown))
                                .addBefore(
                                        NettyPipeline.ReactiveBridge, "kafka.idle", ConnectionHandler.idleAfter(idle))
                                .addBefore(NettyPipeline.ReactiveBridge, "kafka.requests", handler);
                        connections.add(channel, handler);
                    })
                    .handle((in, out) -> out.neverComplete())
                    .bind()
                    .doOnError(failure -> security.sasl().dispose())
                    .map(server -> {
                        DrainingServer draining = new DrainingServer(server, connections, drain, broker.runtime());
                        draining.onDispose()
                                .doFinally(end -> {
                                    security.sasl().dispose();
                                    sessions.close();
                                })
                                .subscribe();
                        return draining;
                    });
        });
    }

    /** {@link #bind()} for main methods: waits for it. */
    public DisposableServer bindNow() {
        return Objects.requireNonNull(bind().block(BIND_TIMEOUT));
    }

    private static void requireSafe(
            InetSocketAddress address, @Nullable ServerTls tls, List<SaslMechanism> mechanisms) {
        if (address.isUnresolved()) {
            throw new IllegalStateException("the host '" + address.getHostString() + "' is not known");
        }
        if (tls == null && mechanisms.contains(SaslMechanism.PLAIN)) {
            throw new IllegalStateException("PLAIN sends passwords as they are, and there is no TLS to hide them: set"
                    + " tls(...) (ssl.keystore.location), or leave PLAIN out");
        }
        boolean authenticates = !mechanisms.isEmpty()
                || (tls != null && tls.clientCertificates() == ServerTls.ClientCertificates.REQUIRED);
        if (!address.getAddress().isLoopbackAddress() && (tls == null || !authenticates)) {
            throw new IllegalStateException("the address " + address.getHostString()
                    + " can be reached from other machines: set tls(...) (ssl.keystore.location), and sasl(...)"
                    + " (sasl.enabled.mechanisms) or required client certificates (ssl.client.auth=required); or bind"
                    + " to a loopback address such as 127.0.0.1");
        }
    }

    static ApiTable apis(ServerSettings settings) {
        return apis(settings, ServerSecurity.none(settings.broker()));
    }

    static ApiTable apis(ServerSettings settings, ServerSecurity security) {
        return apis(
                settings,
                security,
                new FetchSessions(
                        FetchSessions.SESSIONS_MAX,
                        FetchSessions.PARTITIONS_MAX,
                        settings.broker().runtime(),
                        new FetchSessionMeters(new SimpleMeterRegistry())));
    }

    private static ApiTable apis(ServerSettings unguarded, ServerSecurity security, FetchSessions sessions) {
        ApiTable apis = new ApiTable();
        Broker target = unguarded.broker();
        Authorizer authorizer = security.authorizer();
        ServerSettings settings = unguarded.over(new AuthorizingBroker(target, authorizer));
        // what an id is called tells nothing yet; what may be done with it is asked by the name
        TopicNames names = new TopicNames(target);
        // what clients look at before they use the protocol of KIP-848, and transactions of KIP-890
        Map<String, VersionRange> features = new TreeMap<>(
                Map.of("group.version", VersionRange.of(0, 1), "transaction.version", VersionRange.of(0, 2)));
        new MetadataApis(settings, target, authorizer, names, features, apis).register();
        new ProduceApi(settings.broker(), names, settings.unwrittenBytesMax()).register(apis);
        new FetchApi(settings.broker(), names, sessions, security.quotas()).register(apis);
        new LogApis(settings.broker(), target).register(apis);
        new LogDetailApis(settings.broker()).register(apis);
        new TopicApis(settings, authorizer, names).register(apis);
        new ConfigApis(settings.broker(), authorizer).register(apis);
        new ProducerApis(settings.broker()).register(apis);
        new TransactionApis(settings.broker(), authorizer, names).register(apis);
        new TransactionAdminApis(settings.broker()).register(apis);
        new CoordinatorApi(settings, authorizer).register(apis);
        new GroupOffsetApis(settings.broker(), authorizer, names).register(apis);
        new OffsetFetchApi(settings.broker(), authorizer, names).register(apis);
        new ConsumerGroupApis(settings.broker(), authorizer, names).register(apis);
        new ClassicGroupApis(settings.broker()).register(apis);
        new GroupAdminApis(settings.broker(), authorizer).register(apis);
        new SaslApis(security.sasl(), target.runtime()).register(apis);
        new AclApis(settings.broker()).register(apis);
        new ScramApis(settings.broker()).register(apis);
        new QuotaApis(settings.broker()).register(apis);
        return apis;
    }
}
