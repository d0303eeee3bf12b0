package io.reactivemq.examples.parcels;

import io.reactivemq.TopicPartition;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverHealth;
import java.util.Map;
import java.util.TreeMap;
import org.springframework.boot.health.contributor.AbstractReactiveHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** How far the group is behind, by partition and in all; down when its member has ended or is stalled, or when it is too far behind. */
@Component
class GroupLagHealthIndicator extends AbstractReactiveHealthIndicator {

    private final Receiver<String, Scan> receiver;
    private final DepotMember member;
    private final ParcelsProperties properties;

    GroupLagHealthIndicator(Receiver<String, Scan> depotReceiver, DepotMember member, ParcelsProperties properties) {
        super("the lag of the group can't be told");
        this.receiver = depotReceiver;
        this.member = member;
        this.properties = properties;
    }

    @Override
    protected Mono<Health> doHealthCheck(Health.Builder builder) {
        return Mono.zip(receiver.lag(), receiver.health(), (lag, health) -> health(builder, lag, health))
                .timeout(properties.healthTimeout());
    }

    private Health health(Health.Builder builder, Map<TopicPartition, Long> lag, ReceiverHealth health) {
        long total = lag.values().stream().mapToLong(Long::longValue).sum();
        boolean well = member.isRunning() && !health.isStalled() && total <= properties.lagMax();
        Map<String, Long> byPartition = new TreeMap<>();
        lag.forEach((partition, records) -> byPartition.put(partition.toString(), records));
        return (well ? builder.up() : builder.down())
                .withDetail("group", properties.group())
                .withDetail("running", member.isRunning())
                .withDetail("stalled", health.isStalled())
                .withDetail("lag", total)
                .withDetail("partitions", byPartition)
                .build();
    }
}
