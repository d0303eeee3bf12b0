/**
 * The seam: what a broker is to those who send and receive, wherever it runs.
 *
 * <p>Start at {@link io.reactivemq.broker.Broker}, which is {@link io.reactivemq.broker.DataApi}, {@link
 * io.reactivemq.broker.GroupApi}, {@link io.reactivemq.broker.TransactionApi} and {@link io.reactivemq.broker.AdminApi}; {@link io.reactivemq.broker.SecurityApi} is what its doors go
 * by. The seam is at the level of requests: raw record
 * batches per partition, long-polling fetches, heartbeats, commits. Batching, heartbeating, demand and acknowledgement
 * exist once, above it, in {@code produce} and {@code consume}.
 *
 * <p>A transport that sends a fetch's records to somebody else brings a {@link io.reactivemq.broker.FetchLease}: then they may be {@link
 * io.reactivemq.broker.LentRecords}, a range of the log's file, which stays until the lease is closed (docs/decisions/0018).
 *
 * <p>May import: the vocabulary ({@code io.reactivemq}). Threading: every method may be called from any thread and does
 * its work when the returned Mono is subscribed; results arrive on a thread of the broker's choosing, so a caller hops to
 * its own before it runs user code.
 */
@NullMarked
package io.reactivemq.broker;

import org.jspecify.annotations.NullMarked;
