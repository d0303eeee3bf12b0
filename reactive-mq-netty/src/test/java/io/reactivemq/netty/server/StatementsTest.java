package io.reactivemq.netty.server;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.EndTxnRequestData;
import io.reactivemq.kafka.common.message.EndTxnResponseData;
import io.reactivemq.kafka.common.message.FetchRequestData;
import io.reactivemq.kafka.common.message.FetchResponseData;
import io.reactivemq.kafka.common.message.InitProducerIdRequestData;
import io.reactivemq.kafka.common.message.InitProducerIdResponseData;
import io.reactivemq.kafka.common.message.ProduceRequestData;
import io.reactivemq.kafka.common.message.ProduceResponseData;
import io.reactivemq.kafka.common.message.ProduceResponseData.PartitionProduceResponse;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.foreign.ApacheKafka;
import io.reactivemq.netty.foreign.KafkaPeer;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Statements that Kafka's clients see hold on this server, and as they do on Apache Kafka. */
@DisplayName("Kafka's clients see")
class StatementsTest {

    private static final Duration SHORT = Duration.ofMillis(100);

    @Nested
    @Tag("wire")
    @TestInstance(TestInstance.Lifecycle.PER_CLASS)
    @DisplayName("on this server:")
    class OnThisServer extends Statements {

        private @Nullable RunningServer server;

        @BeforeAll
        void start(@TempDir Path directory) {
            server = RunningServer.over(
                    EmbeddedBroker.openNow(
                            directory,
                            RunningServer.PATIENCE,
                            options -> options.durability(Durability.OS_BUFFERED)
                                    .retentionCheckInterval(Duration.ofMillis(500))
                                    .compactionInterval(Duration.ofMillis(200))
                                    .groupHeartbeatInterval(Duration.ofMillis(500))
                                    .groupInitialRebalanceDelay(Duration.ZERO)),
                    kafka -> kafka);
            connect(server.bootstrap());
        }

        @AfterAll
        void stop() {
            if (server != null) {
                server.close();
            }
        }
    }

    @Nested
    @Tag("kafka")
    @ExtendWith(ApacheKafka.class)
    @DisplayName("on Apache Kafka:")
    class OnApacheKafka extends Statements {

        OnApacheKafka(KafkaPeer.Node node) {
            connect(node.bootstrap());
        }
    }

    abstract static class Statements {

        private String bootstrap = "";

        void connect(String address) {
            bootstrap = address;
        }

        private Admin admin() {
            return Admin.create(Map.of("bootstrap.servers", bootstrap));
        }

        private KafkaProducer<String, String> producer(Map<String, Object> more) {
            Map<String, Object> configs = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
            configs.putAll(more);
            return new KafkaProducer<>(configs, new StringSerializer(), new StringSerializer());
        }

        private KafkaConsumer<String, String> consumer(Map<String, Object> more) {
            Map<String, Object> configs = new HashMap<>(Map.of(
                    "bootstrap.servers", bootstrap, "auto.offset.reset", "earliest", "enable.auto.commit", false));
            configs.putAll(more);
            return new KafkaConsumer<>(configs, new StringDeserializer(), new StringDeserializer());
        }

