package io.reactivemq.netty.server;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** The connections of a server that are open. Safe for many threads. */
final class Connections {

    private static final Logger LOG = LoggerFactory.getLogger(Connections.class);

    private final ServerSettings settings;
    private final ServerMeters meters;
    private final Map<Channel, ConnectionHandler> open = new ConcurrentHashMap<>();
    private final Map<InetAddress, Integer> byAddress = new ConcurrentHashMap<>();
    private final Sinks.Empty<Void> drained = Sinks.empty();
    private volatile boolean draining;

    Connections(ServerSettings settings, ServerMeters meters) {
        this.settings = settings;
        this.meters = meters;
    }

    /** Counts a connection in, until it is closed; one too many is closed at once. */
    void add(Channel channel, ConnectionHandler handler) {
        InetAddress address = ((InetSocketAddress) channel.remoteAddress()).getAddress();
        int count = meters.opened();
        int ofAddress = byAddress.merge(address, 1, Integer::sum);
        open.put(channel, handler);
        channel.closeFuture().addListener(closed -> {
            meters.closed();
            byAddress.computeIfPresent(address, (key, others) -> others == 1 ? null : others - 1);
            open.remove(channel);
            checkDrained();
        });
        if (count > settings.connectionsMax()) {
            refuse(channel, settings.connectionsMax() + " are open already");
        } else if (ofAddress > settings.connectionsPerAddressMax()) {
            refuse(channel, settings.connectionsPerAddressMax() + " of its address are open already");
        } else if (draining) {
            close(channel);
        }
    }

    private void refuse(Channel channel, String why) {
        meters.refused();
        LOG.warn("connection of {} is closed: {}", channel.remoteAddress(), why);
        close(channel);
    }

    /** Tells all connections to end; done when they have. */
    Mono<Void> drain() {
        return Mono.defer(() -> {
            draining = true;
            open.values().forEach(ConnectionHandler::drain);
            checkDrained();
            return drained.asMono();
        });
    }

    /** Cuts those that are left. */
    void cut() {
        open.keySet().forEach(Connections::close);
    }

    private static void close(Channel channel) {
        channel.close().addListener(ChannelFutureListener.FIRE_EXCEPTION_ON_FAILURE);
    }

    int size() {
        return open.size();
    }

    private void checkDrained() {
        if (draining && open.isEmpty()) {
            drained.tryEmitEmpty();
        }
    }
}
