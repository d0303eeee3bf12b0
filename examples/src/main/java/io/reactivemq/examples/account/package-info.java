/**
 * Accounts whose state is nothing but the sum of their events: {@code Accounts}.
 *
 * <p>May import: the library's public packages, as any user would.
 */
@NullMarked
package io.reactivemq.examples.account;

import org.jspecify.annotations.NullMarked;
