package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.MqRuntime;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.metrics.BufferDepth;
import io.reactivemq.metrics.BufferMeter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

@DisplayName("Overflow.sink:")
class OverflowSinkTest {

    private static final Duration LONG = Duration.ofSeconds(60);

    /** The strategies, and conflation. */
    enum Kind {
        DROP_OLDEST,
        DROP_NEWEST,
        BLOCK,
        ERROR,
        /** Each element has a key of its own: then it drops the oldest. */
        CONFLATE;

        OverflowSinkOptions<Integer> applyTo(OverflowSinkOptions<Integer> options) {
            return this == CONFLATE
                    ? options.conflate(element -> element)
                    : options.strategy(OverflowStrategy.valueOf(name()));
        }
    }

    private final RecordingConsumer consumer = new RecordingConsumer();
    private final List<Integer> dropped = new ArrayList<>();

    private OverflowSink<Integer> sink(Kind kind, int capacity) {
        return Overflow.sink(capacity, o -> kind.applyTo(o).onDropped(dropped::add));
    }

    private static void emit(OverflowSink<Integer> sink, int from, int to) {
        IntStream.rangeClosed(from, to)
                .forEach(element ->
                        assertThat(sink.emit(element)).as("element %s", element).isEqualTo(EmitOutcome.ACCEPTED));
    }

