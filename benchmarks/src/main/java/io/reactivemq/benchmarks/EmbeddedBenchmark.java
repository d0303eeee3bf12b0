package io.reactivemq.benchmarks;

import io.reactivemq.Durability;
import io.reactivemq.Serdes;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.ToDoubleFunction;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;

/**
 * The embedded broker as a whole, Flux to Flux: one Sender and, at the same time, one Receiver that is the only member of its
 * group, values of {@value #VALUE_BYTES} bytes without a key, bytes Serdes. A run ends when the consumer has had every record
 * and the producer every result; the consumer checks that each record is the next one sent.
 *
 * <pre>
 * benchmarks/run embedded [--engine memory|os-buffered|fsync] [--ack auto|single|bare] [--messages N] [--runs 5] [--warmups 3]
 *                         [--partitions 1] [--data DIRECTORY]
 * </pre>
 *
 * <p>Prints a line for the engine and way of acknowledging, each figure as the median over the runs with least and most:
 * messages a second, and the CPU seconds that the process took for a million messages, all threads, in all and in user mode. {@code others} is the share
 * of one core that the other processes of the machine used meanwhile; where it is not small, throughput is no measurement. {@code bare} is the floor, {@link BarePath}.
 */
public final class EmbeddedBenchmark {

    private static final int VALUE_BYTES = 100;
    private static final int VALUES = 1024;
    private static final long MEMORY_BYTES = 512L << 20;
    private static final Duration TIMEOUT = Duration.ofMinutes(5);
    private static final Caller CALLER = Caller.embedded("benchmark");
    private static final String HEADING = String.format(
            "%-12s %-7s %4s %32s %24s %24s %7s",
            "engine", "ack", "runs", "messages/s", "cpu s/million", "user s/million", "others");

    private final byte[][] values = new byte[VALUES][VALUE_BYTES];

    enum Engine {
        MEMORY,
        OS_BUFFERED,
        FSYNC;

        static Engine of(String name) {
            return valueOf(name.replace('-', '_').toUpperCase(Locale.ROOT));
        }

        String label() {
            return name().replace('_', '-').toLowerCase(Locale.ROOT);
        }

        EmbeddedBroker open(Path directory) {
            return switch (this) {
                case MEMORY -> EmbeddedBroker.inMemory(MEMORY_BYTES);
                case OS_BUFFERED -> onFiles(directory, Durability.OS_BUFFERED);
                case FSYNC -> onFiles(directory, Durability.FSYNC);
            };
        }

        private static EmbeddedBroker onFiles(Path directory, Durability durability) {
            return EmbeddedBroker.openNow(
                    directory,
                    TIMEOUT,
                    options -> options.durability(durability).transactionDurability(durability));
        }
    }

    enum Acknowledgement {
        /** {@code receiveAutoAck()}. */
        AUTO,
        /** {@code receive()}, and {@code acknowledge()} for each. */
        SINGLE,
        /** No broker at all: {@link BarePath}, the floor. */
        BARE;

        static Acknowledgement of(String name) {
            return valueOf(name.toUpperCase(Locale.ROOT));
        }

        String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    record Run(double messagesPerSecond, double cpuSecondsPerMillion, double userSecondsPerMillion, double others) {

        static Run since(long startNanos, Cpu before, int messages) {
            double seconds = (System.nanoTime() - startNanos) / 1e9;
            Cpu used = Cpu.now().minus(before);
            double millions = messages / 1e6;
            return new Run(
                    messages / seconds,
                    used.processSeconds() / millions,
                    used.processUserSeconds() / millions,
                    used.othersSeconds() / seconds);
        }
    }

