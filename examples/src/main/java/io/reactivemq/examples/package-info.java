/**
 * The program {@code rmq} and the examples, each in a package of its own: {@code demo} is what {@code ./rmq demo} runs, {@code
 * quickstart} is the code that the README shows; {@code cli} is what commands share.
 *
 * <p>Start at {@link io.reactivemq.examples.Rmq}. May import: the library's public packages, as any user would.
 */
@NullMarked
package io.reactivemq.examples;

import org.jspecify.annotations.NullMarked;
