package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.OffsetCommitResponseData;
import io.reactivemq.kafka.common.message.OffsetCommitResponseData.OffsetCommitResponsePartition;
import io.reactivemq.kafka.common.message.OffsetCommitResponseData.OffsetCommitResponseTopic;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The meters of a server")
class ServerMetersTest {

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

    @Test
    @DisplayName("add up what the servers of a registry have, and each server knows its own number")
    void shared() {
        ServerMeters one = new ServerMeters(registry, new ApiTable());
        ServerMeters two = new ServerMeters(registry, new ApiTable());
        assertThat(one.opened()).isEqualTo(1);
        assertThat(two.opened()).isEqualTo(1);
        assertThat(two.opened()).isEqualTo(2);
        assertThat(connections()).isEqualTo(3);
        one.closed();
        assertThat(connections()).isEqualTo(2);
        assertThat(one.opened()).isEqualTo(1);
    }

    private double connections() {
        return registry.get("reactivemq.server.connections").gauge().value();
    }

    @Test
    @DisplayName("count each partition that has an error, by its name, and none that has not")
    void errors() {
        ServerMeters meters = new ServerMeters(registry, new ApiTable());
        OffsetCommitResponseData answer = new OffsetCommitResponseData()
                .setTopics(List.of(topic((short) 0, (short) 25), topic((short) 25, (short) 3)));
        meters.told(ApiMessageType.OFFSET_COMMIT, answer);
        meters.told(ApiMessageType.OFFSET_COMMIT, answer);
        assertThat(registry.get("reactivemq.server.errors").counters()).hasSize(2);
        assertThat(errors("UNKNOWN_MEMBER_ID")).isEqualTo(4);
        assertThat(errors("UNKNOWN_TOPIC_OR_PARTITION")).isEqualTo(2);
    }

    private double errors(String error) {
        return registry.get("reactivemq.server.errors")
                .tag("api", "OffsetCommit")
                .tag("error", error)
                .counter()
                .count();
    }

    private static OffsetCommitResponseTopic topic(short first, short second) {
        return new OffsetCommitResponseTopic()
                .setName("orders")
                .setPartitions(List.of(
                        new OffsetCommitResponsePartition().setErrorCode(first),
                        new OffsetCommitResponsePartition().setPartitionIndex(1).setErrorCode(second)));
    }
}
