package io.reactivemq.benchmarks;

import io.reactivemq.Durability;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.storage.FileStore;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import reactor.core.publisher.Flux;

/**
 * How long a broker takes to open, and what a partition costs that nobody uses.
 *
 * <ul>
 *   <li>{@code open}: a directory with that many partitions, ten batches in each, that was closed in good order; in this JVM, which has done so
 *       before, and in a new one, from the start of its process on.
 *   <li>{@code heap}, {@code files}: of the open broker, for each partition, against a broker without; after a full collection.
 *   <li>{@code recover}: a log of that size that was not closed, until it can be read; forced while it was written, as a log at fsync is, and never forced but
 *       where a segment was full, as one at os-buffered, with nearly a segment behind the recovery point, which is the most that there can be.
 *   <li>{@code open}, a tenth of that size and the whole: one that was closed in good order.
 * </ul>
 *
 * <pre>
 * benchmarks/run open [--partitions 1000,10000] [--mebibytes 10240] [--runs 5] [--data DIRECTORY]
 * </pre>
 */
final class OpenBenchmark {

    private static final String OPEN_ONCE = "--open-once";
    private static final int BATCHES = 10;
    private static final int VALUE_BYTES = 1_000;
    private static final int SMALL_BATCH_BYTES = 10 << 10;
    private static final int LARGE_BATCH_BYTES = 1 << 20;
    private static final Duration TIMEOUT = Duration.ofMinutes(10);
    private static final Caller CALLER = Caller.embedded("benchmark");
    private static final Path OPEN_FILES = Path.of("/proc/self/fd");

    private final Path data;

