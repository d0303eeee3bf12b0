package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.ForwardingBroker;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.OffsetFetchRequestData;
import io.reactivemq.kafka.common.message.OffsetFetchResponseData;
import io.reactivemq.netty.protocol.RequestHeader;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

class OldestOffsetFetchTest {

    private static final Duration PATIENCE = Duration.ofMinutes(2);

    @Test
    @DisplayName("K17 the first version of a fetch of offsets tells with each partition what failed for the group")
    void toldByPartition() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(1 << 20);
        ForwardingBroker refusing = new ForwardingBroker(broker) {
            @Override
            protected <T> Mono<T> forward(Mono<T> request) {
                return request;
            }

            @Override
            public Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(Caller caller, OffsetFetch fetch) {
                return Mono.error(() -> new MqException(ErrorCode.GROUP_AUTHORIZATION_FAILED, "not this one"));
            }
        };
        ApiTable apis = KafkaServer.apis(new ServerSettings(refusing, 1, null, 0, 1, 1 << 20, 1 << 20, 10, 10));
        ByteBuf frame = Unpooled.buffer();

        OffsetFetchResponseData answer = (OffsetFetchResponseData) requireNonNull(apis.answer(
                        new ApiRequest(
                                new RequestHeader(ApiMessageType.OFFSET_FETCH, (short) 1, 9, "test"),
                                Caller.embedded("test"),
                                InetSocketAddress.createUnresolved("127.0.0.1", 9092),
                                frame),
                        new OffsetFetchRequestData()
                                .setGroupId("billing")
                                .setTopics(List.of(new OffsetFetchRequestData.OffsetFetchRequestTopic()
                                        .setName("orders")
                                        .setPartitionIndexes(List.of(0, 1)))))
                .block(PATIENCE));

        frame.release();
        broker.closeGracefully(PATIENCE).block(PATIENCE);
        assertThat(answer.topics().get(0).partitions())
                .hasSize(2)
                .allSatisfy(partition ->
                        assertThat(partition.errorCode()).isEqualTo(ErrorCode.GROUP_AUTHORIZATION_FAILED.code()));
    }
}
