package io.reactivemq.examples.demo;

import io.reactivemq.MqRuntime;
import io.reactivemq.examples.cli.BadInputException;
import io.reactivemq.examples.cli.UnfinishedException;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * The bound on a whole run. Every wait of the main thread goes through here: it ends at the latest when the time is up, and at once
 * when a pipeline in the background fails, and what was waited for is in the message.
 */
final class Deadline {

    private static final Duration LOOK_EVERY = Duration.ofMillis(20);

    private final MqRuntime runtime;
    private final Duration bound;
    private final Supplier<String> state;
    private final long startNanos;
    private final Sinks.Empty<Void> failed = Sinks.empty();

    /**
     * @param bound the time there is from now on
     * @param state how far things are, for the message
     */
    Deadline(MqRuntime runtime, Duration bound, Supplier<String> state) {
        this.runtime = runtime;
        this.bound = bound;
        this.state = state;
        this.startNanos = runtime.nanoTime();
    }

    /** The time since the run began. */
    Duration elapsed() {
        return Duration.ofNanos(runtime.nanoTime() - startNanos);
    }

    /** A pipeline in the background has failed; of several failures the first is told. */
    void failed(String pipeline, Throwable error) {
        failed.tryEmitError(new UnfinishedException(pipeline + " failed: " + error, error));
    }

    /** Waits for what the Mono brings, which is null where it is empty. */
    <T> @Nullable T await(String what, Mono<T> step) {
        Mono<T> orFailed = Mono.firstWithSignal(step, failed.asMono().then(Mono.empty()));
        try {
            return orFailed.timeout(left(), Mono.error(() -> late(what))).block();
        } catch (UnfinishedException | BadInputException e) {
            throw e;
        } catch (RuntimeException e) {
            throw new UnfinishedException("failed while waiting for " + what + ": " + e.getMessage(), e);
        }
    }

    /** As {@link #await}, for a Mono that always brings something. */
    <T> T awaitValue(String what, Mono<T> step) {
        T value = await(what, step);
        if (value == null) {
            throw new UnfinishedException("nothing came while waiting for " + what, null);
        }
        return value;
    }

    /** Waits until the condition holds; it is looked at every few milliseconds, on the calling thread's behalf. */
    void until(String what, BooleanSupplier holds) {
        await(
                what,
                Mono.delay(LOOK_EVERY, runtime.timers())
                        .repeat(() -> !holds.getAsBoolean())
                        .then());
    }

    private Duration left() {
        Duration left = bound.minus(elapsed());
        return left.isNegative() ? Duration.ZERO : left;
    }

    private UnfinishedException late(String what) {
        return new UnfinishedException(
                "not done within " + bound.toSeconds() + " s, waiting for " + what + " (" + state.get() + ")", null);
    }
}
