package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.broker.NewTopic;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TransactionalIdNotFoundException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What unmodified Kafka clients do against the server, over a broker in memory and one on files. */
@DisplayName("Kafka's own clients")
@Tag("wire")
class KafkaClientsTest {

    /** Calls what older kafka-clients do not have; the pom runs all else with one of those, too. */
    private static final String NEW_API = "new-api";

    @Nested
    @DisplayName("over a broker in memory:")
    class InMemory extends Clients {
        @Override
        RunningServer server() {
            return RunningServer.inMemory();
        }
    }

    @Nested
    @DisplayName("over a broker on files:")
    class OnFiles extends Clients {
        @TempDir
        private Path directory;

        @Override
        RunningServer server() {
            return RunningServer.onFiles(directory);
        }
    }

    abstract static class Clients {

        private static final TopicPartition FIRST = new TopicPartition("orders", 0);

        abstract RunningServer server();

        @Test
        @EnabledIfSystemProperty(named = "kafka.clients", matches = ".+", disabledReason = "set by the build")
        @DisplayName("are of the version that the build says")
        void version() {
            assertThat(requireNonNull(KafkaProducer.class.getProtectionDomain().getCodeSource())
                            .getLocation()
                            .toString())
                    .endsWith("/kafka-clients-" + System.getProperty("kafka.clients") + ".jar");
        }

        @ParameterizedTest(
                name = "K18 K20 a producer, idempotent {0}, sends in every compression, and a consumer reads it")
        @ValueSource(booleans = {false, true})
        void roundTrip(boolean idempotent) throws Exception {
            try (RunningServer server = server()) {
                create(server, 3);
                for (String compression : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
                    List<Future<RecordMetadata>> sent = new ArrayList<>();
                    try (KafkaProducer<String, String> producer = server.producer(Map.of(
                            "enable.idempotence", idempotent, "compression.type", compression, "linger.ms", 1))) {
                        for (int i = 0; i < 300; i++) {
                            sent.add(producer.send(
                                    new ProducerRecord<>("orders", i % 3, "k" + i, compression + "-" + i)));
                        }
                    }
                    for (Future<RecordMetadata> one : sent) {
                        assertThat(one.get(120, SECONDS).hasOffset()).isTrue();
                    }
                }
                try (KafkaConsumer<String, String> consumer = server.consumer(Map.of())) {
                    consumer.assign(List.of(FIRST));
                    List<String> values = read(consumer, 500);
                    assertThat(values)
                            .hasSize(500)
                            .startsWith("none-0", "none-3")
                            .contains("gzip-297", "snappy-0", "lz4-3")
                            .endsWith("zstd-297");
                    assertThat(consumer.endOffsets(List.of(FIRST))).containsEntry(FIRST, 500L);
                }
            }
        }

        @Test
        @DisplayName("K18 a producer with acks 0 hears nothing, and its records are there")
        void acksZero() {
            try (RunningServer server = server()) {
                create(server, 1);
                try (KafkaProducer<String, String> producer =
                        server.producer(Map.of("acks", "0", "enable.idempotence", false))) {
                    for (int i = 0; i < 100; i++) {
                        Future<RecordMetadata> unheard = producer.send(new ProducerRecord<>("orders", "v" + i));
                        assertThat(unheard).isNotNull();
                    }
                }
                try (KafkaConsumer<String, String> consumer = server.consumer(Map.of())) {
                    consumer.assign(List.of(FIRST));
                    assertThat(read(consumer, 100)).startsWith("v0").endsWith("v99");
                }
            }
        }

        private long positions(KafkaConsumer<?, ?> consumer) {
            return consumer.assignment().stream().mapToLong(consumer::position).sum();
        }