    EmbeddedBenchmark() {
        for (int i = 0; i < VALUES; i++) {
            ByteBuffer.wrap(values[i]).putInt(i);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Options options = Options.of(arguments);
        Engine engine = Engine.of(options.text("engine", "memory"));
        Acknowledgement acknowledgement = Acknowledgement.of(options.text("ack", "auto"));
        int messages = options.number("messages", engine == Engine.MEMORY ? 10_000_000 : 4_000_000);
        int runs = options.number("runs", 5);
        int warmups = options.number("warmups", 3);
        int partitions = options.number("partitions", 1);
        Path data = options.path("data");
        if (!Boolean.getBoolean("benchmarks.noheading")) {
            System.out.println(HEADING);
        }
        List<Run> measured =
                new EmbeddedBenchmark().measure(engine, acknowledgement, messages, partitions, warmups, runs, data);
        System.out.println(line(engine, acknowledgement, measured));
    }

    /** Runs it; the first {@code warmups} runs are not among the result. Each has a broker and a directory of its own. */
    List<Run> measure(
            Engine engine,
            Acknowledgement acknowledgement,
            int messages,
            int partitions,
            int warmups,
            int runs,
            Path data)
            throws Exception {
        List<Run> measured = new ArrayList<>();
        for (int i = 0; i < warmups + runs; i++) {
            try (Folder folder = Folder.in(data)) {
                Run run = acknowledgement == Acknowledgement.BARE
                        ? runBare(engine, messages, folder.path())
                        : run(engine, acknowledgement, messages, partitions, folder.path());
                if (i >= warmups) {
                    measured.add(run);
                }
            }
        }
        return measured;
    }

    private Run run(Engine engine, Acknowledgement acknowledgement, int messages, int partitions, Path directory)
            throws Exception {
        EmbeddedBroker broker = engine.open(directory);
        try {
            broker.createTopic(CALLER, NewTopic.of("bench", partitions)).block(TIMEOUT);
            // in memory the producer waits for what the group has passed, so the group tells often
            Receiver<byte[], byte[]> receiver = Receiver.on(
                    broker,
                    ReceiverOptions.of(
                            Serdes.bytes(),
                            Serdes.bytes(),
                            o -> o.group("bench").topics("bench").commitInterval(Duration.ofMillis(50))));
            Sender<byte[], byte[]> sender = Sender.on(broker, SenderOptions.of(Serdes.bytes(), Serdes.bytes()));

            Flux<ReceiverRecord<byte[], byte[]>> received =
                    acknowledgement == Acknowledgement.AUTO ? receiver.receiveAutoAck() : receiver.receive();
            Consumption consumption = new Consumption(messages, partitions == 1, acknowledgement);
            received.subscribe(consumption);
            receiver.assignments()
                    .filter(assigned -> assigned.size() == partitions)
                    .next()
                    .block(TIMEOUT);

            Cpu cpuBefore = Cpu.now();
            long start = System.nanoTime();
            Production production = new Production(messages);
            sender.send(Flux.range(0, messages).map(i -> SenderRecord.of("bench", values[i % VALUES])))
                    .subscribe(production);
            await(production.done);
            await(consumption.done);
            Run run = Run.since(start, cpuBefore, messages);
            receiver.drain(Duration.ofSeconds(10)).block(TIMEOUT);
            return run;
        } finally {
            broker.closeGracefully(TIMEOUT).block(TIMEOUT);
        }
    }

    private Run runBare(Engine engine, int messages, Path directory) throws Exception {
        Cpu cpuBefore = Cpu.now();
        long start = System.nanoTime();
        BarePath.run(
                values, messages, engine == Engine.MEMORY ? null : directory.resolve("log"), engine == Engine.FSYNC);
        return Run.since(start, cpuBefore, messages);
    }

    private static String line(Engine engine, Acknowledgement acknowledgement, List<Run> runs) {
        return String.format(
                Locale.ROOT,
                "%-12s %-7s %4d %32s %24s %24s %6.0f%%",
                engine.label(),
                acknowledgement.label(),
                runs.size(),
                spread("%,.0f", runs, Run::messagesPerSecond),
                spread("%.3f", runs, Run::cpuSecondsPerMillion),
                spread("%.3f", runs, Run::userSecondsPerMillion),
                100 * Samples.median(runs.stream().mapToDouble(Run::others).toArray()));
    }

    private static String spread(String format, List<Run> runs, ToDoubleFunction<Run> figure) {
        return Samples.spread(format, runs.stream().mapToDouble(figure).toArray());
    }

    private static void await(CompletableFuture<Void> done) throws InterruptedException, TimeoutException {
        try {
            done.get(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new IllegalStateException("the pipeline failed", e.getCause());
        }
    }

    /** Takes every result, and is done with the last. */
    private static final class Production implements CoreSubscriber<Object> {

        final CompletableFuture<Void> done = new CompletableFuture<>();
        private final int messages;
        private int results;

        Production(int messages) {
            this.messages = messages;
        }

        @Override
        public void onSubscribe(Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(Object result) {
            results++;
        }

        @Override
        public void onError(Throwable error) {
            done.completeExceptionally(error);
        }

        @Override
        public void onComplete() {
            if (results == messages) {
                done.complete(null);
            } else {
                done.completeExceptionally(new IllegalStateException(results + " results of " + messages));
            }
        }
    }

    /** Takes every record, checks it against the one before, and is done with the last. */
    private static final class Consumption implements CoreSubscriber<ReceiverRecord<byte[], byte[]>> {

        final CompletableFuture<Void> done = new CompletableFuture<>();
        private final int messages;
        private final boolean inOrder;
        private final Acknowledgement acknowledgement;
        private int received;

        Consumption(int messages, boolean inOrder, Acknowledgement acknowledgement) {
            this.messages = messages;
            this.inOrder = inOrder;
            this.acknowledgement = acknowledgement;
        }

        @Override
        public void onSubscribe(Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(ReceiverRecord<byte[], byte[]> record) {
            byte[] value = record.value();
            if (value == null || value.length != VALUE_BYTES || (inOrder && !isNext(value))) {
                done.completeExceptionally(new IllegalStateException("record " + received + " is not what was sent"));
            }
            if (acknowledgement == Acknowledgement.SINGLE) {
                record.acknowledge();
            }
            if (++received == messages) {
                done.complete(null);
            }
        }

        private boolean isNext(byte[] value) {
            return ByteBuffer.wrap(value).getInt() == received % VALUES;
        }

        @Override
        public void onError(Throwable error) {
            done.completeExceptionally(error);
        }

        @Override
        public void onComplete() {
            // drained: done long since
        }
    }
}
