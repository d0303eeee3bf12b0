package io.reactivemq.examples.rebalance;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Serdes;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.consume.DrainReport;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

@Tag("memory")
class BillerTest {

    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final int PARTITIONS = 4;

    @Test
    @DisplayName("M04 M05 one joins and one leaves while orders flow: partitions move, and each order is billed once")
    void rebalance() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(16 << 20);
        broker.createTopic(NewTopic.of(Biller.ORDERS, PARTITIONS)).block(LIMIT);
        List<String> byFirst = new CopyOnWriteArrayList<>();
        List<String> bySecond = new CopyOnWriteArrayList<>();
        Biller first = new Biller(broker, order -> Mono.fromRunnable(() -> byFirst.add(order)));
        Biller second = new Biller(broker, order -> Mono.fromRunnable(() -> bySecond.add(order)));

        first.run().subscribe();
        awaitPartitions(first, PARTITIONS);
        Mono<Void> sending = send(broker, 0, 2_000).cache();
        sending.subscribe();
        second.run().subscribe();
        awaitPartitions(second, PARTITIONS / 2);
        awaitPartitions(first, PARTITIONS / 2);
        sending.block(LIMIT);
        send(broker, 2_000, 4_000).block(LIMIT);
        DrainReport report = Objects.requireNonNull(first.leave().block(LIMIT));
        awaitPartitions(second, PARTITIONS);
        send(broker, 4_000, 4_100).block(LIMIT);
        awaitAll(4_100, byFirst, bySecond);
        second.leave().block(LIMIT);

        assertThat(report.abandoned()).as("left unfinished").isZero();
        assertThat(byFirst).isNotEmpty();
        assertThat(bySecond).isNotEmpty();
        assertThat(Stream.concat(byFirst.stream(), bySecond.stream()))
                .as("none lost, none twice")
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(0, 4_100).mapToObj(n -> "order " + n).toList());
        broker.closeGracefully(LIMIT).block(LIMIT);
    }

    private static Mono<Void> send(EmbeddedBroker broker, int from, int to) {
        return Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string()))
                .send(Flux.range(from, to - from)
                        .map(n -> SenderRecord.of(Biller.ORDERS, "customer-" + n % 31, "order " + n)))
                .doOnNext(result -> assertThat(result.offset()).isNotNegative())
                .then();
    }

    private static void awaitPartitions(Biller biller, int count) {
        biller.partitions()
                .filter(partitions -> partitions.size() == count)
                .next()
                .block(LIMIT);
    }

    private static void awaitAll(int orders, List<String> byFirst, List<String> bySecond) {
        Flux.interval(Duration.ofMillis(10))
                .takeUntil(tick -> byFirst.size() + bySecond.size() >= orders)
                .blockLast(LIMIT);
    }
}
