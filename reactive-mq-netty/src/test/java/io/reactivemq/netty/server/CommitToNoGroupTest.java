package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.reactivemq.ErrorCode;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.OffsetCommitRequestData;
import io.reactivemq.kafka.common.message.OffsetCommitResponseData;
import io.reactivemq.netty.protocol.RequestHeader;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class CommitToNoGroupTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    @Test
    @DisplayName(
            "K17 a member's commit to a group that is not there: a client before version 9 is told of a generation")
    void commitToNoGroup() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(1 << 20);
        broker.createTopic(CALLER, NewTopic.of("orders", 1)).block(PATIENCE);
        var apis = KafkaServer.apis(new ServerSettings(broker, 1, null, 0, 1, 1 << 20, 1 << 20, 10, 10));
        for (short version = 2; version <= 9; version++) {
            OffsetCommitRequestData body = new OffsetCommitRequestData()
                    .setGroupId("nowhere")
                    .setMemberId("m")
                    .setGenerationIdOrMemberEpoch(3)
                    .setTopics(List.of(new OffsetCommitRequestData.OffsetCommitRequestTopic()
                            .setName("orders")
                            .setPartitions(List.of(new OffsetCommitRequestData.OffsetCommitRequestPartition()
                                    .setCommittedOffset(1)
                                    .setCommittedMetadata("")))));
            ByteBuf frame = Unpooled.buffer();
            ApiRequest request = new ApiRequest(
                    new RequestHeader(ApiMessageType.OFFSET_COMMIT, version, 9, "test"),
                    CALLER,
                    InetSocketAddress.createUnresolved("127.0.0.1", 9092),
                    frame);

            OffsetCommitResponseData answer = (OffsetCommitResponseData)
                    requireNonNull(apis.answer(request, body).block(PATIENCE));

            frame.release();
            assertThat(answer.topics().get(0).partitions().get(0).errorCode())
                    .as("version %d", version)
                    .isEqualTo((version < 9 ? ErrorCode.ILLEGAL_GENERATION : ErrorCode.GROUP_ID_NOT_FOUND).code());
        }
        broker.closeGracefully(PATIENCE).block(PATIENCE);
    }
}
