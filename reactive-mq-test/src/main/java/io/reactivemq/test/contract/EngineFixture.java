package io.reactivemq.test.contract;

import io.reactivemq.broker.Broker;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.NullUnmarked;
import reactor.core.publisher.Mono;

/**
 * One engine under test: how it is opened and closed, and how a test waits on it, in virtual time or in real time. A fixture
 * serves one test, on the test's thread.
 */
public interface EngineFixture extends AutoCloseable {

    /** Opens the engine, at first with no topics. */
    Broker open();

    /**
     * Closes the engine in good order and opens it again on the same data; the Broker opened before is of no use any more.
     *
     * @throws UnsupportedOperationException where the engine forgets
     */
    Broker reopen();

    /** Whether {@link #reopen()} finds everything again. */
    boolean isDurable();

    /**
     * Waits for the Mono's end: the value, or null where it has none (which the type deliberately does not say). Its error is
     * thrown as it is; a wait that takes too long is an AssertionError.
     */
    @NullUnmarked
    <T> T await(Mono<T> mono);

    /** Waits until the condition holds; an AssertionError where it does not in good time. */
    void eventually(BooleanSupplier condition);

    /** Lets that much of the engine's time pass. */
    void elapse(Duration time);

    /** After how long without a heartbeat the engine takes a member for gone. */
    Duration groupSessionTimeout();

    /** How often the engine looks for records that are beyond what is to be kept. */
    Duration retentionCheckInterval();

    /** How often the engine looks for what can be compacted. */
    default Duration compactionInterval() {
        return retentionCheckInterval();
    }

    /** Closes what is open and removes the data. */
    @Override
    void close();
}
