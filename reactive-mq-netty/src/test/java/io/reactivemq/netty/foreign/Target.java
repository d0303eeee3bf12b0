package io.reactivemq.netty.foreign;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** A server that speaks Kafka's protocol, whoever made it, and Kafka's clients for it. There is nothing in it at first. */
public interface Target extends AutoCloseable {

    /** Ends a test that hangs, no other. */
    Duration PATIENCE = Duration.ofMinutes(2);

    /** Its address. */
    String bootstrap();

    /** Whether a topic that is deleted may be seen for a moment more, as on Apache Kafka. */
    default boolean deletesLater() {
        return false;
    }

    /** Leaves nothing of what was done behind. */
    @Override
    void close();

    default Admin admin() {
        return Admin.create(Map.of("bootstrap.servers", bootstrap()));
    }

    default KafkaProducer<String, String> producer(Map<String, Object> configs) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap(), "max.block.ms", 120_000));
        all.putAll(configs);
        return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
    }

    default KafkaConsumer<String, String> consumer(Map<String, Object> configs) {
        Map<String, Object> all = new HashMap<>(
                Map.of("bootstrap.servers", bootstrap(), "auto.offset.reset", "earliest", "enable.auto.commit", false));
        all.putAll(configs);
        return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
    }

    /** Makes a topic, and waits until its partitions have a leader, which Apache Kafka says a moment later. */
    default void create(String topic, int partitions) throws Exception {
        try (Admin admin = admin()) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1)))
                    .all()
                    .get(PATIENCE.toSeconds(), SECONDS);
            eventually(() -> leaders(admin, topic) == partitions);
        }
    }

    private static long leaders(Admin admin, String topic) throws Exception {
        try {
            return admin
                    .describeTopics(List.of(topic))
                    .allTopicNames()
                    .get(PATIENCE.toSeconds(), SECONDS)
                    .values()
                    .stream()
                    .flatMap(described -> described.partitions().stream())
                    .filter(partition -> partition.leader() != null)
                    .count();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof UnknownTopicOrPartitionException) {
                return 0;
            }
            throw e;
        }
    }

    /** Waits for it. */
    static void eventually(Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.call()) {
            assertThat(System.nanoTime()).as("still not so after %s", PATIENCE).isLessThan(deadline);
            LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
        }
    }
}
