package io.reactivemq.benchmarks;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.Durability;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.metrics.BrokerMeter;
import io.reactivemq.record.RecordBatch;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import reactor.core.publisher.BaseSubscriber;

/**
 * Batches of 4 KiB, of values of 100 bytes, into one partition of an embedded broker with durability fsync: each appender sends its next when the last is
 * acknowledged. Many appenders share forces; a lone one pays for each. Beside it the machine's own: a write of 4 KiB and a force, one after the other.
 *
 * <pre>
 * benchmarks/run durable [--appenders 1,16,64,256] [--batches N] [--runs 5] [--warmups 1] [--data DIRECTORY]
 * </pre>
 */
final class DurableBenchmark {

    private static final int BATCH_BYTES = 4 << 10;
    private static final int VALUE_BYTES = 100;
    private static final Duration TIMEOUT = Duration.ofMinutes(2);
    private static final Caller CALLER = Caller.embedded("benchmark");
    private static final TopicPartition PARTITION = new TopicPartition("bench", 0);

    private final Path data;
    private final int appenders;
    private final int batches;

    DurableBenchmark(Path data, int appenders, int batches) {
        this.data = data;
        this.appenders = appenders;
        this.batches = batches;
    }

    public static void main(String[] arguments) throws Exception {
        Options options = Options.of(arguments);
        Samples.printHeading();
        for (int appenders : options.numbers("appenders", "1,16,64,256")) {
            int batches = options.number("batches", Math.min(200_000, 4_000 * appenders));
            new DurableBenchmark(options.path("data"), appenders, batches)
                    .measure(options.number("warmups", 1), options.number("runs", 5))
                    .forEach(samples -> System.out.println(samples.line()));
        }
    }

    List<Samples> measure(int warmups, int runs) throws Exception {
        String who = appenders == 1 ? "1 appender" : appenders + " appenders";
        Samples rate = new Samples(who + ", acknowledged when forced", "M msg/s");
        Samples half = new Samples(who + ", to the acknowledgement, p50", "us");
        Samples most = new Samples(who + ", to the acknowledgement, p99", "us");
        Samples shared = new Samples(who + ", appends for each force", "");
        Samples bare = new Samples("bare write of 4 KiB and force, p50", "us");
        for (int i = 0; i < warmups + runs; i++) {
            boolean measured = i >= warmups;
            try (Folder folder = Folder.in(data)) {
                appended(folder.path(), measured, rate, half, most, shared);
            }
            if (appenders == 1) {
                try (Folder folder = Folder.in(data)) {
                    bare(folder.path().resolve("bare"), measured, bare);
                }
            }
        }
        return appenders == 1 ? List.of(rate, half, most, shared, bare) : List.of(rate, half, most, shared);
    }

    private void appended(Path folder, boolean measured, Samples rate, Samples half, Samples most, Samples shared)
            throws Exception {
        MeterRegistry registry = new SimpleMeterRegistry();
        EmbeddedBroker broker = EmbeddedBroker.openNow(
                folder, TIMEOUT, o -> o.durability(Durability.FSYNC).meterRegistry(registry));
        try {
            broker.createTopic(CALLER, NewTopic.of(PARTITION.topic(), 1)).block(TIMEOUT);
            long[] nanos = new long[batches];
            AtomicInteger started = new AtomicInteger();
            CountDownLatch ended = new CountDownLatch(batches);
            ByteBuffer content = Batches.full(BATCH_BYTES, VALUE_BYTES);
            int records = RecordBatch.at(content, 0).count();
            Timer forces = registry.get(BrokerMeter.FORCE.meterName()).timer();
            long forcesBefore = forces.count();
            Stopwatch stopwatch = Stopwatch.start();
            for (int i = 0; i < appenders; i++) {
                ByteBuffer own = ByteBuffer.allocate(content.limit())
                        .put(content.duplicate())
                        .flip();
                next(broker, own, nanos, started, ended);
            }
            if (!ended.await(TIMEOUT.toSeconds(), TimeUnit.SECONDS)) {
                throw new IllegalStateException(ended.getCount() + " of " + batches + " were not acknowledged");
            }
            double seconds = stopwatch.seconds();
            double millions = (double) batches * records / 1e6;
            if (measured) {
                Cpu used = stopwatch.used();
                shared.add((double) batches / (forces.count() - forcesBefore), used, seconds, millions);
                rate.add(millions / seconds, used, seconds, millions);
                Arrays.sort(nanos);
                half.add(nanos[batches / 2] / 1e3, used, seconds, millions);
                most.add(nanos[batches / 100 * 99] / 1e3, used, seconds, millions);
            }
        } finally {
            broker.closeGracefully(TIMEOUT).block(TIMEOUT);
        }
    }

    private void next(
            EmbeddedBroker broker, ByteBuffer own, long[] nanos, AtomicInteger started, CountDownLatch ended) {
        int number = started.getAndIncrement();
        if (number >= batches) {
            return;
        }
        long start = System.nanoTime();
        broker.append(CALLER, PARTITION, own.duplicate(), Acks.ALL).subscribe(new BaseSubscriber<AppendResult>() {
            @Override
            protected void hookOnComplete() {
                nanos[number] = System.nanoTime() - start;
                ended.countDown();
                next(broker, own, nanos, started, ended);
            }
        });
    }

    private void bare(Path path, boolean measured, Samples bare) throws IOException {
        long[] nanos = new long[batches];
        ByteBuffer block = ByteBuffer.allocateDirect(BATCH_BYTES);
        Stopwatch stopwatch = Stopwatch.start();
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            for (int i = 0; i < batches; i++) {
                long start = System.nanoTime();
                block.clear();
                while (block.hasRemaining()) {
                    file.write(block);
                }
                file.force(false);
                nanos[i] = System.nanoTime() - start;
            }
        }
        if (measured) {
            Arrays.sort(nanos);
            bare.add(nanos[batches / 2] / 1e3, stopwatch.used(), stopwatch.seconds(), batches);
        }
    }
}
