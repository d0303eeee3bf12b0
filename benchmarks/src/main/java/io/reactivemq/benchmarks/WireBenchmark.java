package io.reactivemq.benchmarks;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Our server beside Apache Kafka's broker, each in a JVM of its own, under the load of Kafka's own client, which is warm and in a third; run by run in
 * turns. Nothing is forced to disk before it is acknowledged, by either. The compiler of a broker's JVM is at work for the first six or seven runs of
 * produce, which therefore warm up; a start has one warm-up, for what the machine has to read, and memory and idle brokers have none.
 *
 * <pre>
 * benchmarks/run wire [--what produce,consume,latency,group,start,partitions,memory,idle,connections,reactor-kafka] [--runs 5] [--warmups 8] [--settling SECONDS]
 *                     [--bytes 100,1024] [--messages N] [--records 3000] [--between MESSAGES] [--partitions 1000] [--connections 10000] [--seconds 30]
 *                     [--peer false] [--data DIRECTORY] [--jvm "OPTIONS OF OUR SERVER'S JVM", else those of the script rmq]
 * </pre>
 */
final class WireBenchmark implements AutoCloseable {

    private static final String ALL =
            "produce,consume,latency,group,start,partitions,memory,idle,connections,reactor-kafka";

    /** So many bytes in a run, but at most so many messages. */
    private static final long RUN_BYTES = 1L << 30;

    private static final int RUN_MESSAGES = 5_000_000;

    /** What the script {@code rmq} gives a server on files. */
    private static final String SCRIPTS_JVM = "-XX:+UseSerialGC -Xms32m -Dio.netty.jfr.enabled=false";

    private final Options options;
    private final WireRig rig;
    private final WireTraffic traffic;
    private final WireStarts starts;

    WireBenchmark(Options options, String serverPath, String kafkaPath, String loadPath, String reactorKafkaPath)
            throws IOException {
        this.options = options;
        List<String> jvm = Stream.of(options.text("jvm", SCRIPTS_JVM).split(" ", -1))
                .filter(option -> !option.isEmpty())
                .toList();
        List<WireBroker.Kind> peers =
                options.flags("peer", "true")[0] ? List.of(new WireBroker.Kafka(kafkaPath)) : List.of();
        rig = new WireRig(
                options.path("data"), new WireBroker.Ours(serverPath, jvm), peers, loadPath, reactorKafkaPath);
        int runs = options.number("runs", 5);
        int warmups = options.number("warmups", 8);
        int settling = options.number("settling", 3);
        traffic = new WireTraffic(rig, warmups, runs, settling);
        starts = new WireStarts(rig, warmups, runs, settling);
    }

    public static void main(String[] arguments) throws Exception {
        Options options = Options.of(arguments);
        try (WireBenchmark benchmark = new WireBenchmark(
                options,
                options.text("server", ""),
                options.text("kafka", ""),
                options.text("load", ""),
                options.text("reactorKafka", ""))) {
            Versus.printHeading();
            for (String what : options.text("what", ALL).split(",", -1)) {
                benchmark.measure(what).forEach(versus -> System.out.println(versus.line()));
            }
        }
    }

    List<Versus> measure(String what) throws Exception {
        return switch (what) {
            case "produce" -> eachSize(traffic::produce);
            case "consume" -> eachSize(traffic::consume);
            case "latency" -> traffic.latency(options.number("records", 3_000), 100, options.number("between", 0));
            case "group" -> traffic.group();
            case "start" -> starts.fresh();
            case "partitions" -> starts.partitions(options.number("partitions", 1_000));
            case "memory" -> starts.memory(messages(100), messages(1024));
            case "idle" -> traffic.idle(options.number("seconds", 30));
            case "connections" -> starts.connections(options.number("connections", 10_000));
            case "reactor-kafka" -> traffic.reactorKafka(messages(100), 100);
            default -> throw new IllegalArgumentException("--what must be of " + ALL + ", was " + what);
        };
    }

    private interface OfSize {
        List<Versus> measure(int messages, int bytes) throws Exception;
    }

    private List<Versus> eachSize(OfSize measured) throws Exception {
        List<Versus> all = new ArrayList<>();
        for (int size : options.numbers("bytes", "100,1024")) {
            all.addAll(measured.measure(messages(size), size));
        }
        return all;
    }

    private int messages(int bytes) {
        return options.number("messages", (int) Math.min(RUN_MESSAGES, RUN_BYTES / bytes));
    }

    @Override
    public void close() throws IOException {
        rig.close();
    }
}
