/**
 * Idempotent producers and transactions: producer ids, and the coordinator of transactions.
 *
 * <p>Start at {@link io.reactivemq.transaction.TransactionService}, the door; {@code TransactionShard} is the state machine behind {@code
 * __transaction_state}, and {@link io.reactivemq.transaction.TransactionTargets} what transactions write to. A restart in any state completes
 * what was decided.
 *
 * <p>May import: the vocabulary, broker, record, topic, coordinator. Threading: the state of transactions belongs to the coordinator's drain
 * loop.
 */
@NullMarked
package io.reactivemq.transaction;

import org.jspecify.annotations.NullMarked;