    OpenBenchmark(Path data) {
        this.data = data;
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 2 && arguments[0].equals(OPEN_ONCE)) {
            openOnce(Path.of(arguments[1]));
            return;
        }
        Options options = Options.of(arguments);
        OpenBenchmark benchmark = new OpenBenchmark(options.path("data"));
        int runs = options.number("runs", 5);
        Samples.printHeading();
        for (int partitions : options.numbers("partitions", "1000,10000")) {
            benchmark.partitions(partitions, runs).forEach(samples -> System.out.println(samples.line()));
        }
        int mebibytes = options.number("mebibytes", 10 << 10);
        if (mebibytes > 0) {
            for (boolean forced : List.of(true, false)) {
                System.out.println(benchmark.recovery(mebibytes, forced, runs).line());
            }
            for (int size : List.of(mebibytes / 10, mebibytes)) {
                System.out.println(benchmark.closed(size, runs).line());
            }
        }
    }

    List<Samples> partitions(int partitions, int runs) throws Exception {
        Samples open = new Samples(String.format(Locale.ROOT, "open, %,d partitions", partitions), "s");
        Samples fresh =
                new Samples(String.format(Locale.ROOT, "the same in a new JVM, %,d partitions", partitions), "s");
        Samples heap = new Samples("heap of an idle partition", "bytes");
        Samples files = new Samples("open files of a partition", "");
        try (Folder folder = Folder.in(data);
                Folder empty = Folder.in(data)) {
            fill(folder.path(), partitions);
            EmbeddedBroker none = open(empty.path());
            long heapBefore = heapUsed();
            long filesBefore = openFiles();
            close(none);
            for (int i = 0; i <= runs; i++) {
                Stopwatch stopwatch = Stopwatch.start();
                EmbeddedBroker broker = open(folder.path());
                double seconds = stopwatch.seconds();
                if (i > 0) {
                    Cpu used = stopwatch.used();
                    open.add(seconds, used, seconds, 1);
                    heap.add((double) (heapUsed() - heapBefore) / partitions, used, seconds, 1);
                    files.add((double) (openFiles() - filesBefore) / partitions, used, seconds, 1);
                }
                close(broker);
            }
            for (int i = 0; i < runs; i++) {
                openInNewJvm(folder.path(), fresh);
            }
        }
        return List.of(open, fresh, heap, files);
    }

    /** The time until the broker is open, as a user of the program sees it; its CPU time is that of the new process. */
    private static void openInNewJvm(Path folder, Samples samples) throws IOException, InterruptedException {
        Stopwatch stopwatch = Stopwatch.start();
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xms2g",
                        "-Xmx2g",
                        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
                        "-cp",
                        System.getProperty("java.class.path"),
                        OpenBenchmark.class.getName(),
                        OPEN_ONCE,
                        folder.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader out = process.inputReader(StandardCharsets.US_ASCII)) {
            String[] used = String.valueOf(out.readLine()).split(" ", -1);
            double seconds = stopwatch.seconds();
            double machineSeconds = stopwatch.used().machineSeconds();
            samples.add(
                    seconds,
                    new Cpu(Double.parseDouble(used[0]), Double.parseDouble(used[1]), machineSeconds),
                    seconds,
                    1);
        }
        if (process.waitFor() != 0) {
            throw new IllegalStateException("the other JVM ended with status " + process.exitValue());
        }
    }

    /** The other JVM's. */
    private static void openOnce(Path folder) {
        EmbeddedBroker broker = open(folder);
        Cpu used = Cpu.now();
        System.out.println(used.processSeconds() + " " + used.processUserSeconds());
        close(broker);
    }

    private static EmbeddedBroker open(Path folder) {
        return EmbeddedBroker.openNow(folder, TIMEOUT, o -> o.durability(Durability.OS_BUFFERED));
    }

    private static void close(EmbeddedBroker broker) {
        broker.closeGracefully(TIMEOUT).block(TIMEOUT);
    }

    private static void fill(Path folder, int partitions) {
        EmbeddedBroker broker = open(folder);
        broker.createTopic(CALLER, NewTopic.of("bench", partitions)).block(TIMEOUT);
        Flux.range(0, partitions * BATCHES)
                .flatMap(
                        i -> broker.append(
                                CALLER,
                                new TopicPartition("bench", i % partitions),
                                Batches.full(SMALL_BATCH_BYTES, VALUE_BYTES),
                                Acks.ALL),
                        64)
                .blockLast(TIMEOUT);
        close(broker);
    }

    private static long heapUsed() throws InterruptedException {
        Runtime runtime = Runtime.getRuntime();
        long least = Long.MAX_VALUE;
        for (int i = 0; i < 5; i++) {
            System.gc();
            Thread.sleep(50);
            least = Math.min(least, runtime.totalMemory() - runtime.freeMemory());
        }
        return least;
    }

    private static long openFiles() throws IOException {
        if (!Files.isDirectory(OPEN_FILES)) {
            return 0;
        }
        try (Stream<Path> files = Files.list(OPEN_FILES)) {
            return files.count();
        }
    }

    /** Checkpoints and the like. */
    private static Map<Path, byte[]> smallFiles(Path folder) throws IOException {
        Map<Path, byte[]> found = new HashMap<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file :
                    files.filter(path -> path.toString().endsWith("checkpoint")).toList()) {
                found.put(file, Files.readAllBytes(file));
            }
        }
        return found;
    }

    Samples recovery(int mebibytes, boolean forced, int runs) throws IOException {
        Samples recover = new Samples(
                String.format(
                        Locale.ROOT,
                        "recover, %,d MiB that were not closed, %s",
                        mebibytes,
                        forced ? "forced" : "os-buffered"),
                "s");
        TopicPartition partition = new TopicPartition("bench", 0);
        try (Folder folder = Folder.in(data)) {
            Path path = folder.path().resolve(partition.toString());
            List<PartitionLog> left = new ArrayList<>();
            try {
                PartitionLog log = PartitionLog.open(FileStore.disk(), path, partition, LogConfig.defaults());
                left.add(log);
                write(log, mebibytes, forced);
                // what a crash leaves: nobody closes it, and each run begins from what was recorded then
                Map<Path, byte[]> recorded = smallFiles(path);
                for (int i = 0; i <= runs; i++) {
                    for (Map.Entry<Path, byte[]> file : recorded.entrySet()) {
                        Files.write(file.getKey(), file.getValue());
                    }
                    Stopwatch stopwatch = Stopwatch.start();
                    PartitionLog recovered = PartitionLog.open(FileStore.disk(), path, partition, LogConfig.defaults());
                    stopwatch.stopTime(recover, i > 0, 1);
                    left.add(recovered);
                    if (recovered.recovery().isClean()) {
                        throw new IllegalStateException("closed in good order: a wrong measurement");
                    }
                }
            } finally {
                left.forEach(PartitionLog::close);
            }
        }
        return recover;
    }

    private static void write(PartitionLog log, int mebibytes, boolean forced) {
        ByteBuffer batch = Batches.full(LARGE_BATCH_BYTES, VALUE_BYTES);
        long written = 0;
        // somewhat less, so that what is full is the last segment, and none has just begun behind it
        long enough = ((long) mebibytes << 20) / 256 * 255;
        for (long i = 0; written < enough; i++) {
            log.append(batch.duplicate(), 1_000);
            written += batch.limit();
            if (forced && i % 64 == 63) {
                log.force();
            }
        }
    }

    Samples closed(int mebibytes, int runs) throws IOException {
        Samples open = new Samples(
                String.format(Locale.ROOT, "open, %,d MiB in one partition, closed in good order", mebibytes), "s");
        TopicPartition partition = new TopicPartition("bench", 0);
        try (Folder folder = Folder.in(data)) {
            Path path = folder.path().resolve(partition.toString());
            try (PartitionLog log = PartitionLog.open(FileStore.disk(), path, partition, LogConfig.defaults())) {
                write(log, mebibytes, true);
            }
            for (int i = 0; i <= runs; i++) {
                Stopwatch stopwatch = Stopwatch.start();
                PartitionLog opened = PartitionLog.open(FileStore.disk(), path, partition, LogConfig.defaults());
                stopwatch.stopTime(open, i > 0, 1);
                opened.close();
                if (!opened.recovery().isClean()) {
                    throw new IllegalStateException("not closed in good order: a wrong measurement");
                }
            }
        }
        return open;
    }
}
