/**
 * {@code rmq outage}: an order stream that spills to disk while its consumer is down.
 *
 * <p>Start at {@link io.reactivemq.examples.outage.OutageDemo}. May import: the library's public packages, {@code cli}.
 */
@NullMarked
package io.reactivemq.examples.outage;

import org.jspecify.annotations.NullMarked;
