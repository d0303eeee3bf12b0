package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.RecordsToDelete;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.DeleteRecordsRequestData;
import io.reactivemq.kafka.common.message.DeleteRecordsRequestData.DeleteRecordsPartition;
import io.reactivemq.kafka.common.message.DeleteRecordsResponseData;
import io.reactivemq.kafka.common.message.DeleteRecordsResponseData.DeleteRecordsPartitionResult;
import io.reactivemq.kafka.common.message.DeleteRecordsResponseData.DeleteRecordsTopicResult;
import io.reactivemq.kafka.common.message.ListOffsetsRequestData;
import io.reactivemq.kafka.common.message.ListOffsetsRequestData.ListOffsetsPartition;
import io.reactivemq.kafka.common.message.ListOffsetsResponseData;
import io.reactivemq.kafka.common.message.ListOffsetsResponseData.ListOffsetsPartitionResponse;
import io.reactivemq.kafka.common.message.ListOffsetsResponseData.ListOffsetsTopicResponse;
import io.reactivemq.netty.protocol.ProtocolError;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordWalk;
import java.time.Duration;
import java.util.List;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Where a log begins and ends: ListOffsets, DeleteRecords. */
final class LogApis {

    private static final long LATEST = -1;
    private static final long MAX_TIMESTAMP = -3;
    private static final long LATEST_TIERED = -5;
    private static final long EARLIEST_PENDING_UPLOAD = -6;

    /** The first version of ListOffsets that knows each of them, from -3 on. */
    private static final int[] SINCE = {7, 8, 9, 11};

    private static final byte READ_COMMITTED = 1;

    /** Partitions of one request that are looked up at a time. */
    private static final int AT_ONCE = 16;

    private final Broker broker;

    /** The broker without its guard: to look at a record whose offset the caller may know. */
    private final Broker unguarded;

