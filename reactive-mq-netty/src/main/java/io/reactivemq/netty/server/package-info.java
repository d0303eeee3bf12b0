/**
 * The server: a broker behind a TCP port, for Kafka's clients.
 *
 * <p>May import: {@code io.reactivemq.netty.protocol} and {@code security}, reactor-netty, {@code io.reactivemq}, {@code io.reactivemq.broker} and
 * {@code record}.
 */
@NullMarked
package io.reactivemq.netty.server;

import org.jspecify.annotations.NullMarked;
