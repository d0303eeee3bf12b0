/**
 * Who is there, and what they may do: TLS, SASL, ACLs, quotas.
 *
 * <p>Start at {@link io.reactivemq.netty.security.AuthorizingBroker}, which every request passes, and {@link io.reactivemq.netty.security.Session},
 * which is how far a connection has come in showing who it is. What users set up is {@link io.reactivemq.netty.security.ServerTls} and {@link
 * io.reactivemq.netty.security.SaslMechanism}; the rest is internal.
 *
 * <p>May import: the vocabulary, broker. Threading: a session belongs to its connection's event loop; all others are safe for many threads.
 */
@NullMarked
package io.reactivemq.netty.security;

import org.jspecify.annotations.NullMarked;
