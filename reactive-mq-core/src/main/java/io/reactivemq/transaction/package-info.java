/**
 * Idempotent producers and transactions: producer ids, and the coordinator of transactions.
 *
 * <p>Start at {@link io.reactivemq.transaction.ProducerIds}.
 *
 * <p>May import: the vocabulary, broker, record, topic, coordinator. Threading: the state of transactions belongs to the coordinator's drain
 * loop.
 */
@NullMarked
package io.reactivemq.transaction;

import org.jspecify.annotations.NullMarked;
