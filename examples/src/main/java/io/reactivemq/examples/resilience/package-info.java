/**
 * Rate limiting and circuit breaking of a handler, by resilience4j: this library has neither of its own. Start at {@link
 * io.reactivemq.examples.resilience.CarefulCalls}.
 *
 * <p>May import: the library's public packages, as any user would, and resilience4j.
 */
@NullMarked
package io.reactivemq.examples.resilience;

import org.jspecify.annotations.NullMarked;
