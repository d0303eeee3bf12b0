package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.ConsumerGroupDescribeRequestData;
import io.reactivemq.kafka.common.message.ConsumerGroupDescribeResponseData;
import io.reactivemq.kafka.common.message.DescribeConfigsRequestData;
import io.reactivemq.kafka.common.message.DescribeConfigsResponseData;
import io.reactivemq.kafka.common.message.DescribeGroupsRequestData;
import io.reactivemq.kafka.common.message.DescribeGroupsResponseData;
import io.reactivemq.kafka.common.message.OffsetFetchRequestData;
import io.reactivemq.kafka.common.message.OffsetFetchResponseData;
import java.util.Collections;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A short request that names one thing thousands of times is not answered with thousands of copies of it. */
@DisplayName("What a request names twice is answered once:")
class RepeatedNamesTest {

    private static final int TIMES = 1_000;

    private EmbeddedBroker broker;
    private Asked server;

    @BeforeEach
    void fill() {
        broker = EmbeddedBroker.inMemory(1 << 20);
        server = Asked.over(broker);
        broker.createTopic(Asked.CALLER, NewTopic.of("orders", 1)).block(RunningServer.PATIENCE);
        broker.commitOffsets(
                        Asked.CALLER,
                        OffsetCommit.admin("billing", Map.of(new TopicPartition("orders", 0), CommittedOffset.of(7))))
                .block(RunningServer.PATIENCE);
    }

    @AfterEach
    void close() {
        broker.closeGracefully(RunningServer.PATIENCE).block(RunningServer.PATIENCE);
    }

    @Test
    @DisplayName("groups whose offsets are fetched")
    void offsets() {
        OffsetFetchResponseData answer = server.ask(
                ApiMessageType.OFFSET_FETCH,
                9,
                new OffsetFetchRequestData()
                        .setGroups(Collections.nCopies(
                                TIMES,
                                new OffsetFetchRequestData.OffsetFetchRequestGroup()
                                        .setGroupId("billing")
                                        .setTopics(null))),
                OffsetFetchResponseData.class);
        assertThat(answer.groups())
                .singleElement()
                .satisfies(group -> assertThat(
                                group.topics().get(0).partitions().get(0).committedOffset())
                        .isEqualTo(7));
    }

    @Test
    @DisplayName("groups that are described, of both protocols")
    void groups() {
        DescribeGroupsResponseData classic = server.ask(
                ApiMessageType.DESCRIBE_GROUPS,
                5,
                new DescribeGroupsRequestData().setGroups(Collections.nCopies(TIMES, "billing")),
                DescribeGroupsResponseData.class);
        assertThat(classic.groups()).hasSize(1);
        ConsumerGroupDescribeResponseData consumer = server.ask(
                ApiMessageType.CONSUMER_GROUP_DESCRIBE,
                1,
                new ConsumerGroupDescribeRequestData().setGroupIds(Collections.nCopies(TIMES, "billing")),
                ConsumerGroupDescribeResponseData.class);
        assertThat(consumer.groups()).hasSize(1);
    }

    @Test
    @DisplayName("topics whose settings are described")
    void configs() {
        DescribeConfigsResponseData answer = server.ask(
                ApiMessageType.DESCRIBE_CONFIGS,
                4,
                new DescribeConfigsRequestData()
                        .setResources(Collections.nCopies(
                                TIMES,
                                new DescribeConfigsRequestData.DescribeConfigsResource()
                                        .setResourceType((byte) 2)
                                        .setResourceName("orders")
                                        .setConfigurationKeys(null))),
                DescribeConfigsResponseData.class);
        assertThat(answer.results())
                .singleElement()
                .satisfies(result -> assertThat(result.configs()).isNotEmpty());
    }
}
