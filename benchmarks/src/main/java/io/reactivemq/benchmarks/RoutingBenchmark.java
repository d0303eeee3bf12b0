package io.reactivemq.benchmarks;

import io.reactivemq.operator.Lane;
import io.reactivemq.operator.OverflowStrategy;
import io.reactivemq.operator.PartitionedFlux;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;

/**
 * Routing by key to {@value #PARTITIONS} partitions on one thread, beside {@code groupBy} and {@code flatMap}. The key function is the same on both
 * sides, an {@code Integer} in the range of the partitions. A score is nanoseconds an element of the source, the source included; {@code source} is that part.
 *
 * <p>{@code byIndex} takes the key for the index of the lane, {@code byMurmur2} hashes it as Kafka does. {@code groupBy} hashes it for its map.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 5,
        jvmArgs = {"-Xms512m", "-Xmx512m", "-XX:+UseG1GC"})
public class RoutingBenchmark {

    static final int PARTITIONS = 16;
    static final int CAPACITY = 256;
    static final int ELEMENTS = 1_000_000;

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void source(Blackhole sink) {
        Consumer consumer = new Consumer(sink);
        Flux.range(0, ELEMENTS).subscribe(consumer);
        consumer.expectEnd();
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void byIndexBlockOurs(Blackhole sink) {
        consume(
                PartitionedFlux.by(
                        Flux.range(0, ELEMENTS),
                        RoutingBenchmark::key,
                        PARTITIONS,
                        o -> o.partitioner((key, partitions) -> key).overflow(OverflowStrategy.BLOCK, CAPACITY)),
                sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void byIndexDropOldestOurs(Blackhole sink) {
        consume(
                PartitionedFlux.by(
                        Flux.range(0, ELEMENTS),
                        RoutingBenchmark::key,
                        PARTITIONS,
                        o -> o.partitioner((key, partitions) -> key).overflow(OverflowStrategy.DROP_OLDEST, CAPACITY)),
                sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void byMurmur2BlockOurs(Blackhole sink) {
        consume(PartitionedFlux.by(Flux.range(0, ELEMENTS), RoutingBenchmark::key, PARTITIONS), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void groupByReactor(Blackhole sink) {
        Consumer consumer = new Consumer(sink);
        Flux.range(0, ELEMENTS)
                .groupBy(RoutingBenchmark::key, CAPACITY)
                .flatMap(group -> group, PARTITIONS, CAPACITY)
                .subscribe(consumer);
        consumer.expectEnd();
    }

    private static Integer key(Integer element) {
        return element & (PARTITIONS - 1);
    }

    private static void consume(PartitionedFlux<Integer> partitioned, Blackhole sink) {
        Consumer[] consumers = new Consumer[PARTITIONS];
        for (Lane<Integer> lane : partitioned.lanes()) {
            consumers[lane.number()] = new Consumer(sink);
            lane.subscribe(consumers[lane.number()]);
        }
        partitioned.connect();
        for (Consumer consumer : consumers) {
            consumer.expectEnd();
        }
    }

    private static final class Consumer extends BaseSubscriber<Integer> {

        private final Blackhole sink;
        private boolean ended;

        Consumer(Blackhole sink) {
            this.sink = sink;
        }

        @Override
        protected void hookOnSubscribe(Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        protected void hookOnNext(Integer value) {
            sink.consume(value);
        }

        @Override
        protected void hookOnComplete() {
            ended = true;
        }

        void expectEnd() {
            if (!ended) {
                throw new IllegalStateException("the source has not ended: a wrong measurement");
            }
        }
    }
}
