/**
 * The files of {@code Overflow.spillToDisk}: a queue of elements as bytes, in segments, written at one end and read at the
 * other. Knows nothing of Reactor.
 *
 * <p>Start at {@link io.reactivemq.operator.spill.SpillQueue}; {@link io.reactivemq.operator.spill.SpillFormat} has the bytes.
 * {@link io.reactivemq.operator.spill.SpillBuffer} is what stands before the queue: elements on their way from the source's
 * thread to the files.
 *
 * <p>May import: the vocabulary, {@code storage}. Internal: public only for the operator beside it. Threading: a queue belongs to
 * one thread at a time, which it may block on files; a buffer has one thread at each end.
 */
@NullMarked
package io.reactivemq.operator.spill;

import org.jspecify.annotations.NullMarked;
