package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionDescription;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.AddPartitionsToTxnRequestData;
import io.reactivemq.kafka.common.message.AddPartitionsToTxnResponseData;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.OffsetFetchRequestData;
import io.reactivemq.kafka.common.message.OffsetFetchResponseData;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A request of which a part is refused")
class PartlyRefusedTest {

    private static final short NONE = 0;

    private final EmbeddedBroker broker = EmbeddedBroker.inMemory(1 << 20);
    private final Asked server = Asked.over(broker);
    private ProducerIdAndEpoch producer;

    @BeforeEach
    void begin() {
        broker.createTopic(NewTopic.of("orders", 3)).block(RunningServer.PATIENCE);
        producer = Objects.requireNonNull(
                broker.initProducerId(Asked.CALLER, InitProducerId.transactional("tx", Duration.ofMinutes(1)))
                        .block(RunningServer.PATIENCE));
    }

    @AfterEach
    void end() {
        broker.closeGracefully(RunningServer.PATIENCE).block(RunningServer.PATIENCE);
    }

    @Test
    @DisplayName(
            "K12 adds no partition to a transaction, and says which it is for and that the others were not attempted")
    void addPartitions() {
        short notAttempted = ErrorCode.OPERATION_NOT_ATTEMPTED.code();
        short unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code();

        assertThat(add(Map.of("orders", List.of(0, 3))))
                .isEqualTo(Map.of("orders-0", notAttempted, "orders-3", unknown));
        assertThat(add(Map.of("orders", List.of(-1, 0))))
                .isEqualTo(Map.of("orders--1", unknown, "orders-0", notAttempted));
        assertThat(add(Map.of("orders", List.of(0), "bills", List.of(0))))
                .isEqualTo(Map.of("bills-0", unknown, "orders-0", notAttempted));
        assertThat(add(Map.of("orders", List.of(1), "", List.of(0), "bills", List.of(0))))
                .isEqualTo(Map.of("-0", unknown, "bills-0", unknown, "orders-1", notAttempted));
        assertThat(partitions()).isEmpty();

        assertThat(add(Map.of("orders", List.of(0, 2)))).isEqualTo(Map.of("orders-0", NONE, "orders-2", NONE));
        assertThat(partitions())
                .containsExactlyInAnyOrder(new TopicPartition("orders", 0), new TopicPartition("orders", 2));
    }

    private Map<String, Short> add(Map<String, List<Integer>> partitions) {
        AddPartitionsToTxnRequestData request = new AddPartitionsToTxnRequestData()
                .setV3AndBelowTransactionalId("tx")
                .setV3AndBelowProducerId(producer.producerId())
                .setV3AndBelowProducerEpoch(producer.epoch());
        partitions.forEach((topic, numbers) -> request.v3AndBelowTopics()
                .add(new AddPartitionsToTxnRequestData.AddPartitionsToTxnTopic()
                        .setName(topic)
                        .setPartitions(numbers)));
        Map<String, Short> errors = new TreeMap<>();
        server.ask(ApiMessageType.ADD_PARTITIONS_TO_TXN, 3, request, AddPartitionsToTxnResponseData.class)
                .resultsByTopicV3AndBelow()
                .forEach(topic -> topic.resultsByPartition()
                        .forEach(partition -> errors.put(
                                topic.name() + "-" + partition.partitionIndex(), partition.partitionErrorCode())));
        return errors;
    }

    private List<TopicPartition> partitions() {
        TransactionDescription description = Objects.requireNonNull(
                broker.describeTransaction(Asked.CALLER, "tx").block(RunningServer.PATIENCE));
        return List.copyOf(description.partitions());
    }

    @ParameterizedTest
    @ValueSource(ints = {7, 8, 9})
    @DisplayName(
            "K17 K12 gets the offsets that no open transaction is about to change, and an error with those that one is")
    void unstableOffsets(int version) {
        broker.commitOffsets(
                        Asked.CALLER,
                        OffsetCommit.admin(
                                "billing",
                                Map.of(
                                        new TopicPartition("orders", 0), CommittedOffset.of(7),
                                        new TopicPartition("orders", 1), CommittedOffset.of(8))))
                .block(RunningServer.PATIENCE);
        broker.commitOffsets(
                        Asked.CALLER,
                        new TransactionalOffsetCommit(
                                "tx",
                                producer,
                                TransactionVersion.V2,
                                "billing",
                                "",
                                -1,
                                null,
                                Map.of(new TopicPartition("orders", 1), CommittedOffset.of(9))))
                .block(RunningServer.PATIENCE);
        Map<Integer, String> expected = Map.of(
                0, "7 " + NONE,
                1, "-1 " + ErrorCode.UNSTABLE_OFFSET_COMMIT.code(),
                2, "-1 " + NONE);

        assertThat(stable(version, List.of(0, 1, 2))).isEqualTo(expected);
        assertThat(stable(version, null)).isEqualTo(Map.of(0, expected.get(0), 1, expected.get(1)));
    }

    private Map<Integer, String> stable(int version, @Nullable List<Integer> partitions) {
        OffsetFetchRequestData request = new OffsetFetchRequestData().setRequireStable(true);
        if (version < 8) {
            request.setGroupId("billing")
                    .setTopics(
                            partitions == null
                                    ? null
                                    : List.of(new OffsetFetchRequestData.OffsetFetchRequestTopic()
                                            .setName("orders")
                                            .setPartitionIndexes(partitions)));
        } else {
            request.setGroups(List.of(new OffsetFetchRequestData.OffsetFetchRequestGroup()
                    .setGroupId("billing")
                    .setTopics(
                            partitions == null
                                    ? null
                                    : List.of(new OffsetFetchRequestData.OffsetFetchRequestTopics()
                                            .setName("orders")
                                            .setPartitionIndexes(partitions)))));
        }
        OffsetFetchResponseData answer =
                server.ask(ApiMessageType.OFFSET_FETCH, version, request, OffsetFetchResponseData.class);
        Map<Integer, String> told = new TreeMap<>();
        answer.topics()
                .forEach(topic -> topic.partitions()
                        .forEach(partition -> told.put(
                                partition.partitionIndex(),
                                partition.committedOffset() + " " + partition.errorCode())));
        answer.groups()
                .forEach(group -> group.topics()
                        .forEach(topic -> topic.partitions()
                                .forEach(partition -> told.put(
                                        partition.partitionIndex(),
                                        partition.committedOffset() + " " + partition.errorCode()))));
        return told;
    }
}