    LogApis(Broker broker, Broker unguarded) {
        this.broker = broker;
        this.unguarded = unguarded;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.LIST_OFFSETS, 1, 11, ListOffsetsRequestData.class, this::listOffsets);
        apis.serve(ApiMessageType.DELETE_RECORDS, 0, 2, DeleteRecordsRequestData.class, this::deleteRecords);
    }

    private Mono<ListOffsetsResponseData> listOffsets(ApiRequest request, ListOffsetsRequestData body) {
        boolean committed = body.isolationLevel() == READ_COMMITTED;
        return Flux.fromIterable(body.topics())
                .concatMap(topic -> Flux.fromIterable(topic.partitions())
                        .flatMapSequential(
                                asked -> listOffset(request, topic.name(), asked, committed)
                                        .onErrorResume(
                                                MqException.class,
                                                failure -> Mono.just(nothing(asked.partitionIndex())
                                                        .setErrorCode(failure.errorCode()
                                                                .code()))),
                                AT_ONCE)
                        .collectList()
                        .map(found -> new ListOffsetsTopicResponse()
                                .setName(topic.name())
                                .setPartitions(found)))
                .collectList()
                .map(topics -> new ListOffsetsResponseData().setTopics(topics));
    }

    private Mono<ListOffsetsPartitionResponse> listOffset(
            ApiRequest request, String topic, ListOffsetsPartition asked, boolean committed) {
        Caller caller = request.caller();
        int index = asked.partitionIndex();
        if (topic.isBlank() || index < 0) {
            return Mono.just(nothing(index).setErrorCode(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code()));
        }
        TopicPartition partition = new TopicPartition(topic, index);
        long timestamp = asked.timestamp();
        if (timestamp >= 0) {
            Mono<ListOffsetsPartitionResponse> found =
                    record(caller, partition, OffsetSpec.atOrAfter(timestamp), timestamp);
            return committed ? found.flatMap(record -> belowLastStable(caller, partition, record)) : found;
        }
        if (timestamp < EARLIEST_PENDING_UPLOAD
                || (timestamp <= MAX_TIMESTAMP && request.version() < SINCE[(int) (MAX_TIMESTAMP - timestamp)])) {
            return Mono.just(nothing(index).setErrorCode(ProtocolError.UNSUPPORTED_VERSION));
        }
        if (timestamp == MAX_TIMESTAMP) {
            return record(caller, partition, OffsetSpec.maxTimestamp(), 0);
        }
        if (timestamp == LATEST_TIERED || timestamp == EARLIEST_PENDING_UPLOAD) {
            // nothing of the log is anywhere else
            return broker.listOffset(caller, partition, OffsetSpec.earliest()).thenReturn(nothing(index));
        }
        OffsetSpec latest = committed ? OffsetSpec.latestStable() : OffsetSpec.latest();
        // -2, and -4: of what is on this machine, which is all
        OffsetSpec spec = timestamp == LATEST ? latest : OffsetSpec.earliest();
        return broker.listOffset(caller, partition, spec)
                .map(offset -> nothing(index).setOffset(offset));
    }

    /** A record of a transaction that is open, or behind its begin, is none yet for who reads what is committed. */
    private Mono<ListOffsetsPartitionResponse> belowLastStable(
            Caller caller, TopicPartition partition, ListOffsetsPartitionResponse found) {
        return found.offset() < 0
                ? Mono.just(found)
                : broker.listOffset(caller, partition, OffsetSpec.latestStable())
                        .map(end -> found.offset() < end ? found : nothing(partition.partition()));
    }

    /** The record itself is looked at: the answer has its timestamp, and none where there is no such record. */
    private Mono<ListOffsetsPartitionResponse> record(
            Caller caller, TopicPartition partition, OffsetSpec spec, long timestamp) {
        return broker.listOffset(caller, partition, spec)
                .flatMap(offset -> offset < 0
                        ? Mono.just(nothing(partition.partition()))
                        : unguarded
                                .fetch(
                                        caller,
                                        new FetchRequest(
                                                List.of(new FetchRequest.Partition(partition, offset, 1)),
                                                0,
                                                1,
                                                Duration.ZERO))
                                .map(found -> {
                                    FetchResult.Partition part =
                                            found.partitions().get(0);
                                    MqException error = part.error();
                                    return error == null
                                            ? firstAtOrAfter(part, offset, timestamp)
                                            : nothing(partition.partition())
                                                    .setErrorCode(
                                                            error.errorCode().code());
                                }));
    }

    private static ListOffsetsPartitionResponse firstAtOrAfter(
            FetchResult.Partition found, long offset, long timestamp) {
        for (RecordBatch batch : RecordBatches.of(found.records())) {
            try (RecordWalk records = batch.walk(found.partition().toString())) {
                while (records.next()) {
                    if (records.offset() >= offset && records.timestampMs() >= timestamp) {
                        return nothing(found.partition().partition())
                                .setOffset(records.offset())
                                .setTimestamp(records.timestampMs());
                    }
                }
            }
        }
        return nothing(found.partition().partition());
    }

    private static ListOffsetsPartitionResponse nothing(int partition) {
        return new ListOffsetsPartitionResponse()
                .setPartitionIndex(partition)
                .setOffset(-1)
                .setTimestamp(-1);
    }

    private Mono<DeleteRecordsResponseData> deleteRecords(ApiRequest request, DeleteRecordsRequestData body) {
        return Flux.fromIterable(body.topics())
                // at the same time: what is to be recorded of them is forced once
                .flatMapSequential(topic -> Flux.fromIterable(topic.partitions())
                        .flatMapSequential(asked -> deleteRecords(request.caller(), topic.name(), asked))
                        .collectList()
                        .map(results -> {
                            DeleteRecordsTopicResult result = new DeleteRecordsTopicResult().setName(topic.name());
                            results.forEach(part -> result.partitions().add(part));
                            return result;
                        }))
                .collectList()
                .map(results -> {
                    DeleteRecordsResponseData response = new DeleteRecordsResponseData();
                    results.forEach(topic -> response.topics().add(topic));
                    return response;
                });
    }

    private Mono<DeleteRecordsPartitionResult> deleteRecords(
            Caller caller, String topic, DeleteRecordsPartition asked) {
        DeleteRecordsPartitionResult result =
                new DeleteRecordsPartitionResult().setPartitionIndex(asked.partitionIndex());
        if (topic.isBlank() || asked.partitionIndex() < 0) {
            return Mono.just(result.setLowWatermark(-1).setErrorCode(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code()));
        }
        if (asked.offset() < RecordsToDelete.HIGH_WATERMARK) {
            return Mono.just(result.setLowWatermark(-1).setErrorCode(ErrorCode.OFFSET_OUT_OF_RANGE.code()));
        }
        return broker.deleteRecords(
                        caller,
                        new TopicPartition(topic, asked.partitionIndex()),
                        RecordsToDelete.before(asked.offset()))
                .map(result::setLowWatermark)
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(result.setLowWatermark(-1)
                                .setErrorCode(failure.errorCode().code())));
    }
}
