/**
 * Sending: from a Flux of records to batches in partitions, and back to a Flux of results.
 *
 * <p>Start at {@link io.reactivemq.produce.Sender}; the machine is {@code FluxSend}, one agent a subscription, which takes
 * records in and gives results out, and {@code Outbox}, which it owns and which holds the batches between the two.
 *
 * <p>May import: {@code broker}, {@code record}, {@code assign} and the vocabulary. Threading: a subscription's state belongs
 * to its one worker. Records from upstream and answers from the broker arrive on any thread; they only enqueue and wake
 * the worker. Serdes, partitioners and the downstream's {@code onNext} run on the worker.
 */
@NullMarked
package io.reactivemq.produce;

import org.jspecify.annotations.NullMarked;
