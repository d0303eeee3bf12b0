package io.reactivemq.benchmarks;

import io.reactivemq.Serdes;
import io.reactivemq.benchmarks.EmbeddedBenchmark.Engine;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.SenderResult;
import io.reactivemq.produce.TransactionalSender;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import reactor.core.publisher.Flux;

/**
 * What transactions cost: the same records, of one source, in transactions of so many and without any. Without, they are sent in two ways: all in one send, and in sends of as many
 * as a transaction has, one after the other, which is what a program does that has to know when so many are there.
 *
 * <p>What runs once a transaction is compiled after so many transactions, however many records they have: so each engine begins with
 * {@code warmTransactions} small ones, and as many small sends. Without them the compiler is at work beside the first twenty rounds or so of transactions of 1,000, and
 * takes as much of the CPU as the transactions do.
 *
 * <pre>
 * benchmarks/run transactions [--engine memory,os-buffered,fsync] [--size 100,1000,10000] [--records N] [--runs 5] [--warmups 2] [--warmTransactions 40000] [--partitions 1] [--bytes 100] [--data DIRECTORY]
 * </pre>
 */
final class TransactionsBenchmark {

    /** Records of a transaction of which only the compiler is to see many. */
    private static final int WARM_SIZE = 10;

    private static final Duration TIMEOUT = Duration.ofMinutes(10);
    private static final Caller CALLER = Caller.embedded("benchmark");
    private final Engine engine;
    private final Path data;
    private final int partitions;
    private final byte[] value;

    TransactionsBenchmark(Engine engine, Path data, int partitions, int bytes) {
        this.engine = engine;
        this.data = data;
        this.partitions = partitions;
        this.value = new byte[bytes];
    }

    public static void main(String[] arguments) throws Exception {
        Options options = Options.of(arguments);
        Samples.printHeading();
        for (String engine : options.text("engine", "memory,os-buffered,fsync").split(",", -1)) {
            TransactionsBenchmark benchmark = new TransactionsBenchmark(
                    Engine.of(engine),
                    options.path("data"),
                    options.number("partitions", 1),
                    options.number("bytes", 100));
            benchmark.warm(options.number("warmTransactions", 40_000));
            for (int size : options.numbers("size", "100,1000,10000")) {
                int records = options.number("records", Math.min(1_000_000, 3_000 * size));
                benchmark
                        .measure(size, records, options.number("warmups", 2), options.number("runs", 5))
                        .lines()
                        .forEach(System.out::println);
            }
        }
    }

    /** What one engine and size gave. */
    record Result(Samples oneSend, Samples sends, Samples transactions) {

        List<Samples> all() {
            return List.of(oneSend, sends, transactions);
        }

        Stream<String> lines() {
            return Stream.concat(
                    all().stream().map(Samples::line),
                    Stream.of(String.format(
                            Locale.ROOT,
                            "   transactions lose %.0f%% against one send, %.0f%% against sends of that size",
                            loss(oneSend),
                            loss(sends))));
        }

        private double loss(Samples than) {
            return 100 * (1 - transactions.medianFigure() / than.medianFigure());
        }
    }

    void warm(int transactions) throws Exception {
        Samples unused = new Samples("", "");
        try (Folder folder = Folder.in(data)) {
            round(folder.path(), WARM_SIZE, WARM_SIZE * transactions, new Result(unused, unused, unused), false);
        }
    }

    /** The three ways in turn, {@code warmups + runs} times; each round has a broker and a directory of its own, and each way a topic. */
    Result measure(int size, int records, int warmups, int runs) throws Exception {
        String where = engine.label() + ", " + String.format(Locale.ROOT, "%,d", size) + ": ";
        Result result = new Result(
                new Samples(where + "one send", "M msg/s"),
                new Samples(where + "sends", "M msg/s"),
                new Samples(where + "transactions", "M msg/s"));
        for (int i = 0; i < warmups + runs; i++) {
            try (Folder folder = Folder.in(data)) {
                round(folder.path(), size, records, result, i >= warmups);
            }
        }
        return result;
    }

    private void round(Path folder, int size, int records, Result result, boolean measured) {
        EmbeddedBroker broker = engine.open(folder);
        try {
            for (String topic : List.of("one-send", "sends", "transactions", "before")) {
                broker.createTopic(CALLER, NewTopic.of(topic, partitions)).block(TIMEOUT);
            }
            Sender<byte[], byte[]> sender = Sender.on(broker, SenderOptions.of(Serdes.bytes(), Serdes.bytes()));
            TransactionalSender<byte[], byte[]> transactional = sender.transactional("benchmark");
            transactional.send(source("before", 1)).blockLast(TIMEOUT); // makes the broker's topic of transactions
            run(sender.send(source("one-send", records)), records, result.oneSend, measured);
            run(parts("sends", records, size).concatMap(sender::send, 0), records, result.sends, measured);
            run(
                    transactional.sendTransactionally(parts("transactions", records, size)),
                    records,
                    result.transactions,
                    measured);
        } finally {
            broker.closeGracefully(TIMEOUT).block(TIMEOUT);
        }
    }

    private Flux<SenderRecord<byte[], byte[]>> source(String topic, int records) {
        return Flux.range(0, records).map(i -> SenderRecord.of(topic, value));
    }

    private Flux<Flux<SenderRecord<byte[], byte[]>>> parts(String topic, int records, int size) {
        return Flux.range(0, records / size).map(i -> source(topic, size));
    }

    private static void run(
            Flux<SenderResult<byte[], byte[]>> sending, int records, Samples samples, boolean measured) {
        Stopwatch stopwatch = Stopwatch.start();
        Long sent = sending.count().block(TIMEOUT);
        stopwatch.stop(samples, measured, records / 1e6);
        if (sent == null || sent != records) {
            throw new IllegalStateException("sent " + sent + " of " + records + ": a wrong measurement");
        }
    }
}
