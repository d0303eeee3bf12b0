package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.DeleteRecordsRequestData;
import io.reactivemq.kafka.common.message.DeleteRecordsResponseData;
import io.reactivemq.kafka.common.message.DescribeTopicPartitionsRequestData;
import io.reactivemq.kafka.common.message.DescribeTopicPartitionsResponseData;
import io.reactivemq.kafka.common.message.FetchRequestData;
import io.reactivemq.kafka.common.message.FetchResponseData;
import io.reactivemq.kafka.common.message.ListOffsetsRequestData;
import io.reactivemq.kafka.common.message.ListOffsetsResponseData;
import io.reactivemq.kafka.common.message.MetadataRequestData;
import io.reactivemq.kafka.common.message.MetadataResponseData;
import io.reactivemq.kafka.common.message.ProduceRequestData;
import io.reactivemq.kafka.common.message.ProduceResponseData;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.protocol.ProtocolError;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.record.RecordBatchBuilder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Rule 4: over the wire a partition that is offline")
class OfflineOnTheWireTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final short STORAGE = ErrorCode.KAFKA_STORAGE_ERROR.code();

    @TempDir
    Path data;

    private EmbeddedBroker broker;
    private ApiTable apis;

    @BeforeEach
    void damage() throws IOException {
        broker = requireNonNull(EmbeddedBroker.open(data).block(PATIENCE));
        broker.createTopic(CALLER, NewTopic.of("orders", 2)).block(PATIENCE);
        for (int i = 0; i < 2; i++) {
            broker.append(CALLER, new TopicPartition("orders", i), batch(), Acks.ALL)
                    .block(PATIENCE);
        }
        broker.closeGracefully(PATIENCE).block(PATIENCE);
        Path segment = data.resolve("orders-1/00000000000000000000.log");
        byte[] content = Files.readAllBytes(segment);
        Files.write(segment, Arrays.copyOf(content, content.length - 1));
        broker = requireNonNull(EmbeddedBroker.open(data).block(PATIENCE));
        apis = KafkaServer.apis(new ServerSettings(broker, 1, null, 0, 1, 1 << 20, 1 << 20, 10, 10));
    }

    @AfterEach
    void close() {
        broker.closeGracefully(PATIENCE).block(PATIENCE);
    }

    @Test
    @DisplayName("has no leader and an offline replica")
    void described() {
        MetadataResponseData metadata = (MetadataResponseData) ask(
                ApiMessageType.METADATA,
                12,
                new MetadataRequestData()
                        .setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setName("orders"))));
        var topic = requireNonNull(metadata.topics().iterator().next());
        assertThat(topic.errorCode()).isZero();
        assertThat(topic.partitions().get(0).leaderId()).isEqualTo(1);
        assertThat(topic.partitions().get(0).offlineReplicas()).isEmpty();
        assertThat(topic.partitions().get(1).errorCode()).isEqualTo(ProtocolError.LEADER_NOT_AVAILABLE);
        assertThat(topic.partitions().get(1).leaderId()).isEqualTo(-1);
        assertThat(topic.partitions().get(1).offlineReplicas()).containsExactly(1);

        DescribeTopicPartitionsResponseData described = (DescribeTopicPartitionsResponseData) ask(
                ApiMessageType.DESCRIBE_TOPIC_PARTITIONS,
                0,
                new DescribeTopicPartitionsRequestData()
                        .setTopics(List.of(new DescribeTopicPartitionsRequestData.TopicRequest().setName("orders"))));
        var partitions = requireNonNull(described.topics().iterator().next()).partitions();
        assertThat(partitions.get(0).errorCode()).isZero();
        assertThat(partitions.get(1).errorCode()).isEqualTo(ProtocolError.LEADER_NOT_AVAILABLE);
        assertThat(partitions.get(1).leaderId()).isEqualTo(-1);
        assertThat(partitions.get(1).offlineReplicas()).containsExactly(1);
    }

    @Test
    @DisplayName(
            "answers Produce, Fetch, ListOffsets and DeleteRecords with KAFKA_STORAGE_ERROR, and the other partition as ever")
    void answers() {
        assertThat(produced()).containsExactly((short) 0, STORAGE);

        FetchResponseData fetched = (FetchResponseData) ask(
                ApiMessageType.FETCH,
                12,
                new FetchRequestData()
                        .setMaxWaitMs(0)
                        .setMinBytes(1)
                        .setMaxBytes(1 << 20)
                        .setSessionId(0)
                        .setSessionEpoch(-1)
                        .setTopics(List.of(new FetchRequestData.FetchTopic()
                                .setTopic("orders")
                                .setPartitions(List.of(wanted(0), wanted(1))))));
        var read = fetched.responses().get(0).partitions();
        assertThat(read.get(0).errorCode()).isZero();
        assertThat(read.get(0).highWatermark()).isEqualTo(2);
        assertThat(read.get(1).errorCode()).isEqualTo(STORAGE);

        ListOffsetsResponseData listed = (ListOffsetsResponseData) ask(
                ApiMessageType.LIST_OFFSETS,
                6,
                new ListOffsetsRequestData()
                        .setReplicaId(-1)
                        .setTopics(List.of(new ListOffsetsRequestData.ListOffsetsTopic()
                                .setName("orders")
                                .setPartitions(List.of(asked(0), asked(1))))));
        var offsets = listed.topics().get(0).partitions();
        assertThat(offsets.get(0).offset()).isEqualTo(2);
        assertThat(offsets.get(1).errorCode()).isEqualTo(STORAGE);

        DeleteRecordsResponseData deleted = (DeleteRecordsResponseData) ask(
                ApiMessageType.DELETE_RECORDS,
                2,
                new DeleteRecordsRequestData()
                        .setTimeoutMs(1_000)
                        .setTopics(List.of(new DeleteRecordsRequestData.DeleteRecordsTopic()
                                .setName("orders")
                                .setPartitions(List.of(deleting(0), deleting(1))))));
        var starts = requireNonNull(deleted.topics().iterator().next()).partitions();
        starts.forEach(start -> assertThat(start.errorCode()).isEqualTo(start.partitionIndex() == 0 ? 0 : STORAGE));
    }

    private List<Short> produced() {
        ProduceRequestData.TopicProduceDataCollection topics = new ProduceRequestData.TopicProduceDataCollection();
        topics.add(new ProduceRequestData.TopicProduceData()
                .setName("orders")
                .setPartitionData(List.of(records(0), records(1))));
        ProduceResponseData answer = (ProduceResponseData) ask(
                ApiMessageType.PRODUCE,
                9,
                new ProduceRequestData()
                        .setAcks((short) -1)
                        .setTimeoutMs(120_000)
                        .setTopicData(topics));
        return requireNonNull(answer.responses().iterator().next()).partitionResponses().stream()
                .map(part -> part.errorCode())
                .toList();
    }

    private static ProduceRequestData.PartitionProduceData records(int partition) {
        return new ProduceRequestData.PartitionProduceData()
                .setIndex(partition)
                .setRecords(MemoryRecords.readableRecords(batch()));
    }

    private static FetchRequestData.FetchPartition wanted(int partition) {
        return new FetchRequestData.FetchPartition().setPartition(partition).setPartitionMaxBytes(1 << 20);
    }

    private static ListOffsetsRequestData.ListOffsetsPartition asked(int partition) {
        return new ListOffsetsRequestData.ListOffsetsPartition()
                .setPartitionIndex(partition)
                .setTimestamp(-1);
    }

    private static DeleteRecordsRequestData.DeleteRecordsPartition deleting(int partition) {
        return new DeleteRecordsRequestData.DeleteRecordsPartition()
                .setPartitionIndex(partition)
                .setOffset(1);
    }

    private static ByteBuffer batch() {
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 1_000);
        assertThat(builder.tryAppend(1_000, null, new byte[3], Headers.empty())).isTrue();
        return builder.build();
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
