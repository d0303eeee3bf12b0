package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import java.util.Collection;
import java.util.Map;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Where reading a partition begins: at what the group has committed, else where the options say. */
final class StartOffsets {

    /**
     * Where to begin.
     *
     * @param offset the first offset to read
     * @param committed whether the group has committed it
     */
    record Start(long offset, boolean committed) {}

    private final Broker broker;
    private final Caller caller;
    private final ReceiverOptions<?, ?> options;

    StartOffsets(Broker broker, Caller caller, ReceiverOptions<?, ?> options) {
        this.broker = broker;
        this.caller = caller;
        this.options = options;
    }

    /** The starts of those partitions; one is missing where its offset could not be had now and may be had later. */
    Mono<Map<TopicPartition, Start>> of(Collection<TopicPartition> partitions) {
        String group = options.group();
        if (group == null) {
            return startOf(partitions, Map.of());
        }
        return broker.fetchOffsets(caller, group, partitions).flatMap(committed -> startOf(partitions, committed));
    }

    private Mono<Map<TopicPartition, Start>> startOf(
            Collection<TopicPartition> partitions, Map<TopicPartition, CommittedOffset> committed) {
        return Flux.fromIterable(partitions)
                .flatMap(partition -> startOf(partition, committed).map(start -> Map.entry(partition, start)))
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }

    private Mono<Start> startOf(TopicPartition partition, Map<TopicPartition, CommittedOffset> committed) {
        CommittedOffset offset = committed.get(partition);
        return offset == null ? fresh(partition) : Mono.just(new Start(offset.offset(), true));
    }

    /** Where the options say; empty where that could not be had now. */
    Mono<Start> fresh(TopicPartition partition) {
        return broker.listOffset(caller, partition, options.startFrom())
                .map(offset -> new Start(offset, false))
                .onErrorResume(Requests::isRetriable, error -> Mono.empty());
    }
}
