package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.test.scheduler.VirtualTimeScheduler;
import reactor.util.context.Context;

@DisplayName("Batch:")
class BatchTest {

    private static final Duration TIME = Duration.ofSeconds(1);

    private final ManualRuntime runtime = new ManualRuntime();
    private final ManualSource source = new ManualSource();
    private final Batches consumer = new Batches();

    private void connect(int size) {
        connect(size, o -> {});
    }

    private void connect(int size, Consumer<Batch.Options> options) {
        source.transform(Batch.<Integer>bySizeOrTime(size, TIME, options.andThen(o -> o.runtime(runtime))))
                .subscribe(consumer);
    }

    private void send(int from, int to) {
        IntStream.rangeClosed(from, to).forEach(source::next);
    }

    @Test
    @DisplayName("full batches are emitted at once, the rest with the end")
    void bySize() {
        connect(3);
        consumer.request(10);
        send(1, 2);
        assertThat(consumer.received).isEmpty();
        send(3, 7);
        assertThat(consumer.received).containsExactly(List.of(1, 2, 3), List.of(4, 5, 6));
        source.complete();
        assertThat(consumer.received).endsWith(List.of(7));
        assertThat(consumer.end).isEqualTo("complete");
        assertThat(runtime.pendingTasks()).isZero();
    }

    @Test
    @DisplayName("a batch whose first element has waited for the time is emitted, on a worker")
    void byTime() {
        connect(10);
        consumer.request(10);
        boolean[] onWorker = new boolean[1];
        consumer.onBatch = batch -> onWorker[0] = runtime.onWorker();
        send(1, 2);
        runtime.advanceBy(Duration.ofMillis(999));
        source.next(3);
        assertThat(consumer.received).isEmpty();
        runtime.advanceBy(Duration.ofMillis(1));
        assertThat(consumer.received).containsExactly(List.of(1, 2, 3));
        assertThat(onWorker[0]).isTrue();
        // nothing open, nothing emitted
        runtime.advanceBy(Duration.ofSeconds(10));
        assertThat(consumer.received).hasSize(1);
        assertThat(runtime.pendingTasks()).isZero();
    }

    @Test
    @DisplayName("each batch has its own time, with one timer")
    void timeOfEachBatch() {
        connect(2);
        consumer.request(10);
        source.next(1);
        runtime.advanceBy(Duration.ofMillis(600));
        send(2, 3);
        assertThat(runtime.pendingTasks()).isEqualTo(1);
        runtime.advanceBy(Duration.ofMillis(999));
        assertThat(consumer.received).containsExactly(List.of(1, 2));
        runtime.advanceBy(Duration.ofMillis(1));
        assertThat(consumer.received).containsExactly(List.of(1, 2), List.of(3));
    }

    @Test
    @DisplayName("a batch is not heavier than allowed, but for an element that is so alone")
    void byWeight() {
        source.transform(Batch.bySizeOrTime(10, 10, Integer::longValue, TIME, o -> o.runtime(runtime)))
                .subscribe(consumer);
        consumer.request(10);
        for (int weight : new int[] {4, 5, 2, 8, 1, 50, 3, 7, 0, 9}) {
            source.next(weight);
        }
        source.complete();
        assertThat(consumer.received)
                .containsExactly(List.of(4, 5), List.of(2, 8), List.of(1), List.of(50), List.of(3, 7), List.of(0, 9));
    }

    @Test
    @DisplayName("no batch without demand; the batch goes on to fill, and the source is held back")
    void demand() {
        connect(4);
        assertThat(source.requested).hasValue(4);
        send(1, 2);
        runtime.advanceBy(Duration.ofSeconds(5));
        assertThat(consumer.received).isEmpty();
        send(3, 3);
        consumer.request(1);
        // its time is up
        assertThat(consumer.received).containsExactly(List.of(1, 2, 3));
        send(4, 4);
        assertThat(source.requested).hasValue(7);
        send(5, 7);
        assertThat(source.requested).hasValue(7);
        runtime.advanceBy(Duration.ofSeconds(5));
        consumer.request(1);
        assertThat(consumer.received).containsExactly(List.of(1, 2, 3), List.of(4, 5, 6, 7));
        assertThat(source.requested).hasValue(11);
    }

