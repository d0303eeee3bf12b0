/**
 * Doubles for the tests of senders and receivers: {@link io.reactivemq.broker.testing.ScriptedBroker}, a broker in memory
 * whose answers a test can hold back, fail and delay, and {@link io.reactivemq.broker.testing.ManualRuntime}, time and
 * threads that move only when the test says so.
 *
 * <p>May import: {@code broker} and the vocabulary. Threading: both are safe for many threads.
 */
@NullMarked
package io.reactivemq.broker.testing;

import org.jspecify.annotations.NullMarked;
