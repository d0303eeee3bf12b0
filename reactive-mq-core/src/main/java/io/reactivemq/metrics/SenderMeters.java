package io.reactivemq.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The meters of a sender; see {@link SenderMeter}.
 *
 * <p>Safe for many threads.
 */
public final class SenderMeters {

    /** The tag with the client id. */
    public static final String CLIENT_TAG = "client.id";

    private final MeterRegistry registry;
    private final Tags tags;
    private final Counter sent;
    private final Counter failed;
    private final Counter retried;
    private final Counter committed;
    private final Counter aborted;

    public SenderMeters(MeterRegistry registry, String clientId) {
        this.registry = registry;
        this.tags = Tags.of(CLIENT_TAG, clientId);
        this.sent = MeterText.counter(SenderMeter.SENT, tags, registry);
        this.failed = MeterText.counter(SenderMeter.FAILED, tags, registry);
        this.retried = MeterText.counter(SenderMeter.RETRIED, tags, registry);
        this.committed = MeterText.counter(SenderMeter.COMMITTED, tags, registry);
        this.aborted = MeterText.counter(SenderMeter.ABORTED, tags, registry);
    }

    /** A batch is acknowledged, after so many attempts. */
    public void sent(int records, int attempts) {
        sent.increment(records);
        again(records, attempts);
    }

    /** Records are given up, after so many attempts. */
    public void failed(int records, int attempts) {
        failed.increment(records);
        again(records, attempts);
    }

    private void again(int records, int attempts) {
        if (attempts > 1) {
            retried.increment((double) records * (attempts - 1));
        }
    }

    /** A transaction has ended. */
    public void ended(boolean isCommitted) {
        (isCommitted ? committed : aborted).increment();
    }

    /** A send begins. To be closed when it ends, else its gauge stays. */
    public Send begin() {
        return new Send(registry, tags);
    }

    /** One send. Its thread sets, the registry's read. */
    public static final class Send {

        private final AtomicLong bytes = new AtomicLong();
        private final Runnable leave;

        private Send(MeterRegistry registry, Tags tags) {
            leave = SharedGauges.join(registry, tags, Map.of(SenderMeter.BUFFERED, bytes::getOpaque));
        }

        /** So many bytes are held now. */
        public void holds(long now) {
            bytes.setOpaque(now);
        }

        /** It has ended. Does nothing the second time. */
        public void close() {
            leave.run();
        }
    }
}
