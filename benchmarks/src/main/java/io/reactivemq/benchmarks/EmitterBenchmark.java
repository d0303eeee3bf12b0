package io.reactivemq.benchmarks;

import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.dsl.Disruptor;
import com.lmax.disruptor.dsl.ProducerType;
import io.reactivemq.operator.EmitOutcome;
import io.reactivemq.operator.Overflow;
import io.reactivemq.operator.OverflowSink;
import io.reactivemq.operator.OverflowStrategy;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jctools.queues.MessagePassingQueue;
import org.jctools.queues.MpscArrayQueue;
import org.jctools.queues.SpscArrayQueue;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.BufferOverflowStrategy;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/**
 * Emitters beside Reactor's sinks, with buffers of {@value #CAPACITY}. A score is nanoseconds an element, from the first that is
 * emitted to the last that is received. Who finds a full buffer tries again, for all alike.
 *
 * <ul>
 *   <li>{@code one}: one thread emits, and the elements are received on it.
 *   <li>{@code two}: two threads emit at once. Ours and Reactor's hand on by whichever of them; the raw ring of many producers is
 *       drained in batches by a third thread.
 *   <li>{@code handOver}: one thread emits, another receives. {@code Drop} and {@code Latest} lose what the other has no time
 *       for, so they do less.
 * </ul>
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 5,
        jvmArgs = {"-Xms512m", "-Xmx512m", "-XX:+UseG1GC"})
public class EmitterBenchmark {

    static final int CAPACITY = 1024;
    static final int ELEMENTS = 1_000_000;
    private static final Integer[] BOXED = boxed();
    private static final int RECEIVE_AT_ONCE = 256;

    /** Divides {@link #ELEMENTS}. */
    private static final int PUBLISHED_AT_ONCE = 64;

    @SuppressWarnings("NullAway.Init") // by start
    private ExecutorService threads;

    @SuppressWarnings("NullAway.Init") // by start
    private Scheduler scheduler;

    /** So that no allocation of elements is measured. */
    private static Integer[] boxed() {
        Integer[] elements = new Integer[1 << 12];
        for (int i = 0; i < elements.length; i++) {
            elements[i] = i;
        }
        return elements;
    }

    @Setup
    public void start() {
        threads = Executors.newFixedThreadPool(2);
        scheduler = Schedulers.newSingle("receiver");
    }

    @TearDown
    public void stop() {
        threads.shutdownNow();
        scheduler.dispose();
    }

    /** An element was not taken and has to be tried again. */
    private interface Emission {
        boolean tryEmit(Integer element);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void oneOurs(Blackhole hole) {
        OverflowSink<Integer> sink = Overflow.sink(CAPACITY);
        one(sink.asFlux(), ours(sink), sink::tryComplete, hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void oneOursDropOldest(Blackhole hole) {
        OverflowSink<Integer> sink = Overflow.sink(CAPACITY, o -> o.strategy(OverflowStrategy.DROP_OLDEST));
        one(sink.asFlux(), ours(sink), sink::tryComplete, hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void oneReactorUnicast(Blackhole hole) {
        Sinks.Many<Integer> sink = Sinks.many().unicast().onBackpressureBuffer();
        one(sink.asFlux(), reactor(sink), () -> sink.tryEmitComplete().isSuccess(), hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void oneReactorMulticast(Blackhole hole) {
        Sinks.Many<Integer> sink = Sinks.many().multicast().onBackpressureBuffer(CAPACITY);
        one(sink.asFlux(), reactor(sink), () -> sink.tryEmitComplete().isSuccess(), hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void twoOurs(Blackhole hole) throws Exception {
        OverflowSink<Integer> sink = Overflow.sink(CAPACITY, o -> o.strategy(OverflowStrategy.BLOCK));
        two(sink.asFlux(), ours(sink), sink::tryComplete, hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void twoOursHandOver(Blackhole hole) throws Exception {
        OverflowSink<Integer> sink =
                Overflow.sink(CAPACITY, o -> o.strategy(OverflowStrategy.BLOCK).emitOn(scheduler));
        two(sink.asFlux(), ours(sink), sink::tryComplete, hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void twoReactorUnicast(Blackhole hole) throws Exception {
        Sinks.Many<Integer> sink = Sinks.many().unicast().onBackpressureBuffer();
        two(sink.asFlux(), reactor(sink), () -> sink.tryEmitComplete().isSuccess(), hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void twoReactorMulticast(Blackhole hole) throws Exception {
        Sinks.Many<Integer> sink = Sinks.many().multicast().onBackpressureBuffer(CAPACITY);
        two(sink.asFlux(), reactor(sink), () -> sink.tryEmitComplete().isSuccess(), hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void twoRawMpsc(Blackhole hole) throws Exception {
        MpscArrayQueue<Integer> queue = new MpscArrayQueue<>(CAPACITY);
        Future<?> receiver = threads.submit(() -> receiveAll(queue, hole));
        Future<?> other = threads.submit(() -> emitAll(queue::offer, ELEMENTS / 2));
        emitAll(queue::offer, ELEMENTS / 2);
        other.get();
        receiver.get();
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void handOverOurs(Blackhole hole) throws Exception {
        OverflowSink<Integer> sink =
                Overflow.sink(CAPACITY, o -> o.strategy(OverflowStrategy.BLOCK).emitOn(scheduler));
        handOver(sink.asFlux(), ours(sink), sink::tryComplete, hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void handOverReactor(Blackhole hole) throws Exception {
        Sinks.Many<Integer> sink = Sinks.many().unicast().onBackpressureBuffer(new SpscArrayQueue<>(CAPACITY));
        handOver(
                sink.asFlux().publishOn(scheduler, CAPACITY),
                reactor(sink),
                () -> sink.tryEmitComplete().isSuccess(),
                hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void handOverOursDropOldest(Blackhole hole) throws Exception {
        OverflowSink<Integer> sink = Overflow.sink(
                CAPACITY, o -> o.strategy(OverflowStrategy.DROP_OLDEST).emitOn(scheduler));
        handOver(sink.asFlux(), ours(sink), sink::tryComplete, hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void handOverReactorBufferDropOldest(Blackhole hole) throws Exception {
        lossy(source -> source.onBackpressureBuffer(CAPACITY, BufferOverflowStrategy.DROP_OLDEST), hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void handOverReactorDrop(Blackhole hole) throws Exception {
        lossy(Flux::onBackpressureDrop, hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void handOverReactorLatest(Blackhole hole) throws Exception {
        lossy(Flux::onBackpressureLatest, hole);
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void handOverRawSpsc(Blackhole hole) throws Exception {
        SpscArrayQueue<Integer> queue = new SpscArrayQueue<>(CAPACITY);
        Future<?> receiver = threads.submit(() -> receiveAll(queue, hole));
        emitAll(queue::offer, ELEMENTS);
        receiver.get();
    }

    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void handOverDisruptor(Blackhole hole) throws Exception {
        disruptor(hole, 1);
    }

    /** Slots claimed and published many at a time: an emitter of single elements cannot do that. */
    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void handOverDisruptorBatches(Blackhole hole) throws Exception {
        disruptor(hole, PUBLISHED_AT_ONCE);
    }

    private static void disruptor(Blackhole hole, int batch) throws Exception {
        CountDownLatch received = new CountDownLatch(1);
        Disruptor<Slot> disruptor =
                new Disruptor<>(Slot::new, CAPACITY, threadFactory(), ProducerType.SINGLE, new BusySpinWaitStrategy());
        disruptor.handleEventsWith((slot, sequence, last) -> {
            hole.consume(slot.element);
            if (sequence == ELEMENTS - 1) {
                received.countDown();
            }
        });
        RingBuffer<Slot> ring = disruptor.start();
        for (int i = 0; i < ELEMENTS; i += batch) {
            long last = ring.next(batch);
            long first = last - (batch - 1);
            for (long sequence = first; sequence <= last; sequence++) {
                ring.get(sequence).element = BOXED[(int) sequence & (BOXED.length - 1)];
            }
            ring.publish(first, last);
        }
        await(received);
        disruptor.shutdown();
    }

    private static java.util.concurrent.ThreadFactory threadFactory() {
        return task -> {
            Thread thread = new Thread(task, "disruptor");
            thread.setDaemon(true);
            return thread;
        };
    }

    private static final class Slot {
        Integer element = 0;
    }

    private static Emission ours(OverflowSink<Integer> sink) {
        return element -> {
            EmitOutcome outcome = sink.emit(element);
            return outcome != EmitOutcome.TIMED_OUT;
        };
    }

    private static Emission reactor(Sinks.Many<Integer> sink) {
        return element -> sink.tryEmitNext(element).isSuccess();
    }

    private static void one(Flux<Integer> flux, Emission emission, BooleanSupplier complete, Blackhole hole) {
        Receiver receiver = new Receiver(hole);
        flux.subscribe(receiver);
        emitAll(emission, ELEMENTS);
        end(complete);
        if (receiver.ended.getCount() != 0) {
            throw new IllegalStateException("the sink has not ended: a wrong measurement");
        }
    }

    private void two(Flux<Integer> flux, Emission emission, BooleanSupplier complete, Blackhole hole) throws Exception {
        Receiver receiver = new Receiver(hole);
        flux.subscribe(receiver);
        Future<?> other = threads.submit(() -> emitAll(emission, ELEMENTS / 2));
        emitAll(emission, ELEMENTS / 2);
        other.get();
        end(complete);
        await(receiver.ended);
    }

    private static void handOver(Flux<Integer> flux, Emission emission, BooleanSupplier complete, Blackhole hole)
            throws Exception {
        Receiver receiver = new Receiver(hole);
        flux.subscribe(receiver);
        emitAll(emission, ELEMENTS);
        end(complete);
        await(receiver.ended);
    }

    private void lossy(Function<Flux<Integer>, Flux<Integer>> operator, Blackhole hole) throws Exception {
        Receiver receiver = new Receiver(hole);
        Flux.range(0, ELEMENTS)
                .map(i -> BOXED[i & (BOXED.length - 1)])
                .transform(operator)
                .publishOn(scheduler, CAPACITY)
                .subscribe(receiver);
        await(receiver.ended);
    }

    private static void emitAll(Emission emission, int count) {
        for (int i = 0; i < count; i++) {
            Integer element = BOXED[i & (BOXED.length - 1)];
            for (int tries = 1; !emission.tryEmit(element); tries++) {
                relax(tries);
            }
        }
    }

    private static void end(BooleanSupplier complete) {
        for (int tries = 1; !complete.getAsBoolean(); tries++) {
            relax(tries);
        }
    }

    private static void receiveAll(MessagePassingQueue<Integer> queue, Blackhole hole) {
        int received = 0;
        for (int empty = 0; received < ELEMENTS; ) {
            int batch = queue.drain(hole::consume, RECEIVE_AT_ONCE);
            received += batch;
            if (batch == 0) {
                relax(++empty);
            }
        }
    }

    @SuppressWarnings("ThreadPriorityCheck") // with fewer processors than threads the other has to get one
    private static void relax(int tries) {
        if (tries % 64 == 0) {
            Thread.yield();
        } else {
            Thread.onSpinWait();
        }
    }

    private static void await(CountDownLatch ended) throws Exception {
        if (!ended.await(60, TimeUnit.SECONDS)) {
            throw new TimeoutException("the end did not come");
        }
    }

    private static final class Receiver extends BaseSubscriber<Integer> {

        final CountDownLatch ended = new CountDownLatch(1);
        private final Blackhole hole;

        Receiver(Blackhole hole) {
            this.hole = hole;
        }

        @Override
        protected void hookOnNext(Integer value) {
            hole.consume(value);
        }

        @Override
        protected void hookOnComplete() {
            ended.countDown();
        }

        @Override
        protected void hookOnError(Throwable failure) {
            throw new IllegalStateException("a wrong measurement", failure);
        }
    }
}
