package io.reactivemq.benchmarks;

import io.reactivemq.operator.Overflow;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jctools.queues.SpscArrayQueue;
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
import reactor.core.publisher.BufferOverflowStrategy;
import reactor.core.publisher.Flux;

/**
 * An overflow buffer of {@value #CAPACITY} on one thread, beside Reactor's {@code onBackpressureBuffer} with the same
 * strategy. A score is nanoseconds an element of the source, the source included; {@code source} and {@code sourceSlow} are
 * that part.
 *
 * <p>Beside {@code block} stands {@code limitRate}, which withholds demand, too, both over a source that cannot be fused.
 *
 * <p>In {@code keepsUp} the consumer asks for all; in {@code slow} it asks for one element in four that the source emits.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 5,
        jvmArgs = {"-Xms512m", "-Xmx512m", "-XX:+UseG1GC"})
public class OverflowBenchmark {

    static final int CAPACITY = 1024;
    static final int ELEMENTS = 1_000_000;

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void source(Blackhole sink) {
        keepUp(source -> source, sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void keepsUpDropOldestOurs(Blackhole sink) {
        keepUp(Overflow.dropOldest(CAPACITY), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void keepsUpDropOldestReactor(Blackhole sink) {
        keepUp(source -> source.onBackpressureBuffer(CAPACITY, BufferOverflowStrategy.DROP_OLDEST), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void keepsUpDropNewestOurs(Blackhole sink) {
        keepUp(Overflow.dropNewest(CAPACITY), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void keepsUpDropNewestReactor(Blackhole sink) {
        keepUp(source -> source.onBackpressureBuffer(CAPACITY, BufferOverflowStrategy.DROP_LATEST), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void keepsUpErrorOurs(Blackhole sink) {
        keepUp(Overflow.error(CAPACITY), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void keepsUpErrorReactor(Blackhole sink) {
        keepUp(source -> source.onBackpressureBuffer(CAPACITY, BufferOverflowStrategy.ERROR), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void keepsUpBlockOurs(Blackhole sink) {
        keepUp(source -> source.hide().transform(Overflow.block(CAPACITY)), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void keepsUpBlockReactor(Blackhole sink) {
        keepUp(source -> source.hide().limitRate(CAPACITY), sink);
    }

    /** Of 64 keys. */
    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void keepsUpConflateOurs(Blackhole sink) {
        keepUp(Overflow.conflate(i -> i & 63, CAPACITY), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void keepsUpLatestReactor(Blackhole sink) {
        keepUp(Flux::onBackpressureLatest, sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void keepsUpDropReactor(Blackhole sink) {
        keepUp(Flux::onBackpressureDrop, sink);
    }

    /** The floor: each element goes through a raw ring, a batch at a time. */
    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void keepsUpRawSpsc(Blackhole sink) {
        SpscArrayQueue<Integer> ring = new SpscArrayQueue<>(CAPACITY);
        for (int i = 0; i < ELEMENTS; ) {
            while (i < ELEMENTS && ring.offer(i)) {
                i++;
            }
            for (Integer element = ring.poll(); element != null; element = ring.poll()) {
                sink.consume(element);
            }
        }
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void sourceSlow(Blackhole sink) {
        lagBehind(source -> source, sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void slowDropOldestOurs(Blackhole sink) {
        lagBehind(Overflow.dropOldest(CAPACITY), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void slowDropOldestReactor(Blackhole sink) {
        lagBehind(source -> source.onBackpressureBuffer(CAPACITY, BufferOverflowStrategy.DROP_OLDEST), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void slowDropNewestOurs(Blackhole sink) {
        lagBehind(Overflow.dropNewest(CAPACITY), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void slowDropNewestReactor(Blackhole sink) {
        lagBehind(source -> source.onBackpressureBuffer(CAPACITY, BufferOverflowStrategy.DROP_LATEST), sink);
    }

    /** Of 64 keys, so little is ever dropped for lack of room. */
    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void slowConflateOurs(Blackhole sink) {
        lagBehind(Overflow.conflate(i -> i & 63, CAPACITY), sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void slowLatestReactor(Blackhole sink) {
        lagBehind(Flux::onBackpressureLatest, sink);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void slowDropReactor(Blackhole sink) {
        lagBehind(Flux::onBackpressureDrop, sink);
    }

    private static void keepUp(Function<Flux<Integer>, Flux<Integer>> operator, Blackhole sink) {
        Consumer consumer = new Consumer(sink, Long.MAX_VALUE);
        Flux.range(0, ELEMENTS).transform(operator).subscribe(consumer);
        consumer.expectEnd();
    }

    private static void lagBehind(Function<Flux<Integer>, Flux<Integer>> operator, Blackhole sink) {
        Consumer consumer = new Consumer(sink, 0);
        Flux.range(0, ELEMENTS)
                .doOnNext(i -> {
                    if ((i & 3) == 0) {
                        consumer.request(1);
                    }
                })
                .transform(operator)
                .subscribe(consumer);
        consumer.request(Long.MAX_VALUE);
        consumer.expectEnd();
    }

    private static final class Consumer extends BaseSubscriber<Integer> {

        private final Blackhole sink;
        private final long demand;
        private boolean ended;

        Consumer(Blackhole sink, long demand) {
            this.sink = sink;
            this.demand = demand;
        }

        @Override
        protected void hookOnSubscribe(Subscription subscription) {
            if (demand > 0) {
                subscription.request(demand);
            }
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
