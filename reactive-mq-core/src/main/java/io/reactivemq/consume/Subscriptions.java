package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;

/** The one active subscription of a Receiver, and what is assigned to it. Safe for use by many threads. */
final class Subscriptions {

    /** Loop and assignment change together, so that what a former loop still has to say is not taken for the next one's. */
    private record Active(@Nullable ConsumeLoop loop, Set<TopicPartition> assigned) {
        static final Active NONE = new Active(null, Set.of());
    }

    private final AtomicReference<Active> active = new AtomicReference<>(Active.NONE);
    private final Sinks.Many<Set<TopicPartition>> assignments =
            Sinks.unsafe().many().replay().latestOrDefault(Set.of());
    // serializes what goes into the sink; what is overtaken is left out
    private final AtomicInteger wip = new AtomicInteger();
    private Set<TopicPartition> published = Set.of();
    // cancelled, and not yet at its end
    private final AtomicReference<@Nullable ConsumeLoop> leaving = new AtomicReference<>();

    /** False if another one is active. */
    boolean begin(ConsumeLoop loop) {
        return active.compareAndSet(Active.NONE, new Active(loop, Set.of()));
    }

    /** The subscription is over for its subscriber; what it has to do yet, it does in the background. */
    void cancelled(ConsumeLoop loop) {
        if (now().loop() == loop) {
            leaving.set(loop);
        }
        clear(loop);
    }

    void ended(ConsumeLoop loop) {
        leaving.compareAndSet(loop, null);
        clear(loop);
    }

    private void clear(ConsumeLoop loop) {
        active.updateAndGet(now -> now.loop() == loop ? Active.NONE : now);
        publish();
    }

    void assigned(ConsumeLoop loop, Set<TopicPartition> partitions) {
        active.updateAndGet(now -> now.loop() == loop ? new Active(loop, partitions) : now);
        publish();
    }

    @Nullable ConsumeLoop activeLoop() {
        return now().loop();
    }

    /** The active one, or else one that was cancelled and is not yet at its end. */
    @Nullable ConsumeLoop activeOrLeavingLoop() {
        ConsumeLoop active = activeLoop();
        return active == null ? leaving.get() : active;
    }

    private Active now() {
        return Objects.requireNonNull(active.get());
    }

    Flux<Set<TopicPartition>> assignments() {
        return assignments.asFlux().onBackpressureLatest();
    }

    private void publish() {
        if (wip.getAndIncrement() != 0) {
            return;
        }
        int missed = 1;
        while (missed != 0) {
            Set<TopicPartition> now = now().assigned();
            if (!now.equals(published)) {
                published = now;
                assignments.emitNext(now, Sinks.EmitFailureHandler.FAIL_FAST);
            }
            missed = wip.addAndGet(-missed);
        }
    }
}
