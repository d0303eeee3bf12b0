/**
 * Kafka's wire protocol: frames, headers, versions, the numbers of errors.
 *
 * <p>Start at {@link io.reactivemq.netty.protocol.KafkaCodec}, the one place that turns bytes into Kafka's message classes and back. Those
 * classes are Kafka's own, relocated to {@code io.reactivemq.kafka} (docs/decisions/0011), so an application's kafka-clients is not touched.
 *
 * <p>May import: Netty's buffers, the relocated message classes, {@code io.reactivemq} and {@code io.reactivemq.broker}. Threading: pure functions.
 */
@NullMarked
package io.reactivemq.netty.protocol;

import org.jspecify.annotations.NullMarked;
