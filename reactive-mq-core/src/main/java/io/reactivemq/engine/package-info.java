/**
 * The broker that lives in this JVM: wiring and life cycle.
 *
 * <p>Start at {@link io.reactivemq.engine.EmbeddedBroker}, the one public door with its options. Behind it {@code TopicRegistry}
 * owns the partitions and walks topics through creation and deletion, and {@code MemoryBound} holds a broker in memory to its
 * size.
 *
 * <p>May import: everything on the broker's side; never produce, consume or operator. Threading: see {@link
 * io.reactivemq.broker}.
 */
@NullMarked
package io.reactivemq.engine;

import org.jspecify.annotations.NullMarked;