    private static List<Integer> range(int from, int to) {
        return IntStream.rangeClosed(from, to).boxed().toList();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("elements pass at once while there is demand, wait else, and before the subscriber comes:")
    void passes(Kind kind) {
        OverflowSink<Integer> sink = sink(kind, 4);
        emit(sink, 1, 2);
        sink.asFlux().subscribe(consumer);
        assertThat(consumer.received).isEmpty();
        consumer.request(1);
        assertThat(consumer.received).containsExactly(1);
        consumer.request(2);
        assertThat(consumer.received).containsExactly(1, 2);
        emit(sink, 3, 5);
        assertThat(consumer.received).containsExactly(1, 2, 3);
        assertThat(sink.depth()).isEqualTo(2);
        consumer.request(Long.MAX_VALUE);
        emit(sink, 6, 9);
        assertThat(consumer.received).isEqualTo(range(1, 9));
        assertThat(sink.tryComplete()).isTrue();
        assertThat(consumer.completions).hasValue(1);
        assertThat(dropped).isEmpty();
        assertThat(consumer.discarded).isEmpty();
        assertThat(consumer.breaches).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(names = {"DROP_OLDEST", "CONFLATE"})
    @DisplayName("M11 drop-oldest takes the newest and says that the oldest went:")
    void dropOldest(Kind kind) {
        for (int capacity : new int[] {1, 2, 3, 7, 8}) {
            dropped.clear();
            OverflowSink<Integer> sink = sink(kind, capacity);
            RecordingConsumer subscriber = new RecordingConsumer();
            sink.asFlux().subscribe(subscriber);
            emit(sink, 1, capacity);
            assertThat(sink.emit(capacity + 1)).isEqualTo(EmitOutcome.ACCEPTED_OLDEST_DROPPED);
            assertThat(sink.emit(capacity + 2)).isEqualTo(EmitOutcome.ACCEPTED_OLDEST_DROPPED);
            assertThat(dropped).containsExactly(1, 2);
            assertThat(sink.depth()).isEqualTo(capacity);
            subscriber.request(1);
            emit(sink, capacity + 3, capacity + 3);
            subscriber.request(100);
            assertThat(subscriber.received).isEqualTo(range(3, capacity + 3));
            assertThat(subscriber.discarded).containsExactly(1, 2);
        }
    }

    @Test
    @DisplayName("M11 drop-newest says that the element was dropped")
    void dropNewest() {
        for (int capacity : new int[] {1, 2, 3, 7, 8}) {
            dropped.clear();
            OverflowSink<Integer> sink = sink(Kind.DROP_NEWEST, capacity);
            RecordingConsumer subscriber = new RecordingConsumer();
            sink.asFlux().subscribe(subscriber);
            emit(sink, 1, capacity);
            assertThat(sink.emit(100)).isEqualTo(EmitOutcome.DROPPED);
            assertThat(sink.emit(101, Duration.ofSeconds(1))).isEqualTo(EmitOutcome.DROPPED);
            subscriber.request(1);
            emit(sink, capacity + 1, capacity + 1);
            assertThat(sink.emit(102)).isEqualTo(EmitOutcome.DROPPED);
            subscriber.request(100);
            assertThat(subscriber.received).isEqualTo(range(1, capacity + 1));
            assertThat(subscriber.discarded).containsExactly(100, 101, 102);
            assertThat(dropped).containsExactly(100, 101, 102);
        }
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the overflow is reported as Reactor reports its own")
    @DisplayName("M11 error fails with an overflow, behind what waits, and says so to the emitter")
    void error() {
        OverflowSink<Integer> sink = Overflow.sink(2, o -> o.name("ticks").strategy(OverflowStrategy.ERROR));
        sink.asFlux().subscribe(consumer);
        emit(sink, 1, 2);
        assertThat(sink.emit(3)).isEqualTo(EmitOutcome.OVERFLOWED);
        assertThat(sink.emit(4)).isEqualTo(EmitOutcome.TERMINATED);
        assertThat(sink.tryComplete()).isFalse();
        assertThat(consumer.error()).isNull();
        consumer.request(5);
        assertThat(consumer.received).containsExactly(1, 2);
        assertThat(consumer.error())
                .matches(Exceptions::isOverflow)
                .hasMessage(
                        "the overflow sink 'ticks' of capacity 2 is full: the subscriber is slower than the emitters");
        assertThat(consumer.discarded).containsExactly(3);
    }

    @Test
    @DisplayName("M11 conflate puts the newer in the place of the older and says so")
    void conflate() {
        OverflowSink<Integer> sink =
                Overflow.sink(2, o -> o.conflate(element -> element / 10).onDropped(dropped::add));
        sink.asFlux().subscribe(consumer);
        emit(sink, 11, 11);
        emit(sink, 21, 21);
        assertThat(sink.emit(12)).isEqualTo(EmitOutcome.ACCEPTED_REPLACED);
        assertThat(sink.emit(31)).isEqualTo(EmitOutcome.ACCEPTED_OLDEST_DROPPED);
        assertThat(dropped).containsExactly(11, 12);
        consumer.request(5);
        assertThat(consumer.received).containsExactly(21, 31);
        assertThat(consumer.discarded).isEqualTo(dropped);
        assertThatThrownBy(() -> Overflow.<Integer>sink(2, o -> o.conflate(element -> 1 / element))
                        .emit(0))
                .isInstanceOf(ArithmeticException.class);
    }

    @Test
    @DisplayName(
            "M11 block has no room at once without a timeout, and none after it with one; the element is the emitter's")
    void blockTimesOut() {
        ManualRuntime time = new ManualRuntime();
        OverflowSink<Integer> sink =
                Overflow.sink(1, o -> o.strategy(OverflowStrategy.BLOCK).runtime(new ParkingRuntime(time, () -> {})));
        sink.asFlux().subscribe(consumer);
        emit(sink, 1, 1);
        assertThat(sink.emit(2)).isEqualTo(EmitOutcome.TIMED_OUT);
        assertThat(time.nanoTime()).isZero();
        assertThat(sink.emit(2, Duration.ofMillis(70))).isEqualTo(EmitOutcome.TIMED_OUT);
        assertThat(time.nanoTime()).isEqualTo(Duration.ofMillis(70).toNanos());
        consumer.request(5);
        assertThat(consumer.received).containsExactly(1);
        assertThat(sink.emit(2, Duration.ofMillis(70))).isEqualTo(EmitOutcome.ACCEPTED);
        assertThat(consumer.received).containsExactly(1, 2);
        assertThat(consumer.discarded).isEmpty();
    }

    @Test
    @DisplayName("M11 block parks the emitter until there is room")
    void blockParks() {
        ManualRuntime time = new ManualRuntime();
        OverflowSink<Integer> sink = Overflow.sink(
                2,
                o -> o.strategy(OverflowStrategy.BLOCK).runtime(new ParkingRuntime(time, () -> consumer.request(1))));
        sink.asFlux().subscribe(consumer);
        emit(sink, 1, 2);
        for (int element = 3; element < 20; element++) {
            assertThat(sink.emit(element, LONG)).isEqualTo(EmitOutcome.ACCEPTED);
            assertThat(consumer.received).isEqualTo(range(1, element - 2));
        }
    }

    @Test
    @DisplayName("a parked emitter learns of the end and of a cancellation")
    void parkedEmitterIsTold() {
        for (EmitOutcome expected : List.of(EmitOutcome.TERMINATED, EmitOutcome.CANCELLED)) {
            List<OverflowSink<Integer>> made = new ArrayList<>();
            RecordingConsumer subscriber = new RecordingConsumer();
            Runnable whileParked = () -> {
                if (expected == EmitOutcome.TERMINATED) {
                    made.get(0).tryComplete();
                } else {
                    subscriber.cancel();
                }
            };
            OverflowSink<Integer> sink = Overflow.sink(
                    1,
                    o -> o.strategy(OverflowStrategy.BLOCK)
                            .runtime(new ParkingRuntime(new ManualRuntime(), whileParked)));
            made.add(sink);
            sink.asFlux().subscribe(subscriber);
            emit(sink, 1, 1);
            assertThat(sink.emit(2, LONG)).isEqualTo(expected);
            assertThat(sink.emit(3, LONG)).isEqualTo(expected);
        }
    }

    @Test
    @DisplayName("a parked emitter that is interrupted keeps its element and stays interrupted")
    void interrupted() {
        OverflowSink<Integer> sink = Overflow.sink(1, o -> o.strategy(OverflowStrategy.BLOCK));
        emit(sink, 1, 1);
        Thread.currentThread().interrupt();
        assertThat(sink.emit(2, LONG)).isEqualTo(EmitOutcome.INTERRUPTED);
        assertThat(Thread.interrupted()).isTrue();
        // nobody is left in line
        sink.asFlux().subscribe(consumer);
        consumer.request(5);
        assertThat(consumer.received).containsExactly(1);
    }

    @Test
    @DisplayName("M11 block with a timeout fails on a thread that must not block, and says what to do")
    void nonBlockingThread() throws Exception {
        OverflowSink<Integer> sink = Overflow.sink(1, o -> o.name("orders").strategy(OverflowStrategy.BLOCK));
        CompletableFuture<EmitOutcome> withTimeout = new CompletableFuture<>();
        CompletableFuture<EmitOutcome> without = new CompletableFuture<>();
        Schedulers.parallel().schedule(() -> {
            try {
                without.complete(sink.emit(1));
                withTimeout.complete(sink.emit(2, LONG));
            } catch (RuntimeException e) {
                withTimeout.completeExceptionally(e);
            }
        });
        assertThat(without.get(30, TimeUnit.SECONDS)).isEqualTo(EmitOutcome.ACCEPTED);
        assertThatThrownBy(() -> withTimeout.get(30, TimeUnit.SECONDS))
                .hasCauseInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the overflow sink 'orders' of capacity 1 may park who emits with a timeout")
                .hasMessageContaining("this thread must not block")
                .hasMessageContaining("emit without a timeout");
    }

    @Test
    @DisplayName("M11 emitters that are parked on real threads all get through")
    void parkedThreads() {
        OverflowSink<Integer> sink = Overflow.sink(2, o -> o.strategy(OverflowStrategy.BLOCK));
        sink.asFlux().subscribe(consumer);
        int threads = 4;
        int each = 500;
        List<CompletableFuture<Long>> emitters = IntStream.range(0, threads)
                .mapToObj(thread -> CompletableFuture.supplyAsync(
                        () -> IntStream.range(0, each)
                                .filter(i -> sink.emit(thread * each + i, LONG) == EmitOutcome.ACCEPTED)
                                .count(),
                        runnable -> {
                            Thread emitter = new Thread(runnable, "emitter-" + thread);
                            emitter.setDaemon(true);
                            emitter.start();
                        }))
                .toList();
        while (consumer.received.size() < threads * each) {
            consumer.request(1);
        }
        emitters.forEach(emitter -> assertThat(emitter.join()).isEqualTo(each));
        assertThat(consumer.received).containsExactlyInAnyOrderElementsOf(range(0, threads * each - 1));
        for (int thread = 0; thread < threads; thread++) {
            int from = thread * each;
            assertThat(consumer.received.stream().filter(element -> element >= from && element < from + each))
                    .isSorted();
        }
        assertThat(consumer.breaches).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("the end comes behind what waits; emitters learn of it at once:")
    void end(Kind kind) {
        OverflowSink<Integer> sink = sink(kind, 4);
        emit(sink, 1, 3);
        assertThat(sink.tryComplete()).isTrue();
        assertThat(sink.tryComplete()).isFalse();
        assertThat(sink.tryError(new IllegalStateException("late"))).isFalse();
        assertThat(sink.emit(4)).isEqualTo(EmitOutcome.TERMINATED);
        sink.asFlux().subscribe(consumer);
        consumer.request(2);
        assertThat(consumer.completions).hasValue(0);
        consumer.request(1);
        assertThat(consumer.received).containsExactly(1, 2, 3);
        assertThat(consumer.completions).hasValue(1);
        assertThat(consumer.discarded).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("an error comes behind what waits; an empty sink needs no demand for its end:")
    void failure(Kind kind) {
        OverflowSink<Integer> sink = sink(kind, 4);
        sink.asFlux().subscribe(consumer);
        emit(sink, 1, 1);
        IllegalStateException down = new IllegalStateException("down");
        assertThat(sink.tryError(down)).isTrue();
        assertThat(consumer.error()).isNull();
        consumer.request(1);
        assertThat(consumer.error()).isSameAs(down);
        OverflowSink<Integer> empty = sink(kind, 4);
        RecordingConsumer other = new RecordingConsumer();
        empty.asFlux().subscribe(other);
        empty.tryComplete();
        assertThat(other.completions).hasValue(1);
        OverflowSink<Integer> ended = sink(kind, 4);
        ended.tryComplete();
        RecordingConsumer late = new RecordingConsumer();
        ended.asFlux().subscribe(late);
        assertThat(late.completions).hasValue(1);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a cancellation discards what waits, once; emitters learn of it:")
    void cancellation(Kind kind) {
        OverflowSink<Integer> sink = sink(kind, 10);
        sink.asFlux().subscribe(consumer);
        consumer.request(1);
        emit(sink, 1, 5);
        consumer.cancel();
        consumer.cancel();
        assertThat(sink.emit(6)).isEqualTo(EmitOutcome.CANCELLED);
        assertThat(sink.tryComplete()).isFalse();
        assertThat(consumer.received).containsExactly(1);
        assertThat(consumer.discarded).containsExactly(2, 3, 4, 5);
        assertThat(consumer.completions).hasValue(0);
        assertThat(dropped).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a cancellation behind the end discards what waits, too:")
    void cancellationBehindTheEnd(Kind kind) {
        OverflowSink<Integer> sink = sink(kind, 10);
        sink.asFlux().subscribe(consumer);
        emit(sink, 1, 3);
        sink.tryComplete();
        consumer.cancel();
        assertThat(consumer.discarded).containsExactly(1, 2, 3);
        consumer.request(5);
        assertThat(consumer.received).isEmpty();
        assertThat(consumer.completions).hasValue(0);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a cancellation inside onNext, be it drained or direct, discards the rest:")
    void cancellationInsideOnNext(Kind kind) {
        OverflowSink<Integer> sink = sink(kind, 10);
        sink.asFlux().subscribe(consumer);
        consumer.onElement = element -> {
            if (element == 3) {
                consumer.cancel();
            }
        };
        emit(sink, 1, 5);
        consumer.request(9);
        assertThat(consumer.received).containsExactly(1, 2, 3);
        assertThat(consumer.discarded).containsExactly(4, 5);
        OverflowSink<Integer> direct = sink(kind, 10);
        RecordingConsumer other = new RecordingConsumer();
        direct.asFlux().subscribe(other);
        other.onElement = element -> other.cancel();
        other.request(9);
        emit(direct, 1, 1);
        assertThat(direct.emit(2)).isEqualTo(EmitOutcome.CANCELLED);
        assertThat(other.discarded).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("what is emitted inside onNext waits for its turn:")
    void reentrantEmission(Kind kind) {
        OverflowSink<Integer> sink = sink(kind, 10);
        sink.asFlux().subscribe(consumer);
        consumer.onElement = element -> {
            if (element < 50) {
                assertThat(sink.emit(element + 1)).isEqualTo(EmitOutcome.ACCEPTED);
            } else {
                sink.tryComplete();
            }
        };
        consumer.request(100);
        emit(sink, 1, 1);
        assertThat(consumer.received).isEqualTo(range(1, 50));
        assertThat(consumer.completions).hasValue(1);
        assertThat(consumer.breaches).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("demand from inside onNext and beyond the largest number counts exactly:")
    void demand(Kind kind) {
        OverflowSink<Integer> sink = sink(kind, 1000);
        sink.asFlux().subscribe(consumer);
        consumer.onElement = element -> consumer.request(1);
        emit(sink, 1, 700);
        assertThat(consumer.received).isEmpty();
        consumer.request(1);
        assertThat(consumer.received).isEqualTo(range(1, 700));
        consumer.onElement = element -> {};
        consumer.request(Long.MAX_VALUE - 1);
        consumer.request(Long.MAX_VALUE - 1);
        emit(sink, 701, 710);
        assertThat(consumer.received).isEqualTo(range(1, 710));
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a second subscriber gets an error, and the first loses nothing:")
    void oneSubscriber(Kind kind) {
        OverflowSink<Integer> sink = sink(kind, 10);
        sink.asFlux().subscribe(consumer);
        RecordingConsumer second = new RecordingConsumer();
        sink.asFlux().subscribe(second);
        assertThat(second.error())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the overflow sink of capacity 10 has had its one subscriber");
        consumer.request(5);
        emit(sink, 1, 3);
        assertThat(consumer.received).containsExactly(1, 2, 3);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a worker hands on in order, all that waits, then the end:")
    void emitOn(Kind kind) {
        ManualRuntime runtime = new ManualRuntime();
        OverflowSink<Integer> sink = Overflow.sink(10, o -> kind.applyTo(o).emitOn(runtime.workers()));
        emit(sink, 1, 2);
        sink.asFlux().subscribe(consumer);
        consumer.onElement = element -> assertThat(runtime.onWorker()).isTrue();
        assertThat(runtime.openWorkers()).isEqualTo(1);
        consumer.request(4);
        emit(sink, 3, 6);
        assertThat(consumer.received).isEmpty();
        assertThat(runtime.pendingTasks()).isEqualTo(1);
        runtime.run();
        assertThat(consumer.received).containsExactly(1, 2, 3, 4);
        consumer.request(10);
        emit(sink, 7, 7);
        sink.tryComplete();
        assertThat(consumer.received).containsExactly(1, 2, 3, 4);
        runtime.run();
        assertThat(consumer.received).isEqualTo(range(1, 7));
        assertThat(consumer.completions).hasValue(1);
        assertThat(runtime.openWorkers()).isZero();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a cancellation before the worker comes discards at once or by the worker, and disposes it:")
    void cancelBeforeWorker(Kind kind) {
        ManualRuntime runtime = new ManualRuntime();
        OverflowSink<Integer> sink = Overflow.sink(10, o -> kind.applyTo(o).emitOn(runtime.workers()));
        sink.asFlux().subscribe(consumer);
        emit(sink, 1, 3);
        consumer.request(1);
        consumer.cancel();
        runtime.run();
        assertThat(consumer.received).isEmpty();
        assertThat(consumer.discarded).containsExactly(1, 2, 3);
        assertThat(runtime.openWorkers()).isZero();
        OverflowSink<Integer> idle = Overflow.sink(10, o -> kind.applyTo(o).emitOn(runtime.workers()));
        RecordingConsumer other = new RecordingConsumer();
        idle.asFlux().subscribe(other);
        emit(idle, 1, 3);
        other.cancel();
        assertThat(other.discarded).containsExactly(1, 2, 3);
        assertThat(runtime.openWorkers()).isZero();
    }

    @ParameterizedTest
    @EnumSource
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the scheduler has ended")
    @DisplayName("a scheduler that works no more is an error, and what waits is discarded:")
    void rejected(Kind kind) {
        ManualRuntime runtime = new ManualRuntime();
        DisposableScheduler scheduler = new DisposableScheduler(runtime.workers());
        OverflowSink<Integer> sink = Overflow.sink(10, o -> kind.applyTo(o).emitOn(scheduler));
        sink.asFlux().subscribe(consumer);
        emit(sink, 1, 3);
        scheduler.dispose();
        consumer.request(1);
        assertThat(consumer.error()).isInstanceOf(java.util.concurrent.RejectedExecutionException.class);
        assertThat(consumer.discarded).containsExactly(1, 2, 3);
        assertThat(sink.emit(4)).isEqualTo(EmitOutcome.TERMINATED);
        OverflowSink<Integer> late = Overflow.sink(10, o -> kind.applyTo(o).emitOn(scheduler));
        RecordingConsumer other = new RecordingConsumer();
        emit(late, 1, 2);
        late.asFlux().subscribe(other);
        assertThat(other.error()).isInstanceOf(java.util.concurrent.RejectedExecutionException.class);
        assertThat(other.discarded).containsExactly(1, 2);
        assertThat(late.emit(3).isReturned()).isTrue();
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the callback throws")
    @DisplayName("a callback that throws fails the sink, behind what waits")
    void onDroppedThrows() {
        OverflowSink<Integer> sink = Overflow.sink(
                1,
                o -> o.onDropped(element -> {
                    throw new IllegalStateException("callback for " + element);
                }));
        sink.asFlux().subscribe(consumer);
        emit(sink, 1, 1);
        assertThat(sink.emit(2)).isEqualTo(EmitOutcome.DROPPED);
        assertThat(sink.emit(3)).isEqualTo(EmitOutcome.TERMINATED);
        consumer.request(5);
        assertThat(consumer.received).containsExactly(1);
        assertThat(consumer.error()).hasMessage("callback for 2");
        assertThat(consumer.discarded).containsExactly(2);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("M11 depth, capacity and waiting time are live from the sink's making to its end:")
    void meters(Kind kind) {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        BufferDepth depth = new BufferDepth();
        ManualRuntime runtime = new ManualRuntime();
        OverflowSink<Integer> sink = Overflow.sink(
                3,
                o -> kind.applyTo(o)
                        .name("ticks")
                        .meterRegistry(registry)
                        .depth(depth)
                        .runtime(runtime));
        emit(sink, 1, 2);
        assertThat(depth.getAsLong()).isEqualTo(2);
        assertThat(registry.get(BufferMeter.DEPTH.meterName())
                        .tags("operator", "sink", "name", "ticks")
                        .gauge()
                        .value())
                .isEqualTo(2);
        runtime.advanceBy(Duration.ofMillis(20));
        sink.asFlux().subscribe(consumer);
        consumer.request(1);
        assertThat(registry.get(BufferMeter.WAITING.meterName()).timer().totalTime(TimeUnit.MILLISECONDS))
                .isEqualTo(20);
        if (kind == Kind.DROP_NEWEST) {
            emit(sink, 3, 4);
            sink.emit(5);
            assertThat(registry.get(BufferMeter.DROPPED.meterName()).counter().count())
                    .isEqualTo(1);
        }
        sink.tryComplete();
        assertThat(depth.buffers()).isEqualTo(1);
        consumer.request(5);
        assertThat(depth.buffers()).isZero();
        assertThat(registry.getMeters()).noneMatch(meter -> meter.getId().getType() == Meter.Type.GAUGE);
    }

    @Test
    @DisplayName("answers what Scannable asks")
    void scan() {
        OverflowSink<Integer> sink = Overflow.sink(5, o -> o.name("ticks"));
        assertThat(Scannable.from(sink.asFlux()).name()).isEqualTo("ticks");
        assertThat(sink.capacity()).isEqualTo(5);
        sink.asFlux().subscribe(consumer);
        Scannable scannable = Scannable.from(consumer.subscription());
        emit(sink, 1, 3);
        assertThat(scannable.scan(Scannable.Attr.BUFFERED)).isEqualTo(3);
        assertThat(scannable.scan(Scannable.Attr.CAPACITY)).isEqualTo(5);
        assertThat(scannable.scan(Scannable.Attr.RUN_STYLE)).isEqualTo(Scannable.Attr.RunStyle.SYNC);
        consumer.request(5);
        assertThat(scannable.scan(Scannable.Attr.REQUESTED_FROM_DOWNSTREAM)).isEqualTo(2);
        assertThat(scannable.scan(Scannable.Attr.TERMINATED)).isFalse();
        sink.tryError(new IllegalStateException("down"));
        assertThat(scannable.scan(Scannable.Attr.TERMINATED)).isTrue();
        assertThat(scannable.scan(Scannable.Attr.ERROR)).hasMessage("down");
        assertThat(scannable.scan(Scannable.Attr.CANCELLED)).isFalse();
    }

    @Test
    @DisplayName("arguments are checked")
    void arguments() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Overflow.sink(0))
                .withMessage("capacity must be between 1 and 536870912, but is 0");
        OverflowSink<Integer> sink = Overflow.sink(1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sink.emit(1, Duration.ofMillis(-1)))
                .withMessage("timeout must not be negative, but is PT-0.001S");
        emitsNothing(sink);
    }

    @SuppressWarnings("NullAway") // what a caller without null checks may do
    private static void emitsNothing(OverflowSink<Integer> sink) {
        assertThatNullPointerException().isThrownBy(() -> sink.emit(null)).withMessage("element");
    }

    @Test
    @DisplayName("a flux of it composes, on real threads, and completes")
    void composes() throws Exception {
        OverflowSink<Integer> sink =
                Overflow.sink(64, o -> o.strategy(OverflowStrategy.BLOCK).emitOn(Schedulers.parallel()));
        CountDownLatch done = new CountDownLatch(1);
        Thread emitter = new Thread(() -> {
            IntStream.range(0, 20_000).forEach(i -> sink.emit(i, LONG));
            sink.tryComplete();
            done.countDown();
        });
        emitter.start();
        StepVerifier.create(sink.asFlux().map(i -> i + 1).count())
                .expectNext(20_000L)
                .expectComplete()
                .verify(LONG);
        assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
    }

    /** Virtual time that passes only while an emitter is parked; something happens then. */
    private record ParkingRuntime(ManualRuntime time, Runnable whileParked) implements MqRuntime {

        @Override
        public boolean park(java.util.concurrent.Semaphore gate, long nanos) {
            whileParked.run();
            if (gate.tryAcquire()) {
                return true;
            }
            time.advanceBy(Duration.ofNanos(nanos));
            return false;
        }

        @Override
        public long currentTimeMillis() {
            return time.currentTimeMillis();
        }

        @Override
        public long nanoTime() {
            return time.nanoTime();
        }

        @Override
        public reactor.core.scheduler.Scheduler timers() {
            return time.timers();
        }

        @Override
        public reactor.core.scheduler.Scheduler io() {
            return time.io();
        }

        @Override
        public reactor.core.scheduler.Scheduler workers() {
            return time.workers();
        }

        @Override
        public java.util.random.RandomGenerator random() {
            return time.random();
        }
    }
}
