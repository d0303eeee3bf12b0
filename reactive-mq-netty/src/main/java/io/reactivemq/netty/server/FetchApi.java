package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.LentRecords;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.FetchRequestData;
import io.reactivemq.kafka.common.message.FetchRequestData.FetchPartition;
import io.reactivemq.kafka.common.message.FetchRequestData.FetchTopic;
import io.reactivemq.kafka.common.message.FetchResponseData;
import io.reactivemq.kafka.common.message.FetchResponseData.AbortedTransaction;
import io.reactivemq.kafka.common.message.FetchResponseData.FetchableTopicResponse;
import io.reactivemq.kafka.common.message.FetchResponseData.PartitionData;
import io.reactivemq.kafka.common.record.internal.BaseRecords;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.protocol.LentKafkaRecords;
import io.reactivemq.netty.protocol.ProtocolError;
import java.time.Duration;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** Fetch: reads of several partitions, with a long poll. Each request names all its partitions; sessions (KIP-227) are declined with session id 0. */
final class FetchApi {

    private static final int ID_INSTEAD_OF_NAME = 13;
    private static final int NO_SESSION = 0;

    /** The most records of one answer, as Kafka ({@code fetch.max.bytes} of a broker). */
    private static final int FETCH_BYTES_MAX = 55 * 1024 * 1024;

    private static final byte READ_COMMITTED = 1;

    private final Broker broker;
    private final TopicNames names;

    FetchApi(Broker broker, TopicNames names) {
        this.broker = broker;
        this.names = names;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.FETCH, 4, 18, FetchRequestData.class, this::fetch);
    }

    private Mono<FetchResponseData> fetch(ApiRequest request, FetchRequestData body) {
        if (body.sessionId() != NO_SESSION) {
            return Mono.just(new FetchResponseData().setErrorCode(ProtocolError.FETCH_SESSION_ID_NOT_FOUND));
        }
        List<Uuid> ids = request.version() < ID_INSTEAD_OF_NAME
                ? List.of()
                : body.topics().stream().map(FetchTopic::topicId).toList();
        return names.namesOf(request.caller(), ids).flatMap(known -> fetch(request, body, known));
    }

    private Mono<FetchResponseData> fetch(ApiRequest request, FetchRequestData body, Map<Uuid, String> known) {
        List<FetchRequest.Partition> wanted = new ArrayList<>();
        List<Asked> asked = new ArrayList<>();
        boolean refused = false;
        for (FetchTopic topic : body.topics()) {
            String name = request.version() < ID_INSTEAD_OF_NAME ? topic.topic() : known.get(topic.topicId());
            for (FetchPartition partition : topic.partitions()) {
                short error = errorOf(name, partition);
                refused |= error != ProtocolError.NONE;
                asked.add(new Asked(topic, partition.partition(), error));
                if (error == ProtocolError.NONE && name != null) {
                    wanted.add(new FetchRequest.Partition(
                            new TopicPartition(name, partition.partition()),
                            partition.fetchOffset(),
                            Math.max(1, partition.partitionMaxBytes())));
                }
            }
        }
        if (wanted.isEmpty()) {
            return Mono.just(response(asked, List.of(), body));
        }
        // what is refused is told at once
        Duration wait = refused ? Duration.ZERO : Duration.ofMillis(Math.max(0, body.maxWaitMs()));
        FetchRequest fetch = new FetchRequest(
                wanted,
                Math.max(0, body.minBytes()),
                Math.min(Math.max(1, body.maxBytes()), FETCH_BYTES_MAX),
                wait,
                body.isolationLevel() == READ_COMMITTED
                        ? IsolationLevel.READ_COMMITTED
                        : IsolationLevel.READ_UNCOMMITTED,
                request.lease());
        return broker.fetch(request.caller(), fetch).map(result -> response(asked, result.partitions(), body));
    }

    private static short errorOf(@Nullable String name, FetchPartition partition) {
        if (name == null) {
            return ProtocolError.UNKNOWN_TOPIC_ID;
        }
        if (name.isBlank() || partition.partition() < 0) {
            return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code();
        }
        return partition.fetchOffset() < 0 ? ErrorCode.OFFSET_OUT_OF_RANGE.code() : ProtocolError.NONE;
    }

    private static FetchResponseData response(
            List<Asked> asked, List<FetchResult.Partition> found, FetchRequestData request) {
        FetchResponseData response = new FetchResponseData().setSessionId(NO_SESSION);
        IdentityHashMap<FetchTopic, FetchableTopicResponse> topics = new IdentityHashMap<>();
        int next = 0;
        for (Asked one : asked) {
            PartitionData data = one.error == ProtocolError.NONE
                    ? data(found.get(next++), request)
                    : nothing(one.partition, one.error);
            topics.computeIfAbsent(one.topic, topic -> {
                        FetchableTopicResponse part = new FetchableTopicResponse()
                                .setTopic(topic.topic())
                                .setTopicId(topic.topicId());
                        response.responses().add(part);
                        return part;
                    })
                    .partitions()
                    .add(data);
        }
        return response;
    }

    private static PartitionData nothing(int partition, short error) {
        return new PartitionData()
                .setPartitionIndex(partition)
                .setErrorCode(error)
                .setHighWatermark(-1)
                .setRecords(MemoryRecords.EMPTY);
    }

    private static PartitionData data(FetchResult.Partition found, FetchRequestData request) {
        PartitionData data = new PartitionData()
                .setPartitionIndex(found.partition().partition())
                .setErrorCode(ProtocolError.codeOf(found.error()))
                .setHighWatermark(found.highWatermark())
                .setLastStableOffset(found.lastStableOffset())
                .setLogStartOffset(found.logStartOffset())
                .setRecords(records(found));
        if (request.isolationLevel() == READ_COMMITTED) {
            data.setAbortedTransactions(found.abortedTransactions().stream()
                    .map(aborted -> new AbortedTransaction()
                            .setProducerId(aborted.producerId())
                            .setFirstOffset(aborted.firstOffset()))
                    .toList());
        } else {
            data.setAbortedTransactions(null);
        }
        return data;
    }

    private static BaseRecords records(FetchResult.Partition found) {
        LentRecords lent = found.lent();
        return lent == null ? MemoryRecords.readableRecords(found.records()) : new LentKafkaRecords(lent);
    }

    /** A partition that was asked for, and why it was not looked at. */
    private record Asked(FetchTopic topic, int partition, short error) {}
}
