package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.assign.Assignors;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.metrics.GroupMeter;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;

@DisplayName("ConsumerGroup, watched:")
class ConsumerGroupMetersTest {

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final ManualRuntime runtime = new ManualRuntime();
    private final ManualSource source = new ManualSource();
    private final PartitionedFlux<Integer> lanes = PartitionedFlux.by(
            source, element -> element, 4, o -> o.name("orders").partitioner((key, partitions) -> key % partitions));

    private double gauge(GroupMeter meter) {
        return registry.get(meter.meterName()).tag("name", "orders").gauge().value();
    }

    private double count(GroupMeter meter) {
        return registry.get(meter.meterName()).counter().count();
    }

    @Test
    @DisplayName("members, lanes, epoch, rebalances and hand-overs; the end of all lanes takes the gauges away")
    void watched() {
        ConsumerGroup<Integer> group = lanes.group(
                Assignors.cooperativeSticky(),
                o -> o.runtime(runtime).meterRegistry(registry).handoverTimeout(Duration.ofSeconds(5)));
        lanes.connect();
        assertThat(gauge(GroupMeter.MEMBERS)).isZero();
        // what it handles of lane 2 never ends, of the others after a second
        group.join(
                        "a",
                        lane -> lane.concatMap(
                                n -> n == 2 ? Mono.never() : Mono.delay(Duration.ofSeconds(1), runtime.timers())))
                .subscribe();
        IntStream.range(0, 4).forEach(source::next);
        assertThat(gauge(GroupMeter.MEMBERS)).isEqualTo(1);
        assertThat(gauge(GroupMeter.ASSIGNED)).isEqualTo(4);
        assertThat(gauge(GroupMeter.EPOCH)).isEqualTo(1);
        assertThat(count(GroupMeter.REBALANCES)).isEqualTo(1);
        Disposable b = group.join("b", lane -> lane).subscribe();
        assertThat(gauge(GroupMeter.MEMBERS)).isEqualTo(2);
        assertThat(gauge(GroupMeter.ASSIGNED)).isEqualTo(4);
        assertThat(gauge(GroupMeter.MOVING)).isEqualTo(2);
        assertThat(count(GroupMeter.REBALANCES)).isEqualTo(2);
        runtime.advanceBy(Duration.ofSeconds(1));
        Timer handover = registry.get(GroupMeter.HANDOVER.meterName()).timer();
        assertThat(gauge(GroupMeter.MOVING)).isEqualTo(1);
        assertThat(handover.count()).isEqualTo(1);
        assertThat(handover.totalTime(TimeUnit.SECONDS)).isEqualTo(1);
        runtime.advanceBy(Duration.ofSeconds(4));
        assertThat(gauge(GroupMeter.MOVING)).isZero();
        assertThat(gauge(GroupMeter.EPOCH)).isEqualTo(4);
        assertThat(count(GroupMeter.OVERDUE)).isEqualTo(1);
        assertThat(handover.totalTime(TimeUnit.SECONDS)).isEqualTo(6);
        b.dispose();
        assertThat(gauge(GroupMeter.MEMBERS)).isEqualTo(1);
        assertThat(gauge(GroupMeter.ASSIGNED)).isEqualTo(4);
        source.complete();
        assertThat(registry.getMeters()).noneMatch(meter -> meter.getId().getType() == Meter.Type.GAUGE);
    }

    @Test
    @DisplayName("a second group of the same lanes is refused, and leaves no gauges")
    void secondGroup() {
        lanes.group(Assignors.range());
        assertThatThrownBy(() -> lanes.group(Assignors.range(), o -> o.meterRegistry(registry)))
                .isInstanceOf(IllegalStateException.class);
        assertThat(registry.getMeters()).noneMatch(meter -> meter.getId().getType() == Meter.Type.GAUGE);
    }
}
