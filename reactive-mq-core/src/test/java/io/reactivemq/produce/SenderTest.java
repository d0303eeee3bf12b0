package io.reactivemq.produce;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.Headers;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.broker.testing.ScriptedBroker;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;
import reactor.test.publisher.TestPublisher;

class SenderTest {

    private static final TopicPartition ONE_0 = new TopicPartition("one", 0);

    private final ManualRuntime runtime = new ManualRuntime();
    private final ScriptedBroker broker =
            new ScriptedBroker(runtime).topic("one", 1).topic("four", 4);

    @AfterEach
    void nothingIsLeftBehind() {
        runtime.run();
        assertThat(runtime.openWorkers()).as("workers not disposed").isZero();
        assertThat(runtime.pendingTasks()).as("timers not disposed").isZero();
    }

    private Sender<String, String> sender(Consumer<SenderOptions.Builder> options) {
        return Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string(), options));
    }

    private Sender<String, String> sender() {
        return sender(options -> {});
    }

    private static SenderRecord<String, String> record(String topic, int i) {
        return SenderRecord.of(topic, "v" + i);
    }

    /** Sends all of them with unbounded demand and returns the results. */
    private List<SenderResult<String, String>> sendAll(
            Sender<String, String> sender, List<SenderRecord<String, String>> records) {
        List<SenderResult<String, String>> results = new ArrayList<>();
        List<String> ends = new ArrayList<>();
        sender.send(Flux.fromIterable(records))
                .subscribe(results::add, error -> ends.add(error.toString()), () -> ends.add("complete"));
        runtime.run();
        assertThat(ends).containsExactly("complete");
        return results;
    }

    @Test
    void resultsComeInTheOrderOfSendingWithPartitionOffsetAndTimestamp() {
        List<SenderRecord<String, String>> records = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            records.add(SenderRecord.of("four", "k" + i % 17, "v" + i));
        }

        List<SenderResult<String, String>> results = sendAll(sender(), records);

        assertThat(results).extracting(SenderResult::record).isEqualTo(records);
        assertThat(results).allMatch(result -> result.timestampMs() == ManualRuntime.START_MILLIS);
        for (SenderResult<String, String> result : results) {
            Sent sent = Sent.in(broker, result.partition()).get((int) result.offset());
            assertThat(sent.offset()).isEqualTo(result.offset());
            assertThat(sent.key()).isEqualTo(result.record().key());
            assertThat(sent.value()).isEqualTo(result.record().value());
        }
    }

    @Test
    @DisplayName("K01 a key goes where Kafka's default partitioner puts it")
    void keysArePlacedAsKafkaDoes() {
        List<SenderRecord<String, String>> records = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            records.add(SenderRecord.of("four", "key-" + i, "v"));
        }

        for (SenderResult<String, String> result : sendAll(sender(), records)) {
            byte[] key = String.valueOf(result.record().key()).getBytes(UTF_8);
            assertThat(result.partition().partition()).isEqualTo(BuiltInPartitioner.partitionForKey(key, 4));
        }
    }

    @Test
    @DisplayName("K01 records without a key fill one partition's batch, and the next batch is another partition's")
    void stickyPerBatch() {
        List<SenderRecord<String, String>> records = new ArrayList<>();
        for (int i = 0; i < 2000; i++) {
            records.add(record("four", i));
        }

        List<SenderResult<String, String>> results = sendAll(sender(options -> options.batchSizeBytes(500)), records);

        Set<TopicPartition> used = new HashSet<>();
        int sent = 0;
        int batches = 0;
        while (sent < results.size()) {
            SenderResult<String, String> first = results.get(sent);
            assertThat(sent == 0 ? null : results.get(sent - 1).partition())
                    .as("partition of the batch before record %d", sent)
                    .isNotEqualTo(first.partition());
            int size = sizeOfBatchAt(first.partition(), first.offset());
            assertThat(results.subList(sent, sent + size))
                    .as("a batch of %d that begins at record %d", size, sent)
                    .allMatch(result -> result.partition().equals(first.partition()));
            used.add(first.partition());
            sent += size;
            batches++;
        }
        assertThat(batches).isBetween(50, 100);
        assertThat(used).hasSize(4);
        assertThat(results).extracting(SenderResult::record).isEqualTo(records);
    }

    private int sizeOfBatchAt(TopicPartition partition, long offset) {
        for (ByteBuffer batch : broker.batches(partition)) {
            List<Sent> records = Sent.of(batch);
            if (records.get(0).offset() == offset) {
                return records.size();
            }
        }
        throw new AssertionError("no batch of " + partition + " begins at " + offset);
    }

    @Test
    void anExplicitPartitionGoesBeforeTheKey() {
        List<SenderRecord<String, String>> records = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            records.add(SenderRecord.of("four", "same", "v" + i).withPartition(i % 4));
        }

        List<SenderResult<String, String>> results = sendAll(sender(), records);

        assertThat(results).allMatch(result -> {
            Integer wanted = result.record().partition();
            return wanted != null && result.partition().partition() == wanted;
        });
    }

    @Test
    @DisplayName("K19 null keys, null values, headers and create times arrive unchanged")
    void nullsHeadersAndTimestamps() {
        Headers headers = Headers.empty()
                .with("a", "1")
                .with("a", "2")
                .with("empty", new byte[0])
                .with("null", (byte[]) null);
        List<SenderRecord<String, String>> records = List.of(
                SenderRecord.<String, String>of("one", null, null).withTimestamp(0),
                SenderRecord.of("one", "key", (String) null).withTimestamp(5_000),
                SenderRecord.of("one", (String) null, "value")
                        .withHeaders(headers)
                        .withTimestamp(4_000),
                SenderRecord.of("one", "", ""));

        List<SenderResult<String, String>> results = sendAll(sender(), records);

        assertThat(Sent.in(broker, ONE_0))
                .containsExactly(
                        new Sent(0, 0, null, null, Headers.empty()),
                        new Sent(1, 5_000, "key", null, Headers.empty()),
                        new Sent(2, 4_000, null, "value", headers),
                        new Sent(3, ManualRuntime.START_MILLIS, "", "", Headers.empty()));
        assertThat(results)
                .extracting(SenderResult::timestampMs)
                .containsExactly(0L, 5_000L, 4_000L, ManualRuntime.START_MILLIS);
    }

    @Test
    void theTimeOfTheAppendShowsInTheResult() {
        broker.logAppendTime(77);

        List<SenderResult<String, String>> results =
                sendAll(sender(), List.of(record("one", 1).withTimestamp(5), record("one", 2)));

        assertThat(results).extracting(SenderResult::timestampMs).containsExactly(77L, 77L);
    }

    @Test
    @DisplayName("K18 with acks none the result has no offset")
    void acksNone() {
        List<SenderResult<String, String>> results =
                sendAll(sender(options -> options.acks(Acks.NONE)), List.of(record("one", 1), record("one", 2)));

        assertThat(results).extracting(SenderResult::offset).containsExactly(-1L, -1L);
        assertThat(broker.appends()).allMatch(call -> call.acks() == Acks.NONE);
        assertThat(Sent.values(broker, ONE_0)).containsExactly("v1", "v2");
    }

    @Test
    void oneRecordIsSentAtOnce() {
        StepVerifier.create(sender(options -> options.linger(Duration.ofSeconds(10)))
                        .send(record("one", 1)))
                .then(runtime::run)
                .assertNext(result -> assertThat(result.offset()).isZero())
                .verifyComplete();
    }

    @Test
    void anEmptySourceCompletes() {
        assertThat(sendAll(sender(), List.of())).isEmpty();
        assertThat(broker.describes()).isEmpty();
    }

    @Test
    void theClientIdReachesTheBroker() {
        sendAll(sender(options -> options.clientId("till-7")), List.of(record("one", 1)));

        assertThat(broker.appends().get(0).caller().clientId()).isEqualTo("till-7");
    }

    @Test
    void aTopicIsLookedUpOnceForAllSendsOfASender() {
        Sender<String, String> sender = sender();
        sendAll(sender, List.of(record("one", 1), record("four", 2), record("one", 3), record("four", 4)));
        sendAll(sender, List.of(record("four", 5), record("one", 6)));

        assertThat(broker.describes()).containsExactlyInAnyOrder("one", "four");
    }

    @Test
    void recordsWaitInOrderWhileTheirTopicIsLookedUp() {
        Sender<String, String> sender = sender();
        broker.holdDescribes();
        List<SenderResult<String, String>> results = new ArrayList<>();
        sender.send(Flux.range(0, 10).map(i -> record(i % 2 == 0 ? "one" : "four", i)))
                .subscribe(results::add);
        runtime.run();
        assertThat(broker.appends()).isEmpty();

        broker.releaseDescribes();
        runtime.run();

        assertThat(results)
                .extracting(result -> result.record().value())
                .containsExactly("v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9");
        assertThat(Sent.values(broker, ONE_0)).containsExactly("v0", "v2", "v4", "v6", "v8");
    }

    @Test
    void aBatchIsSentWhenItIsFull() {
        TestPublisher<SenderRecord<String, String>> source = TestPublisher.create();
        var subscription = sender(
                        options -> options.linger(Duration.ofSeconds(1)).batchSizeBytes(200))
                .send(source)
                .subscribe();
        for (int i = 0; i < 100; i++) {
            source.next(record("one", i));
            runtime.run();
        }
        assertThat(broker.appends()).isNotEmpty();
        assertThat(broker.batches(ONE_0)).allMatch(batch -> batch.remaining() <= 200 && batch.remaining() > 180);
        subscription.dispose();
    }

    @Test
    void withLingerABatchWaitsThatLongAndNoLonger() {
        TestPublisher<SenderRecord<String, String>> source = TestPublisher.create();
        List<Long> offsets = new ArrayList<>();
        var subscription = sender(options -> options.linger(Duration.ofMillis(10)))
                .send(source)
                .subscribe(result -> offsets.add(result.offset()));
        source.next(record("one", 0));
        runtime.advanceBy(Duration.ofMillis(6));
        source.next(record("one", 1));
        runtime.advanceBy(Duration.ofMillis(3));
        assertThat(broker.appends()).isEmpty();

        runtime.advanceBy(Duration.ofMillis(1));

        assertThat(broker.appends()).hasSize(1);
        assertThat(offsets).containsExactly(0L, 1L);

        source.next(record("one", 2));
        runtime.advanceBy(Duration.ofMillis(9));
        assertThat(broker.appends()).hasSize(1);
        runtime.advanceBy(Duration.ofMillis(1));
        assertThat(broker.appends()).hasSize(2);
        subscription.dispose();
    }

    @Test
    void withoutLingerABatchGoesWhenNoRecordIsThereToBeAdded() {
        TestPublisher<SenderRecord<String, String>> source = TestPublisher.create();
        var subscription = sender().send(source).subscribe();
        source.next(record("one", 0)).next(record("one", 1));
        runtime.run();
        source.next(record("one", 2));
        runtime.run();

        assertThat(broker.appends()).hasSize(2);
        subscription.dispose();
    }

    @Test
    void whileAnAppendIsUnderWayTheNextBatchGrows() {
        broker.holdAppends();
        TestPublisher<SenderRecord<String, String>> source = TestPublisher.create();
        var subscription = sender().send(source).subscribe();
        for (int i = 0; i < 50; i++) {
            source.next(record("one", i));
            runtime.run();
        }
        assertThat(broker.appends()).hasSize(1);

        broker.pendingAppends().get(0).complete();
        runtime.run();

        assertThat(broker.appends()).hasSize(2);
        assertThat(Sent.of(broker.pendingAppends().get(0).records())).hasSize(49);
        subscription.dispose();
    }

    @Test
    void completionSendsWhatLingers() {
        List<SenderResult<String, String>> results =
                sendAll(sender(options -> options.linger(Duration.ofSeconds(30))), List.of(record("one", 1)));
        assertThat(results).hasSize(1);
    }

    @Test
    void orderHoldsWithinEveryPartitionOverManyTopicsAndBatches() {
        List<SenderRecord<String, String>> records = new ArrayList<>();
        for (int i = 0; i < 5000; i++) {
            records.add(SenderRecord.of(i % 3 == 0 ? "one" : "four", i % 5 == 0 ? null : "k" + i % 7, "" + i));
        }
        broker.answerAppendsAfter(Duration.ofMillis(1));
        List<SenderResult<String, String>> results = new ArrayList<>();
        sender(options -> options.batchSizeBytes(300))
                .send(Flux.fromIterable(records))
                .subscribe(results::add);
        runtime.advanceBy(Duration.ofMinutes(1));

        assertThat(results).extracting(SenderResult::record).isEqualTo(records);
        Map<TopicPartition, Long> last = new HashMap<>();
        for (SenderResult<String, String> result : results) {
            Long before = last.put(result.partition(), result.offset());
            assertThat(result.offset()).isEqualTo(before == null ? 0 : before + 1);
        }
    }

    @Test
    void optionsOutOfRangeNameOptionValueAndRange() {
        assertThatThrownBy(() -> sender(options -> options.maxInFlight(0)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("maxInFlight must be in [1, 16777216], was 0");
        assertThatThrownBy(() -> sender(options -> options.batchSizeBytes((64 << 20) + 1)))
                .hasMessage("batchSizeBytes must be in [1, 67108864], was 67108865");
        assertThatThrownBy(() -> sender(options -> options.linger(Duration.ofMillis(-1))))
                .hasMessage("linger must be in [PT0S, PT1M], was PT-0.001S");
        assertThatThrownBy(() -> sender(options -> options.bufferBytes(1000)))
                .hasMessage("bufferBytes must be at least batchSizeBytes (262144), was 1000");
        assertThatThrownBy(() -> sender(options -> options.deliveryTimeout(Duration.ofDays(2))))
                .hasMessage("deliveryTimeout must be in [PT0.001S, PT24H], was PT48H");
        assertThatThrownBy(() ->
                        sender(options -> options.linger(Duration.ofSeconds(5)).deliveryTimeout(Duration.ofSeconds(5))))
                .hasMessage("deliveryTimeout must be more than linger (PT5S), was PT5S");
        assertThatThrownBy(() -> sender(options -> options.retryBackoff(Duration.ZERO)))
                .hasMessage("retryBackoff must be in [PT0.001S, PT1M], was PT0S");
        assertThatThrownBy(() -> sender(options -> options.clientId(" ")))
                .hasMessage("clientId must not be blank, was ' '");
    }

    @Test
    void recordsCheckThemselves() {
        assertThatThrownBy(() -> SenderRecord.of(" ", "v")).hasMessage("the topic of a record must not be blank");
        assertThatThrownBy(() -> SenderRecord.of("one", "v").withPartition(-1))
                .hasMessage("the partition of a record to one must be 0 or more, was -1");
        assertThatThrownBy(() -> SenderRecord.of("one", "v").withTimestamp(-1))
                .hasMessage("the timestamp of a record to one must be 0 or more, was -1");
    }
}
