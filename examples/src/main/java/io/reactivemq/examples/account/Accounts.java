package io.reactivemq.examples.account;

import io.reactivemq.Serde;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Event-sourced accounts. Every deposit and withdrawal is an event in a topic that is kept whole; the balances are the sum of them. A
 * snapshot of each partition goes to a compacted topic, which keeps the last one of each, so that a start reads those and the events
 * behind them.
 */
public final class Accounts {

    static final String EVENTS = "account-events";
    static final String SNAPSHOTS = "account-snapshots";

    private static final Caller CALLER = Caller.embedded("accounts");

    private final Broker broker;

    public Accounts(Broker broker) {
        this.broker = broker;
    }

    /** Creates the topics. */
    public Mono<Void> create(int partitions) {
        return broker.createTopic(new NewTopic(EVENTS, partitions, Map.of("retention.ms", "-1")))
                .then(broker.createTopic(new NewTopic(SNAPSHOTS, 1, Map.of("cleanup.policy", "compact"))))
                .then();
    }

    /** Records a deposit, or a withdrawal where the amount is below zero; done when it is durable. */
    public Mono<Void> deposit(String account, long cents) {
        return Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.longNumber()))
                .send(SenderRecord.of(EVENTS, account, cents))
                .then();
    }

    /** Keeps these snapshots, each as the last one of its partition. */
    public Mono<Void> keep(Map<Integer, Snapshot> snapshots) {
        return Sender.on(broker, SenderOptions.of(Serdes.integer(), Snapshot.SERDE, o -> o.stopOnError(true)))
                .send(Flux.fromIterable(snapshots.entrySet())
                        .map(entry -> SenderRecord.of(SNAPSHOTS, entry.getKey(), entry.getValue())))
                .then();
    }

    /** The state of all partitions from every event there is. */
    public Mono<Map<Integer, Snapshot>> replayAll() {
        return withEventsBehind(Map.of());
    }

    /** The same from the snapshots and the events behind them. */
    public Mono<Map<Integer, Snapshot>> recover() {
        return upToNow(new TopicPartition(SNAPSHOTS, 0), 0, Serdes.integer(), Snapshot.SERDE)
                .<Map<Integer, Snapshot>>collect(
                        TreeMap::new, (snapshots, record) -> snapshots.put(keyOf(record), valueOf(record)))
                .flatMap(this::withEventsBehind);
    }

    private Mono<Map<Integer, Snapshot>> withEventsBehind(Map<Integer, Snapshot> snapshots) {
        return broker.describeTopic(EVENTS)
                .flatMapMany(topic -> Flux.range(0, topic.partitions()))
                .concatMap(partition -> {
                    Snapshot begin = snapshots.getOrDefault(partition, Snapshot.EMPTY);
                    return upToNow(
                                    new TopicPartition(EVENTS, partition),
                                    begin.nextOffset(),
                                    Serdes.string(),
                                    Serdes.longNumber())
                            .reduce(begin, (state, event) -> state.after(event.offset(), keyOf(event), valueOf(event)))
                            .map(state -> Map.entry(partition, state));
                })
                .collectMap(Map.Entry::getKey, Map.Entry::getValue, TreeMap::new);
    }

    /** What is in a partition now, from that offset on. */
    private <K, V> Flux<ReceiverRecord<K, V>> upToNow(
            TopicPartition partition, long from, Serde<K> keySerde, Serde<V> valueSerde) {
        return broker.listOffset(CALLER, partition, OffsetSpec.latest()).flatMapMany(end -> {
            if (end <= from) {
                return Flux.empty();
            }
            return Receiver.on(
                            broker,
                            ReceiverOptions.of(keySerde, valueSerde, o -> o.partitionsFrom(Map.of(partition, from))))
                    .receiveAutoAck()
                    .takeUntil(record -> record.offset() == end - 1);
        });
    }

    private static <K> K keyOf(ReceiverRecord<K, ?> record) {
        return Objects.requireNonNull(record.key(), "all records here have a key");
    }

    private static <V> V valueOf(ReceiverRecord<?, V> record) {
        return Objects.requireNonNull(record.value(), "all records here have a value");
    }
}
