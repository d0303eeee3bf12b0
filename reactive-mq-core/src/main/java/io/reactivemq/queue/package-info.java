/**
 * What was dead-lettered, and how it goes back.
 *
 * <p>Start at {@link io.reactivemq.queue.DeadLetters}; {@code Replay} is one run.
 *
 * <p>May import: the vocabulary, {@code broker}, {@code produce}, {@code consume}. Threading: it has no threads of its own; receiver and sender
 * have one each.
 */
@NullMarked
package io.reactivemq.queue;

import org.jspecify.annotations.NullMarked;
