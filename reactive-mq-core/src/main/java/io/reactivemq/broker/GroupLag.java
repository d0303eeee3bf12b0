package io.reactivemq.broker;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import java.util.Map;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** How far a group is behind: for each partition the offset behind the last record, minus the committed one. */
public final class GroupLag {

    /** Partitions that are asked for their end at a time. */
    private static final int CONCURRENCY = 16;

    private GroupLag() {}

    /** {@link #of(Broker, Caller, String, IsolationLevel)} by this application, for a group that reads all records. */
    public static Mono<Map<TopicPartition, Long>> of(Broker broker, String group) {
        return of(broker, Caller.embedded("admin"), group, IsolationLevel.READ_UNCOMMITTED);
    }

    /**
     * The lag in records.
     *
     * @param isolation for a group that reads committed records the last stable offset counts, else the high watermark
     * @return by partition, for those of which the group has committed something; a commit beyond the end counts as 0. Partitions that are
     *     offline are left out
     */
    public static Mono<Map<TopicPartition, Long>> of(
            Broker broker, Caller caller, String group, IsolationLevel isolation) {
        OffsetSpec end = isolation == IsolationLevel.READ_COMMITTED ? OffsetSpec.latestStable() : OffsetSpec.latest();
        return broker.fetchOffsets(caller, OffsetFetch.all(group))
                .flatMap(committed -> Flux.fromIterable(committed.entrySet())
                        .flatMap(
                                entry -> broker.listOffset(caller, entry.getKey(), end)
                                        .map(offset -> Map.entry(
                                                entry.getKey(),
                                                Math.max(
                                                        0,
                                                        offset
                                                                - entry.getValue()
                                                                        .offset())))
                                        .onErrorResume(GroupLag::isOffline, offline -> Mono.empty()),
                                CONCURRENCY)
                        .collectMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    private static boolean isOffline(Throwable failure) {
        return failure instanceof MqException e && e.errorCode() == ErrorCode.KAFKA_STORAGE_ERROR;
    }
}
