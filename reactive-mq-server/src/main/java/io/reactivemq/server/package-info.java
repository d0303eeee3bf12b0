/**
 * The standalone server.
 *
 * <p>Start at {@link io.reactivemq.server.ServeCommand}, which {@code rmq} has as {@code serve}.
 */
@NullMarked
package io.reactivemq.server;

import org.jspecify.annotations.NullMarked;