        @ParameterizedTest(
                name =
                        "K02 K14 K15 members of a group of the {0} protocol share the partitions, commit, and go on where they were")
        @ValueSource(strings = {"classic", "consumer"})
        void groups(String protocol) throws Exception {
            try (RunningServer server = server()) {
                create(server, 4);
                send(server, 0, 100);
                Map<String, Object> config = Map.of("group.id", "billing", "group.protocol", protocol);
                Set<String> seen = new TreeSet<>();
                try (KafkaConsumer<String, String> one = server.consumer(config);
                        KafkaConsumer<String, String> two = server.consumer(config)) {
                    one.subscribe(List.of("orders"));
                    two.subscribe(List.of("orders"));
                    long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
                    // a partition that has moved is read again from its begin, since nothing is committed yet
                    while (one.assignment().size() != 2
                            || two.assignment().size() != 2
                            || positions(one) + positions(two) != 100) {
                        assertThat(System.nanoTime())
                                .as("%s read, %s and %s assigned", seen.size(), one.assignment(), two.assignment())
                                .isLessThan(deadline);
                        one.poll(Duration.ofMillis(50)).forEach(record -> seen.add(record.value()));
                        two.poll(Duration.ofMillis(50)).forEach(record -> seen.add(record.value()));
                    }
                    assertThat(seen).hasSize(100);
                    one.commitSync();
                    two.commitSync();
                }
                send(server, 100, 110);
                try (KafkaConsumer<String, String> next = server.consumer(config);
                        Admin admin = server.admin()) {
                    next.subscribe(List.of("orders"));
                    assertThat(read(next, 10)).allMatch(value -> value.compareTo("v100") >= 0);
                    next.commitSync();
                    Map<TopicPartition, OffsetAndMetadata> committed = admin.listConsumerGroupOffsets("billing")
                            .partitionsToOffsetAndMetadata()
                            .get(120, SECONDS);
                    assertThat(committed.values().stream()
                                    .mapToLong(OffsetAndMetadata::offset)
                                    .sum())
                            .isEqualTo(110);
                    assertThat(requireNonNull(admin.describeConsumerGroups(List.of("billing"))
                                            .all()
                                            .get(120, SECONDS)
                                            .get("billing"))
                                    .members())
                            .hasSize(1);
                }
            }
        }

        @Test
        @Tag(NEW_API)
        @DisplayName("an admin lists groups, and deletes one")
        void groupsListed() throws Exception {
            try (RunningServer server = server();
                    KafkaConsumer<String, String> consumer = server.consumer(Map.of("group.id", "billing"));
                    Admin admin = server.admin()) {
                create(server, 1);
                consumer.assign(List.of(FIRST));
                consumer.commitSync(Map.of(FIRST, new OffsetAndMetadata(0)));
                assertThat(admin.listGroups().all().get(120, SECONDS))
                        .extracting(GroupListing::groupId)
                        .containsExactly("billing");
                admin.deleteConsumerGroups(List.of("billing")).all().get(120, SECONDS);
                assertThat(admin.listGroups().all().get(120, SECONDS)).isEmpty();
            }
        }

        @Test
        @DisplayName(
                "K04 K05 K12 a transaction is seen whole when it is committed, never when it was aborted, and a newer producer fences the older")
        void transactions() throws Exception {
            try (RunningServer server = server()) {
                create(server, 2);
                TopicPartition second = new TopicPartition("orders", 1);
                Map<String, Object> config = Map.of("transactional.id", "enricher");
                try (KafkaProducer<String, String> producer = server.producer(config);
                        KafkaConsumer<String, String> consumer =
                                server.consumer(Map.of("group.id", "g", "isolation.level", "read_committed"))) {
                    producer.initTransactions();
                    producer.beginTransaction();
                    assertThat(producer.send(new ProducerRecord<>("orders", 0, null, "aborted")))
                            .isNotNull();
                    producer.flush();
                    producer.abortTransaction();
                    producer.beginTransaction();
                    assertThat(producer.send(new ProducerRecord<>("orders", 0, null, "a")))
                            .isNotNull();
                    assertThat(producer.send(new ProducerRecord<>("orders", 1, null, "b")))
                            .isNotNull();
                    producer.sendOffsetsToTransaction(
                            Map.of(FIRST, new OffsetAndMetadata(7)), consumer.groupMetadata());
                    producer.commitTransaction();
                    consumer.assign(List.of(FIRST, second));
                    consumer.seekToBeginning(List.of(FIRST, second));
                    assertThat(read(consumer, 2)).containsExactlyInAnyOrder("a", "b");
                    assertThat(requireNonNull(consumer.committed(Set.of(FIRST)).get(FIRST))
                                    .offset())
                            .isEqualTo(7);
                    try (KafkaProducer<String, String> newer = server.producer(config)) {
                        newer.initTransactions();
                        producer.beginTransaction();
                        assertThat(producer.send(new ProducerRecord<>("orders", 0, null, "fenced")))
                                .isNotNull();
                        assertThatThrownBy(producer::commitTransaction).isInstanceOf(KafkaException.class);
                    }
                }
            }
        }

