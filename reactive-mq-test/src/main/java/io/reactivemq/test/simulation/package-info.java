/**
 * What may be on a disk after a crash. Start at {@link io.reactivemq.test.simulation.RecordingStore}: a file store in memory that
 * remembers every change made to it and fails the calls a test chooses. {@link io.reactivemq.test.simulation.CrashStates} yields from its
 * record every disk that a loss of power at any moment could leave behind, as {@link io.reactivemq.test.simulation.DiskImage}s, from which the next
 * store starts: what recovers on one is recorded too, so that its crashes can be enumerated in turn.
 *
 * <p>May import: {@code storage} of reactive-mq-core. Threading: a store is safe for many threads, everything else is for one.
 */
@NullMarked
package io.reactivemq.test.simulation;

import org.jspecify.annotations.NullMarked;
