package io.reactivemq.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;

/** The meters of a broker's compaction; see {@link CompactionMeter}. */
public final class CompactionMeters {

    private final Timer time;
    private final Counter read;
    private final Counter reclaimed;
    private final Counter removed;
    private final Counter failures;

    public CompactionMeters(MeterRegistry registry) {
        time = Timer.builder(CompactionMeter.TIME.meterName())
                .description(CompactionMeter.TIME.description())
                .register(registry);
        read = MeterText.counter(CompactionMeter.READ, Tags.empty(), registry);
        reclaimed = MeterText.counter(CompactionMeter.RECLAIMED, Tags.empty(), registry);
        removed = MeterText.counter(CompactionMeter.REMOVED, Tags.empty(), registry);
        failures = MeterText.counter(CompactionMeter.FAILURES, Tags.empty(), registry);
    }

    /**
     * A pass has done something.
     *
     * @param reclaimedBytes less than nothing where it added more than it took away, which is not counted
     */
    public void passed(Duration took, long readBytes, long reclaimedBytes, long removedRecords) {
        time.record(took);
        read.increment((double) readBytes);
        reclaimed.increment((double) Math.max(0, reclaimedBytes));
        removed.increment((double) removedRecords);
    }

    /** A pass has failed. */
    public void failed() {
        failures.increment();
    }
}
