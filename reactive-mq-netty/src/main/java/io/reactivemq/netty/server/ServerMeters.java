package io.reactivemq.netty.server;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.kafka.common.protocol.Errors;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The meters of a server.
 *
 * <pre>
 * reactivemq.server.requests            timer    api, outcome   from the begin of a request to its answer, long polls with their wait
 * reactivemq.server.errors              counter  api, error     errors that answers tell, one for each partition, group or the like that has one
 * reactivemq.server.connections         gauge                   open now
 * reactivemq.server.connections.refused counter                 closed for what they sent, or because there were too many
 * reactivemq.server.received, .sent     counter                 bytes
 * </pre>
 *
 * <p>Servers of one registry share them.
 */
final class ServerMeters {

    private static final String PREFIX = "reactivemq.server.";

    private final Map<ApiMessageType, Timer> answered = new EnumMap<>(ApiMessageType.class);
    private final Map<ApiMessageType, Timer> failed = new EnumMap<>(ApiMessageType.class);

    /** By API and number of the error; as they come, and no more than there are of both. */
    private final Map<Integer, Counter> errors = new ConcurrentHashMap<>();

    private final AtomicInteger open;
    private final AtomicInteger connections = new AtomicInteger();
    private final MeterRegistry registry;
    private final Counter refused;
    private final Counter received;
    private final Counter sent;

    ServerMeters(MeterRegistry registry, ApiTable apis) {
        this.registry = registry;
        apis.versions().keySet().forEach(api -> {
            answered.put(api, timer(registry, api, "success"));
            failed.put(api, timer(registry, api, "error"));
        });
        open = SharedGauge.of(registry, PREFIX + "connections", "connections that are open");
        refused = Counter.builder(PREFIX + "connections.refused")
                .description("connections that were closed for what they sent, or because there were too many")
                .register(registry);
        received = Counter.builder(PREFIX + "received")
                .description("bytes of requests")
                .baseUnit("bytes")
                .register(registry);
        sent = Counter.builder(PREFIX + "sent")
                .description("bytes of responses")
                .baseUnit("bytes")
                .register(registry);
    }

    private static Timer timer(MeterRegistry registry, ApiMessageType api, String outcome) {
        return Timer.builder(PREFIX + "requests")
                .description("requests, from their begin to their answer")
                .tag("api", api.name)
                .tag("outcome", outcome)
                .register(registry);
    }

    void answered(ApiMessageType api, long nanos, boolean failure) {
        Timer timer = (failure ? failed : answered).get(api);
        if (timer != null) {
            timer.record(nanos, TimeUnit.NANOSECONDS);
        }
    }

    /** Counts the errors of an answer. */
    void told(ApiMessageType api, ApiMessage answer) {
        AnswerErrors.of(
                answer,
                number -> errors.computeIfAbsent(
                                (api.apiKey() << Short.SIZE) | (number & 0xffff), key -> counter(api, number))
                        .increment());
    }

    private Counter counter(ApiMessageType api, int number) {
        return Counter.builder(PREFIX + "errors")
                .description("errors in answers")
                .tag("api", api.name)
                .tag("error", Errors.forCode((short) number).name())
                .register(registry);
    }

    void received(int bytes) {
        received.increment(bytes);
    }

    void sent(int bytes) {
        sent.increment(bytes);
    }

    void refused() {
        refused.increment();
    }

    /** How many this server has with this one. */
    int opened() {
        open.incrementAndGet();
        return connections.incrementAndGet();
    }

    void closed() {
        open.decrementAndGet();
        connections.decrementAndGet();
    }
}
