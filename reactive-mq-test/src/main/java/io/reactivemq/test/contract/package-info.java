/**
 * The contract: what every engine must do, as suites that run unchanged on each. An engine that passes them is
 * Kafka-compatible in the sense of this project.
 *
 * <p>Start at {@link io.reactivemq.test.contract.EngineFixture}, which tells the suites how to open an engine and how to wait.
 * Then extend the suites, once for each engine:
 *
 * <pre>{@code
 * class MyEngineContractTest {
 *     @Nested
 *     class Topics extends TopicsContract {
 *         @Override
 *         protected EngineFixture newEngine(long seed) {
 *             return new MyEngineFixture(seed);
 *         }
 *     }
 *     // DataContract, RetentionContract, GroupContract, HeartbeatContract, DeadLetterContract and the others likewise
 * }
 * }</pre>
 *
 * <p>A test whose display name begins with an id (K02) proves the statement of that id. A test that needs a restart is skipped
 * on an engine that forgets.
 *
 * <p>May import: {@code io.reactivemq.test}, every public package of reactive-mq-core and its records, JUnit, AssertJ. Threading: a
 * suite uses one thread, the test's.
 */
@NullMarked
package io.reactivemq.test.contract;

import org.jspecify.annotations.NullMarked;
