package io.reactivemq.benchmarks;

import io.reactivemq.operator.Router;
import io.reactivemq.operator.RouterQueue;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;
import reactor.core.publisher.Flux;

/**
 * A topic exchange with 10 and with 10,000 bindings: patterns of four words, a quarter each without wildcard, with {@code *}, with {@code #} at the end,
 * with {@code #} in the middle; spread over {@value #QUEUES} queues, whose consumers keep up. Keys of four words, each drawn so that some bindings match: few
 * that come again and again, or so many that neither they nor the nodes they lead to stay in the processor's near caches. A score is nanoseconds a
 * message through {@code route}, the source, the queues and their consumers included. Nothing is remembered from one message to the next.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 5,
        jvmArgs = {"-Xms512m", "-Xmx512m", "-XX:+UseG1GC"})
public class TopicBenchmark {

    static final int QUEUES = 16;

    /** Routed in one go. */
    static final int KEYS = 4096;

    @Param({"10", "10000"})
    private int bindings = 10;

    /** Drawn anew, each a string of its own. */
    @Param({"4096", "262144"})
    private int keys = KEYS;

    private Router<String, String> router = Router.fanout();
    private String[][] slices = new String[0][];
    private int slice;

    /** What the consumers of the queues do. */
    private long received;

    @Setup
    public void setup() {
        Random random = new Random(1);
        router = Router.topic(Function.identity());
        RouterQueue<String>[] queues = queues();
        // the words of a binding's first two places tell it from most others
        int spread = Math.max(2, bindings / 8);
        for (int i = 0; i < bindings; i++) {
            String first = "region" + random.nextInt(spread);
            String second = "customer" + random.nextInt(32);
            String pattern = switch (i % 4) {
                case 0 -> first + "." + second + ".order.paid";
                case 1 -> first + ".*.order." + (random.nextBoolean() ? "paid" : "new");
                case 2 -> first + "." + second + ".#";
                default -> first + ".#.paid";
            };
            router.bind(queues[i % QUEUES], pattern);
        }
        slices = new String[keys / KEYS][KEYS];
        for (String[] each : slices) {
            for (int i = 0; i < KEYS; i++) {
                each[i] = "region" + random.nextInt(spread) + ".customer" + random.nextInt(32) + ".order."
                        + (random.nextBoolean() ? "paid" : "new");
            }
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"}) // Java has no arrays of generic types
    private RouterQueue<String>[] queues() {
        RouterQueue<String>[] queues = new RouterQueue[QUEUES];
        for (int i = 0; i < QUEUES; i++) {
            queues[i] = router.queue("queue " + i);
            queues[i].asFlux().subscribe(key -> received += key.length());
        }
        return queues;
    }

    @Benchmark
    @OperationsPerInvocation(KEYS)
    public long routeOurs(Blackhole outcomes) {
        long before = received;
        slice = slice + 1 & slices.length - 1;
        Flux.fromArray(slices[slice]).transform(router::route).subscribe(outcomes::consume);
        if (received == before) {
            throw new IllegalStateException("no binding matches: a wrong measurement");
        }
        return received;
    }
}
