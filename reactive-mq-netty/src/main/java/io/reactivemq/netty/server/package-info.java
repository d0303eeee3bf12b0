/**
 * The server: a broker behind a TCP port, for Kafka's clients.
 *
 * <p>May import: {@code io.reactivemq.netty.protocol}, reactor-netty, {@code io.reactivemq} and {@code io.reactivemq.broker}.
 */
@NullMarked
package io.reactivemq.netty.server;

import org.jspecify.annotations.NullMarked;
