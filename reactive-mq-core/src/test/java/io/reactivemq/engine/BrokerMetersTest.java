package io.reactivemq.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.Durability;
import io.reactivemq.Headers;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.metrics.BrokerMeter;
import io.reactivemq.metrics.BrokerMeters;
import io.reactivemq.metrics.BrokerMeters.GroupPartition;
import io.reactivemq.metrics.SenderMeter;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.TransactionalSender;
import io.reactivemq.record.RecordBatchBuilder;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

@DisplayName("A broker with a registry tells")
class BrokerMetersTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final TopicPartition ORDERS = new TopicPartition("orders", 1);

    private final ManualRuntime runtime = new ManualRuntime();
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

    @Test
    @DisplayName(
            "K24 the size of each partition and the lag of each group, as long as there is such a topic or group and it is open itself")
    void sizesAndLags() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(
                16 << 20, options -> options.runtime(runtime).meterRegistry(registry));
        await(broker.createTopic(NewTopic.of("orders", 2)));
        RecordBatchBuilder batch = new RecordBatchBuilder(4096, 1 << 20);
        for (int i = 0; i < 10; i++) {
            batch.tryAppend(runtime.currentTimeMillis(), null, "value".getBytes(UTF_8), Headers.empty());
        }
        await(broker.append(CALLER, ORDERS, batch.build(), Acks.ALL));
        await(broker.commitOffsets(CALLER, OffsetCommit.admin("billing", Map.of(ORDERS, CommittedOffset.of(7))))
                .thenReturn(true));
        runtime.advanceBy(BrokerMeters.INTERVAL);

        assertThat(size("orders", 1)).containsExactly((double) bytes(broker));
        assertThat(size("orders", 0)).containsExactly(0.0);
        assertThat(size("__consumer_offsets", 0)).hasSize(1);
        assertThat(lag("billing")).containsExactly(3.0);

        await(broker.append(CALLER, ORDERS, batchOf("another"), Acks.ALL));
        runtime.advanceBy(BrokerMeters.INTERVAL);
        assertThat(lag("billing")).containsExactly(4.0);

        await(broker.deleteGroup(CALLER, "billing").thenReturn(true));
        runtime.advanceBy(BrokerMeters.INTERVAL);
        assertThat(lag("billing")).isEmpty();
        assertThat(size("orders", 1)).hasSize(1);

        await(broker.deleteTopic(CALLER, "orders").thenReturn(true));
        runtime.advanceBy(BrokerMeters.INTERVAL);
        assertThat(size("orders", 1)).isEmpty();

        Mono<Void> closing = broker.closeGracefully(Duration.ofMinutes(1));
        closing.subscribe();
        runtime.advanceBy(Duration.ofMinutes(2));
        assertThat(registry.find(BrokerMeter.LOG_SIZE.meterName()).gauges()).isEmpty();
    }

    @Test
    @DisplayName("RELIABILITY fsync: each force of a file, of which an append that is acknowledged has had one")
    void forces(@TempDir Path directory) {
        EmbeddedBroker broker = EmbeddedBroker.openNow(
                directory,
                Duration.ofMinutes(2),
                options -> options.durability(Durability.FSYNC).meterRegistry(registry));
        try {
            broker.createTopic(NewTopic.of("orders", 2)).block(Duration.ofMinutes(2));
            long before = forceCount();

            broker.append(CALLER, ORDERS, batchOf("value"), Acks.ALL).block(Duration.ofMinutes(2));

            assertThat(forceCount()).isGreaterThan(before);
        } finally {
            broker.closeGracefully(Duration.ofMinutes(2)).block(Duration.ofMinutes(2));
        }
    }

    private long forceCount() {
        return registry.get(BrokerMeter.FORCE.meterName()).timer().count();
    }

    @Test
    @DisplayName("K14 the members and the epoch of each group, which rises as members come and go")
    void groups() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(
                16 << 20, options -> options.runtime(runtime).meterRegistry(registry));
        await(broker.createTopic(NewTopic.of("orders", 2)));
        await(broker.heartbeat(CALLER, GroupHeartbeat.join("billing", "a", Duration.ofMinutes(1), Set.of("orders"))));
        runtime.advanceBy(BrokerMeters.INTERVAL);
        assertThat(ofGroup(BrokerMeter.GROUP_MEMBERS)).containsExactly(1.0);
        assertThat(ofGroup(BrokerMeter.GROUP_EPOCH)).containsExactly(1.0);
        await(broker.heartbeat(CALLER, GroupHeartbeat.join("billing", "b", Duration.ofMinutes(1), Set.of("orders"))));
        runtime.advanceBy(BrokerMeters.INTERVAL);
        assertThat(ofGroup(BrokerMeter.GROUP_MEMBERS)).containsExactly(2.0);
        assertThat(ofGroup(BrokerMeter.GROUP_EPOCH)).containsExactly(2.0);
        broker.closeGracefully(Duration.ofMinutes(1)).subscribe();
        runtime.advanceBy(Duration.ofMinutes(2));
        assertThat(ofGroup(BrokerMeter.GROUP_MEMBERS)).isEmpty();
    }

    private List<Double> ofGroup(BrokerMeter meter) {
        return registry.find(meter.meterName()).tags("group", "billing").gauges().stream()
                .map(Gauge::value)
                .toList();
    }

    @Test
    @DisplayName("K12 the transactions that are open, and a sender those that it has committed and aborted")
    void transactions() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(
                16 << 20, options -> options.runtime(runtime).meterRegistry(registry));
        await(broker.createTopic(NewTopic.of("orders", 2)));
        TransactionalSender<String, String> sender = Sender.on(
                        broker,
                        SenderOptions.of(
                                Serdes.string(),
                                Serdes.string(),
                                o -> o.clientId("till").meterRegistry(registry)))
                .transactional("till-1");
        Flux<SenderRecord<String, String>> records = Flux.range(0, 3).map(i -> SenderRecord.of("orders", "v" + i));
        Disposable open = sender.send(records.concatWith(Flux.never())).subscribe();
        runtime.advanceBy(BrokerMeters.INTERVAL);
        assertThat(openTransactions()).containsExactly(1.0);
        open.dispose();
        runtime.advanceBy(BrokerMeters.INTERVAL);
        assertThat(openTransactions()).containsExactly(0.0);
        await(sender.send(records).collectList());
        await(sender.send(records).collectList());

        assertThat(count(SenderMeter.ABORTED)).isEqualTo(1);
        assertThat(count(SenderMeter.COMMITTED)).isEqualTo(2);
        assertThat(count(SenderMeter.SENT)).isEqualTo(9);
        broker.closeGracefully(Duration.ofMinutes(1)).subscribe();
        runtime.advanceBy(Duration.ofMinutes(2));
        assertThat(openTransactions()).isEmpty();
    }

    private List<Double> openTransactions() {
        return registry.find(BrokerMeter.TRANSACTIONS.meterName()).gauges().stream()
                .map(Gauge::value)
                .toList();
    }

    private double count(SenderMeter meter) {
        return registry.get(meter.meterName()).counter().count();
    }

    @Test
    @DisplayName("of 10,000 partitions, of 10,000 lags and of 10,000 groups at most, the first by name")
    void bounded() {
        BrokerMeters meters = new BrokerMeters(registry);
        Map<TopicPartition, Long> sizes = new HashMap<>();
        Map<GroupPartition, Long> lags = new HashMap<>();
        for (int i = 0; i < BrokerMeters.LINES_MAX; i++) {
            sizes.put(new TopicPartition("many", i), 1L);
            lags.put(new GroupPartition("group", new TopicPartition("many", i)), 2L);
        }
        Map<String, BrokerMeters.Group> groups = new HashMap<>();
        IntStream.range(0, BrokerMeters.LINES_MAX + 5).forEach(i -> groups.put("g" + i, new BrokerMeters.Group(1, 1)));
        sizes.put(new TopicPartition("no more", 0), 1L);
        lags.put(new GroupPartition("no more", ORDERS), 2L);
        meters.update(new BrokerMeters.Look(sizes, lags, groups, 0, 0));
        assertThat(registry.find(BrokerMeter.LOG_SIZE.meterName()).gauges()).hasSize(BrokerMeters.LINES_MAX);
        assertThat(registry.find(BrokerMeter.CONSUMER_LAG.meterName()).gauges()).hasSize(BrokerMeters.LINES_MAX);
        assertThat(registry.find(BrokerMeter.GROUP_MEMBERS.meterName()).gauges())
                .hasSize(BrokerMeters.LINES_MAX);
        assertThat(registry.find(BrokerMeter.GROUP_EPOCH.meterName()).gauges()).hasSize(BrokerMeters.LINES_MAX);
        assertThat(size("no more", 0)).isEmpty();
        assertThat(lag("no more")).isEmpty();
        meters.close();
        meters.update(new BrokerMeters.Look(sizes, lags, groups, 0, 0));
        assertThat(registry.getMeters()).isEmpty();
    }

    private ByteBuffer batchOf(String value) {
        RecordBatchBuilder batch = new RecordBatchBuilder(256, 1 << 20);
        batch.tryAppend(runtime.currentTimeMillis(), null, value.getBytes(UTF_8), Headers.empty());
        return batch.build();
    }

    private long bytes(EmbeddedBroker broker) {
        Long bytes = await(broker.describeLogDir(CALLER)).sizes().get(ORDERS);
        return Objects.requireNonNull(bytes);
    }

    private List<Double> size(String topic, int partition) {
        return registry
                .find(BrokerMeter.LOG_SIZE.meterName())
                .tags("topic", topic, "partition", Integer.toString(partition))
                .gauges()
                .stream()
                .map(Gauge::value)
                .toList();
    }

    private List<Double> lag(String group) {
        return registry.find(BrokerMeter.CONSUMER_LAG.meterName()).tags("group", group).gauges().stream()
                .map(Gauge::value)
                .toList();
    }

    private <T> T await(Mono<T> mono) {
        CompletableFuture<T> future = mono.toFuture();
        runtime.run();
        assertThat(future).isDone();
        return future.join();
    }
}
