/**
 * Who gets which partition, and which partition a key belongs to, as pure functions.
 *
 * <p>Start at {@link io.reactivemq.assign.Assignor} for groups and at {@link io.reactivemq.assign.Murmur2} for keys.
 *
 * <p>May import: the vocabulary. Threading: nothing here has state.
 */
@NullMarked
package io.reactivemq.assign;

import org.jspecify.annotations.NullMarked;
