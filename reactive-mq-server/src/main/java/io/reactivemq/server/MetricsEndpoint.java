package io.reactivemq.server;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.util.concurrent.ImmediateEventExecutor;
import java.time.Duration;
import java.util.List;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;
import reactor.netty.resources.LoopResources;

/**
 * The meters of this process, for Prometheus to fetch: {@code GET http://127.0.0.1:PORT/metrics}, in Prometheus' text format 0.0.4, or in OpenMetrics
 * 1.0.0 for who accepts that.
 *
 * <p>It listens on loopback only, since it has neither TLS nor passwords, and names of what is served tell something. Whatever a request takes is
 * spent on one thread of its own, none of the broker's.
 */
final class MetricsEndpoint implements AutoCloseable {

    static final String PATH = "/metrics";

    private static final String HOST = "127.0.0.1";

    private static final String TEXT = "text/plain; version=0.0.4; charset=utf-8";

    private static final String OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /** Many times what a Prometheus waits by default between two visits. */
    private static final Duration IDLE = Duration.ofMinutes(5);

    private static final Duration REQUEST = Duration.ofSeconds(10);

    private static final Duration CLOSING = Duration.ofSeconds(5);

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final JvmGcMetrics collections = new JvmGcMetrics();
    private final LoopResources thread = LoopResources.create("rmq-metrics", 1, true);

    /** The connections that are open; one that comes once it is closed is closed, too. */
    private final ChannelGroup connections = new DefaultChannelGroup(ImmediateEventExecutor.INSTANCE, true);

    private final DisposableServer server;

    private MetricsEndpoint(int port) {
        try {
            server = HttpServer.create()
                    .host(HOST)
                    .port(port)
                    .runOn(thread)
                    .compress(true)
                    .idleTimeout(IDLE)
                    .requestTimeout(REQUEST)
                    .doOnChannelInit((observer, channel, remote) -> connections.add(channel))
                    .route(routes -> routes.get(PATH, this::scrape))
                    .bindNow();
        } catch (RuntimeException e) {
            thread.dispose();
            throw e;
        }
        List.of(
                        new JvmMemoryMetrics(),
                        collections,
                        new JvmThreadMetrics(),
                        new ProcessorMetrics(),
                        new FileDescriptorMetrics(),
                        new UptimeMetrics())
                .forEach(part -> part.bindTo(registry));
    }

    /**
     * Listens on that port of 127.0.0.1, 0 for any that is free.
     *
     * @throws reactor.netty.ChannelBindException where it is in use
     */
    static MetricsEndpoint open(int port) {
        return new MetricsEndpoint(port);
    }

    /** Where meters are registered that it is to tell. */
    MeterRegistry registry() {
        return registry;
    }

    /** Where it is to be found. */
    String address() {
        return "http://" + HOST + ":" + server.port() + PATH;
    }

    private Publisher<Void> scrape(HttpServerRequest request, HttpServerResponse response) {
        String accept = request.requestHeaders().get(HttpHeaderNames.ACCEPT, "");
        String type = accept.contains("application/openmetrics-text") ? OPEN_METRICS : TEXT;
        return response.header(HttpHeaderNames.CONTENT_TYPE, type)
                .sendString(Mono.fromSupplier(() -> registry.scrape(type)));
    }

    @Override
    public void close() {
        server.disposeNow(CLOSING);
        // a thread that ends may leave them open, and a client that keeps one alive would wait for its next answer
        connections.close().awaitUninterruptibly(CLOSING.toMillis());
        thread.disposeLater(Duration.ZERO, CLOSING).block();
        collections.close();
        registry.close();
    }
}
