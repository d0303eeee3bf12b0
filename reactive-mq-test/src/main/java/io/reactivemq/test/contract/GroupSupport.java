package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/** What the suites about groups share. */
abstract class GroupSupport extends EngineContract {

    static final String GROUP = "g";

    final Receiver<String, String> receiver(Broker over, Consumer<? super ReceiverOptions.Builder> options) {
        return Receiver.on(over, ReceiverOptions.of(Serdes.string(), Serdes.string(), options));
    }

    /** Sends {@code value i} to partition {@code i % partitions}. */
    final void send(String topic, int partitions, int from, int to) {
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        await(sender.send(Flux.range(from, to - from)
                        .map(i ->
                                SenderRecord.of(topic, "key " + i, "value " + i).withPartition(i % partitions)))
                .collectList());
    }

    final RawMember raw(String id) {
        return new RawMember(engine(), broker(), GROUP, id);
    }

    /** Heartbeats until everybody owns what it shall own. */
    static final void settle(RawMember... members) {
        for (int round = 0; round < 5; round++) {
            for (RawMember member : members) {
                member.reconcile();
            }
        }
    }

    final GroupDescription describe() {
        return await(broker().describeGroup(CALLER, GROUP));
    }

    final Map<TopicPartition, Long> committed(String group, String topic, int partitions) {
        List<TopicPartition> all = IntStream.range(0, partitions)
                .mapToObj(p -> new TopicPartition(topic, p))
                .toList();
        Map<TopicPartition, Long> offsets = new HashMap<>();
        await(broker().fetchOffsets(CALLER, group, all))
                .forEach((partition, committed) -> offsets.put(partition, committed.offset()));
        return offsets;
    }

    final List<StoredRecord> readAllOfTopic(String topic) {
        List<StoredRecord> all = new ArrayList<>();
        int partitions = await(broker().describeTopic(CALLER, topic)).partitions();
        for (int partition = 0; partition < partitions; partition++) {
            all.addAll(readAll(new TopicPartition(topic, partition)));
        }
        return all;
    }

    static final long sum(Map<TopicPartition, Long> offsets) {
        return offsets.values().stream().mapToLong(Long::longValue).sum();
    }

    static final Set<TopicPartition> partitions(String topic, int... partitions) {
        Set<TopicPartition> all = new TreeSet<>();
        for (int partition : partitions) {
            all.add(new TopicPartition(topic, partition));
        }
        return all;
    }

    static final void assertCode(@Nullable Throwable error, ErrorCode... expected) {
        assertThat(error)
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isIn((Object[]) expected));
    }
}
