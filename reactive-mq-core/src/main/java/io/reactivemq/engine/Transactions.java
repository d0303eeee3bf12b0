package io.reactivemq.engine;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ConfigChange;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.group.GroupService;
import io.reactivemq.log.AppendInfo;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.topic.AppendListener;
import io.reactivemq.topic.Partition;
import io.reactivemq.transaction.ProducerIds;
import io.reactivemq.transaction.TransactionConfig;
import io.reactivemq.transaction.TransactionService;
import io.reactivemq.transaction.TransactionTargets;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * The transactions of a broker and what they write to. Their topic is made when the first is begun: a broker without transactions does
 * not have it. By default it is forced whatever the broker's durability is, and so are a transaction's partitions and markers: with a decision
 * that was lost, a transaction could be committed in one partition and aborted in another.
 */
final class Transactions implements TransactionTargets {

    private static final String DURABILITY = "durability";

    private final TopicRegistry topics;
    private final GroupService groups;
    private final TopicPartition offsets;
    private final TransactionConfig config;

    /** Of the decisions, and of all that is written for them. */
    private final Durability durability;

    private final MqRuntime runtime;
    private final ProducerIds producerIds;

    /** A failure is not kept: the next request tries again. */
    private final Mono<TransactionService> opening = Mono.defer(this::make).cacheInvalidateIf(service -> false);

    private volatile @Nullable TransactionService open;
    private volatile boolean closed;

    Transactions(
            TopicRegistry topics,
            GroupService groups,
            TopicPartition offsets,
            TransactionConfig config,
            Durability durability,
            MqRuntime runtime) {
        this.topics = topics;
        this.groups = groups;
        this.offsets = offsets;
        this.config = config;
        this.durability = durability;
        this.runtime = runtime;
        this.producerIds = new ProducerIds(topics::allocateProducerIds);
    }

    ProducerIds producerIds() {
        return producerIds;
    }

    boolean exist() {
        return topics.describe(TransactionService.TOPIC) != null;
    }

    /** The transactions, loaded. */
    Mono<TransactionService> service() {
        TransactionService now = open;
        return now != null ? Mono.just(now) : opening;
    }

    void close() {
        closed = true;
        TransactionService now = open;
        if (now != null) {
            now.close();
        }
    }

    private Mono<TransactionService> make() {
        TopicPartition id = new TopicPartition(TransactionService.TOPIC, 0);
        Partition there = topics.find(id);
        if (there == null) {
            NewTopic topic = new NewTopic(id.topic(), 1, Map.of(DURABILITY, durability.configName()));
            return topics.create(topic, true).then(Mono.defer(this::make));
        }
        if (!hasDurability()) {
            return topics.alter(id.topic(), List.of(ConfigChange.set(DURABILITY, durability.configName())))
                    .then(Mono.defer(this::make));
        }
        TransactionService service = new TransactionService(there, config, producerIds, this, runtime);
        return service.load().then(Mono.fromCallable(() -> {
            open = service;
            if (closed) {
                service.close();
            }
            return service;
        }));
    }

    /** Whether the topic was made with the durability that the broker is opened with now. */
    private boolean hasDurability() {
        return Objects.requireNonNull(topics.describeConfigs(TransactionService.TOPIC)).stream()
                .anyMatch(entry -> entry.name().equals(DURABILITY)
                        && durability.configName().equals(entry.value()));
    }

    @Override
    public TopicPartition offsetsOf(String groupId) {
        return offsets;
    }

    @Override
    public @Nullable MqException refusal(TopicPartition partition) {
        try {
            return topics.find(partition) == null ? unknown(partition) : null;
        } catch (MqException offline) {
            return offline;
        }
    }

    private static MqException unknown(TopicPartition partition) {
        return new MqException(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "partition " + partition + " does not exist");
    }

    /** Does it with the partition, nothing where that is gone; where it is offline the Mono ends with that. */
    private Mono<Void> with(TopicPartition id, Function<Partition, Mono<Void>> work) {
        Partition target;
        try {
            target = topics.find(id);
        } catch (MqException offline) {
            return Blocking.failed(offline);
        }
        return target == null ? Mono.empty() : work.apply(target);
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
        Partition target;
        try {
            target = topics.find(partition);
        } catch (MqException offline) {
            return Blocking.failed(offline);
        }
        return target == null ? Mono.error(unknown(partition)) : Appends.append(caller, target, records, acks);
    }

    @Override
    public Mono<Void> commitOffsets(TransactionalOffsetCommit commit) {
        return groups.commitOffsets(commit);
    }

    @Override
    public boolean forces() {
        return durability == Durability.FSYNC;
    }

    @Override
    public Mono<Void> force(TopicPartition partition) {
        return with(partition, Partition::force);
    }

    @Override
    public Mono<Void> end(TopicPartition partition, ProducerIdAndEpoch producer, TransactionMarker marker) {
        if (closed) {
            // a partition that is not there any more is not gone then: it gets its marker when the broker opens again.
            // Who waits is cancelled
            return Mono.never();
        }
        if (partition.equals(offsets)) {
            return groups.endTransaction(producer, marker, durability);
        }
        return with(partition, target -> end(target, producer, marker));
    }

    private Mono<Void> end(Partition target, ProducerIdAndEpoch producer, TransactionMarker marker) {
        ByteBuffer batch = marker.toBatch(producer.producerId(), producer.epoch(), runtime.currentTimeMillis());
        return Mono.defer(() -> {
            // takes an error that nobody waits for any more, as the broker closes
            Sinks.Empty<Void> written = Sinks.empty();
            target.appendMarker(batch, durability, new AppendListener() {
                @Override
                public void onAppended(AppendInfo info) {
                    written.tryEmitEmpty();
                }

                @Override
                public void onFailed(MqException error) {
                    written.tryEmitError(error);
                }
            });
            return written.asMono();
        });
    }
}
