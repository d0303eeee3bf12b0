/**
 * Members of one consumer group come and go: {@code Biller}.
 *
 * <p>May import: the library's public packages, as any user would.
 */
@NullMarked
package io.reactivemq.examples.rebalance;

import org.jspecify.annotations.NullMarked;
