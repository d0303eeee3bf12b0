/**
 * The vocabulary that every room shares: {@link io.reactivemq.TopicPartition}, {@link io.reactivemq.Headers}, {@link
 * io.reactivemq.Serde}, {@link io.reactivemq.Durability}, {@link io.reactivemq.ErrorCode} with {@link
 * io.reactivemq.MqException}, and {@link io.reactivemq.MqRuntime}, the one source of clocks, threads and chance.
 *
 * <p>May import: nothing of this library. Threading: values are immutable.
 */
@NullMarked
package io.reactivemq;

import org.jspecify.annotations.NullMarked;
