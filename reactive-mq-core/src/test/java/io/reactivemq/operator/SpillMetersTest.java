package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.Durability;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.metrics.BufferDepth;
import io.reactivemq.metrics.BufferMeter;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException.Operation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Scannable;

@DisplayName("Spilling, watched:")
class SpillMetersTest {

    private static final int CAPACITY = 4;

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final BufferDepth depth = new BufferDepth();
    private final ManualRuntime runtime = new ManualRuntime();
    private final FileStore disk = FileStore.memory();
    private final FaultyFileStore store = new FaultyFileStore(disk);
    private final ManualSource source = new ManualSource();
    private final RecordingConsumer consumer = new RecordingConsumer();

    private void connect(Consumer<SpillOptions<Integer>> options) {
        source.transform(Overflow.spillToDisk(SpillFixture.DIRECTORY, SpillFixture.NUMBERS, CAPACITY, o -> {
                    o.store(store)
                            .runtime(runtime)
                            .segmentBytes(SpillFixture.SEGMENT_BYTES)
                            .meterRegistry(registry)
                            .depth(depth)
                            .name("orders");
                    options.accept(o);
                }))
                .subscribe(consumer);
        runtime.run();
    }

    private void send(int from, int to) {
        IntStream.range(from, to).forEach(source::next);
        runtime.run();
    }

    private void request(int n) {
        consumer.request(n);
        runtime.run();
    }

    private double gauge(BufferMeter meter) {
        return registry.get(meter.meterName()).tag("name", "orders").gauge().value();
    }

    private Counter counter(BufferMeter meter) {
        return registry.get(meter.meterName()).counter();
    }

    private Timer waiting() {
        return registry.get(BufferMeter.WAITING.meterName()).timer();
    }

