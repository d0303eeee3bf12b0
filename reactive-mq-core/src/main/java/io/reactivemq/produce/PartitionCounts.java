package io.reactivemq.produce;

import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;

/**
 * How many partitions topics have, as the broker said lately; what is used is asked for again in the background when it is old. Shared by the
 * sends of a Sender, safe for many threads.
 */
final class PartitionCounts {

    private static final Logger LOG = LoggerFactory.getLogger(PartitionCounts.class);

    private final Broker broker;
    private final Caller caller;
    private final Duration maxAge;
    private final Duration timeout;
    private final Map<String, Count> byTopic = new ConcurrentHashMap<>();

    PartitionCounts(Broker broker, SenderOptions<?, ?> options) {
        this.broker = broker;
        this.caller = Caller.embedded(options.clientId());
        this.maxAge = options.metadataMaxAge();
        this.timeout = options.deliveryTimeout();
    }

    /** What is known; 0 where nothing is. */
    int of(String topic) {
        Count count = byTopic.get(topic);
        return count == null ? 0 : count.partitions;
    }

    void put(String topic, int partitions) {
        byTopic.put(topic, new Count(partitions, broker.runtime().nanoTime()));
    }

    void forget(String topic) {
        byTopic.remove(topic);
    }

    /** What is known of a topic that is in use, and 0 where nothing is; where that is old it is asked for again. */
    int use(String topic, long nowNanos) {
        Count count = byTopic.get(topic);
        if (count == null) {
            return 0;
        }
        // who puts the same count with the time of now is the one that asks
        if (nowNanos - count.atNanos >= maxAge.toNanos()
                && byTopic.replace(topic, count, new Count(count.partitions, nowNanos))) {
            Disposable unused = broker.describeTopic(caller, topic)
                    .timeout(timeout, broker.runtime().timers())
                    .subscribe(
                            found -> byTopic.computeIfPresent(
                                    topic, (name, known) -> new Count(found.partitions(), known.atNanos)),
                            // a send to a topic that is gone fails by itself
                            failure -> LOG.debug("topic {}: its partitions were not found out", topic, failure));
        }
        return count.partitions;
    }

    /**
     * What the broker said.
     *
     * @param partitions how many there are
     * @param atNanos when it was asked
     */
    private record Count(int partitions, long atNanos) {}
}
