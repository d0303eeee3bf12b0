package io.reactivemq.test.chaos;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntSupplier;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.netty.Connection;
import reactor.netty.DisposableServer;
import reactor.netty.NettyInbound;
import reactor.netty.NettyOutbound;
import reactor.netty.tcp.TcpClient;
import reactor.netty.tcp.TcpServer;

/** A TCP proxy on loopback that does to its connections what bad networks do. What it does to the n-th connection is said by the seed. */
final class ChaosProxy implements AutoCloseable {

    /** What becomes of a connection. */
    enum Fate {
        /** Nothing. */
        CALM,
        /** What comes is passed on a little later. */
        DELAY,
        /** A few bytes at a time. */
        TRICKLE,
        /** It ends behind some bytes, in the middle of a frame. */
        CUT,
        /** It is reset. */
        RESET,
        /** What the server says is passed on no more, while what the client says is. */
        DROP,
        /** The client's side ends, the server's goes on for a while. */
        HALF_CLOSE
    }

    private static final String HOST = "127.0.0.1";
    private static final int BYTES_BEFORE_MAX = 60_000;
    private static final int TRICKLED_BYTES = 2_000;
    private static final int TRICKLE_BYTES = 37;
    private static final Duration HALF_OPEN = Duration.ofMillis(200);

    private final IntSupplier target;
    private final Random random;
    private final DisposableServer server;
    private final Set<Connection> connections = ConcurrentHashMap.newKeySet();
    private final Map<Fate, Integer> fates = new EnumMap<>(Fate.class);
    private volatile boolean calm;

    /** @param target the port that connections go to, asked for each of them */
    ChaosProxy(long seed, IntSupplier target) {
        this.random = new Random(seed);
        this.target = target;
        this.server = TcpServer.create()
                .host(HOST)
                .port(0)
                .doOnConnection(this::remember)
                .handle(this::handle)
                .bindNow();
    }

    int port() {
        return server.port();
    }

    /** How often what was done. */
    synchronized Map<Fate, Integer> fates() {
        return new EnumMap<>(fates);
    }

    /** From now on nothing is done any more; the connections of before end. */
    void calm() {
        calm = true;
        cutAll();
    }

    /** Ends all connections. */
    void cutAll() {
        connections.forEach(Connection::dispose);
    }

    private void remember(Connection connection) {
        connections.add(connection);
        connection.onDispose(() -> connections.remove(connection));
    }

    private Publisher<Void> handle(NettyInbound in, NettyOutbound out) {
        Plan plan = draw();
        return TcpClient.create()
                .host(HOST)
                .port(target.getAsInt())
                .connect()
                .flatMap(behind -> {
                    remember(behind);
                    return pipe(plan, in, out, behind)
                            // whatever ends it, for the client it is a connection that has ended
                            .onErrorComplete()
                            .doFinally(end -> behind.dispose());
                })
                .onErrorComplete();
    }

    private Mono<Void> pipe(Plan plan, NettyInbound in, NettyOutbound out, Connection behind) {
        Mono<Void> there = send(behind.outbound(), plan.there(in.receive().asByteArray()));
        Mono<Void> back = send(out, plan.back(behind.inbound().receive().asByteArray()));
        return switch (plan.fate) {
            case HALF_CLOSE -> Mono.when(there, back).timeout(HALF_OPEN.plus(plan.delay), Mono.empty());
            case RESET ->
                Mono.firstWithSignal(there, back).doFinally(end -> in.withConnection(ChaosProxy::resetWhenClosed));
            case CALM, DELAY, TRICKLE, CUT, DROP -> Mono.firstWithSignal(there, back);
        };
    }

    private static void resetWhenClosed(Connection client) {
        try {
            client.channel().config().setOption(ChannelOption.SO_LINGER, 0);
        } catch (ChannelException e) {
            // the client has closed it already
        }
    }

    private static Mono<Void> send(NettyOutbound out, Flux<byte[]> bytes) {
        return out.send(bytes.map(Unpooled::wrappedBuffer), each -> true).then();
    }

    private synchronized Plan draw() {
        Fate fate = Fate.CALM;
        if (!calm && random.nextBoolean()) {
            fate = Fate.values()[random.nextInt(Fate.values().length)];
        }
        fates.merge(fate, 1, Integer::sum);
        return new Plan(fate, 1 + random.nextInt(BYTES_BEFORE_MAX), Duration.ofMillis(1 + random.nextInt(20)));
    }

    /** What is done to one connection; belongs to its event loop. */
    private static final class Plan {

        private final Fate fate;
        private final int bytesBefore;
        private final Duration delay;

        Plan(Fate fate, int bytesBefore, Duration delay) {
            this.fate = fate;
            this.bytesBefore = bytesBefore;
            this.delay = delay;
        }

        /** From the client to the server. */
        Flux<byte[]> there(Flux<byte[]> bytes) {
            return switch (fate) {
                case CALM, DROP -> bytes;
                case DELAY -> delayed(bytes);
                case TRICKLE -> trickled(bytes);
                case CUT, RESET, HALF_CLOSE -> first(bytes);
            };
        }

        /** From the server to the client. */
        Flux<byte[]> back(Flux<byte[]> bytes) {
            return switch (fate) {
                case CALM, HALF_CLOSE, RESET -> bytes;
                case DELAY -> delayed(bytes);
                case TRICKLE -> trickled(bytes);
                case CUT -> first(bytes);
                case DROP -> first(bytes).concatWith(Flux.never());
            };
        }

        private Flux<byte[]> delayed(Flux<byte[]> bytes) {
            return bytes.concatMap(some -> Mono.just(some).delayElement(delay), 1);
        }

        /** The first bytes only: the last piece may be a part of a frame. */
        private Flux<byte[]> first(Flux<byte[]> bytes) {
            int[] left = {bytesBefore};
            return bytes.map(some -> {
                        byte[] passed = Arrays.copyOf(some, Math.min(some.length, left[0]));
                        left[0] -= passed.length;
                        return passed;
                    })
                    .takeUntil(some -> left[0] == 0);
        }

        private Flux<byte[]> trickled(Flux<byte[]> bytes) {
            int[] left = {TRICKLED_BYTES};
            return bytes.concatMap(
                    some -> {
                        int slow = Math.min(left[0], some.length);
                        left[0] -= slow;
                        List<byte[]> pieces = new ArrayList<>();
                        for (int from = 0; from < slow; from += TRICKLE_BYTES) {
                            pieces.add(Arrays.copyOfRange(some, from, Math.min(slow, from + TRICKLE_BYTES)));
                        }
                        return Flux.fromIterable(pieces)
                                .delayElements(Duration.ofMillis(1))
                                .concatWith(
                                        slow == some.length
                                                ? Mono.empty()
                                                : Mono.just(Arrays.copyOfRange(some, slow, some.length)));
                    },
                    1);
        }
    }

    @Override
    public void close() {
        server.disposeNow();
        cutAll();
    }
}
