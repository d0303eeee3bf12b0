package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("the table of placements")
class KafkaPlacementTest {

    @Test
    @DisplayName("K01 the contract's table of placements is what kafka-clients computes")
    void agrees_with_kafka_clients() {
        assertThat(KafkaPlacement.all()).hasSizeGreaterThan(200).allSatisfy(placement -> {
            assertThat(placement.hash()).isEqualTo(Utils.murmur2(placement.key()));
            for (int partitions = 1; partitions <= 100; partitions++) {
                assertThat(placement.partition(partitions))
                        .isEqualTo(BuiltInPartitioner.partitionForKey(placement.key(), partitions));
            }
        });
    }

    @Test
    void it_has_keys_of_every_short_length() {
        assertThat(KafkaPlacement.all())
                .extracting(placement -> placement.key().length)
                .contains(0, 1, 2, 3, 4, 5, 63, 64, 1000);
    }
}
