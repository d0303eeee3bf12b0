/**
 * Operators for any {@code Flux}; none of them needs a broker. They are functions for {@code transform}.
 *
 * <p>Start at {@link io.reactivemq.operator.Overflow}: what happens when a source is faster than its consumer. Then {@link
 * io.reactivemq.operator.PartitionedFlux} and {@link io.reactivemq.operator.ConsumerGroup}, {@link io.reactivemq.operator.KeyOrdered},
 * {@link io.reactivemq.operator.Router}. docs/operators.md shows all with diagrams.
 *
 * <p>May import: the vocabulary, {@code metrics}, {@code assign}, {@code storage}. Threading: operators have no threads of their
 * own. They emit on the thread that brings an element or on the one that brings demand, one at a time, and park neither. What needs
 * time or files uses the runtime's timers, workers and io threads, and says so; only {@link io.reactivemq.operator.OverflowSink} parks
 * a thread, its emitter's, with the strategy that is called for it.
 */
@NullMarked
package io.reactivemq.operator;

import org.jspecify.annotations.NullMarked;
