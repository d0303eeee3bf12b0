package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.Serde;
import io.reactivemq.Serdes;
import io.reactivemq.TimestampType;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.ConfigChange;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.SenderResult;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.test.Seeds;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Senders, and receivers with a cursor of their own: pub-sub. */
@DisplayName("produce and consume")
public abstract class ProduceConsumeContract extends EngineContract {

    private static final int RECORDS_OF_A_BATCH = 50;

    static LongStream seeds() {
        return Seeds.upTo(10);
    }

    @ParameterizedTest(name = "[seed {0}]")
    @MethodSource("seeds")
    @DisplayName("M03 every subscriber gets every message; one added later needs no change of the producer")
    void pub_sub(long seed) {
        useSeed(seed);
        topic("news", 3);
        List<List<ReceiverRecord<String, String>>> received = new ArrayList<>();
        List<Disposable> subscriptions = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            List<ReceiverRecord<String, String>> own = new CopyOnWriteArrayList<>();
            received.add(own);
            subscriptions.add(receiver(o -> o.topics("news")).receive().subscribe(own::add));
        }

        send(numbered("news", 0, 100));
        engine().eventually(() -> received.stream().allMatch(own -> own.size() == 100));
        List<ReceiverRecord<String, String>> late = new CopyOnWriteArrayList<>();
        received.add(late);
        subscriptions.add(receiver(o -> o.topics("news")).receive().subscribe(late::add));
        send(numbered("news", 100, 200));
        engine().eventually(() -> received.stream().allMatch(own -> own.size() == 200));

