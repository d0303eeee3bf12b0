package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.kafka.common.message.OffsetDeleteRequestData.OffsetDeleteRequestTopic;
import io.reactivemq.kafka.common.message.OffsetDeleteRequestData.OffsetDeleteRequestTopicCollection;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DeletedRecords;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What comes as a list of elements with keys, each of which Kafka's message classes would look a place for in a table. */
@DisplayName("A request with many elements")
class LargeRequestsTest {

    private static final int TOPICS = 5_000;
    private static final int PARTITIONS = 2_500;

    @Test
    @DisplayName("is taken from Kafka's admin: 5,000 topics are made at once, records of 2,500 partitions deleted")
    void administered() throws Exception {
        try (RunningServer server = RunningServer.inMemory();
                Admin admin = Admin.create(Map.of(
                        "bootstrap.servers", server.bootstrap(),
                        // that end a hang
                        "request.timeout.ms", 240_000,
                        "default.api.timeout.ms", 300_000))) {
            List<NewTopic> topics = new ArrayList<>();
            for (int i = 0; i < TOPICS; i++) {
                topics.add(new NewTopic("t" + i, 1, (short) 1));
            }
            admin.createTopics(topics).all().get(300, TimeUnit.SECONDS);
            List<String> names = topics.stream().map(NewTopic::name).toList();
            assertThat(admin.listTopics().names().get(300, TimeUnit.SECONDS))
                    .containsExactlyInAnyOrderElementsOf(names);

            server.broker()
                    .createTopic(io.reactivemq.broker.NewTopic.of("wide", PARTITIONS))
                    .block(RunningServer.PATIENCE);
            Map<TopicPartition, RecordsToDelete> cuts = new HashMap<>();
            for (int i = 0; i < PARTITIONS; i++) {
                cuts.put(new TopicPartition("wide", i), RecordsToDelete.beforeOffset(0));
            }
            Map<TopicPartition, KafkaFuture<DeletedRecords>> deleted =
                    admin.deleteRecords(cuts).lowWatermarks();
            for (KafkaFuture<DeletedRecords> each : deleted.values()) {
                assertThat(each.get(300, TimeUnit.SECONDS).lowWatermark()).isZero();
            }
        }
    }

    @Test
    @DisplayName("costs each element the same, whatever its key: nothing is hashed or compared while it is read")
    void cost() {
        int[] asked = new int[1];
        OffsetDeleteRequestTopicCollection topics = new OffsetDeleteRequestTopicCollection(1);
        for (int i = 0; i < 10_000; i++) {
            topics.add(new OffsetDeleteRequestTopic() {
                @Override
                public int hashCode() {
                    asked[0]++;
                    return 1;
                }

                @Override
                public boolean elementKeysAreEqual(Object other) {
                    asked[0]++;
                    return true;
                }
            });
        }
        assertThat(topics).hasSize(10_000);
        assertThat(asked[0]).isZero();
    }
}
