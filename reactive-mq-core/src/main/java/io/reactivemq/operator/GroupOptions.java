package io.reactivemq.operator;

import io.micrometer.core.instrument.MeterRegistry;
import io.reactivemq.MqRuntime;
import io.reactivemq.TopicPartition;
import io.reactivemq.metrics.GroupMeter;
import io.reactivemq.metrics.Metering;
import java.time.Duration;
import java.util.Objects;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** What can be said about a {@link ConsumerGroup}. */
public final class GroupOptions {

    /** How long a member's publisher may take to finish, unless told otherwise. */
    public static final Duration HANDOVER_TIMEOUT_DEFAULT = Duration.ofSeconds(30);

    private Duration handoverTimeout = HANDOVER_TIMEOUT_DEFAULT;
    private BiConsumer<String, TopicPartition> onHandoverTimeout = (member, lane) -> {};
    private @Nullable MqRuntime runtime;
    private @Nullable MeterRegistry meterRegistry;

    GroupOptions() {}

    /**
     * How long, from the moment a lane is taken from a member, its publisher may take to finish; then it is cancelled, and the lane goes to its new member.
     * If the runtime refuses the timer, as one that was shut down does, that error is dropped ({@code Operators.onErrorDropped}), and the publisher may take any time.
     *
     * @param timeout above zero
     */
    public GroupOptions handoverTimeout(Duration timeout) {
        if (timeout.isZero() || timeout.isNegative()) {
            throw new IllegalArgumentException("handoverTimeout must be above zero, but is " + timeout);
        }
        this.handoverTimeout = timeout;
        return this;
    }

    /**
     * Told of each publisher that did not finish in time, by the id of the member and the lane, when it has just been cancelled. What it throws goes to
     * {@code Operators.onErrorDropped}; the lane moves on.
     */
    public GroupOptions onHandoverTimeout(BiConsumer<String, TopicPartition> callback) {
        this.onHandoverTimeout = Objects.requireNonNull(callback, "callback");
        return this;
    }

    /** Where timers and the threads behind them come from; {@code MqRuntime.system()} unless told otherwise. */
    public GroupOptions runtime(MqRuntime runtime) {
        this.runtime = Objects.requireNonNull(runtime, "runtime");
        return this;
    }

    /** Where the meters of {@link GroupMeter} are registered, from now on until all lanes have ended; their name is that of the lanes. Without a registry there are none. */
    public GroupOptions meterRegistry(MeterRegistry registry) {
        this.meterRegistry = Objects.requireNonNull(registry, "registry");
        return this;
    }

    Metering metering(String name) {
        return new Metering("consumerGroup", name, meterRegistry, null, runtime());
    }

    Duration handoverTimeout() {
        return handoverTimeout;
    }

    BiConsumer<String, TopicPartition> onHandoverTimeout() {
        return onHandoverTimeout;
    }

    MqRuntime runtime() {
        return runtime == null ? MqRuntime.system() : runtime;
    }
}
