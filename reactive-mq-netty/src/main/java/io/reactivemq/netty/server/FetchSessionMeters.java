package io.reactivemq.netty.server;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The meters of fetch sessions.
 *
 * <pre>
 * reactivemq.server.fetch.sessions         gauge    open now
 * reactivemq.server.fetch.sessions.used    counter  fetches that went on with a session
 * reactivemq.server.fetch.sessions.evicted counter  sessions that had to go for want of room
 * </pre>
 */
final class FetchSessionMeters {

    private static final String PREFIX = "reactivemq.server.fetch.sessions";

    private final AtomicInteger open;
    private final Counter used;
    private final Counter evicted;

    FetchSessionMeters(MeterRegistry registry) {
        open = SharedGauge.of(registry, PREFIX, "fetch sessions that are open");
        used = Counter.builder(PREFIX + ".used")
                .description("fetches that went on with a session")
                .register(registry);
        evicted = Counter.builder(PREFIX + ".evicted")
                .description("fetch sessions that had to go for want of room")
                .register(registry);
    }

    void opened() {
        open.incrementAndGet();
    }

    void closed() {
        open.decrementAndGet();
    }

    void used() {
        used.increment();
    }

    void evicted() {
        evicted.increment();
    }
}
