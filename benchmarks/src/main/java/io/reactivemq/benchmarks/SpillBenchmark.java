package io.reactivemq.benchmarks;

import io.reactivemq.Serdes;
import io.reactivemq.operator.Overflow;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;

/**
 * {@value #MESSAGES} messages of {@value #BYTES} bytes through {@code Overflow.spillToDisk}, spilling all the time: the consumer begins when
 * {@value #LEAD} are waiting, so that each but the first few is written to a file and read back. A score is nanoseconds a message, from the
 * first one in to the last one out, in a heap of 64 MiB.
 *
 * <p>Beside it the machine's own floor: the same messages in frames of the same size with a CRC-32C, written to a file by one thread and read
 * back, as far behind, checked and copied into arrays, by the same thread. No queue, no segments, no demand.
 *
 * <p>Files are in {@code java.io.tmpdir}, or where {@code -Dbenchmarks.data} says.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 3)
@Measurement(iterations = 5, time = 3)
@Fork(
        value = 3,
        jvmArgs = {"-Xms64m", "-Xmx64m", "-XX:+UseG1GC"})
public class SpillBenchmark {

    static final int MESSAGES = 2_000_000;
    static final int BYTES = 100;
    static final int LEAD = 500_000;

    private static final int FRAME_BYTES = 256 << 10;
    private static final int VALUES = 1024;

    private final byte[][] values = new byte[VALUES][BYTES];
    private @Nullable Path directory;

    @Setup
    public void setup() throws IOException {
        for (int i = 0; i < VALUES; i++) {
            ByteBuffer.wrap(values[i]).putInt(i);
        }
        Path data = Path.of(System.getProperty("benchmarks.data", System.getProperty("java.io.tmpdir")));
        directory = Files.createTempDirectory(data, "rmq-spill");
    }

    @TearDown
    public void tearDown() throws IOException {
        Path used = directory();
        Files.deleteIfExists(used.resolve(".lock"));
        Files.delete(used);
    }

    private Path directory() {
        Path used = directory;
        if (used == null) {
            throw new IllegalStateException("setup() first");
        }
        return used;
    }

    @Benchmark
    @OperationsPerInvocation(MESSAGES)
    public void spill(Blackhole sink) throws InterruptedException {
        Late consumer = new Late(sink);
        Flux.range(0, MESSAGES)
                .map(i -> {
                    if (i == LEAD) {
                        consumer.begin();
                    }
                    return values[i & VALUES - 1];
                })
                .transform(Overflow.spillToDisk(directory(), Serdes.bytes(), 4096))
                .subscribe(consumer);
        consumer.await();
    }

    /** Requests nothing at first; checks the order of what it gets then. */
    private static final class Late implements CoreSubscriber<byte[]> {

        private final CountDownLatch end = new CountDownLatch(1);
        private final Blackhole sink;
        private @Nullable Subscription subscription;
        private @Nullable Throwable failure;
        private int received;

        Late(Blackhole sink) {
            this.sink = sink;
        }

        void begin() {
            if (subscription != null) {
                subscription.request(Long.MAX_VALUE);
            }
        }

        void await() throws InterruptedException {
            if (!end.await(5, TimeUnit.MINUTES) || failure != null || received != MESSAGES) {
                throw new IllegalStateException("received " + received + " of " + MESSAGES, failure);
            }
        }

        @Override
        public void onSubscribe(Subscription s) {
            subscription = s;
        }

        @Override
        public void onNext(byte[] value) {
            if (ByteBuffer.wrap(value).getInt() != (received & VALUES - 1)) {
                throw new IllegalStateException("message " + received + " is not what was sent");
            }
            received++;
            sink.consume(value);
        }

        @Override
        public void onError(Throwable e) {
            failure = e;
            end.countDown();
        }

        @Override
        public void onComplete() {
            end.countDown();
        }
    }

    @Benchmark
    @OperationsPerInvocation(MESSAGES)
    public void bareFramedFile(Blackhole sink) {
        Path file = directory().resolve("bare");
        try (FileChannel channel = FileChannel.open(
                file,
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                StandardOpenOption.DELETE_ON_CLOSE)) {
            ByteBuffer out = ByteBuffer.allocateDirect(FRAME_BYTES);
            ByteBuffer in = ByteBuffer.allocate(FRAME_BYTES);
            long written = 0;
            long read = 0;
            int sent = 0;
            int received = 0;
            while (received < MESSAGES) {
                while (sent < MESSAGES && sent - received <= LEAD) {
                    out.clear().position(8);
                    while (sent < MESSAGES && out.remaining() >= 4 + BYTES) {
                        out.putInt(BYTES).put(values[sent++ & VALUES - 1]);
                    }
                    out.flip();
                    out.putInt(4, out.limit()).putInt(0, crc(out));
                    written += channel.write(out, written);
                }
                in.clear();
                int length = channel.read(in, read);
                in.flip();
                in.limit(Math.min(length, in.getInt(4)));
                if (in.getInt(0) != crc(in)) {
                    throw new IllegalStateException("the frame at " + read + " is damaged");
                }
                read += in.limit();
                in.position(8);
                while (in.hasRemaining()) {
                    byte[] value = new byte[in.getInt()];
                    in.get(value);
                    sink.consume(value);
                    received++;
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int crc(ByteBuffer frame) {
        CRC32C crc = new CRC32C();
        crc.update(frame.duplicate().position(4));
        return (int) crc.getValue();
    }
}