    @Test
    @DisplayName("where bufferTimeout overflows, it waits for demand: the same script on both")
    void bufferTimeoutOverflows() {
        VirtualTimeScheduler time = VirtualTimeScheduler.create();
        ManualSource theirs = new ManualSource();
        Batches ofReactor = new Batches();
        theirs.bufferTimeout(3, TIME, time, false).subscribe(ofReactor);
        connect(3);

        ofReactor.request(1);
        consumer.request(1);
        // the time of a first batch is up, and then that of a second, which nobody has requested
        for (int i = 1; i <= 2; i++) {
            assertThat(theirs.requested.get()).isGreaterThanOrEqualTo(i);
            theirs.next(i);
            source.next(i);
            time.advanceTimeBy(TIME);
            runtime.advanceBy(TIME);
        }

        assertThat(ofReactor.received).containsExactly(List.of(1));
        assertThat(ofReactor.end).contains("Could not emit buffer due to lack of requests");
        assertThat(consumer.end).isNull();
        consumer.request(1);
        assertThat(consumer.received).containsExactly(List.of(1), List.of(2));
        source.complete();
        assertThat(consumer.end).isEqualTo("complete");
        assertThat(consumer.discarded).isEmpty();
    }

    @Test
    @DisplayName("with a larger prefetch the next batch fills while one waits for demand")
    void prefetch() {
        connect(2, o -> o.prefetch(5));
        send(1, 5);
        assertThat(source.requested).hasValue(5);
        consumer.request(3);
        assertThat(consumer.received).containsExactly(List.of(1, 2), List.of(3, 4));
        assertThat(source.requested).hasValue(9);
        runtime.advanceBy(TIME);
        assertThat(consumer.received).endsWith(List.of(5));
    }

    @Test
    @DisplayName("what has come is emitted before the error")
    void error() {
        connect(2);
        consumer.request(1);
        send(1, 3);
        source.fail(new IllegalStateException("down"));
        assertThat(consumer.received).containsExactly(List.of(1, 2));
        assertThat(consumer.end).isNull();
        consumer.request(1);
        assertThat(consumer.received).containsExactly(List.of(1, 2), List.of(3));
        assertThat(consumer.end).isEqualTo("java.lang.IllegalStateException: down");
        assertThat(runtime.pendingTasks()).isZero();
    }

