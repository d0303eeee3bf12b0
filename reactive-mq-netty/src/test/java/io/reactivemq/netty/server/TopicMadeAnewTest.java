package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.OffsetCommitRequestData;
import io.reactivemq.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestPartition;
import io.reactivemq.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestTopic;
import io.reactivemq.kafka.common.message.OffsetCommitResponseData;
import io.reactivemq.kafka.common.message.ProduceRequestData;
import io.reactivemq.kafka.common.message.ProduceResponseData;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.protocol.ProtocolError;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.record.RecordBatchBuilder;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What a client says by the id of a topic that was deleted is not taken for the one that has its name now. */
class TopicMadeAnewTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final TopicPartition ORDERS = new TopicPartition("orders", 0);

    private EmbeddedBroker broker;
    private ApiTable apis;
    private Uuid former;
    private Uuid now;

    @BeforeEach
    void makeAnew() {
        broker = EmbeddedBroker.inMemory(1 << 20);
        apis = KafkaServer.apis(new ServerSettings(broker, 1, null, 0, 1, 1 << 20, 1 << 20, 10, 10));
        former = create();
        assertThat(produce(former)).as("and so the server knows the name").isZero();
        broker.deleteTopic(CALLER, "orders").block(PATIENCE);
        now = create();
    }

    @AfterEach
    void close() {
        broker.closeGracefully(PATIENCE).block(PATIENCE);
    }

    @Test
    @DisplayName("K01 a batch for a topic that was made anew, sent by the id of the former, is refused")
    void produceByTheFormerId() {
        assertThat(produce(former)).isEqualTo(ProtocolError.UNKNOWN_TOPIC_ID);
        assertThat(broker.listOffset(CALLER, ORDERS, OffsetSpec.latest()).block(PATIENCE))
                .isZero();

        assertThat(produce(now)).isZero();
        assertThat(broker.listOffset(CALLER, ORDERS, OffsetSpec.latest()).block(PATIENCE))
                .isEqualTo(1);
    }

    @Test
    @DisplayName(
            "K17 an offset of a topic that was made anew, committed by the id of the former, is refused; the others are taken")
    void commitByTheFormerId() {
        broker.createTopic(CALLER, NewTopic.of("bills", 1)).block(PATIENCE);
        Uuid bills = TopicNames.kafkaId(
                requireNonNull(broker.describeTopic(CALLER, "bills").block(PATIENCE))
                        .topicId());

        assertThat(commit(topic(former, 0, 1_000), topic(bills, 0, 7), topic(bills, 3, 7)))
                .containsExactly(
                        ProtocolError.UNKNOWN_TOPIC_ID, (short) 0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code());

        TopicPartition other = new TopicPartition("bills", 0);
        assertThat(broker.fetchOffsets(CALLER, "billing", List.of(ORDERS, other))
                        .block(PATIENCE))
                .containsExactly(Map.entry(other, new CommittedOffset(7, -1, "")));
    }

    private Uuid create() {
        return TopicNames.kafkaId(requireNonNull(
                        broker.createTopic(CALLER, NewTopic.of("orders", 1)).block(PATIENCE))
                .topicId());
    }

    private short produce(Uuid topic) {
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 1_000);
        assertThat(builder.tryAppend(1_000, null, new byte[3], Headers.empty())).isTrue();
        ProduceRequestData.TopicProduceDataCollection topics = new ProduceRequestData.TopicProduceDataCollection();
        topics.add(new ProduceRequestData.TopicProduceData()
                .setTopicId(topic)
                .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData()
                        .setRecords(MemoryRecords.readableRecords(builder.build())))));
        ProduceResponseData answer = (ProduceResponseData) ask(
                ApiMessageType.PRODUCE,
                13,
                new ProduceRequestData()
                        .setAcks((short) -1)
                        .setTimeoutMs(120_000)
                        .setTopicData(topics));
        return answer.responses().iterator().next().partitionResponses().get(0).errorCode();
    }

    private static OffsetCommitRequestTopic topic(Uuid id, int partition, long offset) {
        return new OffsetCommitRequestTopic()
                .setTopicId(id)
                .setPartitions(List.of(new OffsetCommitRequestPartition()
                        .setPartitionIndex(partition)
                        .setCommittedOffset(offset)
                        .setCommittedMetadata("")));
    }

    private List<Short> commit(OffsetCommitRequestTopic... topics) {
        OffsetCommitResponseData answer = (OffsetCommitResponseData) ask(
                ApiMessageType.OFFSET_COMMIT,
                10,
                new OffsetCommitRequestData()
                        .setGroupId("billing")
                        .setGenerationIdOrMemberEpoch(-1)
                        .setTopics(Arrays.asList(topics)));
        return answer.topics().stream()
                .map(topic -> topic.partitions().get(0).errorCode())
                .toList();
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
