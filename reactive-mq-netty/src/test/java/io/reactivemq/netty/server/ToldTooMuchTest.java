package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.ProduceRequestData;
import io.reactivemq.kafka.common.message.ProduceResponseData;
import io.reactivemq.kafka.common.message.ProduceResponseData.PartitionProduceResponse;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.security.SaslMechanism;
import io.reactivemq.netty.security.Secrets;
import io.reactivemq.record.RecordBatchBuilder;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("An answer does not tell")
class ToldTooMuchTest {

    private static final TopicPartition PARTITION = new TopicPartition("orders", 0);
    private static final int FIRST_BY_ID = 13;

    @Test
    @DisplayName("who reads what is committed the offset of a record whose transaction is open, asked for by its time")
    void offsetsOfOpenTransactions() throws Exception {
        try (RunningServer server = RunningServer.inMemory();
                Admin admin = server.admin();
                KafkaProducer<String, String> producer = server.producer(Map.of("transactional.id", "till"))) {
            server.broker().createTopic(NewTopic.of("orders", 1)).block(RunningServer.PATIENCE);
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>("orders", 0, 1_000L, null, "one"))
                    .get(120, SECONDS);
            assertThat(offsetOf(admin, IsolationLevel.READ_UNCOMMITTED)).isZero();
            assertThat(offsetOf(admin, IsolationLevel.READ_COMMITTED)).isEqualTo(-1);
            producer.commitTransaction();
            assertThat(offsetOf(admin, IsolationLevel.READ_COMMITTED)).isZero();
        }
    }

    private static long offsetOf(Admin admin, IsolationLevel isolation) throws Exception {
        return admin.listOffsets(Map.of(PARTITION, OffsetSpec.forTimestamp(1_000)), new ListOffsetsOptions(isolation))
                .partitionResult(PARTITION)
                .get(120, SECONDS)
                .offset();
    }

    @Test
    @DisplayName("the name of a topic that it was asked for by its id, where the caller may not produce to it")
    void nameOfTopic() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(1 << 20);
        UUID id = requireNonNull(broker.createTopic(NewTopic.of("orders", 1)).block(RunningServer.PATIENCE))
                .topicId();
        ApiTable apis = KafkaServer.apis(
                new ServerSettings(broker, 1, "cluster", 1, 1, 1 << 20, 1 << 20, 10, 10),
                ServerSecurity.of(
                        broker,
                        null,
                        List.of(SaslMechanism.SCRAM_SHA_256),
                        Set.of(),
                        RunningServer.PATIENCE,
                        Secrets.ofSystem()));
        PartitionProduceResponse byId = produce(apis, FIRST_BY_ID, id);
        assertThat(byId.errorCode()).isEqualTo(ErrorCode.TOPIC_AUTHORIZATION_FAILED.code());
        assertThat(byId.errorMessage()).isNull();
        PartitionProduceResponse byName = produce(apis, FIRST_BY_ID - 1, id);
        assertThat(byName.errorCode()).isEqualTo(ErrorCode.TOPIC_AUTHORIZATION_FAILED.code());
        assertThat(byName.errorMessage()).contains("orders");
        broker.closeGracefully(RunningServer.PATIENCE).block(RunningServer.PATIENCE);
    }

    private static PartitionProduceResponse produce(ApiTable apis, int version, UUID id) {
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 100_000);
        assertThat(builder.tryAppend(0, null, new byte[10], Headers.empty())).isTrue();
        ProduceRequestData.TopicProduceData topic = new ProduceRequestData.TopicProduceData()
                .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData()
                        .setRecords(MemoryRecords.readableRecords(builder.build()))));
        ProduceRequestData request =
                new ProduceRequestData().setAcks((short) -1).setTimeoutMs(60_000);
        request.topicData()
                .add(version < FIRST_BY_ID ? topic.setName("orders") : topic.setTopicId(TopicNames.kafkaId(id)));
        ProduceResponseData answer = (ProduceResponseData) requireNonNull(apis.answer(
                        new ApiRequest(
                                new RequestHeader(ApiMessageType.PRODUCE, (short) version, 1, "test"),
                                new Caller("User:bob", "test", "/127.0.0.1", "TEST"),
                                InetSocketAddress.createUnresolved("127.0.0.1", 9092),
                                Unpooled.EMPTY_BUFFER),
                        request)
                .block(RunningServer.PATIENCE));
        return answer.responses().iterator().next().partitionResponses().get(0);
    }
}