    @Test
    @DisplayName("an empty source ends without a batch and without demand")
    void empty() {
        connect(2);
        source.complete();
        assertThat(consumer.received).isEmpty();
        assertThat(consumer.end).isEqualTo("complete");
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the weigher fails")
    @DisplayName("a weigher that throws, or weighs below zero, cancels the source; what has come is emitted first")
    void weigherThrows() {
        source.transform(Batch.bySizeOrTime(10, 100, n -> n - 3, TIME, o -> o.runtime(runtime)))
                .subscribe(consumer);
        consumer.request(1);
        send(4, 5);
        source.next(1);
        send(6, 7);
        assertThat(source.cancelled).isTrue();
        assertThat(consumer.received).containsExactly(List.of(4, 5));
        assertThat(consumer.end).contains("the weight of an element must be 0 or more, but is -2");
        assertThat(consumer.discarded).containsExactly(1, 6, 7);
    }

    @Test
    @DisplayName("a source that sends more than is requested gets an overflow error")
    void unlawfulSource() {
        connect(2, o -> o.name("rows"));
        send(1, 3);
        consumer.request(1);
        assertThat(consumer.received).containsExactly(List.of(1, 2));
        assertThat(consumer.end)
                .contains("'rows' has room for 2 elements")
                .contains(Exceptions.failWithOverflow().getClass().getSimpleName());
        assertThat(consumer.discarded).containsExactly(3);
        assertThat(source.cancelled).isTrue();
    }

    @Test
    @DisplayName("a cancellation lets go what is held, once, and stops the timer")
    void cancel() {
        connect(2, o -> o.prefetch(10));
        send(1, 5);
        consumer.cancel();
        assertThat(consumer.discarded).containsExactly(1, 2, 3, 4, 5);
        assertThat(source.cancelled).isTrue();
        assertThat(runtime.pendingTasks()).isZero();
        source.next(6);
        assertThat(consumer.discarded).endsWith(6);
        consumer.cancel();
        assertThat(consumer.discarded).hasSize(6);
    }

    @Test
    @DisplayName("the consumer may request and cancel inside onNext")
    void reentrant() {
        connect(2, o -> o.prefetch(8));
        consumer.onBatch = batch -> {
            if (batch.contains(3)) {
                consumer.cancel();
            } else {
                consumer.request(1);
            }
        };
        send(1, 7);
        consumer.request(1);
        assertThat(consumer.received).containsExactly(List.of(1, 2), List.of(3, 4));
        assertThat(consumer.discarded).containsExactly(5, 6, 7);
    }

    @Test
    @DisplayName("scan tells name, bound, and how many are held")
    void scan() {
        connect(3, o -> o.name("rows"));
        send(1, 2);
        Scannable scan = Scannable.from(consumer.subscription);
        assertThat(scan.scan(Scannable.Attr.NAME)).isEqualTo("rows");
        assertThat(scan.scan(Scannable.Attr.BUFFERED)).isEqualTo(2);
        assertThat(scan.scan(Scannable.Attr.PREFETCH)).isEqualTo(3);
        assertThat(scan.scan(Scannable.Attr.TERMINATED)).isFalse();
        assertThat(scan.scan(Scannable.Attr.RUN_STYLE)).isEqualTo(Scannable.Attr.RunStyle.ASYNC);
        assertThat(Scannable.from(Flux.just(1).transform(Batch.bySizeOrTime(2, TIME, o -> o.name("x"))))
                        .name())
                .isEqualTo("x");
    }

    @Test
    @DisplayName("arguments are checked, with what was expected and given")
    void arguments() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Batch.bySizeOrTime(0, TIME))
                .withMessage("size must be between 1 and 1048576, but is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Batch.bySizeOrTime(1, Duration.ZERO))
                .withMessage("time must be above zero, but is PT0S");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Batch.<Integer>bySizeOrTime(1, 0, n -> 1, TIME))
                .withMessage("bytes must be 1 or more, but is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Batch.bySizeOrTime(8, TIME, o -> o.prefetch(7)))
                .withMessage("prefetch must be at least the size of a batch, 8, but is 7");
    }

    @Test
    @DisplayName("a time beyond all clocks is never")
    void endlessTime() {
        source.transform(Batch.<Integer>bySizeOrTime(2, Duration.ofSeconds(Long.MAX_VALUE), o -> o.runtime(runtime)))
                .subscribe(consumer);
        consumer.request(1);
        send(1, 2);
        assertThat(consumer.received).containsExactly(List.of(1, 2));
    }

    /** Remembers batches, the end, and what was let go. */
    static final class Batches implements CoreSubscriber<List<Integer>> {

        final List<List<Integer>> received = new ArrayList<>();
        final List<Integer> discarded = new ArrayList<>();
        Consumer<List<Integer>> onBatch = batch -> {};

        @Nullable String end;

        @SuppressWarnings("NullAway.Init") // by onSubscribe
        Subscription subscription;

        @Override
        public Context currentContext() {
            return Operators.enableOnDiscard(Context.empty(), element -> discarded.add((Integer) element));
        }

        @Override
        public void onSubscribe(Subscription s) {
            subscription = s;
        }

        @Override
        public void onNext(List<Integer> batch) {
            assertThat(end).isNull();
            received.add(batch);
            onBatch.accept(batch);
        }

        @Override
        public void onError(Throwable failure) {
            assertThat(end).isNull();
            end = failure.toString();
        }

        @Override
        public void onComplete() {
            assertThat(end).isNull();
            end = "complete";
        }

        void request(long n) {
            subscription.request(n);
        }

        void cancel() {
            subscription.cancel();
        }
    }
}