        @Test
        @DisplayName("an admin lists transactions by state and age, and describes one")
        void transactionsOfOthers() throws Exception {
            try (RunningServer server = server();
                    Admin admin = server.admin();
                    KafkaProducer<String, String> producer = server.producer(Map.of("transactional.id", "enricher"))) {
                create(server, 2);
                producer.initTransactions();
                producer.beginTransaction();
                producer.send(new ProducerRecord<>("orders", 1, null, "open")).get(120, SECONDS);
                TransactionDescription open = requireNonNull(admin.describeTransactions(List.of("enricher"))
                        .all()
                        .get(120, SECONDS)
                        .get("enricher"));
                assertThat(open.state()).isEqualTo(TransactionState.ONGOING);
                assertThat(open.topicPartitions()).containsExactly(new TopicPartition("orders", 1));
                assertThat(open.transactionStartTimeMs()).isPresent();
                producer.commitTransaction();
                assertThat(listed(admin, new ListTransactionsOptions().filterStates(Set.of(TransactionState.ONGOING))))
                        .isEmpty();
                assertThat(listed(admin, new ListTransactionsOptions().filterOnDuration(3_600_000)))
                        .isEmpty();
                assertThat(listed(admin, new ListTransactionsOptions().filterProducerIds(Set.of(open.producerId()))))
                        .containsExactly("enricher");
                assertThatThrownBy(() -> admin.describeTransactions(List.of("nobody"))
                                .all()
                                .get(120, SECONDS))
                        .hasCauseInstanceOf(TransactionalIdNotFoundException.class);
            }
        }

        private static List<String> listed(Admin admin, ListTransactionsOptions options) throws Exception {
            return admin.listTransactions(options).all().get(120, SECONDS).stream()
                    .map(TransactionListing::transactionalId)
                    .toList();
        }

        @Test
        @DisplayName("K11 K23 an admin describes and changes a topic, asks for offsets, deletes records and the topic")
        void admin() throws Exception {
            try (RunningServer server = server();
                    Admin admin = server.admin()) {
                create(server, 2);
                send(server, 0, 20);
                TopicDescription topic = requireNonNull(admin.describeTopics(List.of("orders"))
                        .allTopicNames()
                        .get(120, SECONDS)
                        .get("orders"));
                assertThat(topic.partitions())
                        .hasSize(2)
                        .allMatch(partition -> partition.leader().id() == 1);
                assertThat(admin.describeCluster().clusterId().get(120, SECONDS))
                        .hasSize(22);

                ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, "orders");
                admin.incrementalAlterConfigs(Map.of(
                                resource,
                                List.of(new AlterConfigOp(
                                        new ConfigEntry("retention.ms", "86400000"), AlterConfigOp.OpType.SET))))
                        .all()
                        .get(120, SECONDS);
                Config config = requireNonNull(admin.describeConfigs(List.of(resource))
                        .all()
                        .get(120, SECONDS)
                        .get(resource));
                assertThat(config.get("retention.ms").value()).isEqualTo("86400000");
                assertThat(config.get("retention.ms").source())
                        .isEqualTo(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG);
                assertThat(config.get("segment.bytes").isDefault()).isTrue();

                assertThat(admin.listOffsets(Map.of(FIRST, OffsetSpec.latest()))
                                .partitionResult(FIRST)
                                .get(120, SECONDS)
                                .offset())
                        .isEqualTo(10);
                admin.deleteRecords(Map.of(FIRST, RecordsToDelete.beforeOffset(4)))
                        .all()
                        .get(120, SECONDS);
                assertThat(admin.listOffsets(Map.of(FIRST, OffsetSpec.earliest()))
                                .partitionResult(FIRST)
                                .get(120, SECONDS)
                                .offset())
                        .isEqualTo(4);
                admin.deleteTopics(List.of("orders")).all().get(120, SECONDS);
                assertThatThrownBy(() -> admin.describeTopics(List.of("orders"))
                                .allTopicNames()
                                .get(120, SECONDS))
                        .hasCauseInstanceOf(UnknownTopicOrPartitionException.class);
            }
        }

