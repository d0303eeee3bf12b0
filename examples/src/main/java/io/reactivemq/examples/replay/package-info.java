/**
 * A bug is found in a handler, and what it did is done again: {@code Invoices}.
 *
 * <p>May import: the library's public packages, as any user would.
 */
@NullMarked
package io.reactivemq.examples.replay;

import org.jspecify.annotations.NullMarked;
