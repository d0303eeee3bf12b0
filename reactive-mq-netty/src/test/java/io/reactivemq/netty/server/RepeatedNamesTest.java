package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
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
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.netty.protocol.RequestHeader;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A short request that names one thing thousands of times is not answered with thousands of copies of it. */
@DisplayName("What a request names twice is answered once:")
class RepeatedNamesTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int TIMES = 1_000;

    private EmbeddedBroker broker;
    private ApiTable apis;

    @BeforeEach
    void fill() {
        broker = EmbeddedBroker.inMemory(1 << 20);
        apis = KafkaServer.apis(new ServerSettings(broker, 1, null, 0, 1, 1 << 20, 1 << 20, 10, 10));
        broker.createTopic(CALLER, NewTopic.of("orders", 1)).block(PATIENCE);
        broker.commitOffsets(
                        CALLER,
                        OffsetCommit.admin("billing", Map.of(new TopicPartition("orders", 0), CommittedOffset.of(7))))
                .block(PATIENCE);
    }

    @AfterEach
    void close() {
        broker.closeGracefully(PATIENCE).block(PATIENCE);
    }

    @Test
    @DisplayName("groups whose offsets are fetched")
    void offsets() {
        OffsetFetchResponseData answer = (OffsetFetchResponseData) ask(
                ApiMessageType.OFFSET_FETCH,
                9,
                new OffsetFetchRequestData()
                        .setGroups(Collections.nCopies(
                                TIMES,
                                new OffsetFetchRequestData.OffsetFetchRequestGroup()
                                        .setGroupId("billing")
                                        .setTopics(null))));
        assertThat(answer.groups())
                .singleElement()
                .satisfies(group -> assertThat(
                                group.topics().get(0).partitions().get(0).committedOffset())
                        .isEqualTo(7));
    }

    @Test
    @DisplayName("groups that are described, of both protocols")
    void groups() {
        DescribeGroupsResponseData classic = (DescribeGroupsResponseData) ask(
                ApiMessageType.DESCRIBE_GROUPS,
                5,
                new DescribeGroupsRequestData().setGroups(Collections.nCopies(TIMES, "billing")));
        assertThat(classic.groups()).hasSize(1);
        ConsumerGroupDescribeResponseData consumer = (ConsumerGroupDescribeResponseData) ask(
                ApiMessageType.CONSUMER_GROUP_DESCRIBE,
                1,
                new ConsumerGroupDescribeRequestData().setGroupIds(Collections.nCopies(TIMES, "billing")));
        assertThat(consumer.groups()).hasSize(1);
    }

    @Test
    @DisplayName("topics whose settings are described")
    void configs() {
        DescribeConfigsResponseData answer = (DescribeConfigsResponseData) ask(
                ApiMessageType.DESCRIBE_CONFIGS,
                4,
                new DescribeConfigsRequestData()
                        .setResources(Collections.nCopies(
                                TIMES,
                                new DescribeConfigsRequestData.DescribeConfigsResource()
                                        .setResourceType((byte) 2)
                                        .setResourceName("orders")
                                        .setConfigurationKeys(null))));
        assertThat(answer.results())
                .singleElement()
                .satisfies(result -> assertThat(result.configs()).isNotEmpty());
    }

    private ApiMessage ask(ApiMessageType api, int version, ApiMessage body) {
        ByteBuf frame = Unpooled.buffer();
        try {
            ApiRequest request = new ApiRequest(
                    new RequestHeader(api, (short) version, 9, "test"),
                    CALLER,
                    InetSocketAddress.createUnresolved("127.0.0.1", 9092),
                    frame);
            return requireNonNull(apis.answer(request, body).block(PATIENCE));
        } finally {
            frame.release();
        }
    }
}