        private TopicPartition create(String topic, int partitions, Map<String, String> configs) throws Exception {
            try (Admin admin = admin()) {
                admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs)))
                        .all()
                        .get(120, SECONDS);
            }
            return new TopicPartition(topic, 0);
        }

        /** One after the other, each acknowledged. */
        private static void send(
                KafkaProducer<String, String> producer, TopicPartition to, @Nullable Long time, String... values)
                throws Exception {
            for (String value : values) {
                producer.send(new ProducerRecord<>(to.topic(), to.partition(), time, null, value))
                        .get(120, SECONDS);
            }
        }

        /** What there is up to the end, from the beginning. */
        private static List<ConsumerRecord<String, String>> readAll(
                KafkaConsumer<String, String> consumer, TopicPartition partition) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = requireNonNull(consumer.endOffsets(List.of(partition)).get(partition));
            List<ConsumerRecord<String, String>> all = new ArrayList<>();
            until(() -> {
                consumer.poll(SHORT).forEach(all::add);
                return consumer.position(partition) >= end;
            });
            return all;
        }

        private static void until(BooleanSupplier condition) {
            long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
            while (!condition.getAsBoolean()) {
                assertThat(System.nanoTime()).as("in time").isLessThan(deadline);
            }
        }

        @Test
        @DisplayName("K03 where a group without a committed offset begins: earliest, latest, by_duration, none")
        void reset() throws Exception {
            TopicPartition partition = create("k03", 1, Map.of());
            try (KafkaProducer<String, String> producer = producer(Map.of())) {
                long hoursAgo = System.currentTimeMillis() - Duration.ofHours(5).toMillis();
                send(producer, partition, hoursAgo, "a", "b", "c");
                send(producer, partition, System.currentTimeMillis(), "d", "e");
            }
            Map<String, Long> positions = new HashMap<>();
            for (String policy : List.of("earliest", "latest", "by_duration:PT1H")) {
                try (KafkaConsumer<String, String> consumer =
                        consumer(Map.of("group.id", "k03", "auto.offset.reset", policy))) {
                    consumer.assign(List.of(partition));
                    positions.put(policy, consumer.position(partition));
                }
            }
            assertThat(positions).isEqualTo(Map.of("earliest", 0L, "latest", 5L, "by_duration:PT1H", 3L));
            try (KafkaConsumer<String, String> consumer =
                    consumer(Map.of("group.id", "k03", "auto.offset.reset", "none"))) {
                consumer.assign(List.of(partition));
                assertThatThrownBy(() -> consumer.position(partition))
                        .isInstanceOf(NoOffsetForPartitionException.class);
            }
        }

        @Test
        @DisplayName(
                "K04 that a reader of committed records stops at the last stable offset, and goes on behind an abort")
        void lastStableOffset() throws Exception {
            TopicPartition partition = create("k04", 1, Map.of());
            try (KafkaProducer<String, String> plain = producer(Map.of());
                    KafkaProducer<String, String> open = producer(Map.of("transactional.id", "k04"));
                    KafkaConsumer<String, String> committed = consumer(Map.of("isolation.level", "read_committed"));
                    KafkaConsumer<String, String> uncommitted = consumer(Map.of())) {
                send(plain, partition, null, "first");
                open.initTransactions();
                open.beginTransaction();
                send(open, partition, null, "aborted");
                send(plain, partition, null, "behind");
                assertThat(committed.endOffsets(List.of(partition))).containsEntry(partition, 1L);
                assertThat(readAll(committed, partition))
                        .extracting(ConsumerRecord::value)
                        .containsExactly("first");
                assertThat(readAll(uncommitted, partition))
                        .extracting(ConsumerRecord::value)
                        .containsExactly("first", "aborted", "behind");
                open.abortTransaction();
                // the marker may be written a moment after the abort was answered
                until(() ->
                        requireNonNull(committed.endOffsets(List.of(partition)).get(partition)) == 4);
                assertThat(readAll(committed, partition))
                        .extracting(ConsumerRecord::value)
                        .containsExactly("first", "behind");
            }
        }

        @Test
        @DisplayName("K06 a batch that is sent again appended once and answered as before, and a gap refused")
        void repeatedBatch() throws Exception {
            TopicPartition partition = create("k06", 1, Map.of());
            try (RawClient client = new RawClient(port());
                    KafkaConsumer<String, String> consumer = consumer(Map.of())) {
                InitProducerIdResponseData producer = newProducer(client);
                PartitionProduceResponse first = produce(client, producer, 0, "a");
                PartitionProduceResponse again = produce(client, producer, 0, "a");
                PartitionProduceResponse gap = produce(client, producer, 5, "z");
                PartitionProduceResponse next = produce(client, producer, 1, "b");
                assertThat(List.of(first.errorCode(), again.errorCode(), gap.errorCode(), next.errorCode()))
                        .containsExactly(
                                (short) 0, (short) 0, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER.code(), (short) 0);
                assertThat(List.of(first.baseOffset(), again.baseOffset(), next.baseOffset()))
                        .containsExactly(0L, 0L, 1L);
                assertThat(readAll(consumer, partition))
                        .extracting(ConsumerRecord::value)
                        .containsExactly("a", "b");
            }
        }

        /** Apache Kafka has no ids to give as it starts. */
        private static InitProducerIdResponseData newProducer(RawClient client) throws Exception {
            InitProducerIdResponseData answer;
            long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
            do {
                assertThat(System.nanoTime()).as("in time").isLessThan(deadline);
                answer = (InitProducerIdResponseData) client.receive(client.send(
                        ApiMessageType.INIT_PRODUCER_ID,
                        4,
                        new InitProducerIdRequestData().setTransactionalId(null).setTransactionTimeoutMs(60_000)));
            } while (answer.errorCode() != 0);
            return answer;
        }

        private int port() {
            return Integer.parseInt(bootstrap.substring(bootstrap.lastIndexOf(':') + 1));
        }

        /** Apache Kafka may not have its partition yet when its topic has been made. */
        private static PartitionProduceResponse produce(
                RawClient client, InitProducerIdResponseData producer, int sequence, String value) throws Exception {
            long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
            PartitionProduceResponse answer = produceOnce(client, producer, sequence, value);
            while (Errors.forCode(answer.errorCode()).exception() instanceof RetriableException) {
                assertThat(System.nanoTime()).as("in time").isLessThan(deadline);
                answer = produceOnce(client, producer, sequence, value);
            }
            return answer;
        }

        private static PartitionProduceResponse produceOnce(
                RawClient client, InitProducerIdResponseData producer, int sequence, String value) throws Exception {
            ByteBuffer batch = batch(value);
            RecordBatch.at(batch, 0).setProducer(producer.producerId(), producer.producerEpoch(), sequence, false);
            ProduceRequestData request =
                    new ProduceRequestData().setAcks((short) -1).setTimeoutMs(60_000);
            request.topicData()
                    .add(new ProduceRequestData.TopicProduceData()
                            .setName("k06")
                            .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData()
                                    .setRecords(MemoryRecords.readableRecords(batch)))));
            ProduceResponseData answer =
                    (ProduceResponseData) client.receive(client.send(ApiMessageType.PRODUCE, 9, request));
            return answer.responses().iterator().next().partitionResponses().get(0);
        }

        @Test
        @DisplayName("K06 of a partition that a request names twice the last batch appended, and answered once")
        void namedTwice() throws Exception {
            TopicPartition partition = create("twice", 1, Map.of());
            try (RawClient client = new RawClient(port());
                    KafkaConsumer<String, String> consumer = consumer(Map.of())) {
                ProduceResponseData answer = twice(client);
                while (retriable(answer)) {
                    answer = twice(client);
                }
                assertThat(answer.responses())
                        .singleElement()
                        .satisfies(topic -> assertThat(topic.partitionResponses())
                                .singleElement()
                                .satisfies(one -> assertThat(List.of(one.index(), one.errorCode(), one.baseOffset()))
                                        .isEqualTo(List.of(0, (short) 0, 0L))));
                assertThat(readAll(consumer, partition))
                        .extracting(ConsumerRecord::value)
                        .containsExactly("d");
            }
        }

        private static boolean retriable(ProduceResponseData answer) {
            return answer.responses().stream()
                    .flatMap(topic -> topic.partitionResponses().stream())
                    .anyMatch(one -> Errors.forCode(one.errorCode()).exception() instanceof RetriableException);
        }

        /** The topic is named twice, and its partition twice with each. */
        private static ProduceResponseData twice(RawClient client) throws Exception {
            ProduceRequestData request =
                    new ProduceRequestData().setAcks((short) -1).setTimeoutMs(60_000);
            for (List<String> values : List.of(List.of("a", "b"), List.of("c", "d"))) {
                request.topicData()
                        .add(new ProduceRequestData.TopicProduceData()
                                .setName("twice")
                                .setPartitionData(values.stream()
                                        .map(value -> new ProduceRequestData.PartitionProduceData()
                                                .setRecords(MemoryRecords.readableRecords(batch(value))))
                                        .toList()));
            }
            return (ProduceResponseData) client.receive(client.send(ApiMessageType.PRODUCE, 9, request));
        }

        private static ByteBuffer batch(String value) {
            RecordBatchBuilder builder = new RecordBatchBuilder(100, 100_000);
            assertThat(builder.tryAppend(System.currentTimeMillis(), null, value.getBytes(UTF_8), Headers.empty()))
                    .isTrue();
            return builder.build();
        }

        @ParameterizedTest(
                name = "K07 with the {0} protocol, that only the partitions that move are taken from a member")
        @ValueSource(strings = {"classic", "consumer"})
        void cooperative(String protocol) throws Exception {
            String topic = "k07-" + protocol;
            create(topic, 4, Map.of());
            Map<String, Object> config = group(topic, protocol);
            Set<TopicPartition> revoked = new HashSet<>();
            try (KafkaConsumer<String, String> one = consumer(config);
                    KafkaConsumer<String, String> two = consumer(config)) {
                one.subscribe(List.of(topic), new Revoked(revoked));
                until(() -> {
                    one.poll(SHORT);
                    return one.assignment().size() == 4;
                });
                two.subscribe(List.of(topic));
                until(() -> {
                    one.poll(SHORT);
                    two.poll(SHORT);
                    assertThat(one.assignment().size()).as("kept all the time").isGreaterThanOrEqualTo(2);
                    return one.assignment().size() == 2 && two.assignment().size() == 2;
                });
                assertThat(revoked).isEqualTo(two.assignment());
                assertThat(one.assignment()).doesNotContainAnyElementsOf(revoked);
            }
        }

        @ParameterizedTest(
                name =
                        "K08 K17 with the {0} protocol, that a member that does not poll loses its partitions, and its commit is refused")
        @ValueSource(strings = {"classic", "consumer"})
        void silent(String protocol) throws Exception {
            String topic = "k08-" + protocol;
            TopicPartition first = create(topic, 2, Map.of());
            Map<String, Object> config = group(topic, protocol);
            Map<String, Object> impatient = new HashMap<>(config);
            impatient.put("max.poll.interval.ms", 3_000);
            try (KafkaConsumer<String, String> stuck = consumer(impatient);
                    KafkaConsumer<String, String> other = consumer(config)) {
                stuck.subscribe(List.of(topic));
                until(() -> {
                    stuck.poll(SHORT);
                    return stuck.assignment().size() == 2;
                });
                other.subscribe(List.of(topic));
                until(() -> {
                    other.poll(SHORT);
                    return other.assignment().size() == 2;
                });
                other.commitSync(Map.of(first, new OffsetAndMetadata(7)));
                assertThatThrownBy(() -> stuck.commitSync(Map.of(first, new OffsetAndMetadata(3))))
                        .isInstanceOf(CommitFailedException.class);
                assertThat(requireNonNull(other.committed(Set.of(first)).get(first))
                                .offset())
                        .isEqualTo(7);
            }
        }

        private static Map<String, Object> group(String name, String protocol) {
            Map<String, Object> config = new HashMap<>(Map.of("group.id", name, "group.protocol", protocol));
            if (protocol.equals("classic")) {
                config.put(
                        "partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
                config.put("heartbeat.interval.ms", 500);
            }
            return config;
        }

        @Test
        @DisplayName("K09 the last value of each key in a compacted topic, and that a tombstone goes with its key")
        void compaction() throws Exception {
            TopicPartition partition = create(
                    "k09",
                    1,
                    Map.of(
                            "cleanup.policy", "compact",
                            "segment.ms", "100",
                            "min.cleanable.dirty.ratio", "0.01",
                            "delete.retention.ms", "100"));
            try (KafkaProducer<String, String> producer = producer(Map.of());
                    KafkaConsumer<String, String> consumer = consumer(Map.of())) {
                for (String[] entry : new String[][] {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"a", "4"}, {"c", null}}) {
                    producer.send(new ProducerRecord<>("k09", 0, entry[0], entry[1]))
                            .get(120, SECONDS);
                }
                List<String> seen = new ArrayList<>();
                until(() -> {
                    // what is written last is never compacted, so something has to come behind
                    assertThat(producer.send(new ProducerRecord<>("k09", 0, "later", "x")))
                            .isNotNull();
                    producer.flush();
                    seen.clear();
                    readAll(consumer, partition).stream()
                            .filter(record -> !record.key().equals("later"))
                            .forEach(record -> seen.add(record.key() + record.value()));
                    assertThat(seen).contains("b2", "a4");
                    return !seen.contains("a1") && !seen.contains("cnull");
                });
                assertThat(seen).containsExactly("b2", "a4");
            }
        }

        @Test
        @DisplayName("K10 whole segments go by size and by time, the log start offset move and the end stay")
        void retention() throws Exception {
            String large = "x".repeat(600_000);
            TopicPartition bySize =
                    create("k10-size", 1, Map.of("segment.bytes", "1048576", "retention.bytes", "1500000"));
            TopicPartition byTime = create("k10-time", 1, Map.of("retention.ms", "3600000"));
            try (KafkaProducer<String, String> producer = producer(Map.of());
                    KafkaConsumer<String, String> consumer = consumer(Map.of());
                    Admin admin = admin()) {
                send(producer, bySize, null, large, large, large, large, large, large);
                send(producer, byTime, System.currentTimeMillis() - 36_000_000, "a", "b", "c");
                // a segment holds one of them: three are 1,800,000 bytes, two would be too few
                until(() -> earliest(admin, bySize) == 3);
                until(() -> earliest(admin, byTime) == 3);
                assertThat(consumer.endOffsets(List.of(bySize, byTime))).isEqualTo(Map.of(bySize, 6L, byTime, 3L));
                assertThat(readAll(consumer, bySize))
                        .extracting(ConsumerRecord::offset)
                        .containsExactly(3L, 4L, 5L);
            }
        }

        private static long earliest(Admin admin, TopicPartition partition) {
            try {
                return admin.listOffsets(Map.of(partition, OffsetSpec.earliest()))
                        .partitionResult(partition)
                        .get(120, SECONDS)
                        .offset();
            } catch (Exception e) {
                throw new AssertionError("the earliest offset of " + partition, e);
            }
        }

        @Test
        @DisplayName("K12 records in several partitions and consumed offsets become visible together, or never")
        void together() throws Exception {
            TopicPartition source = create("k12-source", 1, Map.of());
            TopicPartition a = create("k12-a", 1, Map.of());
            TopicPartition b = create("k12-b", 1, Map.of());
            try (KafkaProducer<String, String> producer = producer(Map.of("transactional.id", "k12"));
                    KafkaConsumer<String, String> committed =
                            consumer(Map.of("group.id", "k12", "isolation.level", "read_committed"))) {
                producer.initTransactions();
                producer.beginTransaction();
                send(producer, a, null, "a1", "a2");
                send(producer, b, null, "b1");
                producer.sendOffsetsToTransaction(Map.of(source, new OffsetAndMetadata(5)), committed.groupMetadata());
                assertThat(committed.endOffsets(List.of(a, b))).isEqualTo(Map.of(a, 0L, b, 0L));
                producer.commitTransaction();
                // each partition has its marker by itself, that of the offsets too
                until(() -> committed.endOffsets(List.of(a, b)).equals(Map.of(a, 3L, b, 2L)));
                until(() -> offset(committed, source) == 5);

                producer.beginTransaction();
                send(producer, a, null, "aborted");
                send(producer, b, null, "aborted");
                producer.sendOffsetsToTransaction(Map.of(source, new OffsetAndMetadata(9)), committed.groupMetadata());
                producer.abortTransaction();
                until(() -> committed.endOffsets(List.of(a, b)).equals(Map.of(a, 5L, b, 4L)));
                assertThat(offset(committed, source)).isEqualTo(5);
                assertThat(readAll(committed, a))
                        .extracting(ConsumerRecord::value)
                        .containsExactly("a1", "a2");
                assertThat(readAll(committed, b))
                        .extracting(ConsumerRecord::value)
                        .containsExactly("b1");
            }
        }

        private static long offset(KafkaConsumer<String, String> consumer, TopicPartition partition) {
            OffsetAndMetadata found = consumer.committed(Set.of(partition)).get(partition);
            return found == null ? -1 : found.offset();
        }

        @Test
        @DisplayName("K20 batches of each compression stored as they came")
        void compressed() throws Exception {
            TopicPartition partition = create("k20", 1, Map.of());
            List<String> kinds = List.of("none", "gzip", "snappy", "lz4", "zstd");
            String value = "v".repeat(1_000);
            for (String kind : kinds) {
                try (KafkaProducer<String, String> producer = producer(Map.of("compression.type", kind))) {
                    send(producer, partition, null, value);
                }
            }
            try (RawClient client = new RawClient(port());
                    KafkaConsumer<String, String> consumer = consumer(Map.of())) {
                FetchResponseData answer = (FetchResponseData) client.receive(client.send(
                        ApiMessageType.FETCH,
                        12,
                        new FetchRequestData()
                                .setMinBytes(1)
                                .setMaxBytes(1_000_000)
                                .setMaxWaitMs(10_000)
                                .setTopics(List.of(new FetchRequestData.FetchTopic()
                                        .setTopic("k20")
                                        .setPartitions(List.of(new FetchRequestData.FetchPartition()
                                                .setPartitionMaxBytes(1_000_000)))))));
                List<String> stored = new ArrayList<>();
                ByteBuffer found = ((MemoryRecords) requireNonNull(
                                answer.responses().get(0).partitions().get(0).records()))
                        .buffer();
                for (int at = found.position(); at < found.limit(); at += RecordBatch.sizeInBytesAt(found, at)) {
                    stored.add(RecordBatch.at(found, at).compression().name().toLowerCase(Locale.ROOT));
                }
                assertThat(stored).isEqualTo(kinds);
                assertThat(readAll(consumer, partition))
                        .extracting(ConsumerRecord::value)
                        .hasSize(kinds.size())
                        .containsOnly(value);
            }
        }

        @Test
        @DisplayName("K21 a record above max.message.bytes refused, and the log unchanged")
        void tooLarge() throws Exception {
            TopicPartition partition = create("k21", 1, Map.of("max.message.bytes", "1000"));
            try (KafkaProducer<String, String> producer = producer(Map.of());
                    KafkaConsumer<String, String> consumer = consumer(Map.of())) {
                send(producer, partition, null, "before");
                assertThatThrownBy(() -> send(producer, partition, null, "v".repeat(1_000)))
                        .hasCauseInstanceOf(RecordTooLargeException.class);
                send(producer, partition, null, "behind");
                assertThat(readAll(consumer, partition))
                        .extracting(record -> record.offset() + " " + record.value())
                        .containsExactly("0 before", "1 behind");
            }
        }

        @Test
        @DisplayName("X04 all but the last n records go, exactly, by the offset of the first of them")
        void trimmed() throws Exception {
            TopicPartition partition = create("x04", 1, Map.of());
            try (Admin admin = admin();
                    KafkaProducer<String, String> producer = producer(Map.of());
                    KafkaConsumer<String, String> consumer = consumer(Map.of())) {
                send(producer, partition, null, "a", "b", "c", "d", "e");
                long end =
                        requireNonNull(consumer.endOffsets(List.of(partition)).get(partition));
                admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(end - 2)))
                        .all()
                        .get(120, SECONDS);
                assertThat(consumer.beginningOffsets(List.of(partition))).containsEntry(partition, 3L);
                assertThat(readAll(consumer, partition))
                        .extracting(ConsumerRecord::value)
                        .containsExactly("d", "e");
            }
        }

        @Test
        @DisplayName("K13 the epoch rise at each end of a transaction, and a late end of an older one refused")
        void epochs() throws Exception {
            TopicPartition partition = create("k13", 1, Map.of());
            try (KafkaProducer<String, String> producer = producer(Map.of("transactional.id", "k13"));
                    KafkaConsumer<String, String> consumer = consumer(Map.of("isolation.level", "read_committed"));
                    Admin admin = admin();
                    RawClient client = new RawClient(port())) {
                producer.initTransactions();
                producer.beginTransaction();
                send(producer, partition, null, "a");
                TransactionDescription older = describe(admin);
                producer.commitTransaction();
                producer.beginTransaction();
                send(producer, partition, null, "b");
                TransactionDescription newer = describe(admin);
                assertThat(newer.producerId()).isEqualTo(older.producerId());
                assertThat(newer.producerEpoch()).isEqualTo(older.producerEpoch() + 1);
                EndTxnResponseData late = (EndTxnResponseData) client.receive(client.send(
                        ApiMessageType.END_TXN,
                        5,
                        new EndTxnRequestData()
                                .setTransactionalId("k13")
                                .setProducerId(older.producerId())
                                .setProducerEpoch((short) older.producerEpoch())
                                .setCommitted(false)));
                assertThat(late.errorCode()).isEqualTo(ErrorCode.PRODUCER_FENCED.code());
                producer.commitTransaction();
                // two records, each with the marker of its commit
                until(() ->
                        requireNonNull(consumer.endOffsets(List.of(partition)).get(partition)) == 4);
                assertThat(readAll(consumer, partition))
                        .extracting(ConsumerRecord::value)
                        .containsExactly("a", "b");
            }
        }

        private static TransactionDescription describe(Admin admin) throws Exception {
            return requireNonNull(admin.describeTransactions(List.of("k13"))
                    .all()
                    .get(120, SECONDS)
                    .get("k13"));
        }

        @ParameterizedTest(
                name =
                        "K16 with the {0} protocol, that a static member that comes back has its partitions, and nobody else moves")
        @ValueSource(strings = {"classic", "consumer"})
        void staticMember(String protocol) throws Exception {
            String topic = "k16-" + protocol;
            create(topic, 4, Map.of());
            Map<String, Object> config = group(topic, protocol);
            Map<String, Object> named = new HashMap<>(config);
            named.put("group.instance.id", "one");
            Set<TopicPartition> revoked = new HashSet<>();
            try (KafkaConsumer<String, String> other = consumer(config)) {
                other.subscribe(List.of(topic), new Revoked(revoked));
                Set<TopicPartition> had;
                try (KafkaConsumer<String, String> before = consumer(named)) {
                    before.subscribe(List.of(topic));
                    until(() -> {
                        other.poll(SHORT);
                        before.poll(SHORT);
                        return other.assignment().size() == 2
                                && before.assignment().size() == 2;
                    });
                    had = before.assignment();
                }
                revoked.clear();
                Set<TopicPartition> others = other.assignment();
                try (KafkaConsumer<String, String> back = consumer(named)) {
                    back.subscribe(List.of(topic));
                    until(() -> {
                        other.poll(SHORT);
                        back.poll(SHORT);
                        return !back.assignment().isEmpty();
                    });
                    assertThat(back.assignment()).isEqualTo(had);
                    assertThat(other.assignment()).isEqualTo(others);
                    assertThat(revoked).isEmpty();
                }
            }
        }
    }

    /** Remembers what is taken from a member. */
    private record Revoked(Set<TopicPartition> revoked) implements ConsumerRebalanceListener {

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            revoked.addAll(partitions);
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {}
    }
}
