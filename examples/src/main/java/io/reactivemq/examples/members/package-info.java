/**
 * {@code rmq members}: one stream of orders, split by customer into lanes, and a group whose members come and go while it flows. No broker.
 *
 * <p>Start at {@link io.reactivemq.examples.members.MembersDemo}.
 *
 * <p>May import: the library's public packages, {@code cli}.
 */
@NullMarked
package io.reactivemq.examples.members;

import org.jspecify.annotations.NullMarked;
