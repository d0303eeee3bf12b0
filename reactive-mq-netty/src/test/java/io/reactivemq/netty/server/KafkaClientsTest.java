package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Kafka's own clients:")
class KafkaClientsTest {

    @Test
    @DisplayName("an admin creates a topic, a producer sends to it, a consumer reads it")
    void roundTrip() throws Exception {
        try (RunningServer server = RunningServer.inMemory()) {
            try (Admin admin = server.admin()) {
                admin.createTopics(List.of(new NewTopic("orders", 3, (short) 1)))
                        .all()
                        .get();
                assertThat(admin.listTopics().names().get()).contains("orders");
            }
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            try (KafkaProducer<String, String> producer = server.producer(Map.of("enable.idempotence", false))) {
                for (int i = 0; i < 1000; i++) {
                    sent.add(producer.send(new ProducerRecord<>("orders", i % 3, "k" + i, "v" + i)));
                }
            }
            for (int i = 0; i < 1000; i++) {
                assertThat(sent.get(i).get().offset()).isEqualTo(i / 3);
            }
            try (KafkaConsumer<String, String> consumer = server.consumer(Map.of())) {
                TopicPartition one = new TopicPartition("orders", 1);
                consumer.assign(List.of(one));
                List<String> values = new ArrayList<>();
                while (values.size() < 333) {
                    for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                        values.add(record.value());
                    }
                }
                assertThat(values).hasSize(333).startsWith("v1", "v4").endsWith("v997");
                assertThat(consumer.endOffsets(List.of(one))).containsEntry(one, 333L);
            }
        }
    }
}
