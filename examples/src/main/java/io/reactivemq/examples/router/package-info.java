/**
 * {@code rmq router}: a router with topic bindings that change while it runs, an alternate, and what nobody is bound for
 * returned to whoever published it. Start at {@link io.reactivemq.examples.router.OrderDesk}.
 *
 * <p>May import: the library's public packages, as any user would, and {@code cli}.
 */
@NullMarked
package io.reactivemq.examples.router;

import org.jspecify.annotations.NullMarked;