        @Test
        @DisplayName(
                "K11 K19 K21 timestamps and headers come back, an offset is found by time, a batch too large is refused")
        void timestamps() throws Exception {
            try (RunningServer server = server()) {
                create(server, 1);
                try (KafkaProducer<String, String> producer = server.producer(Map.of("max.request.size", 3_000_000))) {
                    for (int i = 0; i < 10; i++) {
                        ProducerRecord<String, String> record =
                                new ProducerRecord<>("orders", 0, 1_000L * i, null, "v" + i);
                        record.headers().add("n", new byte[] {(byte) i});
                        producer.send(record).get(120, SECONDS);
                    }
                    assertThatThrownBy(() -> producer.send(new ProducerRecord<>("orders", "x".repeat(2_000_000)))
                                    .get(120, SECONDS))
                            .hasCauseInstanceOf(RecordTooLargeException.class);
                }
                try (KafkaConsumer<String, String> consumer = server.consumer(Map.of())) {
                    Map<TopicPartition, OffsetAndTimestamp> found = consumer.offsetsForTimes(Map.of(FIRST, 3_500L));
                    assertThat(requireNonNull(found.get(FIRST)).offset()).isEqualTo(4);
                    assertThat(requireNonNull(found.get(FIRST)).timestamp()).isEqualTo(4_000);
                    assertThat(consumer.offsetsForTimes(Map.of(FIRST, 99_000L))).containsEntry(FIRST, null);
                    consumer.assign(List.of(FIRST));
                    consumer.seek(FIRST, 7);
                    ConsumerRecord<String, String> record =
                            consumer.poll(Duration.ofMinutes(2)).iterator().next();
                    assertThat(record.timestamp()).isEqualTo(7_000);
                    assertThat(record.headers().lastHeader("n").value()).containsExactly(7);
                    assertThat(record.key()).isNull();
                }
            }
        }

        private static void create(RunningServer server, int partitions) {
            server.broker().createTopic(NewTopic.of("orders", partitions)).block(RunningServer.PATIENCE);
        }

        /** Values v0, v1, ... round the partitions. */
        private static void send(RunningServer server, int from, int to) throws Exception {
            try (KafkaProducer<String, String> producer = server.producer(Map.of())) {
                int partitions = producer.partitionsFor("orders").size();
                Map<Integer, Future<RecordMetadata>> sent = new HashMap<>();
                for (int i = from; i < to; i++) {
                    sent.put(i, producer.send(new ProducerRecord<>("orders", i % partitions, null, "v" + i)));
                }
                for (Future<RecordMetadata> one : sent.values()) {
                    one.get(120, SECONDS);
                }
            }
        }

        private static List<String> read(KafkaConsumer<String, String> consumer, int count) {
            List<String> values = new ArrayList<>();
            long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
            while (values.size() < count) {
                assertThat(System.nanoTime())
                        .as("%s of %s read", values.size(), count)
                        .isLessThan(deadline);
                consumer.poll(Duration.ofMillis(200)).forEach(record -> values.add(record.value()));
            }
            return values;
        }
    }
}
