package io.reactivemq.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import reactor.core.publisher.Mono;
import reactor.netty.Connection;
import reactor.netty.DisposableServer;
import reactor.netty.tcp.TcpClient;
import reactor.netty.tcp.TcpServer;

/** The floor of a record's way there and back: bytes that a bare reactor-netty server sends back, one at a time, both ends in one JVM. */
final class WireEcho {

    private static final Duration TIMEOUT = Duration.ofMinutes(1);
    private static final int WARMUPS = 2;

    private final long[] nanos;
    private final byte[] message;
    private final CompletableFuture<Void> done = new CompletableFuture<>();
    private int turns;
    private int bytes;
    private long start;

    private WireEcho(int times, int bytes) {
        nanos = new long[times];
        message = new byte[bytes];
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split(" ", -1);
            String answer = "";
            for (int i = 0; i <= WARMUPS; i++) {
                answer = new WireEcho(Integer.parseInt(words[0]), Integer.parseInt(words[1])).run();
            }
            System.out.println(answer);
        }
    }

    private String run() throws Exception {
        DisposableServer server = TcpServer.create()
                .host("127.0.0.1")
                .port(0)
                .handle((in, out) -> out.send(in.receive().retain()).then(Mono.never()))
                .bindNow(TIMEOUT);
        Connection connection =
                TcpClient.create().host("127.0.0.1").port(server.port()).connectNow(TIMEOUT);
        connection.inbound().receive().subscribe(buffer -> received(connection, buffer), done::completeExceptionally);
        send(connection);
        done.get(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
        connection.disposeNow(TIMEOUT);
        server.disposeNow(TIMEOUT);
        Arrays.sort(nanos);
        return String.format(
                Locale.ROOT, "%.1f %.1f", nanos[nanos.length / 2] / 1e3, nanos[nanos.length * 99 / 100] / 1e3);
    }

    private void send(Connection connection) {
        start = System.nanoTime();
        var unused = connection.channel().writeAndFlush(Unpooled.wrappedBuffer(message));
    }

    private void received(Connection connection, ByteBuf buffer) {
        bytes += buffer.readableBytes();
        if (bytes == message.length) {
            bytes = 0;
            nanos[turns++] = System.nanoTime() - start;
            if (turns == nanos.length) {
                done.complete(null);
            } else {
                send(connection);
            }
        }
    }
}
