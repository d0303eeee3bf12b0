/** Kafka's clients against a server behind a bad network. Start at {@code ChaosTest}; {@code ChaosProxy} is the network. */
@NullMarked
package io.reactivemq.test.chaos;

import org.jspecify.annotations.NullMarked;
