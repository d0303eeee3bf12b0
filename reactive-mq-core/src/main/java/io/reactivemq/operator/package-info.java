/**
 * Operators for any {@code Flux}; none of them needs a broker. They are functions for {@code transform}.
 *
 * <p>Start at {@link io.reactivemq.operator.Overflow}: what happens when a source is faster than its consumer.
 *
 * <p>May import: the vocabulary, {@code metrics}, {@code assign}, {@code storage}. Threading: operators have no threads of their
 * own. They emit on the thread that brings an element or on the one that brings demand, one at a time, and never park either.
 */
@NullMarked
package io.reactivemq.operator;

import org.jspecify.annotations.NullMarked;
