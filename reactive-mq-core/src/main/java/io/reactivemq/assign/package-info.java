/**
 * Who gets what, as pure functions: {@link io.reactivemq.assign.Murmur2} places keys on partitions.
 *
 * <p>May import: the vocabulary ({@code io.reactivemq}). Threading: nothing here has state.
 */
@NullMarked
package io.reactivemq.assign;

import org.jspecify.annotations.NullMarked;
