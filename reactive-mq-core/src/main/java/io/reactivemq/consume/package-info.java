/**
 * Reading topics as a Flux: {@link io.reactivemq.consume.Receiver}, alone or as a member of a consumer group.
 *
 * <p>Start at {@link io.reactivemq.consume.Receiver}, then {@code ConsumeLoop}: the one loop of a subscription, which owns
 * all its state. Beside it stand, each by itself: {@code PartitionLane} (one assigned partition: position, buffered batches),
 * {@code AckWindow} (what of it is acknowledged), {@code Fetcher} (what is read, and when), {@code GroupMembership} (the
 * state machine of KIP-848, pure) with {@code GroupMember} around it, {@code Committer}, {@code Watchdog}, and the
 * outputs: {@code FluxReceive}, {@code FluxReceiveBatches}, {@code FluxLanes} (a pipeline a partition) and {@code FluxProcess}
 * with {@code RecordMover}.
 *
 * <p>May import: the vocabulary, {@code broker}, {@code record}, {@code assign}, {@code operator}, {@code produce}.
 * Threading: a subscription has one serial worker. All that is mutable belongs to it, except where a field says otherwise;
 * other threads (the broker's answers, timers, request, cancel, acknowledge) leave a note and wake it.
 */
@NullMarked
package io.reactivemq.consume;

import org.jspecify.annotations.NullMarked;
