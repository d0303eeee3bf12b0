package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.broker.TransactionalAppend;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.ProduceRequestData;
import io.reactivemq.kafka.common.message.ProduceRequestData.PartitionProduceData;
import io.reactivemq.kafka.common.message.ProduceRequestData.TopicProduceData;
import io.reactivemq.kafka.common.message.ProduceResponseData;
import io.reactivemq.kafka.common.message.ProduceResponseData.PartitionProduceResponse;
import io.reactivemq.kafka.common.message.ProduceResponseData.TopicProduceResponse;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.protocol.ProtocolError;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;

/**
 * Produce: batches go as they came, in the buffer they came in, to the broker, which patches offset and epoch there and writes. The buffer is held until the
 * last append has ended, also where the client was told before that it took too long, or has gone.
 */
final class ProduceApi {

    private static final Logger LOG = LoggerFactory.getLogger(ProduceApi.class);

    private static final int ID_INSTEAD_OF_NAME = 13;

    /** From here on an append makes its partition part of the transaction (KIP-890). */
    private static final int TRANSACTIONS_V2 = 12;

    /** Attributes of a batch stand behind base offset, length, leader epoch, magic and CRC. */
    private static final int ATTRIBUTES_AT = 21;

    private static final int TRANSACTIONAL = 0x10;

    private final Broker broker;
    private final TopicNames names;
    private final long unwrittenBytesMax;

    /** Of all connections, also of those that are gone. */
    private final AtomicLong unwrittenBytes = new AtomicLong();

    ProduceApi(Broker broker, TopicNames names) {
        this(broker, names, ServerSettings.UNWRITTEN_BYTES_MAX);
    }

