package io.reactivemq.benchmarks;

import io.reactivemq.Serdes;
import io.reactivemq.benchmarks.EmbeddedBenchmark.Engine;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.operator.EmitOutcome;
import io.reactivemq.operator.Overflow;
import io.reactivemq.operator.OverflowSink;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/**
 * A record at a time, of 100 bytes, from the Sender that is given it to the Receiver that hands it out; the next is sent when it is there, so nothing is
 * batched and both threads sleep between. Beside it what the machine takes to wake one thread by another twice. And the time from nothing to the
 * first acknowledged record, in a JVM that has done it before: open, create a topic, send, hear of it.
 *
 * <pre>
 * benchmarks/run latency [--engine memory,os-buffered,fsync] [--records N] [--opens N] [--runs 5] [--warmups 2] [--data DIRECTORY]
 * </pre>
 */
final class LatencyBenchmark {

    private static final int VALUE_BYTES = 100;
    private static final Duration TIMEOUT = Duration.ofMinutes(2);

    private final Engine engine;
    private final Path data;
    private final int records;
    private final int opens;

    LatencyBenchmark(Engine engine, Path data, int records, int opens) {
        this.engine = engine;
        this.data = data;
        this.records = records;
        this.opens = opens;
    }

    public static void main(String[] arguments) throws Exception {
        Options options = Options.of(arguments);
        Samples.printHeading();
        for (String name : options.text("engine", "memory,os-buffered,fsync").split(",", -1)) {
            Engine engine = Engine.of(name);
            new LatencyBenchmark(
                            engine,
                            options.path("data"),
                            options.number("records", engine == Engine.FSYNC ? 5_000 : 50_000),
                            options.number("opens", 20))
                    .measure(options.number("warmups", 2), options.number("runs", 5))
                    .forEach(samples -> System.out.println(samples.line()));
        }
    }

    List<Samples> measure(int warmups, int runs) throws Exception {
        String who = engine.label() + ", ";
        Samples half = new Samples(who + "send to receive, p50", "us");
        Samples most = new Samples(who + "send to receive, p99", "us");
        Samples bareHalf = new Samples("one thread wakes another, twice, p50", "us");
        Samples bareMost = new Samples("one thread wakes another, twice, p99", "us");
        Samples first = new Samples(who + "open to first acknowledged record", "ms");
        for (int i = 0; i < warmups + runs; i++) {
            boolean measured = i >= warmups;
            try (Folder folder = Folder.in(data)) {
                sent(folder.path(), measured, half, most);
            }
            woken(measured, bareHalf, bareMost);
            opened(measured, first);
        }
        return List.of(half, most, bareHalf, bareMost, first);
    }

    private void sent(Path folder, boolean measured, Samples half, Samples most) throws Exception {
        EmbeddedBroker broker = engine.open(folder);
        try {
            broker.createTopic(NewTopic.of("bench", 1)).block(TIMEOUT);
            Receiver<byte[], byte[]> receiver = Receiver.on(
                    broker,
                    ReceiverOptions.of(
                            Serdes.bytes(),
                            Serdes.bytes(),
                            o -> o.group("bench").topics("bench").commitInterval(Duration.ofMillis(50))));
            Turns turns = new Turns(records);
            // one record at a time, but the next may be emitted while the emission of the last is about to return
            OverflowSink<SenderRecord<byte[], byte[]>> source = Overflow.sink(16);
            byte[] value = new byte[VALUE_BYTES];
            Disposable receiving = receiver.receiveAutoAck()
                    .subscribe(
                            (ReceiverRecord<byte[], byte[]> record) -> {
                                if (turns.ended()) {
                                    turns.begin();
                                    emit(source, value);
                                }
                            },
                            turns.done::completeExceptionally);
            receiver.assignments()
                    .filter(assigned -> assigned.size() == 1)
                    .next()
                    .block(TIMEOUT);
            Disposable sending = Sender.on(broker, SenderOptions.of(Serdes.bytes(), Serdes.bytes()))
                    .send(source.asFlux())
                    .subscribe(result -> {}, turns.done::completeExceptionally);
            Stopwatch stopwatch = Stopwatch.start();
            turns.begin();
            emit(source, value);
            turns.done.get(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
            turns.addTo(measured, stopwatch, half, most);
            sending.dispose();
            receiver.drain(Duration.ofSeconds(10)).block(TIMEOUT);
            receiving.dispose();
        } finally {
            broker.closeGracefully(TIMEOUT).block(TIMEOUT);
        }
    }

    private static void emit(OverflowSink<SenderRecord<byte[], byte[]>> source, byte[] value) {
        EmitOutcome outcome = source.emit(SenderRecord.of("bench", value));
        if (!outcome.isAccepted()) {
            throw new IllegalStateException("a record is not accepted: " + outcome);
        }
    }

    /** The floor: a record goes from the thread of the caller over one of the sender to one of the receiver. */
    private void woken(boolean measured, Samples half, Samples most) throws Exception {
        Scheduler one = Schedulers.newSingle("one");
        Scheduler other = Schedulers.newSingle("other");
        try {
            Turns turns = new Turns(records);
            Runnable[] turn = new Runnable[1];
            turn[0] = () -> {
                turns.begin();
                one.schedule(() -> other.schedule(() -> {
                    if (turns.ended()) {
                        turn[0].run();
                    }
                }));
            };
            Stopwatch stopwatch = Stopwatch.start();
            turn[0].run();
            turns.done.get(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
            turns.addTo(measured, stopwatch, half, most);
        } finally {
            one.dispose();
            other.dispose();
        }
    }

    private void opened(boolean measured, Samples first) throws Exception {
        for (int i = 0; i < opens; i++) {
            try (Folder folder = Folder.in(data)) {
                Stopwatch stopwatch = Stopwatch.start();
                EmbeddedBroker broker = engine.open(folder.path());
                try {
                    broker.createTopic(NewTopic.of("bench", 1)).block(TIMEOUT);
                    Sender.on(broker, SenderOptions.of(Serdes.bytes(), Serdes.bytes()))
                            .send(Mono.just(SenderRecord.of("bench", new byte[VALUE_BYTES])))
                            .blockLast(TIMEOUT);
                    stopwatch.stopTime(first, measured && i == opens - 1, 1e3);
                } finally {
                    broker.closeGracefully(TIMEOUT).block(TIMEOUT);
                }
            }
        }
    }

    /** How long each took, one behind the other. */
    private static final class Turns {

        final CompletableFuture<Void> done = new CompletableFuture<>();
        private final long[] nanos;
        private int count;
        private long start;

        Turns(int turns) {
            nanos = new long[turns];
        }

        void begin() {
            start = System.nanoTime();
        }

        /** False with the last. */
        boolean ended() {
            nanos[count++] = System.nanoTime() - start;
            if (count == nanos.length) {
                done.complete(null);
                return false;
            }
            return true;
        }

        void addTo(boolean measured, Stopwatch stopwatch, Samples half, Samples most) {
            if (measured) {
                Cpu used = stopwatch.used();
                double seconds = stopwatch.seconds();
                Arrays.sort(nanos);
                half.add(nanos[nanos.length / 2] / 1e3, used, seconds, nanos.length / 1e6);
                most.add(nanos[nanos.length * 99 / 100] / 1e3, used, seconds, nanos.length / 1e6);
            }
        }
    }
}
