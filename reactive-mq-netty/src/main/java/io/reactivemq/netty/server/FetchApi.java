package io.reactivemq.netty.server;

import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.LentRecords;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.FetchRequestData;
import io.reactivemq.kafka.common.message.FetchRequestData.FetchPartition;
import io.reactivemq.kafka.common.message.FetchRequestData.FetchTopic;
import io.reactivemq.kafka.common.message.FetchRequestData.ForgottenTopic;
import io.reactivemq.kafka.common.message.FetchResponseData;
import io.reactivemq.kafka.common.message.FetchResponseData.AbortedTransaction;
import io.reactivemq.kafka.common.message.FetchResponseData.FetchableTopicResponse;
import io.reactivemq.kafka.common.message.FetchResponseData.PartitionData;
import io.reactivemq.kafka.common.record.internal.BaseRecords;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.protocol.LentKafkaRecords;
import io.reactivemq.netty.protocol.ProtocolError;
import io.reactivemq.netty.security.ClientQuotas;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * Fetch: reads of several partitions, with a long poll. A client that goes on with a session (KIP-227) names only the partitions that it wants otherwise
 * than before, and is answered with those that have something new. Who has fetched more than its quota is answered at once, without records; what one fetch
 * may bring is what the quota has left, or one batch.
 */
final class FetchApi {

    private static final int ID_INSTEAD_OF_NAME = 13;

    /** The most records of one answer, as Kafka ({@code fetch.max.bytes} of a broker). */
    private static final int FETCH_BYTES_MAX = 55 * 1024 * 1024;

    private static final byte READ_COMMITTED = 1;

    private final Broker broker;
    private final TopicNames names;
    private final FetchSessions sessions;
    private final ClientQuotas quotas;

