package io.reactivemq.netty.server;

import io.netty.channel.Channel;
import io.reactivemq.MqRuntime;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.DisposableServer;

/** A server whose end is graceful: it lets go of its port, then of its connections as they end, within a bound. */
final class DrainingServer implements DisposableServer {

    private static final Logger LOG = LoggerFactory.getLogger(DrainingServer.class);

    private final DisposableServer server;
    private final Connections connections;
    private final Duration timeout;
    private final MqRuntime runtime;
    private final AtomicBoolean disposed = new AtomicBoolean();
    private final Sinks.Empty<Void> ended = Sinks.empty();

    DrainingServer(DisposableServer server, Connections connections, Duration timeout, MqRuntime runtime) {
        this.server = server;
        this.connections = connections;
        this.timeout = timeout;
        this.runtime = runtime;
    }

    @Override
    public Channel channel() {
        return server.channel();
    }

    @Override
    public SocketAddress address() {
        return server.address();
    }

    @Override
    public String host() {
        return server.host();
    }

    @Override
    public int port() {
        return server.port();
    }

    @Override
    public void dispose() {
        if (!disposed.compareAndSet(false, true)) {
            return;
        }
        server.dispose();
        server.onDispose()
                .onErrorComplete()
                .then(connections.drain())
                .timeout(
                        timeout,
                        Mono.fromRunnable(() -> {
                            LOG.warn("{} connections did not end within {} and are cut", connections.size(), timeout);
                            connections.cut();
                        }),
                        runtime.timers())
                .doFinally(end -> ended.tryEmitEmpty())
                .subscribe();
    }

    @Override
    public boolean isDisposed() {
        return disposed.get();
    }

    @Override
    public Mono<Void> onDispose() {
        return ended.asMono();
    }
}
