package io.reactivemq.benchmarks;

import io.reactivemq.operator.KeyOrdered;
import java.util.concurrent.CountDownLatch;
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
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * Order by key over {@value #LANES} keys with as many places, beside {@code groupBy} and {@code flatMap}. A score is nanoseconds an element, the
 * source included.
 *
 * <p>{@code value}: the handler has its result at once ({@code Mono.just}); Reactor's lanes each {@code publishOn} a scheduler that runs
 * in place, and map, which is their queue and no handler's publisher. {@code laneOnWorker} is the same with lanes on
 * Schedulers.parallel(), and ours with the source on it: one hop, batched, on both sides. {@code publisher}: the handler's publisher has to be
 * subscribed; Reactor's lanes {@code concatMap}.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 5,
        jvmArgs = {"-Xms512m", "-Xmx512m", "-XX:+UseG1GC"})
public class KeyOrderedBenchmark {

    static final int LANES = 64;
    static final int PREFETCH = 256;
    static final int ELEMENTS = 500_000;

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void valueOurs(Blackhole sink) throws InterruptedException {
        run(Flux.range(0, ELEMENTS).transform(KeyOrdered.flatMap(KeyOrderedBenchmark::key, Mono::just, LANES)), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void valueReactor(Blackhole sink) throws InterruptedException {
        run(
                Flux.range(0, ELEMENTS)
                        .groupBy(KeyOrderedBenchmark::key, PREFETCH)
                        .flatMap(
                                lane -> lane.publishOn(Schedulers.immediate(), PREFETCH)
                                        .map(value -> value),
                                LANES,
                                PREFETCH),
                sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void laneOnWorkerOurs(Blackhole sink) throws InterruptedException {
        run(
                Flux.range(0, ELEMENTS)
                        .publishOn(Schedulers.parallel(), PREFETCH)
                        .transform(KeyOrdered.flatMap(KeyOrderedBenchmark::key, Mono::just, LANES)),
                sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void laneOnWorkerReactor(Blackhole sink) throws InterruptedException {
        run(
                Flux.range(0, ELEMENTS)
                        .groupBy(KeyOrderedBenchmark::key, PREFETCH)
                        .flatMap(
                                lane -> lane.publishOn(Schedulers.parallel(), PREFETCH)
                                        .map(value -> value),
                                LANES,
                                PREFETCH),
                sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void publisherOurs(Blackhole sink) throws InterruptedException {
        run(
                Flux.range(0, ELEMENTS)
                        .transform(KeyOrdered.flatMap(
                                KeyOrderedBenchmark::key,
                                value -> Mono.just(value).hide(),
                                LANES)),
                sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void publisherReactor(Blackhole sink) throws InterruptedException {
        run(
                Flux.range(0, ELEMENTS)
                        .groupBy(KeyOrderedBenchmark::key, PREFETCH)
                        .flatMap(
                                lane -> lane.concatMap(value -> Mono.just(value).hide(), PREFETCH), LANES, PREFETCH),
                sink);
    }

    private static Integer key(Integer element) {
        return element & (LANES - 1);
    }

    private static void run(Flux<Integer> results, Blackhole sink) throws InterruptedException {
        Consumer consumer = new Consumer(sink);
        results.subscribe(consumer);
        if (!consumer.end.await(60, TimeUnit.SECONDS) || consumer.count != ELEMENTS) {
            throw new IllegalStateException(consumer.count + " results: a wrong measurement");
        }
    }

    private static final class Consumer extends BaseSubscriber<Integer> {

        final CountDownLatch end = new CountDownLatch(1);
        int count;

        private final Blackhole sink;

        Consumer(Blackhole sink) {
            this.sink = sink;
        }

        @Override
        protected void hookOnSubscribe(Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        protected void hookOnNext(Integer value) {
            count++;
            sink.consume(value);
        }

        @Override
        protected void hookOnComplete() {
            end.countDown();
        }
    }
}
