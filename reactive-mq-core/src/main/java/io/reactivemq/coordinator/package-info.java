/**
 * The runtime of coordinators: state machines that are replayed from a partition of an internal topic.
 *
 * <p>Start at {@link io.reactivemq.coordinator.Coordinator}. A {@link io.reactivemq.coordinator.CoordinatorShard} is pure: it
 * decides on records and a response; the runtime appends the records, replays them into the state, and lets the response go
 * when they are durable. A restart is a replay. What the state machine is about is the business of {@code metadata}, {@code
 * group} and {@code transaction}.
 *
 * <p>May import: the vocabulary, broker, record, topic. Threading: events arrive on an MPSC ring from any thread and one drain
 * loop handles them; the state has one writer.
 */
@NullMarked
package io.reactivemq.coordinator;

import org.jspecify.annotations.NullMarked;
