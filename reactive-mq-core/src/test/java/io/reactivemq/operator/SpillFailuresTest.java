package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.MqException;
import io.reactivemq.Serde;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.storage.FileStore;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What has no place in random sequences: functions of the user's, and registries, that fail. */
@DisplayName("Spilling, with functions and registries that fail:")
class SpillFailuresTest {

    /** The smallest buffer holds so many numbers of eight bytes, length included; the next pushes out a chunk. */
    private static final int BUFFERED = 32;

    /** The chunk that is pushed out first: that before it is the reader's. */
    private static final List<Integer> OLDEST = range(8, 16);

    private final ManualRuntime runtime = new ManualRuntime();
    private final ManualSource source = new ManualSource();
    private final RecordingConsumer consumer = new RecordingConsumer();
    private final List<Integer> dropped = new ArrayList<>();

    private static List<Integer> range(int from, int to) {
        return IntStream.range(from, to).boxed().toList();
    }

    /** Numbers, one of which it can write and not read. */
    private static Serde<Integer> unreadable(int which) {
        return Serde.of(number -> ByteBuffer.allocate(4).putInt(number).array(), bytes -> {
            int number = ByteBuffer.wrap(bytes).getInt();
            if (number == which) {
                throw new IllegalStateException("number " + number);
            }
            return number;
        });
    }

    private void connect(Serde<Integer> serde, Consumer<SpillOptions<Integer>> options) {
        source.transform(Overflow.spillToDisk(SpillFixture.DIRECTORY, serde, 4, o -> {
                    o.store(FileStore.memory()).runtime(runtime).bufferBytes(256);
                    options.accept(o);
                }))
                .subscribe(consumer);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the serde can't read what it has written")
    @DisplayName("an element that can't be read as it is let go fails it behind what waits; none but that one is lost")
    void evictedAndUnreadable() {
        connect(unreadable(11), o -> o.whenFull(OverflowStrategy.DROP_OLDEST).onDropped(dropped::add));
        // no task has run, so none is in a file
        range(0, BUFFERED + 1).forEach(source::next);
        assertThat(source.cancelled).isTrue();
        List<Integer> readable = OLDEST.stream().filter(number -> number != 11).toList();
        assertThat(dropped).isEqualTo(readable);
        runtime.run();
        for (int i = 0; i < BUFFERED && consumer.error() == null; i++) {
            consumer.request(4);
            runtime.run();
        }
        assertThat(consumer.received)
                .isEqualTo(Stream.concat(range(0, 8).stream(), range(16, BUFFERED).stream())
                        .toList());
        assertThat(consumer.error())
                .isInstanceOf(MqException.class)
                .hasMessageContaining("the serde can't read an element that waits to be written")
                .hasMessageContaining("number 11");
        assertThat(consumer.discarded)
                .isEqualTo(Stream.concat(readable.stream(), Stream.of(BUFFERED)).toList());
        assertThat(consumer.breaches).isEmpty();
        assertThat(runtime.openWorkers()).isZero();
    }

    @Test
    @AllowDropped(
            value = {Dropped.OPERATOR_ERROR, Dropped.ERROR},
            because = "the callback throws, for each element it is told of")
    @DisplayName("a callback that throws as elements are let go fails it behind what waits, and all are accounted for")
    void callbackThrows() {
        connect(
                unreadable(-1),
                o -> o.whenFull(OverflowStrategy.DROP_OLDEST).onDropped(element -> {
                    throw new IllegalStateException("callback for " + element);
                }));
        range(0, BUFFERED + 1).forEach(source::next);
        runtime.run();
        for (int i = 0; i < BUFFERED && consumer.error() == null; i++) {
            consumer.request(4);
            runtime.run();
        }
        assertThat(consumer.error()).hasMessage("callback for 8");
        assertThat(Stream.concat(consumer.received.stream(), consumer.discarded.stream()))
                .containsExactlyInAnyOrderElementsOf(range(0, BUFFERED + 1));
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the registry refuses the meters")
    @DisplayName("a registry that refuses the meters is an error of the subscription, and no worker stays")
    void registryRefuses() {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        registry.counter("reactivemq.buffer.depth", "operator", "spillToDisk", "name", "orders");
        connect(unreadable(-1), o -> o.name("orders").meterRegistry(registry));
        assertThat(consumer.error()).isInstanceOf(IllegalArgumentException.class);
        assertThat(runtime.openWorkers()).isZero();
        assertThat(runtime.pendingTasks()).isZero();
    }

    @Test
    @DisplayName("an element that becomes bytes as a cancellation finds the runtime stopped is let go with the others")
    void cancelledBehindTheRuntime() {
        StoppableRuntime stoppable = new StoppableRuntime(runtime);
        Serde<Integer> serde = Serde.of(
                number -> {
                    if (number == 9) {
                        stoppable.stop();
                        consumer.cancel();
                    }
                    return ByteBuffer.allocate(4).putInt(number).array();
                },
                bytes -> ByteBuffer.wrap(bytes).getInt());
        connect(serde, o -> o.runtime(stoppable));
        runtime.run();
        range(0, 9).forEach(source::next);
        // four are in the head, the others in files
        runtime.run();
        source.next(9);
        assertThat(consumer.discarded).containsExactly(0, 1, 2, 3, 9);
    }
}