    /** @param unwrittenBytesMax how many bytes of records may wait to be written, of all connections; where there are more, clients are to try again */
    ProduceApi(Broker broker, TopicNames names, long unwrittenBytesMax) {
        this.broker = broker;
        this.names = names;
        this.unwrittenBytesMax = unwrittenBytesMax;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.PRODUCE, 3, 13, ProduceRequestData.class, this::produce);
    }

    private Mono<ProduceResponseData> produce(ApiRequest request, ProduceRequestData body) {
        Acks acks = acksOf(body.acks());
        if (acks == null) {
            return Mono.just(refused(body, ProtocolError.INVALID_REQUIRED_ACKS, null));
        }
        List<Uuid> ids = request.version() < ID_INSTEAD_OF_NAME
                ? List.of()
                : body.topicData().stream().map(TopicProduceData::topicId).toList();
        Mono<ProduceResponseData> answer =
                names.namesOf(request.caller(), ids).flatMap(known -> append(request, body, known, acks));
        return acks == Acks.NONE ? answer.flatMap(ProduceApi::unanswered) : answer;
    }

    private Mono<ProduceResponseData> append(
            ApiRequest request, ProduceRequestData body, Map<Uuid, String> known, Acks acks) {
        long bytes = bytesOf(body);
        if (unwrittenBytes.addAndGet(bytes) > unwrittenBytesMax) {
            long others = unwrittenBytes.addAndGet(-bytes);
            return Mono.just(refused(
                    body,
                    ErrorCode.REQUEST_TIMED_OUT.code(),
                    "the server has " + others + " bytes of records that wait to be written, of " + unwrittenBytesMax
                            + ": try again"));
        }
        request.frame().retain();
        List<Append> appends = new ArrayList<>();
        asked(body).forEach((topic, partitions) -> {
            String name = request.version() < ID_INSTEAD_OF_NAME ? topic.name() : known.get(topic.id());
            // begun here and now, and run to its end whoever cancels: so appends keep their order, and the buffer its
            // owner
            partitions.forEach((index, partition) -> appends.add(new Append(
                    topic,
                    index,
                    Mono.defer(() -> begin(request, body, name, partition)).toFuture())));
        });
        // what failed is told with each append; as a failure of this it would be dropped where nobody waits any more
        CompletableFuture<Boolean> all = CompletableFuture.allOf(
                        appends.stream().map(Append::result).toArray(CompletableFuture<?>[]::new))
                .handle((done, failure) -> {
                    unwrittenBytes.addAndGet(-bytes);
                    return request.frame().release();
                });
        Mono<Void> ended = Mono.fromFuture(all, true).then();
        if (!all.isDone() && acks != Acks.NONE) {
            ended = ended.timeout(
                    Duration.ofMillis(Math.max(1, body.timeoutMs())),
                    Mono.empty(),
                    broker.runtime().timers());
        }
        return ended.then(Mono.fromSupplier(() -> response(request, appends)));
    }

    /** What is to be appended: of a partition that is named more than once the last, as with Kafka. */
    private static Map<Topic, Map<Integer, PartitionProduceData>> asked(ProduceRequestData body) {
        Map<Topic, Map<Integer, PartitionProduceData>> asked = new LinkedHashMap<>();
        for (TopicProduceData topic : body.topicData()) {
            Map<Integer, PartitionProduceData> partitions =
                    asked.computeIfAbsent(new Topic(topic.name(), topic.topicId()), named -> new LinkedHashMap<>());
            topic.partitionData().forEach(partition -> partitions.put(partition.index(), partition));
        }
        return asked;
    }

    private static long bytesOf(ProduceRequestData body) {
        long bytes = 0;
        for (TopicProduceData topic : body.topicData()) {
            for (PartitionProduceData partition : topic.partitionData()) {
                bytes += partition.records() == null ? 0 : partition.records().sizeInBytes();
            }
        }
        return bytes;
    }

    private Mono<AppendResult> begin(
            ApiRequest request, ProduceRequestData body, @Nullable String topic, PartitionProduceData partition) {
        if (topic == null) {
            return Refusal.of(new UnknownTopicIdException());
        }
        if (topic.isBlank() || partition.index() < 0) {
            return Refusal.of(
                    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                    "there is no partition '" + topic + "-" + partition.index() + "'");
        }
        if (!(partition.records() instanceof MemoryRecords records) || records.sizeInBytes() == 0) {
            return Refusal.of(
                    ErrorCode.INVALID_RECORD,
                    "a batch for " + topic + "-" + partition.index() + " was expected, there is none");
        }
        TopicPartition target = new TopicPartition(topic, partition.index());
        ByteBuffer batch = records.buffer();
        // an append with acks=0 is awaited too: it has the buffer until it ends
        Acks acks = acksOf(body.acks()) == Acks.ALL ? Acks.ALL : Acks.LEADER;
        if (!isTransactional(batch)) {
            return broker.append(request.caller(), target, batch, acks);
        }
        String transactionalId = body.transactionalId();
        if (transactionalId == null) {
            return Refusal.of(
                    ErrorCode.INVALID_TXN_STATE,
                    "a batch of a transaction for " + target + " came without a transactional id");
        }
        TransactionVersion version =
                request.version() < TRANSACTIONS_V2 ? TransactionVersion.V1 : TransactionVersion.V2;
        return broker.append(request.caller(), new TransactionalAppend(transactionalId, version, target, batch, acks));
    }

    private static boolean isTransactional(ByteBuffer batch) {
        int at = batch.position() + ATTRIBUTES_AT;
        return at + Short.BYTES <= batch.limit() && (batch.getShort(at) & TRANSACTIONAL) != 0;
    }

    private static ProduceResponseData response(ApiRequest request, List<Append> appends) {
        ProduceResponseData response = new ProduceResponseData();
        Map<Topic, TopicProduceResponse> topics = new HashMap<>();
        for (Append append : appends) {
            topics.computeIfAbsent(append.topic, asked -> added(response, asked))
                    .partitionResponses()
                    .add(append.response(request));
        }
        return response;
    }

    private static ProduceResponseData refused(ProduceRequestData body, short error, @Nullable String why) {
        ProduceResponseData response = new ProduceResponseData();
        asked(body).forEach((asked, partitions) -> {
            TopicProduceResponse topic = added(response, asked);
            for (int partition : partitions.keySet()) {
                topic.partitionResponses()
                        .add(new PartitionProduceResponse()
                                .setIndex(partition)
                                .setErrorCode(error)
                                .setErrorMessage(why)
                                .setBaseOffset(-1));
            }
        });
        return response;
    }

    private static TopicProduceResponse added(ProduceResponseData response, Topic asked) {
        TopicProduceResponse topic =
                new TopicProduceResponse().setName(asked.name()).setTopicId(asked.id());
        response.responses().add(topic);
        return topic;
    }

    /** Who gets no answer learns of a failure by the end of its connection, and asks for the topics anew, as with Kafka. */
    private static Mono<ProduceResponseData> unanswered(ProduceResponseData answer) {
        for (TopicProduceResponse topic : answer.responses()) {
            for (PartitionProduceResponse partition : topic.partitionResponses()) {
                if (partition.errorCode() != ProtocolError.NONE) {
                    return Refusal.of(new UnansweredException(
                            "records that are not to be answered were refused with code " + partition.errorCode()));
                }
            }
        }
        return Mono.empty();
    }

    private static @Nullable Acks acksOf(short acks) {
        return switch (acks) {
            case -1 -> Acks.ALL;
            case 0 -> Acks.NONE;
            case 1 -> Acks.LEADER;
            default -> null;
        };
    }

    /** What a request calls a topic, by the one or by the other. */
    private record Topic(String name, Uuid id) {}

    /** An append that was begun; its result may not be there yet when the client is answered. */
    private record Append(Topic topic, int partition, CompletableFuture<AppendResult> result) {

        PartitionProduceResponse response(ApiRequest request) {
            PartitionProduceResponse response =
                    new PartitionProduceResponse().setIndex(partition).setBaseOffset(-1);
            if (!result.isDone()) {
                return response.setErrorCode(ErrorCode.REQUEST_TIMED_OUT.code())
                        .setErrorMessage("the append goes on, but took longer than the request allows");
            }
            Throwable failure = failureOf(result);
            if (failure == null) {
                AppendResult appended = result.join();
                return response.setBaseOffset(appended.baseOffset())
                        .setLogAppendTimeMs(appended.logAppendTimeMs())
                        .setLogStartOffset(appended.logStartOffset());
            }
            if (failure instanceof UnknownTopicIdException) {
                return response.setErrorCode(ProtocolError.UNKNOWN_TOPIC_ID);
            }
            if (!(failure instanceof MqException)) {
                LOG.error("a batch for {}-{} was not appended", topic.name(), partition, failure);
            } else {
                LOG.debug("{} was refused", request.header(), failure);
            }
            return response.setErrorCode(ProtocolError.codeOf(failure))
                    // who named the topic by its id may not know the name, which messages have
                    .setErrorMessage(request.version() < ID_INSTEAD_OF_NAME ? ProtocolError.messageOf(failure) : null);
        }

        private static @Nullable Throwable failureOf(CompletableFuture<?> done) {
            return done.handle((result, failure) -> failure).join();
        }
    }

    /** No topic has the id that a request named. */
    private static final class UnknownTopicIdException extends Exception {
        private static final long serialVersionUID = 1L;
    }
}
