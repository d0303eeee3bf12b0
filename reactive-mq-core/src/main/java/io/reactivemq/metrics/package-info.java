/**
 * What can be watched from outside: the documented meters, their names and tags, and handles on live buffers. Micrometer is the
 * registry; nothing is registered unless the user hands one in.
 *
 * <p>Start at {@link io.reactivemq.metrics.BufferMeter}, the table of names for whatever buffers, and its neighbours {@link io.reactivemq.metrics.KeyMeter},
 * {@link io.reactivemq.metrics.GroupMeter}, {@link io.reactivemq.metrics.SenderMeter}, {@link io.reactivemq.metrics.ReceiverMeter}, {@link io.reactivemq.metrics.BatchMeter}, {@link io.reactivemq.metrics.CompactionMeter}, {@link io.reactivemq.metrics.BrokerMeter} and {@link io.reactivemq.metrics.RouterMeter}. An operator keeps one {@link io.reactivemq.metrics.Metering} and opens {@link
 * io.reactivemq.metrics.BufferMeters}, or what its table has instead, for each subscription.
 *
 * <p>May import: the vocabulary. Threading: everything here is safe for use by many threads; gauges are read on the registry's.
 */
@NullMarked
package io.reactivemq.metrics;

import org.jspecify.annotations.NullMarked;
