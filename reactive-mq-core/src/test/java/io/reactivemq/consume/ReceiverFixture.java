package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.broker.testing.ScriptedBroker;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import reactor.core.publisher.Flux;

/** A broker that does what it is told, in virtual time, and receivers on it. */
abstract class ReceiverFixture {

    static final TopicPartition ONE_0 = new TopicPartition("one", 0);
    static final TopicPartition TWO_0 = new TopicPartition("two", 0);
    static final TopicPartition TWO_1 = new TopicPartition("two", 1);

    final ManualRuntime runtime = new ManualRuntime();
    final ScriptedBroker broker = new ScriptedBroker(runtime).topic("one", 1).topic("two", 2);

    @AfterEach
    void nothingIsLeftBehind() {
        runtime.run();
        assertThat(runtime.openWorkers()).as("workers not disposed").isZero();
        assertThat(runtime.pendingTasks()).as("timers not disposed").isZero();
        assertThat(broker.waitingFetches()).as("fetches not cancelled").isZero();
    }

    Receiver<String, String> receiver(Consumer<? super ReceiverOptions.Builder> options) {
        return Receiver.on(broker, ReceiverOptions.of(Serdes.string(), Serdes.string(), options));
    }

    /** Without a group. */
    Receiver<String, String> cursor(String... topics) {
        return receiver(o -> o.topics(topics));
    }

    Receiver<String, String> member(String... topics) {
        return receiver(o -> o.group("g").topics(topics));
    }

    /** Subscribes and lets happen what happens. */
    <T> Recorder<T> subscribe(Flux<T> flux, long demand) {
        return subscribe(flux, new Recorder<>(demand));
    }

    <T> Recorder<T> subscribe(Flux<T> flux, Recorder<T> recorder) {
        flux.subscribe(recorder);
        runtime.run();
        return recorder;
    }

    /** Cancels and lets what follows come to its end. */
    void cancel(Recorder<?> recorder) {
        recorder.cancel();
        runtime.run();
    }

    static List<String> valuesOf(Recorder<ReceiverRecord<String, String>> recorder) {
        return recorder.items().stream()
                .map(item -> Objects.requireNonNull(item.value()))
                .toList();
    }

    static List<Long> offsetsOf(Recorder<ReceiverRecord<String, String>> recorder) {
        return recorder.items().stream().map(ReceiverRecord::offset).toList();
    }

    /** What group {@code g} has committed. */
    Map<TopicPartition, Long> committed() {
        Map<TopicPartition, Long> offsets = new TreeMap<>();
        broker.committed("g").forEach((partition, committed) -> offsets.put(partition, committed.offset()));
        return offsets;
    }
}