    FetchApi(Broker broker, TopicNames names, FetchSessions sessions, ClientQuotas quotas) {
        this.broker = broker;
        this.names = names;
        this.sessions = sessions;
        this.quotas = quotas;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.FETCH, 4, 18, FetchRequestData.class, this::fetch);
    }

    private Mono<FetchResponseData> fetch(ApiRequest request, FetchRequestData body) {
        Caller caller = request.caller();
        boolean byTopicId = request.version() >= ID_INSTEAD_OF_NAME;
        Set<Uuid> ids = new HashSet<>();
        if (byTopicId) {
            body.topics().forEach(topic -> ids.add(topic.topicId()));
        }
        if (FetchSession.isFull(body.sessionEpoch())) {
            sessions.close(body.sessionId(), caller.principal());
            if (hasToWait(caller)) {
                return Mono.just(new FetchResponseData());
            }
            return names.rememberedNamesOf(caller, ids).flatMap(known -> full(request, body, byTopicId, known));
        }
        FetchSession session = sessions.find(body.sessionId(), caller.principal());
        if (session == null) {
            return refused(ProtocolError.FETCH_SESSION_ID_NOT_FOUND);
        }
        ids.addAll(session.nameless());
        return names.rememberedNamesOf(caller, ids)
                .flatMap(known -> incremental(request, body, byTopicId, known, session));
    }

    /** Whether it has had more than its quota; how long it has to wait is said where each answer is charged for. */
    private boolean hasToWait(Caller caller) {
        return quotas.waitMs(caller, ClientQuotas.FETCHED) > 0;
    }

    private static Mono<FetchResponseData> refused(short error) {
        return Mono.just(new FetchResponseData().setErrorCode(error));
    }

    private Mono<FetchResponseData> full(
            ApiRequest request, FetchRequestData body, boolean byTopicId, Map<Uuid, String> known) {
        List<FetchPosition> asked = positions(body, byTopicId, known);
        return read(request, body, asked).map(found -> {
            Answer answer = new Answer(body);
            int next = 0;
            for (FetchPosition position : asked) {
                answer.add(position, position.read() == null ? null : found.get(next++));
            }
            int id = body.sessionEpoch() == FetchSession.EPOCH_NEW
                    ? sessions.open(request.caller().principal(), byTopicId, asked, found)
                    : FetchSessions.NO_SESSION;
            return answer.response.setSessionId(id);
        });
    }

    private Mono<FetchResponseData> incremental(
            ApiRequest request,
            FetchRequestData body,
            boolean byTopicId,
            Map<Uuid, String> known,
            FetchSession session) {
        int epoch = body.sessionEpoch();
        List<FetchPosition> asked = positions(body, byTopicId, known);
        if (!FetchSessions.areShort(asked)) {
            sessions.close(session.id(), session.principal());
            return refused(ProtocolError.FETCH_SESSION_ID_NOT_FOUND);
        }
        short error = session.next(epoch, byTopicId, asked, forgotten(body), known);
        if (error != ProtocolError.NONE) {
            return refused(error);
        }
        if (!sessions.used(session)) {
            return refused(ProtocolError.FETCH_SESSION_ID_NOT_FOUND);
        }
        List<FetchPosition> positions = session.positions();
        if (positions.isEmpty()) {
            return Mono.just(new FetchResponseData());
        }
        if (hasToWait(request.caller())) {
            return Mono.just(new FetchResponseData().setSessionId(session.id()));
        }
        return read(request, body, positions).map(found -> {
            Answer answer = new Answer(body);
            return session.answer(epoch, found, answer)
                    ? answer.response.setSessionId(session.id())
                    : new FetchResponseData().setErrorCode(ProtocolError.INVALID_FETCH_SESSION_EPOCH);
        });
    }

    private static List<FetchPosition> positions(FetchRequestData body, boolean byTopicId, Map<Uuid, String> known) {
        List<FetchPosition> positions = new ArrayList<>();
        for (FetchTopic topic : body.topics()) {
            String name = byTopicId ? known.get(topic.topicId()) : topic.topic();
            for (FetchPartition partition : topic.partitions()) {
                positions.add(FetchPosition.of(
                        new FetchPosition.Key(topic.topic(), topic.topicId(), partition.partition()),
                        name,
                        partition.fetchOffset(),
                        partition.partitionMaxBytes()));
            }
        }
        return positions;
    }

    private static List<FetchPosition.Key> forgotten(FetchRequestData body) {
        List<FetchPosition.Key> forgotten = new ArrayList<>();
        for (ForgottenTopic topic : body.forgottenTopicsData()) {
            for (int partition : topic.partitions()) {
                forgotten.add(new FetchPosition.Key(topic.topic(), topic.topicId(), partition));
            }
        }
        return forgotten;
    }

    /** What the broker finds of the positions that are not refused, in their order. */
    private Mono<List<FetchResult.Partition>> read(
            ApiRequest request, FetchRequestData body, List<FetchPosition> positions) {
        List<FetchRequest.Partition> wanted = new ArrayList<>(positions.size());
        for (FetchPosition position : positions) {
            if (position.read() != null) {
                wanted.add(position.read());
            }
        }
        if (wanted.isEmpty()) {
            return Mono.just(List.of());
        }
        // what is refused is told at once
        boolean refused = wanted.size() < positions.size();
        Duration wait = refused ? Duration.ZERO : Duration.ofMillis(Math.max(0, body.maxWaitMs()));
        int maxBytes = (int) Math.min(
                Math.min(Math.max(1, body.maxBytes()), FETCH_BYTES_MAX),
                quotas.bytesLeft(request.caller(), ClientQuotas.FETCHED));
        FetchRequest fetch = new FetchRequest(
                wanted,
                Math.min(Math.max(0, body.minBytes()), maxBytes),
                maxBytes,
                wait,
                body.isolationLevel() == READ_COMMITTED
                        ? IsolationLevel.READ_COMMITTED
                        : IsolationLevel.READ_UNCOMMITTED,
                request.lease());
        return broker.fetch(request.caller(), fetch).map(FetchResult::partitions);
    }

    /** An answer as it is put together: partitions of a topic that come one after the other are in one part. */
    private static final class Answer implements FetchSession.News {

        private final FetchResponseData response = new FetchResponseData();
        private final FetchRequestData request;
        private FetchPosition.@Nullable Key last;
        private List<PartitionData> partitions = List.of();

        Answer(FetchRequestData request) {
            this.request = request;
        }

        @Override
        public void add(FetchPosition position, FetchResult.@Nullable Partition found) {
            FetchPosition.Key key = position.key();
            if (last == null || !key.isOfTopicOf(last)) {
                FetchableTopicResponse topic =
                        new FetchableTopicResponse().setTopic(key.topic()).setTopicId(key.topicId());
                response.responses().add(topic);
                partitions = topic.partitions();
                last = key;
            }
            partitions.add(found == null ? nothing(key.partition(), position.refusal()) : data(found, request));
        }
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
}
