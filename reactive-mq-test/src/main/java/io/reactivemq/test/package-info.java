/**
 * What users of reactive-mq test with, and the project itself: the production code on a runtime in virtual time, and suites
 * that every engine has to pass.
 *
 * <p>Start at {@link io.reactivemq.test.SimulatedRuntime}. Hand it to a broker instead of {@code MqRuntime.system()}; then
 * nothing happens until the test says so, on the test's own thread, and an hour passes in a millisecond:
 *
 * <pre>{@code
 * SimulatedRuntime runtime = SimulatedRuntime.seeded(42);
 * EmbeddedBroker broker = runtime.await(EmbeddedBroker.inMemory(64 << 20, o -> o.runtime(runtime)));
 * runtime.await(broker.createTopic(Caller.embedded("test"), NewTopic.of("orders", 3)));
 * runtime.advance(Duration.ofHours(1));
 * }</pre>
 *
 * <p>{@link io.reactivemq.test.history.History} takes down what clients did and saw, of whatever broker, and finds what is wrong with it.
 *
 * <p>{@link io.reactivemq.test.Seeds} says which seeds a test runs with and how a failure is replayed.
 *
 * <p>May import: every public package of reactive-mq-core, reactor-core, JUnit and AssertJ. Threading: each type says; nothing
 * here starts a thread.
 */
@NullMarked
package io.reactivemq.test;

import org.jspecify.annotations.NullMarked;
