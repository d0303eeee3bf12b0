package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.assign.Partitioners;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.SenderResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;

/** Topics that get more partitions while they are in use. */
@DisplayName("topics that grow")
public abstract class GrowthContract extends EngineContract {

    private static final Duration SOON = Duration.ofMillis(500);

    private Sender<String, String> sender() {
        return Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string(), o -> o.metadataMaxAge(SOON)));
    }

    private List<SenderResult<String, String>> send(Sender<String, String> sender, int from, int to) {
        return await(sender.send(Flux.range(from, to - from).map(i -> SenderRecord.of("t", "key " + i, "value " + i)))
                .collectList());
    }

    private static TopicPartition t(int partition) {
        return new TopicPartition("t", partition);
    }

    private static void assertPlacement(List<SenderResult<String, String>> sent, int from, int partitions) {
        List<Integer> expected = new ArrayList<>();
        for (int i = from; i < from + sent.size(); i++) {
            expected.add(Partitioners.<String>murmur2().partition("key " + i, partitions));
        }
        assertThat(sent).extracting(result -> result.partition().partition()).isEqualTo(expected);
        assertThat(expected).containsAll(IntStream.range(0, partitions).boxed().toList());
    }

    @Test
    @DisplayName("K22 adding partitions: existing records stay, new keys spread over the larger count")
    void records_stay_and_keys_spread() {
        topic("t", 2);
        assertPlacement(send(sender(), 0, 100), 0, 2);
        List<List<StoredRecord>> before = List.of(readAll(t(0)), readAll(t(1)));
        TopicDescription was = await(broker().describeTopic(CALLER, "t"));

        TopicDescription grown = await(broker().createPartitions(CALLER, "t", 5));
        assertThat(grown)
                .isEqualTo(new TopicDescription(
                        "t", was.topicId(), 5, was.configs(), was.maxMessageBytes(), was.internal()));
        restartIfDurable();

        assertThat(await(broker().describeTopic(CALLER, "t"))).isEqualTo(grown);
        assertThat(List.of(readAll(t(0)), readAll(t(1)))).isEqualTo(before);
        assertThat(IntStream.range(2, 5).mapToLong(i -> endOf(t(i)))).containsOnly(0L);
        assertPlacement(send(sender(), 100, 300), 100, 5);
        restartIfDurable();
        assertThat(IntStream.range(0, 5).mapToLong(i -> endOf(t(i))).sum()).isEqualTo(300);
        assertThat(readAll(t(0))).startsWith(before.get(0).toArray(StoredRecord[]::new));
    }

    @Test
    @DisplayName("K22 a send that goes on spreads its keys over the new partitions soon, and may name one at once")
    void a_send_goes_on() {
        topic("t", 2);
        Sender<String, String> sender = sender();
        Sinks.Many<SenderRecord<String, String>> source = Sinks.many().unicast().onBackpressureBuffer();
        List<SenderResult<String, String>> sent = new CopyOnWriteArrayList<>();
        disposeAtEnd(sender.send(source.asFlux()).subscribe(sent::add));
        source.tryEmitNext(SenderRecord.of("t", "k", "v")).orThrow();
        engine().eventually(() -> sent.size() == 1);

        await(broker().createPartitions(CALLER, "t", 4));
        source.tryEmitNext(SenderRecord.of("t", "k", "v").withPartition(3)).orThrow();
        engine().eventually(() -> sent.size() == 2);
        assertThat(sent.get(1).partition()).isEqualTo(t(3));

        await(broker().createPartitions(CALLER, "t", 7));
        // a first batch makes it ask, and the next one begins with the answer
        for (int i = 3; i <= 4; i++) {
            int expected = i;
            engine().elapse(SOON.plusMillis(1));
            source.tryEmitNext(SenderRecord.of("t", "k", "v")).orThrow();
            engine().eventually(() -> sent.size() == expected);
        }
        for (int i = 0; i < 100; i++) {
            source.tryEmitNext(SenderRecord.of("t", "key " + i, "v")).orThrow();
        }
        engine().eventually(() -> sent.size() == 104);
        assertPlacement(sent.subList(4, 104), 0, 7);
        source.tryEmitComplete().orThrow();
    }

    @Test
    @DisplayName("K22 a group takes the new partitions up, goes on where it was in the others, and misses nothing")
    void a_group_takes_them_up() {
        topic("t", 2);
        List<String> seen = new CopyOnWriteArrayList<>();
        Receiver<String, String> receiver = Receiver.on(
                broker(),
                ReceiverOptions.of(
                        Serdes.string(), Serdes.string(), o -> o.group("g").topics("t")));
        receiver.receiveAutoAck().subscribe(record -> seen.add(String.valueOf(record.value())));
        send(sender(), 0, 50);
        engine().eventually(() -> seen.size() == 50);

        await(broker().createPartitions(CALLER, "t", 6));
        send(sender(), 50, 150);
        engine().eventually(() -> seen.size() == 150);
        assertThat(await(receiver.lag())).hasSize(6);
        await(receiver.drain(Duration.ofSeconds(5)));

        restartIfDurable();
        send(sender(), 150, 200);
        Disposable again = Receiver.on(
                        broker(),
                        ReceiverOptions.of(
                                Serdes.string(),
                                Serdes.string(),
                                o -> o.group("g").topics("t")))
                .receiveAutoAck()
                .subscribe(record -> seen.add(String.valueOf(record.value())));
        engine().eventually(() -> seen.size() == 200);
        again.dispose();
        assertThat(seen)
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(0, 200).mapToObj(i -> "value " + i).toList());
    }

    @Test
    @DisplayName("K22 a receiver with a cursor of its own takes the new partitions up")
    void a_cursor_of_ones_own_takes_them_up() {
        topic("t", 1);
        List<TopicPartition> seen = new CopyOnWriteArrayList<>();
        Disposable reading = Receiver.on(
                        broker(),
                        ReceiverOptions.of(
                                Serdes.string(),
                                Serdes.string(),
                                o -> o.topics("t").metadataMaxAge(SOON)))
                .receive()
                .subscribe(record -> seen.add(record.topicPartition()));
        send(sender(), 0, 10);
        engine().eventually(() -> seen.size() == 10);
        await(broker().createPartitions(CALLER, "t", 3));
        send(sender(), 10, 110);
        engine().eventually(() -> seen.size() == 110);
        reading.dispose();
        assertThat(Set.copyOf(seen)).isEqualTo(Set.of(t(0), t(1), t(2)));
    }

    @Test
    @DisplayName(
            "K22 as many partitions as there are, fewer, too many, no such topic, a topic of the broker's own: refused")
    void refused() {
        topic("t", 3);
        for (int total : List.of(3, 2, 0, -1, Integer.MAX_VALUE)) {
            assertFails(broker().createPartitions(CALLER, "t", total), ErrorCode.INVALID_PARTITIONS);
        }
        assertFails(broker().createPartitions(CALLER, "none", 3), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        assertFails(broker().createPartitions(CALLER, "__consumer_offsets", 3), ErrorCode.INVALID_TOPIC_EXCEPTION);
        assertThat(await(broker().describeTopic(CALLER, "t")).partitions()).isEqualTo(3);
        assertFails(broker().listOffset(CALLER, t(3), OffsetSpec.latest()), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }
}