        for (List<ReceiverRecord<String, String>> own : received) {
            assertThat(own)
                    .extracting(ReceiverRecord::value)
                    .containsExactlyInAnyOrderElementsOf(
                            IntStream.range(0, 200).mapToObj(i -> "value " + i).toList());
            assertConsecutivePerPartition(own);
        }
        subscriptions.forEach(Disposable::dispose);
        restartIfDurable();
        assertThat(receive("news", 200))
                .extracting(ReceiverRecord::value)
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(0, 200).mapToObj(i -> "value " + i).toList());
    }

    @Test
    @DisplayName("M06 producer and consumer need not run at the same time; the message waits, over a restart too")
    void the_message_waits() {
        topic("letters", 2);
        List<SenderResult<String, String>> sent = send(numbered("letters", 0, 50));
        engine().elapse(Duration.ofSeconds(1));
        restartIfDurable();

        List<ReceiverRecord<String, String>> received = receive("letters", 50);

        assertThat(received).extracting(ReceiverRecord::value).containsExactlyInAnyOrderElementsOf(values(sent));
    }

    @ParameterizedTest(name = "[seed {0}]")
    @MethodSource("seeds")
    @DisplayName("M08 order holds within a partition, and the same key goes to the same partition")
    void order_per_key(long seed) {
        useSeed(seed);
        SplittableRandom random = new SplittableRandom(seed);
        topic("t", 6);
        List<SenderRecord<String, String>> records = new ArrayList<>();
        for (int i = 0; i < 2000; i++) {
            records.add(SenderRecord.of("t", "key " + random.nextInt(40), "value " + i));
        }

        List<SenderResult<String, String>> sent = new ArrayList<>(send(records.subList(0, 1000)));
        restartIfDurable();
        sent.addAll(send(records.subList(1000, 2000)));
        restartIfDurable();
        List<ReceiverRecord<String, String>> received = receive("t", 2000);

        Map<String, Integer> partitionOfKey = new HashMap<>();
        for (SenderResult<String, String> result : sent) {
            Integer before = partitionOfKey.putIfAbsent(
                    String.valueOf(result.record().key()), result.partition().partition());
            assertThat(before == null || before == result.partition().partition())
                    .as("%s in one partition", result.record().key())
                    .isTrue();
        }
        assertThat(new HashSet<>(partitionOfKey.values())).hasSizeGreaterThan(3);
        for (int partition = 0; partition < 6; partition++) {
            int p = partition;
            assertThat(received.stream().filter(r -> r.partition() == p).map(ReceiverRecord::value))
                    .as("values of partition %d in the order of sending", p)
                    .isEqualTo(sent.stream()
                            .filter(r -> r.partition().partition() == p)
                            .map(r -> r.record().value())
                            .toList());
        }
    }

    @ParameterizedTest(name = "[seed {0}]")
    @MethodSource("seeds")
    @DisplayName("M08 a single partition is globally ordered, whatever the batches")
    void one_partition_is_ordered(long seed) {
        useSeed(seed);
        SplittableRandom random = new SplittableRandom(seed);
        topic("t", 1);
        Sender<String, String> sender = Sender.on(
                broker(),
                SenderOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.batchSizeBytes(200 + random.nextInt(3000))
                                .linger(Duration.ofMillis(random.nextInt(20)))
                                .maxInFlight(1 + random.nextInt(500))));

        List<SenderResult<String, String>> sent =
                await(sender.send(Flux.fromIterable(numbered("t", 0, 3000))).collectList());

        assertThat(sent)
                .extracting(SenderResult::offset)
                .isEqualTo(LongStream.range(0, 3000).boxed().toList());
        assertThat(sent)
                .extracting(r -> r.record().value())
                .isEqualTo(IntStream.range(0, 3000).mapToObj(i -> "value " + i).toList());
        restartIfDurable();
        assertThat(receive("t", 3000)).extracting(ReceiverRecord::value).isEqualTo(values(sent));
    }

    @Test
    @DisplayName("K01 a key goes where Kafka's default partitioner puts it")
    void kafka_placement() {
        List<Integer> counts = List.of(1, 2, 3, 7, 12, 100);
        counts.forEach(partitions -> topic("t" + partitions, partitions));
        assertKafkaPlacement(counts);
        restartIfDurable();
        assertKafkaPlacement(counts);
    }

    private void assertKafkaPlacement(List<Integer> counts) {
        Sender<byte[], String> sender = Sender.on(broker(), SenderOptions.of(Serdes.bytes(), Serdes.string()));
        for (int partitions : counts) {
            String name = "t" + partitions;
            List<SenderResult<byte[], String>> sent = await(sender.send(Flux.fromIterable(KafkaPlacement.all())
                            .map(placement -> SenderRecord.of(name, placement.key(), "v")))
                    .collectList());

            assertThat(sent)
                    .extracting(result -> result.partition().partition())
                    .as("partitions of %d", partitions)
                    .isEqualTo(KafkaPlacement.all().stream()
                            .map(p -> p.partition(partitions))
                            .toList());
        }
    }

    @Test
    @DisplayName("K01 records without a key stick to a partition for a batch, and use all partitions in the end")
    void sticky_without_a_key() {
        topic("t", 4);
        Sender<String, String> sender = Sender.on(
                broker(),
                SenderOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.batchSizeBytes(4096).linger(Duration.ofMillis(20))));
        List<SenderRecord<String, String>> records = new ArrayList<>();
        for (int i = 0; i < 4000; i++) {
            records.add(SenderRecord.of("t", "a value of some length, number " + i));
        }

        List<SenderResult<String, String>> sent =
                await(sender.send(Flux.fromIterable(records)).collectList());

        int changes = 0;
        Set<Integer> used = new HashSet<>();
        for (int i = 0; i < sent.size(); i++) {
            used.add(sent.get(i).partition().partition());
            if (i > 0 && !sent.get(i).partition().equals(sent.get(i - 1).partition())) {
                changes++;
            }
        }
        assertThat(used).containsExactlyInAnyOrder(0, 1, 2, 3);
        assertThat(changes)
                .as("changes of partition in 4000 records of 40 bytes, batches of 4096")
                .isBetween(10, 200);
    }

    @Test
    @DisplayName("K19 headers, null keys, null values and create times pass through sender and receiver unchanged")
    void strange_records_pass_through() {
        topic("t", 1);
        Headers headers = Headers.of(
                Header.of("h", "1"),
                Header.of("h", "2"),
                Header.of("null", (byte[]) null),
                Header.of("", new byte[] {0, -1}),
                Header.of("\uD83D\uDE00", "smile"));
        List<SenderRecord<String, String>> records = List.of(
                new SenderRecord<>("t", null, 1L, "k", "v", headers),
                new SenderRecord<>("t", null, 0L, null, "no key", Headers.empty()),
                new SenderRecord<>("t", null, 999_999_999_999L, "no value", null, headers),
                new SenderRecord<>("t", null, 5L, null, null, Headers.empty()),
                new SenderRecord<>("t", null, 4L, "", "", Headers.empty()),
                new SenderRecord<>("t", null, 3L, "ключ", "\u0000 \uD83D\uDE00", headers));

        List<SenderResult<String, String>> sent = send(records);

        assertThat(sent).extracting(SenderResult::timestampMs).containsExactly(1L, 0L, 999_999_999_999L, 5L, 4L, 3L);
        for (int restarts = 0; restarts < 2; restarts++) {
            List<ReceiverRecord<String, String>> received = receive("t", records.size());
            for (int i = 0; i < records.size(); i++) {
                SenderRecord<String, String> expected = records.get(i);
                ReceiverRecord<String, String> actual = received.get(i);
                assertThat(actual.key()).isEqualTo(expected.key());
                assertThat(actual.value()).isEqualTo(expected.value());
                assertThat(actual.headers()).isEqualTo(expected.headers());
                assertThat(actual.timestampMs()).isEqualTo(expected.timestampMs());
                assertThat(actual.timestampType()).isEqualTo(TimestampType.CREATE_TIME);
                assertThat(actual.offset()).isEqualTo(i);
            }
            restartIfDurable();
        }
    }

    @Test
    @DisplayName("K19 append-time timestamps are the log's, in the result, at the receiver and after a restart")
    void append_time_passes_through() {
        topic("t", 1, Map.of("message.timestamp.type", "LogAppendTime"));
        long before = broker().runtime().currentTimeMillis();
        List<SenderResult<String, String>> sent = send(List.of(
                SenderRecord.of("t", "k", "a").withTimestamp(5),
                SenderRecord.of("t", "k", "b").withTimestamp(6)));
        long after = broker().runtime().currentTimeMillis();

        assertThat(sent).allSatisfy(result -> assertThat(result.timestampMs()).isBetween(before, after));
        engine().elapse(Duration.ofSeconds(2));
        restartIfDurable();
        List<ReceiverRecord<String, String>> received = receive("t", 2);
        assertThat(received)
                .extracting(ReceiverRecord::timestampMs)
                .isEqualTo(sent.stream().map(SenderResult::timestampMs).toList());
        assertThat(received).extracting(ReceiverRecord::timestampType).containsOnly(TimestampType.LOG_APPEND_TIME);
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    @DisplayName("K20 a compressed batch is stored as it came, and every receiver reads it, after a restart too")
    void compressed_batches_pass_through(Compression compression) {
        topic("t", 1);
        Sender<String, String> sender = Sender.on(
                broker(), SenderOptions.of(Serdes.string(), Serdes.string(), o -> o.compression(compression)));
        List<SenderResult<String, String>> sent =
                await(sender.send(Flux.fromIterable(numbered("t", 0, 500))).collectList());

        restartIfDurable();
        assertThat(receive("t", 500)).extracting(ReceiverRecord::value).isEqualTo(values(sent));
        RecordBatch stored =
                RecordBatch.at(fetch(new TopicPartition("t", 0), 0, 1 << 20).records(), 0);
        assertThat(stored.compression()).isEqualTo(compression);
        stored.validate();
    }

    @ParameterizedTest
    @ValueSource(strings = {"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"})
    @DisplayName(
            "K20 with compression.type a batch is stored so compressed, however its producer did, and every receiver reads it, after a restart too")
    void batches_are_compressed_anew(String type) {
        TopicPartition t = new TopicPartition("t", 0);
        topic("t", 1, Map.of("compression.type", type));
        List<String> expected = new ArrayList<>();
        for (Compression compression : Compression.values()) {
            append(t, compressed(compression));
            expected.add(
                    switch (type) {
                        case "producer" -> compression.configName();
                        case "uncompressed" -> "none";
                        default -> type;
                    });
        }
        await(broker().alterTopicConfigs(CALLER, "t", List.of(ConfigChange.set("compression.type", "gzip"))));
        append(t, compressed(Compression.LZ4));
        restartIfDurable();
        append(t, compressed(Compression.NONE));
        expected.addAll(List.of("gzip", "gzip"));

        int batches = expected.size();
        assertThat(receive("t", batches * RECORDS_OF_A_BATCH))
                .extracting(ReceiverRecord::value)
                .isEqualTo(IntStream.range(0, batches * RECORDS_OF_A_BATCH)
                        .mapToObj(i -> "value " + i % RECORDS_OF_A_BATCH)
                        .toList());
        List<String> stored = new ArrayList<>();
        while (stored.size() < batches) {
            long offset = (long) stored.size() * RECORDS_OF_A_BATCH;
            for (RecordBatch batch : RecordBatches.of(fetch(t, offset, 1 << 20).records())) {
                batch.validate();
                stored.add(batch.compression().configName());
            }
        }
        assertThat(stored).isEqualTo(expected);
    }

    private static ByteBuffer compressed(Compression compression) {
        RecordBatchBuilder builder = new RecordBatchBuilder(1 << 10, 1 << 20, compression);
        for (int i = 0; i < RECORDS_OF_A_BATCH; i++) {
            byte[] value = ("value " + i).getBytes(StandardCharsets.UTF_8);
            assertThat(builder.tryAppend(i, null, value, Headers.empty())).isTrue();
        }
        return builder.build();
    }

    @Test
    @DisplayName(
            "K21 a batch that is above max.message.bytes only when it is kept uncompressed is refused, and the log is unchanged")
    void batches_too_large_when_uncompressed() {
        topic("t", 1, Map.of("compression.type", "uncompressed", "max.message.bytes", "2000"));
        Sender<String, String> sender = Sender.on(
                broker(), SenderOptions.of(Serdes.string(), Serdes.string(), o -> o.compression(Compression.GZIP)));

        assertFails(sender.send(SenderRecord.of("t", "k", "x".repeat(5_000))), ErrorCode.MESSAGE_TOO_LARGE);

        restartIfDurable();
        assertThat(await(broker().listOffset(CALLER, new TopicPartition("t", 0), OffsetSpec.Latest.INSTANCE)))
                .isZero();
    }

    @Test
    void results_tell_where_each_record_is_found() {
        topic("t", 5);
        List<SenderResult<String, String>> sent = send(numbered("t", 0, 300));

        Map<TopicPartition, Map<Long, String>> found = new HashMap<>();
        for (ReceiverRecord<String, String> record : receive("t", 300)) {
            found.computeIfAbsent(record.topicPartition(), p -> new HashMap<>()).put(record.offset(), record.value());
        }

        for (SenderResult<String, String> result : sent) {
            assertThat(found.getOrDefault(result.partition(), Map.of()))
                    .containsEntry(result.offset(), result.record().value());
        }
    }

    @Test
    void a_partition_that_the_record_names_is_the_one_it_goes_to() {
        topic("t", 5);

        List<SenderResult<String, String>> sent = send(List.of(
                SenderRecord.of("t", "k", "a").withPartition(4),
                SenderRecord.of("t", "k", "b").withPartition(0)));

        assertThat(sent).extracting(r -> r.partition().partition()).containsExactly(4, 0);
        assertThat(readAll(new TopicPartition("t", 4))).hasSize(1);
    }

    @Test
    void a_record_without_a_timestamp_gets_the_time_of_sending() {
        topic("t", 1);
        long before = broker().runtime().currentTimeMillis();
        SenderResult<String, String> sent =
                send(List.of(SenderRecord.of("t", "k", "v"))).get(0);

        assertThat(sent.timestampMs()).isBetween(before, broker().runtime().currentTimeMillis());
        assertThat(receive("t", 1).get(0).timestampMs()).isEqualTo(sent.timestampMs());
    }

    @Test
    void a_record_that_is_too_large_fails_its_send_and_no_later_one() {
        topic("t", 1, Map.of("max.message.bytes", "1000"));
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));

        assertFails(sender.send(SenderRecord.of("t", "k", "x".repeat(2000))), ErrorCode.MESSAGE_TOO_LARGE);

        assertThat(await(sender.send(SenderRecord.of("t", "k", "small"))).offset())
                .isZero();
    }

    @Test
    void a_send_to_a_topic_that_is_not_there_fails_in_bounded_time() {
        Sender<String, String> sender = Sender.on(
                broker(),
                SenderOptions.of(Serdes.string(), Serdes.string(), o -> o.deliveryTimeout(Duration.ofMillis(500))));

        Throwable error = catchThrowable(() -> await(sender.send(SenderRecord.of("nowhere", "k", "v"))));

        assertThat(error)
                .isInstanceOfSatisfying(
                        MqException.class,
                        e -> assertThat(e.errorCode())
                                .isIn(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.REQUEST_TIMED_OUT));
        assertThat(error).hasMessageContaining("nowhere");
    }

    @Test
    void a_serde_that_fails_fails_the_send_and_nothing_of_that_record_is_stored() {
        topic("t", 1);
        Serde<String> failing = Serde.of(
                value -> {
                    if (value.equals("bad")) {
                        throw new IllegalArgumentException("can't serialize " + value);
                    }
                    return value.getBytes(StandardCharsets.UTF_8);
                },
                bytes -> new String(bytes, StandardCharsets.UTF_8));
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), failing));

        Throwable error = catchThrowable(() -> await(sender.send(SenderRecord.of("t", "k", "bad"))));

        assertThat(error).hasStackTraceContaining("can't serialize bad");
        await(sender.send(SenderRecord.of("t", "k", "good")));
        assertThat(readAll(new TopicPartition("t", 0)))
                .extracting(StoredRecord::value)
                .containsExactly("good");
    }

    @Test
    void senders_at_work_at_once_keep_each_its_own_order() {
        topic("t", 1);
        List<Mono<List<SenderResult<String, String>>>> sends = new ArrayList<>();
        for (int s = 0; s < 5; s++) {
            String name = "sender " + s;
            sends.add(sender().send(Flux.range(0, 300).map(i -> SenderRecord.of("t", name, name + " " + i)))
                    .collectList());
        }

        await(Flux.merge(sends).collectList());

        List<StoredRecord> all = readAll(new TopicPartition("t", 0));
        assertThat(all).hasSize(1500);
        for (int s = 0; s < 5; s++) {
            String name = "sender " + s;
            assertThat(all.stream().filter(r -> name.equals(r.key())).map(StoredRecord::value))
                    .isEqualTo(IntStream.range(0, 300)
                            .mapToObj(i -> name + " " + i)
                            .toList());
        }
    }

    @Test
    void a_receiver_that_starts_at_the_end_gets_only_what_comes_then() {
        topic("t", 2);
        send(numbered("t", 0, 20));
        List<String> received = new CopyOnWriteArrayList<>();
        Receiver<String, String> receiver = receiver(o -> o.topics("t").startFrom(OffsetSpec.latest()));
        Disposable subscription = receiver.receive().subscribe(r -> received.add(String.valueOf(r.value())));
        engine().eventually(() -> await(receiver.lag()).size() == 2);

        send(numbered("t", 20, 40));
        engine().eventually(() -> received.size() >= 20);

        assertThat(received)
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(20, 40).mapToObj(i -> "value " + i).toList());
        subscription.dispose();
    }

    @Test
    void a_receiver_over_several_topics_gets_all_of_them() {
        topic("a", 2);
        topic("b", 1);
        send(numbered("a", 0, 30));
        send(numbered("b", 30, 60));

        List<ReceiverRecord<String, String>> received =
                await(receiver(o -> o.topics("a", "b")).receive().take(60).collectList());

        assertThat(received)
                .extracting(ReceiverRecord::value)
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(0, 60).mapToObj(i -> "value " + i).toList());
        assertThat(received).extracting(ReceiverRecord::topic).contains("a", "b");
    }

    @Test
    void demand_is_kept_to_and_nothing_is_lost_between_requests() {
        topic("t", 3);
        send(numbered("t", 0, 100));
        List<String> received = new CopyOnWriteArrayList<>();
        PullSubscriber<ReceiverRecord<String, String>> subscriber =
                new PullSubscriber<>(record -> received.add(String.valueOf(record.value())));
        receiver(o -> o.topics("t")).receive().subscribe(subscriber);

        for (int requested = 0; requested < 100; requested += 10) {
            engine().elapse(Duration.ofMillis(100));
            assertThat(received).hasSize(requested);
            subscriber.request(10);
            int expected = requested + 10;
            engine().eventually(() -> received.size() >= expected);
        }
        engine().elapse(Duration.ofMillis(100));

        assertThat(received).doesNotHaveDuplicates().hasSize(100);
        subscriber.cancel();
    }

    @Test
    void a_receiver_has_one_subscription_at_a_time_and_starts_over_with_the_next() {
        topic("t", 1);
        send(numbered("t", 0, 10));
        Receiver<String, String> receiver = receiver(o -> o.topics("t"));
        Disposable first = receiver.receive().subscribe();

        assertThat(catchThrowable(() -> await(receiver.receive().next()))).isInstanceOf(IllegalStateException.class);
        first.dispose();
        engine().elapse(Duration.ofSeconds(1));

        assertThat(await(receiver.receive().take(10).collectList())).hasSize(10);
    }

    final Sender<String, String> sender() {
        return Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
    }

    final List<SenderResult<String, String>> send(List<SenderRecord<String, String>> records) {
        List<SenderResult<String, String>> sent =
                await(sender().send(Flux.fromIterable(records)).collectList());
        assertThat(sent).extracting(SenderResult::record).isEqualTo(records);
        return sent;
    }

    final Receiver<String, String> receiver(Consumer<? super ReceiverOptions.Builder> options) {
        return Receiver.on(broker(), ReceiverOptions.of(Serdes.string(), Serdes.string(), options));
    }

    private List<ReceiverRecord<String, String>> receive(String topic, int count) {
        List<ReceiverRecord<String, String>> received =
                await(receiver(o -> o.topics(topic)).receive().take(count).collectList());
        assertThat(received).hasSize(count);
        return received;
    }

    static List<SenderRecord<String, String>> numbered(String topic, int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(i -> SenderRecord.of(topic, "key " + i % 17, "value " + i))
                .toList();
    }

    private static List<String> values(List<SenderResult<String, String>> sent) {
        return sent.stream()
                .map(result -> String.valueOf(result.record().value()))
                .toList();
    }

    private static void assertConsecutivePerPartition(List<ReceiverRecord<String, String>> records) {
        Map<TopicPartition, Long> next = new HashMap<>();
        for (ReceiverRecord<String, String> record : records) {
            assertThat(record.offset())
                    .as("next offset of %s", record.topicPartition())
                    .isEqualTo(next.getOrDefault(record.topicPartition(), 0L));
            next.put(record.topicPartition(), record.offset() + 1);
        }
    }
}