    @Test
    @DisplayName("M11 depth, spilled elements and bytes, and the size of the files are metered while it lives")
    void whileItLives() {
        connect(o -> {});
        send(0, 100);
        long bytes = disk.list(SpillFixture.DIRECTORY).stream()
                .filter(path -> path.toString().endsWith(".spill"))
                .mapToLong(disk::size)
                .sum();
        assertThat(depth.getAsLong()).isEqualTo(100);
        assertThat(gauge(BufferMeter.DEPTH)).isEqualTo(100);
        assertThat(gauge(BufferMeter.CAPACITY)).isEqualTo(CAPACITY);
        assertThat(counter(BufferMeter.SPILLED_ELEMENTS).count()).isEqualTo(96);
        assertThat(counter(BufferMeter.SPILLED_BYTES).count()).isEqualTo((double) bytes);
        assertThat(gauge(BufferMeter.DISK_BYTES)).isEqualTo((double) bytes);
        assertThat(Scannable.from(source.subscriber()).scan(Scannable.Attr.LARGE_BUFFERED))
                .isEqualTo(100);
        request(30);
        assertThat(depth.getAsLong()).isEqualTo(70);
        consumer.cancel();
        runtime.run();
        assertThat(depth.buffers()).isZero();
        assertThat(registry.find(BufferMeter.DEPTH.meterName()).gauge()).isNull();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName(
            "M11 what a cancellation deletes unread is counted, and not decoded; with recoverOnSubscribe it stays:")
    void deleted(boolean recovers) {
        connect(o -> {
            if (recovers) {
                o.recoverOnSubscribe();
            }
        });
        send(0, 100);
        request(10);
        consumer.cancel();
        runtime.run();
        assertThat(consumer.discarded).isEqualTo(List.of(10, 11, 12, 13));
        assertThat(counter(BufferMeter.DELETED_ELEMENTS).count()).isEqualTo(recovers ? 0 : 86);
        assertThat(counter(BufferMeter.DROPPED).count()).isZero();
        assertThat(disk.list(SpillFixture.DIRECTORY).isEmpty()).isEqualTo(!recovers);
    }

    @Test
    @DisplayName("M11 an element that went through files is timed from its coming to its being handed on")
    void timedThroughFiles() {
        connect(o -> {});
        send(0, 50);
        runtime.advanceBy(Duration.ofMillis(30));
        request(1);
        assertThat(waiting().count()).isEqualTo(1);
        assertThat(waiting().totalTime(TimeUnit.MILLISECONDS)).isEqualTo(30);
        // the next to come, while 49 are before it
        send(50, 60);
        runtime.advanceBy(Duration.ofMillis(5));
        request(49);
        assertThat(waiting().count()).isEqualTo(1);
        runtime.advanceBy(Duration.ofMillis(7));
        request(1);
        assertThat(consumer.received).endsWith(50);
        assertThat(waiting().count()).isEqualTo(2);
        assertThat(waiting().totalTime(TimeUnit.MILLISECONDS)).isEqualTo(42);
    }

    @Test
    @DisplayName("what passes at once is not timed")
    void passing() {
        connect(o -> {});
        request(10);
        send(0, 10);
        assertThat(consumer.received).hasSize(10);
        assertThat(waiting().count()).isZero();
    }

    @ParameterizedTest
    @EnumSource(names = {"BLOCK", "DROP_OLDEST"})
    @DisplayName("M11 in random sequences, each time that is recorded is that of the element just handed on:")
    void random(OverflowStrategy whenFull) {
        Long only = Long.getLong("reactivemq.seed");
        long timed = 0;
        for (long seed = only == null ? 1 : only; seed <= (only == null ? 1_000 : only); seed++) {
            try {
                timed += new SpillMetersTest().sequence(whenFull, new SplittableRandom(seed));
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("-Dreactivemq.seed=" + seed + " replays this", e);
            }
        }
        assertThat(only != null || timed > 3_000).as("%s were timed", timed).isTrue();
    }

    /** Elements are delivered one at a time, so that it is plain which one was timed; how many were. */
    private long sequence(OverflowStrategy whenFull, SplittableRandom random) {
        Durability durability = random.nextBoolean() ? Durability.FSYNC : Durability.OS_BUFFERED;
        boolean[] full = new boolean[1];
        store.failIf((operation, path) -> full[0] && operation == Operation.WRITE);
        connect(o -> o.whenFull(whenFull)
                .durability(durability)
                .maxBytes(SpillOptions.MAX_BYTES_MIN)
                .bufferBytes(SpillOptions.BUFFER_BYTES_MIN)
                .retryTimeout(Duration.ofDays(1)));
        List<Long> came = new ArrayList<>();
        for (int step = random.nextInt(200); step > 0; step--) {
            switch (random.nextInt(10)) {
                case 0, 1, 2 -> sendSome(random.nextInt(1, 20), random.nextBoolean(), came);
                case 3 -> full[0] = random.nextInt(3) == 0;
                case 4, 5 -> runtime.advanceBy(Duration.ofMillis(random.nextInt(1, 100)));
                default -> deliver(came);
            }
        }
        full[0] = false;
        runtime.advanceBy(Duration.ofSeconds(10));
        while (depth.getAsLong() > 0) {
            deliver(came);
        }
        // and it goes on
        long before = waiting().count();
        sendSome(1, true, came);
        runtime.advanceBy(Duration.ofHours(1));
        deliver(came);
        assertThat(waiting().count()).isEqualTo(before + 1);
        consumer.cancel();
        runtime.run();
        return before + 1;
    }

    private void sendSome(int count, boolean runs, List<Long> came) {
        for (int i = 0; i < count && came.size() < source.requested.get(); i++) {
            came.add(runtime.nanoTime());
            source.next(came.size() - 1);
        }
        if (runs) {
            runtime.run();
        }
    }

    private void deliver(List<Long> came) {
        int before = consumer.received.size();
        long timed = waiting().count();
        double total = waiting().totalTime(TimeUnit.NANOSECONDS);
        if (depth.getAsLong() == 0) {
            return;
        }
        request(1);
        long more = waiting().count() - timed;
        assertThat(consumer.received.size()).isEqualTo(before + 1);
        assertThat(more).isBetween(0L, 1L);
        if (more == 1) {
            int element = consumer.received.get(before);
            assertThat(waiting().totalTime(TimeUnit.NANOSECONDS) - total)
                    .as("element %s", element)
                    .isEqualTo((double) (runtime.nanoTime() - came.get(element)));
        }
    }
}
