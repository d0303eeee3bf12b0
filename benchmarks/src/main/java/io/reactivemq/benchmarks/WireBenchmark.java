package io.reactivemq.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Our server beside Apache Kafka's broker, each in a JVM of its own, under the load of Kafka's own client, which is warm and in a third; run by run in
 * turns.
 *
 * <pre>
 * benchmarks/run wire [--what produce,consume] [--bytes 100,1024] [--messages N] [--runs 5] [--warmups 3] [--peer true] [--data DIRECTORY]
 *                     [--jvm "OPTIONS OF OUR SERVER'S JVM"]
 * </pre>
 */
final class WireBenchmark implements AutoCloseable {

    static final String ALL = "produce,consume";

    /** What is measured of each: so many bytes in a run, but at most so many messages. */
    private static final long RUN_BYTES = 1L << 30;

    private static final int RUN_MESSAGES = 5_000_000;

    private final Folder folder;
    private final int warmups;
    private final int runs;
    private final int messages;
    private final int[] bytes;
    private final Jvm load;
    private final List<WireBroker.Kind> kinds = new ArrayList<>();
    private final Map<WireBroker.Kind, WireBroker> brokers = new LinkedHashMap<>();
    private int topics;

    WireBenchmark(Options options, String serverPath, String kafkaPath, String loadPath) throws Exception {
        folder = Folder.in(options.path("data"));
        warmups = options.number("warmups", 3);
        runs = options.number("runs", 5);
        messages = options.number("messages", 0);
        bytes = options.numbers("bytes", "100,1024");
        kinds.add(new WireBroker.Ours(
                serverPath,
                Stream.of(options.text("jvm", "").split(" ", -1))
                        .filter(option -> !option.isEmpty())
                        .toList()));
        if (options.flags("peer", "true")[0]) {
            kinds.add(new WireBroker.Kafka(kafkaPath));
        }
        load = Jvm.startSpokenTo(
                folder.path(),
                List.of(
                        "-Xms1g",
                        "-Xmx1g",
                        "-XX:+UseG1GC",
                        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
                        "-cp",
                        loadPath,
                        WireLoad.class.getName()));
    }

    public static void main(String[] arguments) throws Exception {
        Options options = Options.of(arguments);
        try (WireBenchmark benchmark = new WireBenchmark(
                options, options.text("server", ""), options.text("kafka", ""), options.text("load", ""))) {
            Versus.printHeading();
            for (String what : options.text("what", ALL).split(",", -1)) {
                benchmark.measure(what).forEach(versus -> System.out.println(versus.line()));
            }
        }
    }

    List<Versus> measure(String what) throws Exception {
        return switch (what) {
            case "produce" -> each(this::produce);
            case "consume" -> each(this::consume);
            default -> throw new IllegalArgumentException("--what must be of " + ALL + ", was " + what);
        };
    }

    private interface OfSize {
        List<Versus> measure(int bytes, int messages) throws Exception;
    }

    private List<Versus> each(OfSize measured) throws Exception {
        startBrokers();
        List<Versus> all = new ArrayList<>();
        for (int size : bytes) {
            int count = messages > 0 ? messages : (int) Math.min(RUN_MESSAGES, RUN_BYTES / size);
            all.addAll(measured.measure(size, count));
        }
        return all;
    }

    private void startBrokers() throws Exception {
        for (WireBroker.Kind kind : kinds) {
            if (!brokers.containsKey(kind)) {
                Path directory = Files.createDirectory(folder.path().resolve(kind.label));
                kind.prepare(directory);
                WireBroker broker = kind.launch(directory);
                brokers.put(kind, broker);
                ask("await", broker);
            }
        }
    }

    private List<Versus> produce(int size, int count) throws Exception {
        Throughput figures = new Throughput("produce", size);
        for (int i = 0; i < warmups + runs; i++) {
            for (WireBroker broker : brokers.values()) {
                String topic = "bench-" + topics++;
                ask("create", broker, topic, 1);
                run(figures, i >= warmups, broker, "produce", topic, count, size);
                ask("delete", broker, topic);
            }
        }
        return figures.all();
    }

    private List<Versus> consume(int size, int count) throws Exception {
        Throughput figures = new Throughput("consume", size);
        String topic = "bench-" + topics++;
        for (WireBroker broker : brokers.values()) {
            ask("create", broker, topic, 1);
            ask("produce", broker, topic, count, size);
        }
        for (int i = 0; i < warmups + runs; i++) {
            for (WireBroker broker : brokers.values()) {
                run(figures, i >= warmups, broker, "consume", topic, count);
            }
        }
        for (WireBroker broker : brokers.values()) {
            ask("delete", broker, topic);
        }
        return figures.all();
    }

    private void run(Throughput figures, boolean measured, WireBroker broker, String what, String topic, int... numbers)
            throws Exception {
        List<Object> words = new ArrayList<>(List.of(topic));
        for (int number : numbers) {
            words.add(number);
        }
        Usage usage = new Usage(broker);
        double seconds = Double.parseDouble(ask(what, broker, words.toArray()));
        usage.stop();
        if (measured) {
            figures.add(brokers.get(kinds.get(0)) == broker, usage, numbers[0] / 1e6, seconds);
        }
    }

    /** A line to the load, and its answer. */
    private String ask(String what, WireBroker broker, Object... words) throws Exception {
        StringBuilder line = new StringBuilder(what).append(' ').append(broker.bootstrap());
        for (Object word : words) {
            line.append(' ').append(word);
        }
        load.say(line.toString());
        return load.hear();
    }

    /** CPU time of a broker, and of whatever is no part of this benchmark. */
    private final class Usage {

        private final WireBroker broker;
        private final Stopwatch watch = Stopwatch.start();
        private final double own;
        private final Cpu before;
        private Cpu used;
        private double others;

        Usage(WireBroker broker) {
            this.broker = broker;
            own = ownSeconds();
            before = Cpu.of(broker.jvm.pid());
            used = before;
        }

        void stop() {
            used = Cpu.of(broker.jvm.pid()).minus(before);
            double foreign = used.machineSeconds() - (ownSeconds() - own);
            others = Math.max(0, foreign) / watch.seconds();
        }

        private double ownSeconds() {
            double seconds = Cpu.now().processSeconds() + Cpu.of(load.pid()).processSeconds();
            for (WireBroker each : brokers.values()) {
                seconds += Cpu.of(each.jvm.pid()).processSeconds();
            }
            return seconds;
        }
    }

    private static final class Throughput {

        private final Versus rate;
        private final Versus cpu;
        private final Versus user;

        Throughput(String what, int bytes) {
            String size = String.format(Locale.ROOT, "%s, %s", what, bytes == 1024 ? "1 KiB" : bytes + " B");
            rate = new Versus(size, "M msg/s");
            cpu = new Versus(size + ": broker CPU", "s a M");
            user = new Versus(size + ": broker CPU, user", "s a M");
        }

        void add(boolean our, Usage usage, double millions, double seconds) {
            rate.add(our, millions / seconds, usage.others);
            cpu.add(our, usage.used.processSeconds() / millions, usage.others);
            user.add(our, usage.used.processUserSeconds() / millions, usage.others);
        }

        List<Versus> all() {
            return List.of(cpu, user, rate);
        }
    }

    @Override
    public void close() throws IOException {
        load.close();
        brokers.values().forEach(WireBroker::close);
        folder.close();
    }
}
