/**
 * Consumer groups: members and their partitions (KIP-848), and committed offsets.
 *
 * <p>Start at {@link io.reactivemq.group.GroupService}, the door; {@link io.reactivemq.group.GroupShard} is the state machine
 * behind {@code __consumer_offsets}, {@link io.reactivemq.group.Group} one group's members and their reconciliation. Committed
 * offsets are records and survive a restart; members are not: after a restart they join anew.
 *
 * <p>May import: the vocabulary, broker, assign, coordinator. Threading: the state belongs to the coordinator's drain loop.
 */
@NullMarked
package io.reactivemq.group;

import org.jspecify.annotations.NullMarked;
