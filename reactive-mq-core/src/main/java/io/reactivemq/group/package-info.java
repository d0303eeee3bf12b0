/**
 * Consumer groups in both protocols, and committed offsets.
 *
 * <p>Start at {@link io.reactivemq.group.GroupService}, the door; {@link io.reactivemq.group.GroupShard} is the state machine behind {@code
 * __consumer_offsets}. Of KIP-848 {@link io.reactivemq.group.ConsumerGroup} is one group and its reconciliation, {@link
 * io.reactivemq.group.ConsumerGroups} what heartbeats do to it; of the classic protocol {@link io.reactivemq.group.ClassicGroup} and {@link
 * io.reactivemq.group.ClassicGroups}. {@link io.reactivemq.group.Migration} makes one of the other while members are there, and {@link
 * io.reactivemq.group.MixedGroups} serves classic members in a group of KIP-848. Groups, members and offsets are records in Kafka's own format
 * ({@link io.reactivemq.group.GroupRecords}, {@link io.reactivemq.group.OffsetRecords}) and survive a restart.
 *
 * <p>May import: the vocabulary, broker, assign, coordinator. Threading: the state belongs to the coordinator's drain loop.
 */
@NullMarked
package io.reactivemq.group;

import org.jspecify.annotations.NullMarked;
